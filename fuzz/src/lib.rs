//! Bodies of the fuzz targets.
//!
//! Each target is a function of some bytes that panics if what reads them breaks a promise. `docs/FUZZING.md` says
//! what is promised, how the targets are run for long, and what they found. The short run is this crate's test.

mod class;
mod decimal;
mod frame;
mod frames;
mod grammar;
mod judge;
mod messages;
#[path = "../../crates/bitmart-proto/tests/support/model/mod.rs"]
#[allow(
    clippy::unwrap_used,
    reason = "the tests' model of a message: it fails by panicking"
)]
mod model;
mod moment;
mod request;
mod session;
mod update;
mod upgrade;
mod ways;

/// A target: a name, and what it does with the bytes that it is given.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of the target.
    pub name: &'static str,
    /// The names of its folders of seeds, and of its dictionaries.
    pub seeds: &'static [&'static str],
    /// Panics on a finding.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: [Target; 8] = [
    Target {
        name: "spot",
        seeds: &["spot"],
        run: spot,
    },
    Target {
        name: "futures",
        seeds: &["futures"],
        run: futures,
    },
    Target {
        name: "inflate",
        seeds: &["inflate"],
        run: inflate,
    },
    Target {
        name: "topics",
        seeds: &["topics"],
        run: topics,
    },
    Target {
        name: "ways",
        seeds: &["spot", "futures"],
        run: ways,
    },
    Target {
        name: "frames",
        seeds: &["frames"],
        run: frames,
    },
    Target {
        name: "upgrade",
        seeds: &["upgrade"],
        run: upgrade,
    },
    Target {
        name: "session",
        seeds: &["session"],
        run: session,
    },
];

/// Messages of the spot market.
pub fn spot(data: &[u8]) {
    messages::run(&grammar::SPOT, data);
}

/// Messages of the futures market.
pub fn futures(data: &[u8]) {
    messages::run(&grammar::FUTURES, data);
}

/// Messages of both markets: what is read the predicted way, beside the general way alone.
pub fn ways(data: &[u8]) {
    ways::run(data);
}

/// Binary frames: any bytes, or any text packed.
pub fn inflate(data: &[u8]) {
    frame::run(data);
}

/// WebSocket frames of a server, in pieces of any size.
pub fn frames(data: &[u8]) {
    frames::run(data);
}

/// Answers to the request for a WebSocket, in pieces and at any pace.
pub fn upgrade(data: &[u8]) {
    upgrade::run(data);
}

/// Commands and inputs of a session, in any order.
pub fn session(data: &[u8]) {
    session::run(data);
}

/// What callers pass in, and what they convert: topics, requests, symbols, decimals, moments. The first byte says
/// which.
pub fn topics(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else {
        return;
    };
    match mode {
        b't' => request::topics(rest),
        b'l' => request::login(rest),
        b's' => request::symbols(rest),
        b'n' => decimal::run(rest),
        b'd' => moment::texts(rest),
        b'm' => moment::numbers(rest),
        _ => {}
    }
}

/// The lines of a text that is valid UTF-8.
fn lines(data: &[u8]) -> impl Iterator<Item = &str> {
    data.split(|&byte| byte == b'\n')
        .filter_map(|line| std::str::from_utf8(line).ok())
}
