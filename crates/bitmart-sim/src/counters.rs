use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};

use bitmart_proto::{Environment, Market, Side};

use crate::venue::{Endpoint, Venue};

/// What happened on a simulator's endpoints since it started: a snapshot, see
/// [`Simulator::counters`](crate::Simulator::counters).
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use bitmart_proto::{Environment, Market, Side};
///
/// let sim = bitmart_sim::Simulator::builder().start().await?;
/// let counters = sim.counters();
/// assert_eq!(counters.of(Environment::Live, Market::Spot, Side::Private).logins_ok, 0);
/// assert_eq!(counters.total().connections, 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    endpoints: [EndpointCounters; Endpoint::COUNT],
}

impl Counters {
    /// One endpoint's counters. Spot has no demo: its counters are the live ones.
    #[must_use]
    pub fn of(&self, environment: Environment, market: Market, side: Side) -> EndpointCounters {
        self.endpoints[Endpoint {
            venue: Venue::new(environment, market),
            side,
        }
        .index()]
    }

    /// The sum over all endpoints.
    #[must_use]
    pub fn total(&self) -> EndpointCounters {
        self.endpoints
            .iter()
            .fold(EndpointCounters::default(), |mut sum, endpoint| {
                sum += *endpoint;
                sum
            })
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counters of one endpoint.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct EndpointCounters {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl EndpointCounters {
            /// Every counter with its name, in the order of the fields.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }
        }

        impl AddAssign for EndpointCounters {
            fn add_assign(&mut self, other: Self) {
                $(self.$name += other.$name;)*
            }
        }

        /// The living counters behind [`EndpointCounters`].
        #[derive(Debug, Default)]
        pub(crate) struct EndpointStats {
            $(pub(crate) $name: Tally,)*
        }

        impl EndpointStats {
            fn snapshot(&self) -> EndpointCounters {
                EndpointCounters { $($name: self.$name.get(),)* }
            }
        }
    };
}

counters! {
    /// Connections opened: their upgrade was answered with 101.
    connections,
    /// Upgrades answered with anything else, by a fault or because the request was wrong.
    upgrades_refused,
    /// Connections refused for a limit, whether their upgrade was answered with 101 or not.
    connects_refused,
    /// Connections open now.
    open,
    /// Logins accepted.
    logins_ok,
    /// Logins refused, by the checks or by a fault.
    logins_refused,
    /// Topics subscribed to (acknowledged or not: a fault may have dropped the ack).
    subscribes,
    /// Topics unsubscribed from.
    unsubscribes,
    /// Heartbeat messages from clients (`ping` on spot, `{"action":"ping"}` on futures).
    pings,
    /// Messages from clients, heartbeats included; control frames and empty frames aren't messages.
    messages_in,
    /// Messages handed to the sockets; control frames aren't messages.
    messages_out,
    /// Connections cut because the client didn't read.
    overflows,
    /// Times that a fault hit something.
    faults,
}

/// A counter that tasks share. Relaxed: the counters order nothing.
#[derive(Debug, Default)]
pub(crate) struct Tally(AtomicU64);

impl Tally {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn sub(&self, n: u64) {
        self.0.fetch_sub(n, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The living counters of all endpoints.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    endpoints: [EndpointStats; Endpoint::COUNT],
}

impl Stats {
    pub(crate) fn of(&self, endpoint: Endpoint) -> &EndpointStats {
        &self.endpoints[endpoint.index()]
    }

    pub(crate) fn snapshot(&self) -> Counters {
        Counters {
            endpoints: self.endpoints.each_ref().map(EndpointStats::snapshot),
        }
    }
}
