use bitmart_auth::Signer;
use bitmart_proto::limits::LOGIN_WINDOW_MS;
use serde_json::Value;

use super::Directory;
use crate::account::Standing;

/// Why a login is refused. Spot has a code for each; futures one text for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Args,
    KeyEmpty,
    KeyUnknown,
    KeyFrozen,
    KeyExpired,
    SignatureEmpty,
    SignatureWrong,
    TimestampEmpty,
    TimestampMalformed,
    TimestampRange,
}

/// Checks a login's key, timestamp and signature; says which account it is.
///
/// The timestamp may be a string or a number: clients send both. It is looked at after the key and before the
/// signature, so that a client with a wrong clock and a right secret learns of the clock.
pub(super) fn check(directory: &Directory, wall_ms: u64, args: &[Value]) -> Result<usize, Refusal> {
    let [key, timestamp, signature, ..] = args else {
        return Err(Refusal::Args);
    };
    let (Some(key), Some(signature)) = (key.as_str(), signature.as_str()) else {
        return Err(Refusal::Args);
    };
    if key.is_empty() {
        return Err(Refusal::KeyEmpty);
    }
    if signature.is_empty() {
        return Err(Refusal::SignatureEmpty);
    }
    let timestamp_ms = match timestamp {
        Value::String(text) if text.is_empty() => return Err(Refusal::TimestampEmpty),
        Value::String(text) => canonical(text).ok_or(Refusal::TimestampMalformed)?,
        Value::Number(number) => number.as_u64().ok_or(Refusal::TimestampMalformed)?,
        _ => return Err(Refusal::Args),
    };
    let member = directory.members.get(key).ok_or(Refusal::KeyUnknown)?;
    match member.standing {
        Standing::Good => {}
        Standing::Frozen => return Err(Refusal::KeyFrozen),
        Standing::Expired => return Err(Refusal::KeyExpired),
    }
    if timestamp_ms.abs_diff(wall_ms) > LOGIN_WINDOW_MS {
        return Err(Refusal::TimestampRange);
    }
    match member.signer.sign_login(timestamp_ms) {
        Ok(expected) if expected.as_str() == signature => Ok(member.number),
        _ => Err(Refusal::SignatureWrong),
    }
}

/// Reads a number as we would print it: what is signed is its text.
fn canonical(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if is_plain { text.parse().ok() } else { None }
}
