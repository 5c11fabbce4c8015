//! What the log says of a connection's events.

use bitmart_session::{Cause, ConnectionId, Epoch, Event, GapCause};
use tracing::{Span, debug, error, error_span, info, warn};

/// The span of one epoch of a connection, which begins with the first attempt to open its socket.
///
/// At the level of errors, so that whoever sees any event of the target sees what it belongs to.
pub(crate) fn connection_span(id: ConnectionId, epoch: Epoch) -> Span {
    error_span!(
        target: "bitmart::connection", "connection",
        market = %id.market, side = %id.side, index = id.index, epoch = epoch.0,
    )
}

pub(crate) fn log_event(span: &Span, event: &Event) {
    match event {
        Event::Opened { .. } => info!(target: "bitmart::connection", parent: span, "opened"),
        Event::Reconnected { attempts, .. } => {
            info!(target: "bitmart::connection", parent: span, attempts, "reconnected");
        }
        Event::Authenticated { .. } => {
            info!(target: "bitmart::connection", parent: span, "authenticated");
        }
        Event::Subscribed { topic, .. } => {
            debug!(target: "bitmart::connection", parent: span, %topic, "subscribed");
        }
        Event::SubscribeFailed { topic, reason, .. } => {
            warn!(target: "bitmart::connection", parent: span, %topic, %reason, "subscription failed");
        }
        Event::Unsubscribed { topic } => {
            debug!(target: "bitmart::connection", parent: span, %topic, "unsubscribed");
        }
        Event::Ready { .. } => info!(target: "bitmart::connection", parent: span, "ready"),
        // Nobody has missed anything before the first connect.
        Event::GapOpened(gap) if gap.cause == GapCause::FirstConnect => {
            info!(target: "bitmart::connection", parent: span, topics = gap.topics.len(), cause = %gap.cause, "gap opened");
        }
        Event::GapOpened(gap) => {
            warn!(target: "bitmart::connection", parent: span, topics = gap.topics.len(), cause = %gap.cause, "gap opened");
        }
        Event::GapClosed(gap) => {
            info!(target: "bitmart::connection", parent: span, topics = gap.topics.len(), failed = gap.failed.len(), "gap closed");
        }
        Event::Closed {
            cause: cause @ Cause::Shutdown,
            ..
        } => {
            info!(target: "bitmart::connection", parent: span, %cause, "closed");
        }
        Event::Closed { cause, .. } => {
            warn!(target: "bitmart::connection", parent: span, %cause, "closed");
        }
        Event::ConnectFailed { attempt, cause } => {
            warn!(target: "bitmart::connection", parent: span, attempt, %cause, "could not connect");
        }
        Event::Reconnecting { attempt, delay_ms } => {
            info!(target: "bitmart::connection", parent: span, attempt, delay_ms, "reconnecting");
        }
        Event::LoginDeferred { refusal } => {
            warn!(target: "bitmart::connection", parent: span, %refusal, "login refused for now");
        }
        Event::HeldBack { .. } => warn!(target: "bitmart::connection", parent: span, "{event}"),
        // What ends a connection, or is about to: with what to do.
        Event::AuthRejected { .. }
        | Event::ClockSkew { .. }
        | Event::SignerRefused { .. }
        | Event::Degraded { .. } => error!(target: "bitmart::connection", parent: span, "{event}"),
        event => debug!(target: "bitmart::connection", parent: span, "{event}"),
    }
}
