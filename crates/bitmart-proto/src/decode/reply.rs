//! Replies of both markets.

use std::borrow::Cow;

use simd_json::{Node, StaticNode};

use super::DecodeErrorKind;
use super::record::{Fault, Source, Span};
use super::tape::Reader;
use crate::{ErrorCode, Operation, Refusal, Reply};

/// A reply as the decoder keeps it.
#[derive(Clone, Copy)]
pub(super) struct RawReply {
    verb: Span,
    topic: Span,
    refusal: Option<RawRefusal>,
}

#[derive(Clone, Copy)]
struct RawRefusal {
    code: Option<ErrorCode>,
    text: Span,
}

/// The values of the keys that replies may have; `None` for one that is missing or `null`.
#[derive(Default)]
struct Fields {
    verb: Option<usize>,
    /// The verb came as `action`, the key of futures.
    is_action: bool,
    topic: Option<usize>,
    success: Option<usize>,
    code: Option<usize>,
    error: Option<usize>,
    message: Option<usize>,
    error_message: Option<usize>,
}

pub(super) fn read(reader: &mut Reader<'_, '_>) -> Result<RawReply, Fault> {
    const ROOT: usize = 0;
    let fault = |kind| Fault {
        schema: "reply",
        kind,
        node: ROOT,
    };
    if !matches!(reader.node(ROOT), Some(Node::Object { .. })) {
        return Err(fault(DecodeErrorKind::NotAnObject));
    }
    let mut fields = Fields::default();
    for (key, value) in reader.entries(ROOT) {
        fields.is_action |= key == "action";
        let field = match key {
            "event" | "action" => &mut fields.verb,
            "topic" | "group" => &mut fields.topic,
            "success" => &mut fields.success,
            "errorCode" | "error_code" => &mut fields.code,
            "error" => &mut fields.error,
            "message" => &mut fields.message,
            "errorMessage" | "error_message" => &mut fields.error_message,
            _ => continue,
        };
        *field = Some(value);
    }
    if let Fields {
        verb: None,
        success: None,
        code: None,
        error: None,
        ..
    } = fields
    {
        return Err(fault(DecodeErrorKind::Missing {
            field: "event or action",
        }));
    }
    let verb = fields.verb.and_then(|node| reader.string(node));
    // Futures says `success` in every answer to a request; without it, an echo of the request would do for one.
    let is_refusal = is_refusal(&fields, verb, reader);
    if fields.is_action && fields.success.is_none() && !is_refusal && verb != Some("pong") {
        return Err(fault(DecodeErrorKind::Missing { field: "success" }));
    }
    let refusal = is_refusal.then(|| read_refusal(&fields, reader));
    let topic = fields.topic.and_then(|node| reader.string(node));
    Ok(RawReply {
        verb: optional_span(verb, reader),
        topic: optional_span(topic, reader),
        refusal,
    })
}

/// Anything that speaks against success makes a refusal: to take one for a success would be worse than the reverse.
fn is_refusal(fields: &Fields, verb: Option<&str>, reader: &Reader<'_, '_>) -> bool {
    let is_success = |node| matches!(reader.node(node), Some(Node::Static(StaticNode::Bool(true))));
    let is_empty = |node| reader.string(node).is_some_and(str::is_empty);
    fields.code.is_some()
        || fields.success.is_some_and(|node| !is_success(node))
        || fields.error.is_some_and(|node| !is_empty(node))
        || verb == Some("error")
}

fn read_refusal(fields: &Fields, reader: &mut Reader<'_, '_>) -> RawRefusal {
    let code = fields
        .code
        .and_then(|node| reader.unsigned(node))
        .and_then(|code| u32::try_from(code).ok())
        .map(ErrorCode);
    // A code that isn't one may at least be read.
    let odd_code = fields.code.filter(|_| code.is_none());
    let text = [fields.error_message, fields.error, fields.message, odd_code]
        .into_iter()
        .flatten()
        .filter_map(|node| reader.string(node))
        .find(|text| !text.is_empty());
    RawRefusal {
        code,
        text: optional_span(text, reader),
    }
}

fn optional_span(text: Option<&str>, reader: &mut Reader<'_, '_>) -> Span {
    match text {
        Some(text) if !text.is_empty() => reader.span(text),
        _ => Span::ABSENT,
    }
}

impl RawReply {
    pub(super) fn view(self, source: Source<'_>) -> Reply<'_> {
        let verb = source.optional_text(self.verb).unwrap_or("");
        Reply {
            operation: Operation::from_verb(verb),
            verb: Cow::Borrowed(verb),
            topic: source.optional_text(self.topic).map(Cow::Borrowed),
            outcome: match self.refusal {
                None => Ok(()),
                Some(refusal) => Err(Refusal {
                    code: refusal.code,
                    text: Cow::Borrowed(source.optional_text(refusal.text).unwrap_or("")),
                }),
            },
        }
    }
}
