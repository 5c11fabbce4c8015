//! What goes wrong, where, and for how long.

use bitmart_session::time::{MINUTE, SECOND};
use fastrand::Rng;

/// Something that goes wrong. Those with a duration last; the others are over at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Every socket breaks.
    Reset,
    /// Every socket is closed with this code.
    Close(u16),
    /// Nothing arrives any more on the sockets there are, and none can be opened.
    Blackhole,
    /// As above, but from the exchange to the client alone.
    Deaf,
    /// Connects are refused.
    Refuse,
    /// Connects are not answered.
    Hang,
    /// The upgrade is answered with this status and, perhaps, a wait in milliseconds.
    Status(u16, Option<u32>),
    /// The certificate is not to be trusted.
    Certificate,
    /// Acknowledgements are lost, one in two.
    LostAcks,
    /// Answers are late.
    LateReplies,
    /// Answers come twice.
    Echo,
    /// Some topics are refused.
    Topics,
    /// Logins are refused for now.
    LoginDeferred,
    /// Logins are not answered.
    LoginIgnored,
    /// The key is revoked: logins are refused for good, and sockets closed.
    Revoked,
    /// A new socket is told that there are too many.
    TooMany,
    /// Requests are refused as too frequent.
    TooOften,
    /// The client's wall clock is off by so many seconds.
    WallClock(i32),
    /// The answer to the upgrade has no date.
    NoDate,
    /// The client's machine sleeps.
    Suspend,
    /// The client's consumer is behind, and nothing is read.
    Stall,
    /// Pongs are lost, while data flows.
    NoPongs,
    /// Answers come that nobody asked for.
    Stray,
    /// The signer takes its time, or fails for now.
    Signer,
}

impl Fault {
    /// What the history calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Close(_) => "close",
            Self::Blackhole => "black hole",
            Self::Deaf => "half-open",
            Self::Refuse => "connects refused",
            Self::Hang => "connects hang",
            Self::Status(..) => "upgrades refused",
            Self::Certificate => "untrusted certificate",
            Self::LostAcks => "lost acknowledgements",
            Self::LateReplies => "late answers",
            Self::Echo => "answers come twice",
            Self::Topics => "topics refused",
            Self::LoginDeferred => "logins refused for now",
            Self::LoginIgnored => "logins ignored",
            Self::Revoked => "key revoked",
            Self::TooMany => "too many connections",
            Self::TooOften => "requests too frequent",
            Self::WallClock(_) => "wall clock off",
            Self::NoDate => "no date",
            Self::Suspend => "suspended",
            Self::Stall => "consumer behind",
            Self::NoPongs => "pongs lost",
            Self::Stray => "stray answers",
            Self::Signer => "signer slow",
        }
    }

    /// Whether it shows only, or worst, if a socket is lost meanwhile.
    pub(super) fn is_worse_with_a_loss(self) -> bool {
        matches!(
            self,
            Self::Suspend
                | Self::Stall
                | Self::WallClock(_)
                | Self::NoDate
                | Self::Signer
                | Self::LoginIgnored
                | Self::LoginDeferred
        )
    }

    /// How long it lasts.
    pub(super) fn duration(self, rng: &mut Rng) -> u64 {
        match self {
            Self::Reset | Self::Close(_) => 0,
            Self::Suspend | Self::Blackhole if rng.u8(0..8) == 0 => rng.u64(0..3 * 60) * MINUTE,
            Self::Suspend | Self::Stall if rng.bool() => rng.u64(0..3 * SECOND),
            _ => rng.u64(0..90 * SECOND),
        }
    }

    pub(super) fn draw(rng: &mut Rng) -> Self {
        match rng.u32(0..1_000) {
            0..=109 => Self::Reset,
            110..=209 => Self::Close([1000, 1001, 1006, 1011, 1012, 1013, 4000][rng.usize(0..7)]),
            210..=269 => Self::Blackhole,
            270..=319 => Self::Deaf,
            320..=369 => Self::Refuse,
            370..=409 => Self::Hang,
            410..=449 => {
                let wait = rng.bool().then(|| rng.u32(0..120_000));
                Self::Status([429, 500, 502, 503][rng.usize(0..4)], wait)
            }
            450..=469 => Self::Certificate,
            470..=529 => Self::LostAcks,
            530..=589 => Self::LateReplies,
            590..=629 => Self::Echo,
            630..=669 => Self::Topics,
            670..=699 => Self::LoginDeferred,
            700..=729 => Self::LoginIgnored,
            730 => Self::Revoked,
            731..=749 => Self::TooMany,
            750..=769 => Self::TooOften,
            770..=809 => Self::WallClock(rng.i32(-7_200..7_200)),
            810..=829 => Self::NoDate,
            830..=879 => Self::Suspend,
            880..=919 => Self::Stall,
            920..=934 => Self::NoPongs,
            935..=969 => Self::Stray,
            _ => Self::Signer,
        }
    }
}

/// Which faults are in effect.
#[derive(Debug, Default)]
pub(super) struct Effects(Vec<Fault>);

impl Effects {
    pub(super) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(super) fn remove(&mut self, fault: Fault) {
        if let Some(at) = self.0.iter().position(|other| *other == fault) {
            self.0.swap_remove(at);
        }
    }

    pub(super) fn has(&self, fault: Fault) -> bool {
        self.0.contains(&fault)
    }

    pub(super) fn find<T>(&self, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(pick)
    }
}
