//! What the log says of a connection's events.

use bitmart_session::{Cause, Event, Session};
use tracing::{debug, error, info, warn};

pub(crate) fn log_event(session: &Session, event: &Event) {
    let (id, epoch) = (session.id(), session.epoch());
    match event {
        Event::Opened { .. } => info!(target: "bitmart::connection", connection = %id, %epoch, "opened"),
        Event::Reconnected { attempts, .. } => {
            info!(target: "bitmart::connection", connection = %id, %epoch, attempts, "reconnected");
        }
        Event::Authenticated { .. } => {
            info!(target: "bitmart::connection", connection = %id, %epoch, "authenticated");
        }
        Event::Subscribed { topic, .. } => {
            debug!(target: "bitmart::connection", connection = %id, %epoch, %topic, "subscribed");
        }
        Event::SubscribeFailed { topic, reason, .. } => {
            warn!(target: "bitmart::connection", connection = %id, %epoch, %topic, %reason, "subscription failed");
        }
        Event::Unsubscribed { topic } => {
            debug!(target: "bitmart::connection", connection = %id, %epoch, %topic, "unsubscribed");
        }
        Event::Ready { .. } => info!(target: "bitmart::connection", connection = %id, %epoch, "ready"),
        Event::GapOpened(gap) => {
            warn!(target: "bitmart::connection", connection = %id, %epoch, topics = gap.topics.len(), cause = %gap.cause, "gap opened");
        }
        Event::GapClosed(gap) => {
            info!(target: "bitmart::connection", connection = %id, %epoch, topics = gap.topics.len(), failed = gap.failed.len(), "gap closed");
        }
        Event::Closed {
            cause: cause @ Cause::Shutdown,
            ..
        } => {
            info!(target: "bitmart::connection", connection = %id, %epoch, %cause, "closed");
        }
        Event::Closed { cause, .. } => {
            warn!(target: "bitmart::connection", connection = %id, %epoch, %cause, "closed");
        }
        Event::ConnectFailed { attempt, cause } => {
            warn!(target: "bitmart::connection", connection = %id, attempt, %cause, "could not connect");
        }
        Event::Reconnecting { attempt, delay_ms } => {
            info!(target: "bitmart::connection", connection = %id, attempt, delay_ms, "reconnecting");
        }
        Event::LoginDeferred { refusal } => {
            warn!(target: "bitmart::connection", connection = %id, %epoch, %refusal, "login refused for now");
        }
        Event::AuthRejected { refusal } => {
            error!(target: "bitmart::connection", connection = %id, %epoch, %refusal, "login refused for good: check key, secret and memo");
        }
        Event::ClockSkew { skew_ms, refusal } => {
            error!(target: "bitmart::connection", connection = %id, %epoch, skew_ms, %refusal, "login refused for its timestamp: set the clock");
        }
        Event::SignerRefused { error } => {
            error!(target: "bitmart::connection", connection = %id, %epoch, %error, "no signature");
        }
        Event::Degraded { attempts } => {
            error!(target: "bitmart::connection", connection = %id, attempts, "the exchange can't be reached");
        }
        event => debug!(target: "bitmart::connection", connection = %id, ?event, "event"),
    }
}
