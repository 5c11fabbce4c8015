//! A simulator and a client of it.

use std::time::Duration;

use bitmart::session::Config;
use bitmart::{
    Client, ClientBuilder, ConnectionId, Credentials, Environment, Event, EventKind, Events, Lifecycle,
    Market, SharedBudget, Side,
};
use bitmart_sim::{
    Builder, Counters, EXAMPLE_KEY, EXAMPLE_MEMO, EXAMPLE_SECRET, EndpointCounters, Simulator, Tick,
};
use tokio::time::timeout;

/// How long a test waits for what must come. Far more than it takes, so that only a fault runs into it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const SPOT_ORDERS: &str = "spot/user/order:BTC_USDT";
pub(crate) const SPOT_BALANCES: &str = "spot/user/balance:BALANCE_UPDATE";

pub(crate) fn spot_private() -> ConnectionId {
    ConnectionId::new(Market::Spot, Side::Private)
}

pub(crate) fn futures_private() -> ConnectionId {
    ConnectionId::new(Market::Futures, Side::Private)
}

/// A simulator that does nothing by itself.
pub(crate) fn quiet_sim() -> Builder {
    Simulator::builder().seed(7).tick(Tick::Manual).story(false)
}

pub(crate) fn example_credentials() -> Credentials {
    Credentials::new(EXAMPLE_KEY, EXAMPLE_SECRET, EXAMPLE_MEMO).unwrap()
}

/// A client that talks to the simulator, in haste: what takes seconds in life takes a tenth here.
pub(crate) fn client_of(sim: &Simulator) -> ClientBuilder {
    Client::builder()
        .urls(|market, side| sim.url(Environment::Live, market, side))
        .extra_root(sim.ca_der())
        .budget(SharedBudget::new(10_000))
        .seed(1)
        .session(hasty())
        .request_deadline(Duration::from_secs(10))
}

pub(crate) fn hasty() -> Config {
    let mut config = Config::default();
    config.ping_after_ms = 400;
    config.pong_grace_ms = 400;
    config.login_timeout_ms = 500;
    config.ack_timeout_ms = 500;
    config.backoff.quick_ms = 50;
    config.backoff.base_ms = 50;
    config.backoff.ready_for_quick_ms = 0;
    config
}

pub(crate) fn of(sim: &Simulator, id: ConnectionId) -> EndpointCounters {
    sim.counters().of(Environment::Live, id.market, id.side)
}

pub(crate) async fn until(sim: &Simulator, what: &str, test: impl Fn(&Counters) -> bool) {
    let wait = async {
        while !test(&sim.counters()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(
        timeout(PATIENCE, wait).await.is_ok(),
        "waited in vain for {what}: {:?}",
        sim.counters()
    );
}

/// The next event of a connection, whatever it is, leaving answers out.
pub(crate) async fn next_of(events: &mut Events, id: ConnectionId) -> Event {
    loop {
        let event = timeout(PATIENCE, events.next())
            .await
            .expect("an event in time")
            .expect("the events go on");
        if event.connection == id && !matches!(event.kind, EventKind::Response(_)) {
            return event;
        }
    }
}

/// Reads on to the first lifecycle event that passes the test, and returns the names of all until then.
pub(crate) async fn names_until(
    events: &mut Events,
    id: ConnectionId,
    mut test: impl FnMut(&Lifecycle) -> bool,
) -> Vec<&'static str> {
    let mut names = Vec::new();
    loop {
        match next_of(events, id).await.kind {
            EventKind::Lifecycle(event) => {
                names.push(event.name());
                if test(&event) {
                    return names;
                }
            }
            EventKind::Update(_) => names.push("update"),
            kind => panic!("unexpected: {kind:?}"),
        }
    }
}

pub(crate) async fn until_ready(events: &mut Events, id: ConnectionId) -> Vec<&'static str> {
    names_until(events, id, |event| matches!(event, Lifecycle::Ready { .. })).await
}
