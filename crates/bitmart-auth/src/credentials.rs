use std::borrow::Cow;
use std::fmt;

use zeroize::Zeroizing;

use crate::SIGNATURE_LEN;

/// The environment variable that [`Credentials::from_env`] reads the key from.
pub const ENV_KEY: &str = "API_KEY";
/// The environment variable that [`Credentials::from_env`] reads the secret from.
pub const ENV_SECRET: &str = "API_SECRET";
/// The environment variable that [`Credentials::from_env`] reads the memo from.
pub const ENV_MEMO: &str = "API_MEMO";

/// How many characters of a key [`redact_key`] leaves readable: enough to tell two keys apart in a log.
const KEY_CHARS_SHOWN: usize = 4;

/// An API key with its secret and memo.
///
/// ```
/// use bitmart_auth::Credentials;
///
/// let credentials = Credentials::new("80618e45710812162b04", "top-secret", "bot-1")?;
/// assert_eq!(format!("{credentials:?}"), r#"Credentials { key: "8061…", secret: …, memo: … }"#);
/// # Ok::<(), bitmart_auth::CredentialsError>(())
/// ```
///
/// The key travels in every login; the secret and the memo never leave the process. The memo is the text chosen
/// when the key was made. There is no `Display` and no serialisation, and the memory is overwritten on drop.
#[derive(Clone)]
pub struct Credentials {
    key: Zeroizing<String>,
    secret: Zeroizing<String>,
    memo: Zeroizing<String>,
}

impl Credentials {
    /// Takes a key, its secret and its memo.
    ///
    /// All three are used exactly as given: nothing is trimmed or normalised. The memo may be empty.
    ///
    /// # Errors
    ///
    /// [`CredentialsError::Empty`] if the key or the secret is empty, [`CredentialsError::MalformedKey`] if the
    /// key holds anything but printable ASCII (it has to fit into a JSON string and an HTTP header).
    pub fn new(
        key: impl Into<String>,
        secret: impl Into<String>,
        memo: impl Into<String>,
    ) -> Result<Self, CredentialsError> {
        let key = Zeroizing::new(key.into());
        let secret = Zeroizing::new(secret.into());
        let memo = Zeroizing::new(memo.into());
        if key.is_empty() {
            return Err(CredentialsError::Empty { what: "key" });
        }
        if secret.is_empty() {
            return Err(CredentialsError::Empty { what: "secret" });
        }
        if let Some(at) = key
            .bytes()
            .position(|b| !b.is_ascii_graphic() || b == b'"' || b == b'\\')
        {
            return Err(CredentialsError::MalformedKey { at });
        }
        Ok(Self { key, secret, memo })
    }

    /// Reads `API_KEY`, `API_SECRET` and `API_MEMO` from the environment.
    ///
    /// # Errors
    ///
    /// [`CredentialsError::MissingVariables`] names every variable that is not set (or is empty, or is not
    /// UTF-8); `API_MEMO` may be set to the empty string. Otherwise as [`Credentials::new`].
    pub fn from_env() -> Result<Self, CredentialsError> {
        Self::from_lookup(|name| {
            #[expect(
                clippy::disallowed_methods,
                reason = "the one place that reads the environment"
            )]
            std::env::var(name).ok()
        })
    }

    fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, CredentialsError> {
        let key = lookup(ENV_KEY).filter(|v| !v.is_empty());
        let secret = lookup(ENV_SECRET).filter(|v| !v.is_empty()).map(Zeroizing::new);
        let memo = lookup(ENV_MEMO).map(Zeroizing::new);
        let missing: Vec<&'static str> = [
            (ENV_KEY, key.is_none()),
            (ENV_SECRET, secret.is_none()),
            (ENV_MEMO, memo.is_none()),
        ]
        .into_iter()
        .filter_map(|(name, is_missing)| is_missing.then_some(name))
        .collect();
        match (key, secret, memo) {
            (Some(key), Some(mut secret), Some(mut memo)) => {
                Self::new(key, std::mem::take(&mut *secret), std::mem::take(&mut *memo))
            }
            _ => Err(CredentialsError::MissingVariables { missing }),
        }
    }

    /// The API key, in full. It is not a secret on the wire, but logs should show [`redact_key`] of it.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn secret(&self) -> &[u8] {
        self.secret.as_bytes()
    }

    pub(crate) fn memo(&self) -> &str {
        &self.memo
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("key", &redact_key(&self.key))
            .field("secret", &format_args!("…"))
            .field("memo", &format_args!("…"))
            .finish()
    }
}

/// The form of an API key that may be shown: its first four characters and an ellipsis.
///
/// A key of eight characters or fewer shows none, so that never more than half of it is readable.
///
/// ```
/// assert_eq!(bitmart_auth::redact_key("80618e45710812162b04"), "8061…");
/// assert_eq!(bitmart_auth::redact_key("short"), "…");
/// ```
#[must_use]
pub fn redact_key(key: &str) -> String {
    let shown = if key.chars().count() > 2 * KEY_CHARS_SHOWN {
        KEY_CHARS_SHOWN
    } else {
        0
    };
    key.chars().take(shown).chain(['…']).collect()
}

/// A text of the exchange's without what it repeats of ours: of the key what goes beyond its first four characters,
/// and whatever has the form of a signature, become an ellipsis.
///
/// The exchange's refusals quote the beginning of the key, and messages that it can't read as a whole.
///
/// ```
/// use bitmart_auth::redact_in;
///
/// assert_eq!(redact_in("apiKey 880d5edecs**** failed", "880d5edecs9ba1"), "apiKey 880d…**** failed");
/// assert_eq!(redact_in(&format!("sign {} is wrong", "0a".repeat(32)), "some-key"), "sign … is wrong");
/// assert_eq!(redact_in("nothing to hide", "880d5edecs9ba1"), "nothing to hide");
/// ```
#[must_use]
pub fn redact_in<'a>(text: &'a str, key: &str) -> Cow<'a, str> {
    match without_key(text, key) {
        Cow::Borrowed(text) => without_signatures(text),
        Cow::Owned(text) => Cow::Owned(without_signatures(&text).into_owned()),
    }
}

fn without_key<'a>(text: &'a str, key: &str) -> Cow<'a, str> {
    // A longer beginning of the key than may be shown. Keys are ASCII, but a signer's own may be anything.
    let Some((end, last)) = key.char_indices().nth(KEY_CHARS_SHOWN) else {
        return Cow::Borrowed(text);
    };
    let telltale = &key[..end + last.len_utf8()];
    if !text.contains(telltale) {
        return Cow::Borrowed(text);
    }
    let mut redacted = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(telltale) {
        redacted.push_str(&rest[..at + end]);
        redacted.push('…');
        let same = rest[at..].chars().zip(key.chars()).take_while(|(a, b)| a == b);
        rest = &rest[at + same.map(|(a, _)| a.len_utf8()).sum::<usize>()..];
    }
    redacted.push_str(rest);
    Cow::Owned(redacted)
}

fn without_signatures(text: &str) -> Cow<'_, str> {
    let is_hex = |c: char| c.is_ascii_hexdigit();
    let mut redacted = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(is_hex) {
        let run = rest[at..].find(|c| !is_hex(c)).unwrap_or(rest.len() - at);
        if run >= SIGNATURE_LEN / 2 {
            redacted.push_str(&rest[..at]);
            redacted.push('…');
        } else {
            redacted.push_str(&rest[..at + run]);
        }
        rest = &rest[at + run..];
    }
    redacted.push_str(rest);
    if redacted == text {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(redacted)
    }
}

/// Why credentials were refused. Always the caller's to mend; no variant holds a value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The key or the secret is the empty string.
    Empty {
        /// `"key"` or `"secret"`.
        what: &'static str,
    },
    /// The key holds a character that no API key has.
    MalformedKey {
        /// Byte offset of the first such character.
        at: usize,
    },
    /// Environment variables are missing.
    MissingVariables {
        /// The names of all of them, in the order key, secret, memo.
        missing: Vec<&'static str>,
    },
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { what } => {
                write!(f, "the API {what} is empty: pass the {what} of a BitMart API key")
            }
            Self::MalformedKey { at } => write!(
                f,
                "the API key has a character at byte {at} that no BitMart key has (a space, a line break or a quote?): \
                 copy the key again"
            ),
            Self::MissingVariables { missing } => write!(
                f,
                "environment variable{} {} not set: export API_KEY, API_SECRET and API_MEMO of a BitMart API key",
                if missing.len() == 1 { "" } else { "s" },
                match missing.as_slice() {
                    [one] => format!("{one} is"),
                    [head @ .., last] => format!("{} and {last} are", head.join(", ")),
                    [] => String::from("(none) is"),
                },
            ),
        }
    }
}

impl std::error::Error for CredentialsError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_four_characters_of_the_key_and_nothing_else() {
        let credentials = Credentials::new("0123456789abcdef", "s3cr3t-value", "memo-value").unwrap();
        let shown = format!("{credentials:?} {credentials:#?}");
        assert!(shown.contains("0123…"), "{shown}");
        for hidden in ["01234", "s3cr3t", "memo-value"] {
            assert!(!shown.contains(hidden), "{shown}");
        }
    }

    #[test]
    fn empty_and_malformed_parts_are_named_and_never_shown() {
        assert_eq!(
            Credentials::new("", "s", "m").unwrap_err(),
            CredentialsError::Empty { what: "key" }
        );
        assert_eq!(
            Credentials::new("k", "", "m").unwrap_err(),
            CredentialsError::Empty { what: "secret" }
        );
        let error = Credentials::new("abc\n", "s", "m").unwrap_err();
        assert_eq!(error, CredentialsError::MalformedKey { at: 3 });
        assert!(!error.to_string().contains("abc"));
        assert!(Credentials::new("k", "s", "").is_ok());
    }

    #[test]
    fn every_missing_variable_is_named_at_once() {
        let error = Credentials::from_lookup(|name| (name == ENV_SECRET).then(|| "x".into())).unwrap_err();
        assert_eq!(
            error,
            CredentialsError::MissingVariables {
                missing: vec![ENV_KEY, ENV_MEMO]
            }
        );
        let text = error.to_string();
        assert!(
            text.starts_with("environment variables API_KEY and API_MEMO are not set"),
            "{text}"
        );
    }

    #[test]
    fn texts_are_cleaned_whatever_the_key_is_made_of() {
        assert_eq!(
            redact_in("key abcé1234 unknown", "abcé12345"),
            "key abcé… unknown"
        );
        assert_eq!(redact_in("key é unknown", "é"), "key é unknown");
        assert_eq!(redact_in("880d5 and 880d5e", "880d5edecs"), "880d… and 880d…");
        assert_eq!(redact_in("", ""), "");
    }

    #[test]
    fn an_empty_memo_variable_is_a_memo() {
        let lookup = |name: &str| {
            Some(if name == ENV_MEMO {
                String::new()
            } else {
                "value".into()
            })
        };
        assert!(Credentials::from_lookup(lookup).is_ok());
        let without_key = |name: &str| {
            Some(if name == ENV_KEY {
                String::new()
            } else {
                "value".into()
            })
        };
        assert_eq!(
            Credentials::from_lookup(without_key).unwrap_err(),
            CredentialsError::MissingVariables {
                missing: vec![ENV_KEY]
            }
        );
    }
}
