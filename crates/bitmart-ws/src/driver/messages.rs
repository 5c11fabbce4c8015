//! What becomes of what was read: frames, messages, answers, and what is lent to the user.

use std::borrow::Cow;

use bitmart_auth::redact_in;
use bitmart_proto::{Class, IP_LIMITED, Inflater, Refusal, Reply, classify};
use bitmart_session::Cause;
use tracing::trace;

use super::{Driver, Item, Link, MAX_REPLY_TEXT_BYTES, Place};
use crate::frame::{Head, Kind};
use crate::incoming::{Incoming, MessageError, Push, Undecodable};
use crate::socket::{Farewell, Socket};

impl Driver {
    pub(super) fn handle_frame(&mut self, head: Head) -> Option<Item> {
        let Link::Up(socket) = &mut self.link else {
            return None;
        };
        match head.kind() {
            Kind::Text => self.handle_message(Place::Frame(head)),
            Kind::Binary => match self.inflater.inflate(socket.reader.payload(head)) {
                Ok(_) => self.handle_message(Place::Inflated),
                Err(error) => {
                    self.counters.undecodable += 1;
                    Some(Item::Undecodable(
                        Place::Frame(head),
                        MessageError::Inflate(error),
                    ))
                }
            },
            Kind::Ping => {
                // Borrows of reader and writer are apart; a full writer means that the peer isn't reading, and
                // then a pong won't help.
                let Socket { reader, writer, .. } = &mut **socket;
                let _ = writer.pong(reader.payload(head));
                None
            }
            Kind::Pong => None,
            Kind::Close { code } => {
                let reason = String::from_utf8_lossy(socket.reader.payload(head));
                let reason = redact_in(&reason, &self.key).into_owned();
                self.say_good_bye(|socket, deadline| Farewell::echo(socket, code, deadline));
                self.lose(Cause::PeerClosed { code, reason });
                None
            }
        }
    }

    pub(super) fn handle_message(&mut self, place: Place) -> Option<Item> {
        let Self {
            link,
            inflater,
            decoder,
            ..
        } = self;
        let text = text_at(link, inflater, place);
        match classify(text) {
            // `lend` counts it, as a push or as undecodable.
            Class::Push(_) => return Some(Item::Push(place)),
            Class::Pong => self.counters.pongs += 1,
            Class::Reply => match decoder.reply(text) {
                Ok(reply) => {
                    self.counters.replies += 1;
                    let reply = reply.into_owned();
                    self.handle_reply(reply);
                }
                Err(error) => {
                    self.counters.undecodable += 1;
                    return Some(Item::Undecodable(place, MessageError::from(error)));
                }
            },
            _ => match std::str::from_utf8(text) {
                Ok(text) => {
                    if text.starts_with(IP_LIMITED) {
                        // A refusal of the whole connection, in plain words.
                        let refusal = Refusal::new(None, text).into_owned();
                        self.counters.replies += 1;
                        self.handle_reply(Reply::new("", None, Err(refusal)));
                        return None;
                    }
                    self.counters.unknown += 1;
                    return Some(Item::Unknown(place));
                }
                Err(_) => {
                    self.counters.undecodable += 1;
                    return Some(Item::Undecodable(place, MessageError::NotText));
                }
            },
        }
        None
    }

    pub(super) fn handle_reply(&mut self, mut reply: Reply<'static>) {
        let key = &self.key;
        clean(&mut reply.verb, key);
        if let Some(topic) = &mut reply.topic {
            clean(topic, key);
        }
        if let Err(refusal) = &mut reply.outcome {
            clean(&mut refusal.text, key);
        }
        trace!(
            target: "bitmart::wire", parent: &self.span, connection = %self.session.id(), verb = &*reply.verb,
            topic = reply.topic.as_deref(), refusal = reply.outcome.as_ref().err().map(tracing::field::display),
            "reply"
        );
        if reply
            .outcome
            .as_ref()
            .is_err_and(Refusal::is_about_the_connection)
        {
            self.cool_off();
        }
        self.session.handle_reply(self.now, &reply);
        self.response = Some(reply);
        self.is_dirty = true;
    }

    /// Lends what [`poll_ready`](Self::poll_ready) found.
    pub(crate) fn lend(&mut self, item: Item) -> Incoming<'_> {
        let Self {
            link,
            inflater,
            decoder,
            counters,
            cut_after,
            read_at,
            session,
            ..
        } = self;
        if let (Some(left), Item::Push(place) | Item::Unknown(place) | Item::Undecodable(place, _)) =
            (cut_after, &item)
        {
            *left = left.saturating_sub(text_at(link, inflater, *place).len());
        }
        match item {
            Item::Event(event) => Incoming::Event(event),
            Item::Response(reply) => Incoming::Response(reply),
            Item::Push(place) => {
                let text = text_at(link, inflater, place);
                match decoder.decode(text) {
                    Ok(update) => {
                        counters.pushes += 1;
                        Incoming::Push(Push {
                            update,
                            text,
                            received_ns: *read_at,
                            arrived_ns: session.arrival(*read_at),
                        })
                    }
                    Err(error) => {
                        counters.undecodable += 1;
                        Incoming::Undecodable(Undecodable {
                            error: MessageError::from(error),
                            bytes: text,
                        })
                    }
                }
            }
            Item::Unknown(place) => {
                Incoming::Unknown(std::str::from_utf8(text_at(link, inflater, place)).unwrap_or_default())
            }
            Item::Undecodable(place, error) => Incoming::Undecodable(Undecodable {
                error,
                bytes: text_at(link, inflater, place),
            }),
        }
    }
}

/// Takes out of a text of the exchange's what it repeats of ours, and cuts the rest to a bound.
fn clean(text: &mut Cow<'static, str>, key: &str) {
    let cleaned = redact_in(text, key);
    let end = (0..=MAX_REPLY_TEXT_BYTES.min(cleaned.len())).rfind(|at| cleaned.is_char_boundary(*at));
    let kept = &cleaned[..end.unwrap_or(0)];
    if kept.len() < text.len() || matches!(cleaned, Cow::Owned(_)) {
        *text = Cow::Owned(kept.to_owned());
    }
}

fn text_at<'a>(link: &'a Link, inflater: &'a Inflater, place: Place) -> &'a [u8] {
    match (place, link) {
        (Place::Frame(head), Link::Up(socket)) => socket.reader.payload(head),
        (Place::Frame(_), _) => &[],
        (Place::Inflated, _) => inflater.text(),
    }
}
