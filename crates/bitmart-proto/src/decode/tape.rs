//! The general way to read a message: a tape of all its values, made by simd-json, walked by the schema.

use simd_json::{Node, StaticNode};

use super::DecodeErrorKind;
use super::lists::Element;
use super::record::{Fault, Lists, Problem, Record, Span, append};
use crate::limits::MAX_ITEMS;

/// Reads records off a tape.
pub(crate) struct Reader<'t, 'b> {
    nodes: &'t [Node<'b>],
    /// Where the text begins that the tape's strings lie in.
    base: usize,
    /// Where strings are put if some had to be unescaped: then they no longer lie where the message has them.
    arena: Option<&'t mut String>,
    pub(crate) lists: &'t mut Lists,
}

impl<'t, 'b> Reader<'t, 'b> {
    pub(crate) fn new(
        nodes: &'t [Node<'b>],
        base: usize,
        arena: Option<&'t mut String>,
        lists: &'t mut Lists,
    ) -> Self {
        Self {
            nodes,
            base,
            arena,
            lists,
        }
    }

    #[inline]
    pub(crate) fn node(&self, at: usize) -> Option<Node<'b>> {
        self.nodes.get(at).copied()
    }

    #[inline]
    pub(crate) fn string(&self, at: usize) -> Option<&'b str> {
        match self.node(at)? {
            Node::String(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_object(&self, at: usize) -> bool {
        matches!(self.node(at), Some(Node::Object { .. }))
    }

    /// A non-negative integer, or a string of digits.
    pub(crate) fn unsigned(&self, at: usize) -> Option<u64> {
        match self.node(at)? {
            Node::Static(StaticNode::U64(value)) => Some(value),
            Node::Static(StaticNode::I64(value)) => u64::try_from(value).ok(),
            Node::String(text) => digits(text),
            _ => None,
        }
    }

    /// An integer, or a string that holds one.
    pub(crate) fn signed(&self, at: usize) -> Option<i64> {
        match self.node(at)? {
            Node::Static(StaticNode::I64(value)) => Some(value),
            Node::Static(StaticNode::U64(value)) => i64::try_from(value).ok(),
            Node::String(text) if !text.starts_with('+') => text.parse().ok(),
            _ => None,
        }
    }

    /// The two strings of an array that holds no more, or of an object that holds no more under these keys.
    #[inline]
    pub(crate) fn two_strings(&self, at: usize, keys: [&str; 2]) -> Option<[&'b str; 2]> {
        let nodes = self.nodes.get(at..)?;
        if let [
            Node::Array { len: 2, .. },
            Node::String(first),
            Node::String(second),
        ] = nodes.first_chunk()?
        {
            return Some([first, second]);
        }
        match nodes.first_chunk()? {
            [
                Node::Object { len: 2, .. },
                Node::String(one),
                Node::String(first),
                Node::String(other),
                Node::String(second),
            ] if [*one, *other] == keys => Some([first, second]),
            _ => None,
        }
    }

    /// Where a string of the tape lies, as the views will look for it.
    #[inline]
    pub(crate) fn span(&mut self, text: &str) -> Span {
        match &mut self.arena {
            Some(arena) => append(arena, text),
            // Behind its quote.
            None => Span::behind(text.as_ptr().addr().wrapping_sub(self.base + 1), text.len()),
        }
    }

    /// The keys of the object at `at`, and where their values are; nothing if it is no object. Keys that hold `null`
    /// are left out: they count as absent.
    pub(crate) fn entries(&self, at: usize) -> Entries<'t, 'b> {
        let left = match self.node(at) {
            Some(Node::Object { len, .. }) => len,
            _ => 0,
        };
        Entries {
            nodes: self.nodes,
            at: at + 1,
            left,
        }
    }

    /// How many elements the array at `at` has, and where they are.
    pub(crate) fn elements(&self, at: usize) -> Option<Elements<'t, 'b>> {
        match self.node(at)? {
            Node::Array { len, .. } => Some(Elements {
                nodes: self.nodes,
                at: at + 1,
                left: len,
            }),
            _ => None,
        }
    }

    /// Reads the object at `at`. Unknown keys are skipped, and of a repeated one the last counts.
    pub(crate) fn record<R: Record>(&mut self, at: usize) -> Result<R, Fault> {
        let mut record = R::EMPTY;
        match R::INNER {
            None => self.fields(R::KEYS, &mut record, at)?,
            Some(inner) => {
                self.fields(R::OUTER_KEYS, &mut record, at)?;
                let body = self.inner_object::<R>(inner, at)?;
                self.fields(R::KEYS, &mut record, body)?;
            }
        }
        complete(record, at)
    }

    fn inner_object<R: Record>(&self, field: &'static str, at: usize) -> Result<usize, Fault> {
        let fault = |kind, node| Fault {
            schema: R::NAME,
            kind,
            node,
        };
        let body = self
            .entries(at)
            .filter(|(key, _)| *key == field)
            .last()
            .map(|(_, body)| body)
            .ok_or(fault(DecodeErrorKind::Missing { field }, at))?;
        match self.node(body) {
            Some(Node::Object { .. }) => Ok(body),
            _ => Err(fault(
                DecodeErrorKind::WrongType {
                    field,
                    expected: "an object",
                },
                body,
            )),
        }
    }

    pub(crate) fn fields<R: Record>(
        &mut self,
        keys: &[(&'static str, R::Key)],
        record: &mut R,
        at: usize,
    ) -> Result<(), Fault> {
        // The exchange sends its keys in one order: look for each where the last one was found.
        let mut expected = 0;
        for (name, value) in self.entries(at) {
            let found = match keys.get(expected) {
                Some((_, key)) if R::is_named(*key, name) => Some(expected),
                _ => keys.iter().position(|(key, _)| *key == name),
            };
            if let Some(found) = found {
                expected = found + 1;
                record.set(keys[found].1, value, self)?;
            }
        }
        Ok(())
    }

    /// Reads the elements of an array into `rows`. An empty text stands for an empty array
    /// (`docs/PROTOCOL.md`, *Quirks*), and an object for an array of one.
    pub(crate) fn rows<R: Element>(&mut self, at: usize, rows: &mut Vec<R>) -> Result<(), Problem> {
        let elements = match self.node(at) {
            Some(Node::String("")) => return Ok(()),
            Some(Node::Object { .. }) => Elements {
                nodes: self.nodes,
                at,
                left: 1,
            },
            _ => self
                .elements(at)
                .ok_or(Problem::Expected("objects in an array"))?,
        };
        if elements.left > MAX_ITEMS - rows.len().min(MAX_ITEMS) {
            return Err(Problem::TooManyItems);
        }
        for element in elements {
            R::read_element(element, self, rows)?;
        }
        Ok(())
    }
}

/// The record, if it has all that it must have.
pub(crate) fn complete<R: Record>(record: R, at: usize) -> Result<R, Fault> {
    match record.missing() {
        None => Ok(record),
        Some(field) => Err(Fault {
            schema: R::NAME,
            kind: DecodeErrorKind::Missing { field },
            node: at,
        }),
    }
}

/// Reads a number of digits alone: no sign, no space.
fn digits(text: &str) -> Option<u64> {
    // As many digits can't overflow.
    const SAFE_DIGITS: usize = 19;
    if text.is_empty() || text.len() > SAFE_DIGITS {
        let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
        return text.parse().ok().filter(|_| is_digits);
    }
    text.bytes().try_fold(0, |value: u64, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then_some(value * 10 + u64::from(digit))
    })
}

/// The node behind the value at `at`, all that is inside it included.
fn behind(nodes: &[Node<'_>], at: usize) -> usize {
    match nodes.get(at) {
        Some(Node::Object { count, .. } | Node::Array { count, .. }) => at + 1 + count,
        _ => at + 1,
    }
}

/// Keys of an object with the places of their values.
pub(crate) struct Entries<'t, 'b> {
    nodes: &'t [Node<'b>],
    at: usize,
    left: usize,
}

impl<'b> Iterator for Entries<'_, 'b> {
    type Item = (&'b str, usize);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        while self.left > 0 {
            let Some(Node::String(key)) = self.nodes.get(self.at).copied() else {
                return None;
            };
            let value = self.at + 1;
            self.at = behind(self.nodes, value);
            self.left -= 1;
            if !matches!(self.nodes.get(value), Some(Node::Static(StaticNode::Null))) {
                return Some((key, value));
            }
        }
        None
    }
}

/// Places of an array's elements.
pub(crate) struct Elements<'t, 'b> {
    nodes: &'t [Node<'b>],
    at: usize,
    left: usize,
}

impl Iterator for Elements<'_, '_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let element = self.at;
        self.at = behind(self.nodes, element);
        Some(element)
    }
}

/// The place in the text of the tape's `wanted`th node. `structure` are the places of all brackets, commas, colons,
/// and beginnings of values; those of the first kind that close or part have no node.
#[cold]
pub(crate) fn offset_of(wanted: usize, structure: &[u32], text: &[u8]) -> Option<usize> {
    structure
        .iter()
        .map(|&place| place as usize)
        .filter(|&place| !matches!(text.get(place), Some(b'}' | b']' | b',' | b':') | None))
        .nth(wanted)
}
