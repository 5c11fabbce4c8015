//! On the way to a socket that is logged in: the connect budget, the connect, the signature.

use std::task::{Context, Poll};

use bitmart_auth::{LOGIN_PAYLOAD, SharedSigner, SignError, redact_in, redact_key};
use bitmart_session::time::MILLISECOND;
use bitmart_session::{Cause, ConnectErrorKind, Epoch, Retry};
use tracing::{Instrument, debug, trace};

use super::{COOL_OFF, Driver, Link, Signing};
use crate::connect::{self, ConnectError, Connected};
use crate::log::connection_span;
use crate::socket::Socket;

/// The shortest wait for the connect budget that is told, in nanoseconds.
const TELLING_WAIT: u64 = 100 * MILLISECOND;

impl Driver {
    pub(super) fn sign(&mut self, signer: &SharedSigner, epoch: Epoch, timestamp_ms: u64) {
        trace!(
            target: "bitmart::wire", parent: &self.span, connection = %self.session.id(),
            key = %redact_key(signer.key()), timestamp_ms,
            "signing the login"
        );
        match signer {
            SharedSigner::Local(signer) => {
                let result = signer.sign_login(timestamp_ms);
                let result = result.map_err(|error| without_secrets(error, &self.key));
                self.session.handle_signed(self.now, epoch, result);
            }
            SharedSigner::Remote(signer) => {
                let signer = signer.clone();
                let signature = async move { signer.sign(timestamp_ms, LOGIN_PAYLOAD).await };
                self.signing = Some(Signing {
                    epoch,
                    signature: Box::pin(signature.instrument(self.span.clone())),
                });
            }
        }
    }

    /// Ready when a signature has come.
    pub(super) fn poll_signing(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(Signing { epoch, signature }) = &mut self.signing else {
            return Poll::Pending;
        };
        let Poll::Ready(result) = signature.as_mut().poll(cx) else {
            return Poll::Pending;
        };
        let epoch = *epoch;
        self.signing = None;
        self.now = self.config.clock.now_ns();
        let result = result.map_err(|error| without_secrets(error, &self.key));
        self.session.handle_signed(self.now, epoch, result);
        self.is_dirty = true;
        Poll::Ready(())
    }

    /// Opens a socket if it is time to. Only after the events: what led to it comes first, in the log too.
    pub(super) fn open_when_due(&mut self) {
        if let Link::Waiting { until, has_place } = self.link
            && until <= self.now
            && !self.session.is_paused()
        {
            self.open(has_place);
        }
    }

    /// Takes a place in the budget and, once that has come, opens a socket.
    pub(super) fn open(&mut self, has_place: bool) {
        let (host, port) = (self.config.endpoint.host(), self.config.endpoint.port());
        let until = if has_place {
            self.config.budget.opens_at(self.now, host, port)
        } else {
            self.config.budget.reserve(self.now, host, port)
        };
        if until > self.now {
            // Another connection's clock may be a moment ahead of ours: that is nothing to tell.
            if until > self.now + TELLING_WAIT {
                self.session.handle_held_back(self.now, until);
                self.is_dirty = true;
            }
            self.link = Link::Waiting {
                until,
                has_place: true,
            };
            return;
        }
        let epoch = Epoch(self.session.epoch().0 + 1);
        if epoch != self.span_epoch {
            self.span = connection_span(self.session.id(), epoch);
            self.span_epoch = epoch;
        }
        debug!(target: "bitmart::connection", parent: &self.span, endpoint = %self.config.endpoint, "opening");
        let (endpoint, config) = (self.config.endpoint.clone(), self.config.connect.clone());
        let mut rng = self.rng.fork();
        let opening = async move { connect::connect(&endpoint, &config, &mut rng).await };
        self.link = Link::Opening(Box::pin(opening.instrument(self.span.clone())));
    }

    pub(super) fn finish_opening(&mut self, result: Result<Connected, ConnectError>) {
        self.is_dirty = true;
        self.now = self.config.clock.now_ns();
        self.link = Link::Down;
        match result {
            Ok(connected) => {
                let mut socket = Box::new(Socket::new(connected.stream));
                let taken = socket.reader.feed(&connected.leftover);
                if taken < connected.leftover.len() {
                    // The upgrade stops reading long before; bytes are not to be lost in silence all the same.
                    let text =
                        "more came behind the answer to the upgrade than a new connection holds".into();
                    let cause = Cause::Connect {
                        kind: ConnectErrorKind::Broken,
                        retry: Retry::Normal,
                        text,
                    };
                    self.session.handle_disconnected(self.now, cause);
                    return;
                }
                self.counters.sockets += 1;
                self.is_frame_due = taken > 0;
                self.read_at = self.now;
                self.link = Link::Up(socket);
                self.session.handle_connected(
                    self.now,
                    self.config.clock.wall_ms(),
                    connected.server_date_ms,
                );
            }
            Err(error) => {
                if let ConnectError::UpgradeRefused { status: 429, .. } = error {
                    self.cool_off();
                }
                let cause = Cause::Connect {
                    kind: error.kind(),
                    retry: error.retry(),
                    text: error.to_string(),
                };
                self.session.handle_disconnected(self.now, cause);
            }
        }
    }

    /// The host has complained about the number or the pace of connections: the whole process leaves it alone.
    pub(super) fn cool_off(&self) {
        let (host, port) = (self.config.endpoint.host(), self.config.endpoint.port());
        self.config
            .budget
            .cool_off(self.now, host, port, self.now + COOL_OFF);
    }
}

/// A signer's words are its own; what is known to be secret is taken out of them all the same.
fn without_secrets(error: SignError, key: &str) -> SignError {
    let clean = |text: String| redact_in(&text, key).into_owned();
    match error {
        SignError::Unavailable(text) => SignError::Unavailable(clean(text)),
        SignError::Refused(text) => SignError::Refused(clean(text)),
        other => other,
    }
}
