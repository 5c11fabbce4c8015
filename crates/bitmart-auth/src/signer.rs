use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{Credentials, Signature, redact_key};

/// What a WebSocket login signs after the timestamp and the memo, on spot and on futures.
pub const LOGIN_PAYLOAD: &[u8] = b"bitmart.WebSocket";

/// Whoever can sign for an API key: the HMAC in this process, or something of your own.
///
/// Implement it to keep the secret somewhere else. It is called on the task that runs the connection and has to return
/// at once; a signer that waits, for a network or for hardware, is a [`RemoteSigner`](crate::RemoteSigner).
pub trait Signer: Send + Sync {
    /// The API key that the signatures belong to, in full. Always the same.
    fn key(&self) -> &str;

    /// Signs `{timestamp_ms}#{memo}#{payload}`.
    ///
    /// `timestamp_ms` is Unix time in milliseconds, corrected to the exchange's clock by the caller.
    ///
    /// # Errors
    ///
    /// [`SignError`] says whether asking again can help. [`HmacSigner`] never fails.
    fn sign(&self, timestamp_ms: u64, payload: &[u8]) -> Result<Signature, SignError>;

    /// Signs a WebSocket login.
    ///
    /// # Errors
    ///
    /// As [`Signer::sign`].
    fn sign_login(&self, timestamp_ms: u64) -> Result<Signature, SignError> {
        self.sign(timestamp_ms, LOGIN_PAYLOAD)
    }

    /// Signs a REST request; `body` is the exact text that is sent.
    ///
    /// What a signed `GET` puts there is disputed (`docs/PROTOCOL.md`, *Signing*); nearly every `GET` needs only
    /// the key.
    ///
    /// # Errors
    ///
    /// As [`Signer::sign`].
    fn sign_rest(&self, timestamp_ms: u64, body: &[u8]) -> Result<Signature, SignError> {
        self.sign(timestamp_ms, body)
    }
}

/// HMAC-SHA256 in this process, with the keyed state computed once.
///
/// ```
/// use bitmart_auth::{Credentials, HmacSigner, Signer};
///
/// let signer = HmacSigner::new(Credentials::new("key", "secret", "memo")?);
/// let login = signer.sign_login(1_700_000_000_000)?;
/// let rest = signer.sign_rest(1_700_000_000_000, br#"{"symbol":"BTC_USDT"}"#)?;
/// assert_ne!(login, rest);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The raw secret is dropped once the state is keyed. A signature clones that state, hashes the message in three
/// updates and allocates nothing.
#[derive(Clone)]
pub struct HmacSigner {
    key: Box<str>,
    keyed: Hmac<Sha256>,
    /// `#{memo}#`, what stands between the timestamp and the payload.
    infix: Zeroizing<Box<[u8]>>,
}

impl HmacSigner {
    /// Keys the hash state; the credentials, and with them the raw secret, are dropped here.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "taking the credentials is what drops the raw secret"
    )]
    pub fn new(credentials: Credentials) -> Self {
        let keyed =
            Hmac::<Sha256>::new_from_slice(credentials.secret()).expect("HMAC takes a key of any length");
        let memo = credentials.memo().as_bytes();
        let mut infix = Vec::with_capacity(memo.len() + 2);
        infix.push(b'#');
        infix.extend_from_slice(memo);
        infix.push(b'#');
        Self {
            key: credentials.key().into(),
            keyed,
            infix: Zeroizing::new(infix.into_boxed_slice()),
        }
    }
}

impl Signer for HmacSigner {
    fn key(&self) -> &str {
        &self.key
    }

    fn sign(&self, timestamp_ms: u64, payload: &[u8]) -> Result<Signature, SignError> {
        let mut digits = itoa::Buffer::new();
        let mut mac = self.keyed.clone();
        mac.update(digits.format(timestamp_ms).as_bytes());
        mac.update(&self.infix);
        mac.update(payload);
        Ok(Signature::from_mac(&mac.finalize().into_bytes().into()))
    }
}

impl fmt::Debug for HmacSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HmacSigner")
            .field("key", &redact_key(&self.key))
            .finish_non_exhaustive()
    }
}

/// Why a signer gave no signature. The fault is the signer's, never the exchange's.
///
/// The texts are the signer's own words and may be logged: keep secrets out of them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignError {
    /// The signer can't be reached or is busy. Asking again later can help.
    Unavailable(String),
    /// The signer refuses to sign. Asking again can't help.
    Refused(String),
}

impl SignError {
    /// Whether asking again can help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(text) => write!(f, "the signer is unavailable, asking again can help: {text}"),
            Self::Refused(text) => write!(f, "the signer refuses to sign: {text}"),
        }
    }
}

impl std::error::Error for SignError {}
