use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bitmart_proto::{Environment, Market, Side};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::builder::Builder;
use super::connection;
use super::hub::Hub;
use super::tls::Authority;
use crate::counters::Counters;
use crate::exchange::{FuturesAsset, NewOrder, OrderId, ScriptError, SpotBalance};
use crate::fault::{Fault, FaultId};
use crate::venue::{Endpoint, Urls, Venue};

/// How long [`Simulator::shutdown`] waits for the connections' closes.
const SHUTDOWN_DEADLINE: Duration = Duration::from_millis(900);

/// A running simulator. Dropping it ends everything at once; [`shutdown`](Self::shutdown) does so with closes.
pub struct Simulator {
    pub(super) hub: Arc<Hub>,
    pub(super) urls: Urls,
    /// `None` without a control endpoint.
    pub(super) control_port: Option<u16>,
    pub(super) authority: Authority,
    /// `None` if connections are plain.
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) stop: watch::Sender<bool>,
    /// The listeners, which own their connections, and the ticker.
    pub(super) tasks: JoinSet<()>,
}

impl Simulator {
    /// Begins to describe a simulator.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The URL of an endpoint, such as `wss://localhost:41873/user?protocol=1.1`.
    ///
    /// Spot has no demo: both environments give the same. Without listeners the port is 0.
    #[must_use]
    pub fn url(&self, environment: Environment, market: Market, side: Side) -> String {
        let venue = Venue::new(environment, market);
        self.urls.of(Endpoint { venue, side })
    }

    /// The port on loopback of an environment and market; 0 without listeners.
    #[must_use]
    pub fn port(&self, environment: Environment, market: Market) -> u16 {
        self.urls.port(Venue::new(environment, market))
    }

    /// The URL of the control endpoint, if [`Builder::control_port`] asked for one.
    #[must_use]
    pub fn control_url(&self) -> Option<String> {
        self.control_port.map(|port| format!("http://127.0.0.1:{port}/"))
    }

    /// The certificate that signed the simulator's own, in DER: what a client must trust to speak TLS with it.
    #[must_use]
    pub fn ca_der(&self) -> &[u8] {
        &self.authority.ca_der
    }

    /// As [`ca_der`](Self::ca_der), in PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.authority.ca_pem
    }

    /// What happened so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.hub.counters()
    }

    /// Sets a fault loose; see [`Fault`] for what it hits and when.
    ///
    /// If as many wait already as may ([`Fault`], *How many*), it is refused, with a warning in the log, and hits
    /// nothing.
    pub fn inject(&self, fault: Fault) -> FaultId {
        self.hub.inject(fault).unwrap_or_else(|full| {
            tracing::warn!(fault = %full.id, "a fault was refused: too many are armed");
            full.id
        })
    }

    /// Takes back what is left of a fault; connections that it keeps silent speak again, and slow ones are so no
    /// longer.
    pub fn clear(&self, fault: FaultId) {
        self.hub.clear(fault);
    }

    /// Takes back all faults.
    pub fn clear_all(&self) {
        self.hub.clear_all();
    }

    /// Runs one tick of every exchange, then waits until the clients' sockets have taken what came of it, at most
    /// 100 ms: a loop of steps can't outrun clients that read, and one that doesn't can't hold it up for long.
    ///
    /// # Cancel safety
    ///
    /// The tick runs when the future is first polled, all at once; only the wait can be cancelled.
    pub async fn step(&self) {
        self.hub.step_and_flush().await;
    }

    /// Places an order for the account with this key, and pushes what comes of it; the symbol's form says on which
    /// market.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use bitmart_proto::Environment;
    /// use bitmart_sim::exchange::{Intent, NewOrder};
    /// use bitmart_sim::{EXAMPLE_KEY, Simulator, Tick};
    ///
    /// let sim = Simulator::builder().tick(Tick::Manual).story(false).start().await?;
    /// let order = NewOrder::limit("BTCUSDT", Intent::OpenLong, "85000", "100");
    /// let id = sim.place_order(Environment::Live, EXAMPLE_KEY, &order)?;
    /// sim.fill(id, "40")?;
    /// sim.cancel(id)?;
    /// assert_eq!(sim.position(Environment::Live, EXAMPLE_KEY, "BTCUSDT"), (40, 0));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ScriptError`]; nothing has changed or been pushed then.
    pub fn place_order(
        &self,
        environment: Environment,
        key: &str,
        order: &NewOrder,
    ) -> Result<OrderId, ScriptError> {
        self.hub
            .script(environment, |exchange| exchange.place_order(key, order))
    }

    /// Fills a part of an order, as [`Exchange::fill`](crate::exchange::Exchange::fill), and pushes what comes of it.
    ///
    /// # Errors
    ///
    /// [`ScriptError`]; nothing has changed or been pushed then.
    pub fn fill(&self, order: OrderId, size: &str) -> Result<(), ScriptError> {
        self.hub.script(order.environment, |exchange| {
            Ok(((), exchange.fill(order, size)?))
        })
    }

    /// Fills a part of an order at a price, as [`Exchange::fill_at`](crate::exchange::Exchange::fill_at), and pushes what comes of it.
    ///
    /// # Errors
    ///
    /// [`ScriptError`]; nothing has changed or been pushed then.
    pub fn fill_at(&self, order: OrderId, size: &str, price: &str) -> Result<(), ScriptError> {
        self.hub.script(order.environment, |exchange| {
            Ok(((), exchange.fill_at(order, size, price)?))
        })
    }

    /// Cancels what is left of an order, and pushes what comes of it.
    ///
    /// # Errors
    ///
    /// [`ScriptError::UnknownOrder`] if it isn't open.
    pub fn cancel(&self, order: OrderId) -> Result<(), ScriptError> {
        self.hub
            .script(order.environment, |exchange| Ok(((), exchange.cancel(order)?)))
    }

    /// What an account has of a coin on spot. `None` for an unknown key or coin.
    #[must_use]
    pub fn spot_balance(&self, key: &str, coin: &str) -> Option<SpotBalance> {
        self.hub
            .inspect(Environment::Live, |exchange| exchange.spot_balance(key, coin))
    }

    /// What an account has of a currency on futures. `None` for an unknown key or currency.
    #[must_use]
    pub fn futures_asset(&self, environment: Environment, key: &str, currency: &str) -> Option<FuturesAsset> {
        self.hub
            .inspect(environment, |exchange| exchange.futures_asset(key, currency))
    }

    /// The contracts of a symbol that an account holds long and short.
    #[must_use]
    pub fn position(&self, environment: Environment, key: &str, symbol: &str) -> (u64, u64) {
        self.hub
            .inspect(environment, |exchange| exchange.position(key, symbol))
    }

    /// What serves connections that come from elsewhere than the simulator's own ports.
    #[must_use]
    pub fn acceptor(&self, environment: Environment, market: Market) -> Acceptor {
        Acceptor {
            hub: self.hub.clone(),
            venue: Venue::new(environment, market),
            tls: self.tls.clone(),
        }
    }

    /// Closes every connection with code 1001, stops listening, and ends within a second: who hasn't closed by
    /// then is cut off.
    ///
    /// Connections served by an [`Acceptor`] are closed as well, but are not waited for.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the simulator, which ends everything at once.
    pub async fn shutdown(mut self) {
        self.hub.close_all();
        self.stop.send_replace(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(SHUTDOWN_DEADLINE, ended).await.is_err() {
            self.tasks.shutdown().await;
        }
    }
}

impl fmt::Debug for Simulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator")
            .field("urls", &self.urls)
            .field("control_port", &self.control_port)
            .finish_non_exhaustive()
    }
}

/// Serves connections over any stream of bytes, such as one of a simulated network.
///
/// It is made by [`Simulator::acceptor`] for one environment and market; the request's path says which side.
#[derive(Clone)]
pub struct Acceptor {
    hub: Arc<Hub>,
    venue: Venue,
    tls: Option<TlsAcceptor>,
}

impl Acceptor {
    /// Serves one connection until it ends: the TLS handshake, if the simulator has TLS, the upgrade, the frames.
    ///
    /// A reset drops the stream: that is all that any stream can do.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the connection.
    pub async fn serve<Io>(&self, io: Io)
    where
        Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        connection::serve(self.hub.clone(), self.venue, self.tls.as_ref(), io, |_| {}).await;
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor")
            .field("venue", &self.venue)
            .finish_non_exhaustive()
    }
}

/// Tests share a simulator between tasks and threads.
const _: () = {
    const fn is_shareable<T: Send + Sync>() {}
    is_shareable::<Simulator>();
    is_shareable::<Acceptor>();
};
