//! Who may connect: the faults that meet a client on its way in, and the limits per address.

use std::collections::VecDeque;
use std::time::Duration;

use bitmart_proto::Side;
use tokio::time::Instant;

use super::Hub;
use crate::clock::monotonic;
use crate::fault::{AcceptFault, Subject, UpgradeFault};
use crate::limits::ConnectRefusal;
use crate::venue::{Endpoint, Venue};

/// The window of the limit on new connections.
const CONNECT_WINDOW: Duration = Duration::from_secs(60);
/// What was reported of a connection too many.
const TOO_MANY_TEXT: &str = "IP Limited:Request connections exceeds limit";
/// Codes and meanings are documented, the words are ours.
const TOO_MANY_JSON: &str =
    r#"{"errorMessage":"Connections from this IP exceed the limit","errorCode":"94002"}"#;
const TOO_OFTEN_JSON: &str =
    r#"{"errorMessage":"Reconnections are too frequent, please try later","errorCode":"94001"}"#;

/// What becomes of an upgrade.
#[derive(Debug)]
pub(crate) struct Admission {
    /// The upgrade's number on its endpoint, from 1.
    pub(crate) ordinal: u64,
    /// One that refuses it, or any number that spoil its answer.
    pub(crate) faults: Vec<UpgradeFault>,
    pub(crate) refusal: Option<Refusal>,
}

/// How a limit refuses a connection.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The upgrade is answered with this status and text.
    Answer { status: u16, text: &'static str },
    /// The connection opens, is told this, and closed.
    Message(&'static str),
}

/// Who is connected and who came of late.
#[derive(Debug, Default)]
pub(super) struct Doors {
    /// How many upgrades each endpoint has seen.
    ordinals: [u64; Endpoint::COUNT],
    /// Connections admitted whose end hasn't been seen to yet.
    present: [usize; Endpoint::COUNT],
    /// When the last upgrades came, at most as many as the limit allows.
    recent: [VecDeque<Instant>; Venue::ALL.len()],
}

impl Doors {
    /// Whether one more connect is within `limit` for the last minute.
    fn is_within_rate(&mut self, venue: Venue, limit: Option<usize>, now: Instant) -> bool {
        let Some(limit) = limit else { return true };
        let recent = &mut self.recent[venue.index()];
        while recent.front().is_some_and(|at| now - *at >= CONNECT_WINDOW) {
            recent.pop_front();
        }
        let is_within = recent.len() < limit;
        if is_within {
            recent.push_back(now);
        }
        is_within
    }

    pub(super) fn leave(&mut self, endpoint: Endpoint) {
        self.present[endpoint.index()] -= 1;
    }
}

impl Hub {
    /// Whether a fault meets a connection before its first byte. Nobody knows yet which side it wants.
    pub(crate) fn meet(&self, venue: Venue) -> Option<AcceptFault> {
        let fault = self.state().board.take_accept(venue);
        if fault.is_some() {
            self.stats.of(public_side(venue)).faults.add(1);
        }
        fault
    }

    /// Counts a request that asked for no endpoint; it is booked on the public side.
    pub(crate) fn count_bad_request(&self, venue: Venue) {
        self.stats.of(public_side(venue)).upgrades_refused.add(1);
    }

    /// Numbers an upgrade on its endpoint, and says what becomes of it. Without a fault that refuses it and without
    /// a refusal, the endpoint counts one connection more from here on.
    pub(crate) fn admit(&self, endpoint: Endpoint) -> Admission {
        let mut state = self.state();
        let ordinal = &mut state.doors.ordinals[endpoint.index()];
        *ordinal += 1;
        let ordinal = *ordinal;
        let per_minute = self.limits.connects_per_minute(endpoint.venue.market());
        let is_within_rate = state
            .doors
            .is_within_rate(endpoint.venue, per_minute, monotonic());
        let subject = Subject {
            endpoint,
            ordinal,
            has_topic: &|_| false,
        };
        let stats = self.stats.of(endpoint);
        if let Some(fault) = state.board.take_upgrade_refusal(subject) {
            stats.faults.add(1);
            stats.upgrades_refused.add(1);
            return Admission {
                ordinal,
                faults: vec![fault],
                refusal: None,
            };
        }
        let present = &mut state.doors.present[endpoint.index()];
        let is_full = self
            .limits
            .connections(endpoint)
            .is_some_and(|limit| *present >= limit);
        let refusal = if is_within_rate && !is_full {
            *present += 1;
            None
        } else {
            Some(self.refusal(endpoint, is_within_rate))
        };
        let faults = match &refusal {
            // There is no 101 that they could spoil.
            Some(Refusal::Answer { .. }) => Vec::new(),
            _ => state.board.take_upgrade_blemishes(subject),
        };
        stats.faults.add(faults.len() as u64);
        Admission {
            ordinal,
            faults,
            refusal,
        }
    }

    fn refusal(&self, endpoint: Endpoint, is_within_rate: bool) -> Refusal {
        tracing::debug!(?endpoint, is_within_rate, "connection refused for a limit");
        let stats = self.stats.of(endpoint);
        stats.connects_refused.add(1);
        match (self.limits.refusal, is_within_rate) {
            (ConnectRefusal::Status(status), _) => {
                stats.upgrades_refused.add(1);
                Refusal::Answer {
                    status,
                    text: TOO_MANY_TEXT,
                }
            }
            (ConnectRefusal::Frame, true) => Refusal::Message(TOO_MANY_TEXT),
            (ConnectRefusal::Code, true) => Refusal::Message(TOO_MANY_JSON),
            (ConnectRefusal::Frame | ConnectRefusal::Code, false) => Refusal::Message(TOO_OFTEN_JSON),
        }
    }
}

fn public_side(venue: Venue) -> Endpoint {
    Endpoint {
        venue,
        side: Side::Public,
    }
}
