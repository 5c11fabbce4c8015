//! A look at the outermost keys of a message: no recursion, no allocation, one pass over the bytes.

use crate::limits::MAX_DEPTH;

/// The values of the keys that tell what a message is. A key that holds `null` counts as absent, and the last of a
/// repeated key wins.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    /// `errorCode`, `error_code` or `error` has a value.
    pub(crate) has_error: bool,
    pub(crate) success: Option<Value>,
    pub(crate) event: Option<Value>,
    pub(crate) action: Option<Value>,
    /// `table` or `group`, whichever came last.
    pub(crate) topic: Option<Value>,
    pub(crate) data: Option<Value>,
}

impl Found {
    fn note(&mut self, key: &[u8], value: Value, text: &[u8]) {
        match key {
            b"errorCode" | b"error_code" => self.has_error = true,
            // An empty text beside a success is no error; without a success it is no answer either.
            b"error" => self.has_error |= !value.is(text, b"\"\""),
            b"success" => self.success = Some(value),
            b"event" => self.event = Some(value),
            b"action" => self.action = Some(value),
            b"table" | b"group" => self.topic = Some(value),
            b"data" => self.data = Some(value),
            _ => {}
        }
    }
}

/// Where a value lies, its quotes included if it has some.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Value {
    fn bytes<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        text.get(self.start..self.end).unwrap_or_default()
    }

    pub(crate) fn is(&self, text: &[u8], literal: &[u8]) -> bool {
        self.bytes(text) == literal
    }

    /// What stands between the quotes, escapes and all; `None` if the value is no string.
    pub(crate) fn string<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        self.bytes(text).strip_prefix(b"\"")?.strip_suffix(b"\"")
    }
}

/// Finds the telling keys of the outermost object. `None` if the text isn't one whole object, as far as brackets and
/// quotes can tell: what stands between them is not checked.
pub(crate) fn top_level(text: &[u8]) -> Option<Found> {
    let mut found = Found::default();
    let mut scanner = Scanner { text, at: 0 };
    scanner.expect(b'{')?;
    if scanner.peek()? == b'}' {
        scanner.at += 1;
        return scanner.is_done().then_some(found);
    }
    loop {
        let key = scanner.string()?;
        scanner.expect(b':')?;
        let value = scanner.value()?;
        if !value.is(text, b"null") {
            found.note(key.string(text)?, value, text);
        }
        match scanner.next()? {
            b',' => {}
            b'}' => break,
            _ => return None,
        }
    }
    scanner.is_done().then_some(found)
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    /// The next byte that isn't white space.
    fn peek(&mut self) -> Option<u8> {
        while matches!(self.text.get(self.at)?, b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn expect(&mut self, wanted: u8) -> Option<()> {
        (self.next()? == wanted).then_some(())
    }

    fn is_done(&mut self) -> bool {
        self.peek().is_none()
    }

    fn string(&mut self) -> Option<Value> {
        (self.peek()? == b'"').then_some(())?;
        let start = self.at;
        self.at += 1;
        self.close_string()?;
        Some(Value { start, end: self.at })
    }

    /// Moves behind the quote that closes the string in which we are.
    fn close_string(&mut self) -> Option<()> {
        loop {
            let rest = self.text.get(self.at..)?;
            let step = memchr::memchr2(b'"', b'\\', rest)?;
            self.at += step + 1;
            if rest.get(step) == Some(&b'"') {
                return Some(());
            }
            self.at += 1;
        }
    }

    fn value(&mut self) -> Option<Value> {
        match self.peek()? {
            b'"' => self.string(),
            b'{' | b'[' => self.container(),
            b',' | b':' | b'}' | b']' => None,
            _ => {
                let start = self.at;
                while !matches!(
                    self.text.get(self.at)?,
                    b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r' | b'"'
                ) {
                    self.at += 1;
                }
                Some(Value { start, end: self.at })
            }
        }
    }

    /// Skips a bracket and all up to its counterpart. Braces and brackets are only counted together: telling them
    /// apart is the decoder's work.
    fn container(&mut self) -> Option<Value> {
        let start = self.at;
        let mut depth = 1; // The outermost object.
        loop {
            let byte = *self.text.get(self.at)?;
            self.at += 1;
            match byte {
                b'"' => self.close_string()?,
                b'{' | b'[' => {
                    depth += 1;
                    (depth <= MAX_DEPTH).then_some(())?;
                }
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 1 {
                        return Some(Value { start, end: self.at });
                    }
                }
                _ => {}
            }
        }
    }
}
