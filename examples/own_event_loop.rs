//! An event loop of one's own: `bitmart-session` decides, this file does. One thread, blocking sockets, no tokio, and
//! a WebSocket library of one's choice.
//!
//! ```text
//! cargo run --example own_event_loop    # offline: an exchange inside this process, without TLS
//! ```
//!
//! One will see the login, the subscriptions, a ping each second, orders; then the exchange drops the connection and
//! refuses the next one, the session backs off and comes back, and says from when to when messages may be missing.
//!
//! There is no `--live`: that takes a TLS stream in the place of the `TcpStream`. `bitmart-ws` does some more that a
//! loop of one's own has to think of: half a frame is a sign of life too, texts of the exchange may quote the API key
//! (`bitmart_auth::redact_in`), and a WebSocket library's log may show a login (tungstenite's does, at `trace`).
#![allow(
    clippy::disallowed_methods,
    reason = "a loop of one's own has a clock of its own"
)]

use std::net::{TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use bitmart_auth::{Credentials, HmacSigner, Signer};
use bitmart_examples::{Result, ensure_goes_on, exit_code, say, short};
use bitmart_proto::{Class, Decoder, Environment, Inflater, Market, Operation, Side, Update, classify};
use bitmart_session::{Budget, Cause, Config, ConnectErrorKind, Event, Order, Retry, Session, Transmit};
use bitmart_sim::{EXAMPLE_KEY, EXAMPLE_MEMO, EXAMPLE_SECRET, Fault, Simulator};
use tungstenite::{Message, WebSocket};

/// For each step of opening a socket, and for a write that doesn't go out.
const STEP_TIMEOUT: Duration = Duration::from_secs(5);
/// What takes longer to read than this, in nanoseconds, had to be waited for.
const WAITED_NS: u64 = 1_000_000;
/// When the show has failed. It takes some five seconds.
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    exit_code(show())
}

fn show() -> Result {
    if std::env::args().len() > 1 {
        return Err("this example takes no arguments: without TLS it can't be live".into());
    }
    // The exchange has a runtime, in threads of its own. The loop below knows nothing of it.
    let runtime = tokio::runtime::Runtime::new()?;
    let tick = Duration::from_millis(200);
    let sim = runtime.block_on(Simulator::builder().seed(7).tls(false).tick(tick).start())?;
    let url = sim.url(Environment::Live, Market::Spot, Side::Private);
    let host = ("localhost", sim.port(Environment::Live, Market::Spot));

    let signer = HmacSigner::new(Credentials::new(EXAMPLE_KEY, EXAMPLE_SECRET, EXAMPLE_MEMO)?);
    let mut config = Config::default();
    config.ping_after_ms = 1_000;
    let mut session = Session::private(Market::Spot, 0, signer.key(), config, 7);
    let id = session.id();
    session.subscribe("spot/user/orders:ALL_SYMBOLS".parse()?)?;
    session.subscribe("spot/user/balance:BALANCE_UPDATE".parse()?)?;

    let start = Instant::now();
    let now_ns = || u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let (mut budget, mut connect_at) = (Budget::default(), None);
    let mut socket: Option<WebSocket<TcpStream>> = None;
    let (mut decoder, mut inflater, mut request) = (Decoder::new(), Inflater::new(), Vec::new());
    let (mut pings, mut orders, mut orders_at_recovery, mut is_dropped) = (0, 0, None, false);

    session.start(now_ns(), wall_ms());
    'life: loop {
        // The contract: after each input, drain the outputs in this order.
        let now = now_ns();
        while let Some(order) = session.poll_order() {
            match order {
                Order::Connect { not_before } => {
                    connect_at = Some(budget.reserve(not_before.max(now), host.0, host.1));
                }
                Order::Sign { epoch, timestamp_ms } => {
                    session.handle_signed(now, epoch, signer.sign_login(timestamp_ms));
                }
                Order::Close { polite } => {
                    connect_at = None;
                    if let Some(mut socket) = socket.take().filter(|_| polite) {
                        let _ = socket.close(None).and_then(|()| socket.flush());
                    }
                }
                _ => {}
            }
        }
        while let Some(transmit) = session.poll_transmit(now, &mut request) {
            let text = String::from_utf8(std::mem::take(&mut request))?;
            pings += u32::from(transmit == Transmit::Ping);
            match transmit {
                // A login holds the signature.
                Transmit::Request(Operation::Login) => say(id, "sent", "(login)"),
                _ => say(id, "sent", &text),
            }
            if let Some(Err(error)) = socket.as_mut().map(|socket| socket.send(Message::text(text))) {
                socket = None;
                session.handle_disconnected(now, lost(&error));
                continue 'life;
            }
        }
        while let Some(event) = session.poll_event() {
            say(id, "·", &event);
            ensure_goes_on(&event)?;
            if matches!(event, Event::GapClosed(_)) && session.epoch().0 > 1 {
                orders_at_recovery = Some(orders);
            }
        }
        let wake_at = session.poll_timeout(now);

        // Then wait, for a message or for the time to come, and say what happened.
        let Some(open) = &mut socket else {
            // Without a socket there is an order to connect, or the session is over.
            let Some(at) = connect_at.take() else { break };
            std::thread::sleep(Duration::from_nanos(at.saturating_sub(now)));
            match open_socket(&url, host) {
                Ok(opened) => {
                    socket = Some(opened);
                    // With the `Date` of the answer, the session would correct the clock that logins are signed by.
                    session.handle_connected(now_ns(), wall_ms(), None);
                }
                Err(error) => {
                    let (retry, text) = (Retry::Normal, error.to_string());
                    let kind = ConnectErrorKind::Tcp;
                    let cause = Cause::Connect { kind, retry, text };
                    session.handle_disconnected(now_ns(), cause);
                }
            }
            continue;
        };
        let wait =
            wake_at.map(|at| Duration::from_nanos(at.saturating_sub(now)).max(Duration::from_millis(1)));
        open.get_ref().set_read_timeout(wait)?;
        let asked = now_ns();
        let read = open.read();
        // What had to be waited for was not there before.
        if now_ns() - asked > WAITED_NS {
            session.handle_drained(asked);
        }
        match read {
            Ok(Message::Close(good_bye)) => {
                // It matters to the backoff why: after a restart, clients had better not come back all at once.
                let _ = open.flush();
                socket = None;
                let code = good_bye.as_ref().map(|frame| frame.code.into());
                let reason = good_bye.map_or_else(String::new, |frame| frame.reason.to_string());
                session.handle_disconnected(now_ns(), Cause::PeerClosed { code, reason });
            }
            Ok(message) => match handle(&mut session, now_ns(), &message, &mut decoder, &mut inflater) {
                Ok(pushed) => orders += pushed,
                // One message that can't be read is no reason to give up the socket.
                Err(error) => say(id, "unread", error),
            },
            Err(tungstenite::Error::Io(error)) if is_timeout(&error) => session.handle_timeout(now_ns()),
            Err(error) => {
                socket = None;
                session.handle_disconnected(now_ns(), lost(&error));
            }
        }

        // The show: a drop, a refusal, and the end some orders after the session is back.
        if orders >= 12 && pings >= 2 && !is_dropped {
            is_dropped = true;
            sim.inject(Fault::refuse_upgrade(503, None));
            sim.inject(Fault::reset());
        }
        if orders_at_recovery.is_some_and(|at| orders >= at + 4) {
            session.shutdown();
        }
        if start.elapsed() > PATIENCE {
            return Err("this should have ended long ago".into());
        }
    }
    runtime.block_on(sim.shutdown());
    Ok(())
}

fn open_socket(url: &str, host: impl ToSocketAddrs) -> Result<WebSocket<TcpStream>> {
    let mut last_error = None;
    for address in host.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, STEP_TIMEOUT) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(STEP_TIMEOUT))?;
                stream.set_write_timeout(Some(STEP_TIMEOUT))?;
                let (socket, _) = tungstenite::client(url, stream).map_err(|error| error.to_string())?;
                return Ok(socket);
            }
            Err(error) => last_error = Some(error),
        }
    }
    Err(last_error.map_or("the host has no address".into(), |error| error.to_string().into()))
}

/// Gives a message to the session if it is an answer, shows it if it is data; returns how many orders it held.
fn handle(
    session: &mut Session,
    now: u64,
    message: &Message,
    decoder: &mut Decoder,
    inflater: &mut Inflater,
) -> Result<u32> {
    session.handle_activity(now, true);
    let text = match message {
        Message::Text(text) => text.as_bytes(),
        Message::Binary(bytes) => inflater.inflate(bytes)?,
        _ => return Ok(0),
    };
    match classify(text) {
        Class::Push(_) => return Ok(show_push(decoder.decode(text)?)),
        Class::Reply => session.handle_reply(now, &decoder.reply(text)?),
        // A pong is a sign of life, which every message is.
        _ => {}
    }
    Ok(0)
}

fn show_push(update: Update<'_>) -> u32 {
    let Update::SpotOrders { orders, .. } = update else {
        return 0;
    };
    for order in orders {
        let state = order.state().map_or("?", |state| state.as_str());
        let text = format!(
            "{:<9} {state:<18} {} filled",
            order.symbol,
            short(order.filled_size)
        );
        say("spot private", "order", text);
    }
    u32::try_from(orders.len()).unwrap_or(u32::MAX)
}

fn lost(error: &tungstenite::Error) -> Cause {
    let text = error.to_string();
    Cause::Lost { text }
}

fn is_timeout(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut)
}

fn wall_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since_epoch.map_or(0, |span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}
