//! A small reader of WebSocket frames, independent of the client's: it knows where they end, and nothing else.

/// Bytes that a message may have before the client gives up on it.
const MAX_MESSAGE_BYTES: u64 = 1 << 20;

/// Bytes that a control frame may have (RFC 6455, section 5.5).
const MAX_CONTROL_BYTES: u64 = 125;

/// What a frame is, by its opcode (RFC 6455, section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A whole message.
    Text,
    /// A whole message.
    Binary,
    Ping,
    Pong,
    Close,
}

/// A whole frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) payload: Vec<u8>,
}

/// Which end of a connection has written the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writer {
    Client,
    Server,
}

/// Reads what one end writes: the head of an HTTP message, and then frames, up to the first that breaks a rule.
#[derive(Debug)]
pub(super) struct Wire {
    writer: Writer,
    bytes: Vec<u8>,
    is_behind_head: bool,
    /// A close, no WebSocket at all, or bytes that are no frame: what follows has no meaning.
    has_ended: bool,
}

impl Wire {
    pub(super) fn new(writer: Writer) -> Self {
        Self {
            writer,
            bytes: Vec::new(),
            is_behind_head: false,
            has_ended: false,
        }
    }

    /// Nothing that follows is looked at.
    pub(super) fn end(&mut self) {
        self.has_ended = true;
        self.bytes.clear();
    }

    /// Adds bytes; returns the frames that they complete.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<Frame> {
        let mut frames = Vec::new();
        if self.has_ended {
            return frames;
        }
        self.bytes.extend_from_slice(bytes);
        if !self.is_behind_head {
            const END: &[u8] = b"\r\n\r\n";
            let Some(at) = self.bytes.windows(END.len()).position(|window| window == END) else {
                return frames;
            };
            let is_switch = self.writer == Writer::Client || self.bytes.starts_with(b"HTTP/1.1 101 ");
            self.bytes.drain(..at + END.len());
            self.is_behind_head = true;
            if !is_switch {
                self.end();
            }
        }
        while let Some(frame) = self.next_frame() {
            let is_last = frame.kind == Kind::Close;
            frames.push(frame);
            if is_last {
                self.end();
            }
        }
        frames
    }

    fn next_frame(&mut self) -> Option<Frame> {
        let [first, second, rest @ ..] = self.bytes.as_slice() else {
            return None;
        };
        let kind = match first {
            0x81 => Kind::Text,
            0x82 => Kind::Binary,
            0x88 => Kind::Close,
            0x89 => Kind::Ping,
            0x8a => Kind::Pong,
            // Reserved bits and opcodes; fragments, which no simulation sends.
            _ => {
                self.end();
                return None;
            }
        };
        let is_masked = second & 0x80 != 0;
        let (length, behind) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes(*rest.first_chunk()?)), 4),
            127 => (u64::from_be_bytes(*rest.first_chunk()?), 10),
            short => (u64::from(short), 2),
        };
        let is_control = matches!(kind, Kind::Ping | Kind::Pong | Kind::Close);
        let most = if is_control {
            MAX_CONTROL_BYTES
        } else {
            MAX_MESSAGE_BYTES
        };
        if is_masked != (self.writer == Writer::Client) || length > most {
            self.end();
            return None;
        }
        let behind = behind + if is_masked { 4 } else { 0 };
        let end = behind + usize::try_from(length).ok()?;
        let payload = self.bytes.get(behind..end)?.to_vec();
        self.bytes.drain(..end);
        let is_lawful = match kind {
            // What is masked is not looked at.
            _ if is_masked => true,
            Kind::Text => std::str::from_utf8(&payload).is_ok(),
            Kind::Close => is_lawful_close(&payload),
            _ => true,
        };
        if !is_lawful {
            self.end();
            return None;
        }
        Some(Frame { kind, payload })
    }
}

/// RFC 6455, section 7.4: nothing, or a code that may be sent and a reason.
fn is_lawful_close(payload: &[u8]) -> bool {
    match payload {
        [] => true,
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) && std::str::from_utf8(reason).is_ok()
        }
        [_] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";

    fn kinds(frames: &[Frame]) -> Vec<Kind> {
        frames.iter().map(|frame| frame.kind).collect()
    }

    #[test]
    fn frames_are_found_in_any_chunking() {
        let bytes = [
            HEAD,
            b"\x81\x02hi",
            b"\x89\x00",
            b"\x82\x7e\x00\x80",
            &[7; 128],
            b"\x88\x02\x03\xe8",
        ]
        .concat();
        let expected = [Kind::Text, Kind::Ping, Kind::Binary, Kind::Close];
        for step in 1..bytes.len() {
            let mut wire = Wire::new(Writer::Server);
            let frames: Vec<Frame> = bytes.chunks(step).flat_map(|chunk| wire.feed(chunk)).collect();
            assert_eq!(kinds(&frames), expected, "in steps of {step}");
            assert_eq!(wire.feed(b"\x81\x02hi"), [], "nothing follows a close");
        }
    }

    #[test]
    fn what_breaks_a_rule_is_the_end() {
        for broken in [
            b"\xc1\x02hi".as_slice(),
            b"\x81\x82\x00\x00\x00\x00hi",
            b"\x89\x7e\x00\x80",
            b"\x81\x7f\x00\x00\x00\x01\x00\x00\x00\x00",
            b"\x81\x02\xff\xff",
            b"\x88\x02\x03\xee",
        ] {
            let mut wire = Wire::new(Writer::Server);
            assert_eq!(wire.feed(HEAD), []);
            assert_eq!(wire.feed(broken), [], "{broken:?}");
            assert_eq!(wire.feed(b"\x81\x02hi"), [], "{broken:?}");
        }
    }

    #[test]
    fn a_refused_upgrade_has_no_frames() {
        let mut wire = Wire::new(Writer::Server);
        assert_eq!(
            wire.feed(b"HTTP/1.1 503 Service Unavailable\r\n\r\n\x81\x02hi"),
            []
        );
    }

    #[test]
    fn a_client_masks() {
        let mut wire = Wire::new(Writer::Client);
        let frames = wire.feed(b"GET / HTTP/1.1\r\n\r\n\x81\x82\x01\x02\x03\x04ij");
        assert_eq!(kinds(&frames), [Kind::Text]);
    }
}
