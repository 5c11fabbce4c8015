use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use crate::{HmacSigner, SignError, Signature, Signer, redact_key};

/// What a [`RemoteSigner`] returns.
pub type SignFuture<'a> = Pin<Box<dyn Future<Output = Result<Signature, SignError>> + Send + 'a>>;

/// A signer that has to be waited for: a signing service, a hardware module, another process.
///
/// ```
/// use bitmart_auth::{RemoteSigner, SignError, SignFuture, Signature};
///
/// struct Vault {
///     key: String,
/// }
///
/// impl RemoteSigner for Vault {
///     fn key(&self) -> &str {
///         &self.key
///     }
///
///     fn sign<'a>(&'a self, timestamp_ms: u64, payload: &'a [u8]) -> SignFuture<'a> {
///         Box::pin(async move {
///             let answer = ask_the_vault(timestamp_ms, payload).await;
///             let hex = answer.ok_or_else(|| SignError::Unavailable("the vault is sealed".into()))?;
///             Signature::from_hex(&hex).ok_or_else(|| SignError::Refused("that is no signature".into()))
///         })
///     }
/// }
/// # async fn ask_the_vault(_: u64, _: &[u8]) -> Option<String> { None }
/// ```
///
/// Whoever awaits it does so beside its other work and gives up after a deadline of its own, by dropping the future.
/// One that answers at once is a [`Signer`].
pub trait RemoteSigner: Send + Sync {
    /// The API key that the signatures belong to, in full. Always the same.
    fn key(&self) -> &str;

    /// Signs `{timestamp_ms}#{memo}#{payload}`: HMAC-SHA256, keyed with the secret.
    ///
    /// `timestamp_ms` is Unix time in milliseconds, corrected to the exchange's clock by the caller; for a
    /// `WebSocket` login the payload is [`LOGIN_PAYLOAD`](crate::LOGIN_PAYLOAD).
    ///
    /// # Errors
    ///
    /// [`SignError`] says whether asking again can help.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any point; a signature that is made all the same is never used.
    fn sign<'a>(&'a self, timestamp_ms: u64, payload: &'a [u8]) -> SignFuture<'a>;
}

/// A signer of either kind, shared among connections. Cloning it is a reference count.
///
/// ```
/// use bitmart_auth::{Credentials, HmacSigner, SharedSigner};
///
/// let signer = SharedSigner::from(HmacSigner::new(Credentials::new("my-key", "my-secret", "my-memo")?));
/// assert_eq!(signer.key(), "my-key");
/// # Ok::<(), bitmart_auth::CredentialsError>(())
/// ```
#[derive(Clone)]
pub enum SharedSigner {
    /// Answers at once.
    Local(Arc<dyn Signer>),
    /// Has to be waited for.
    Remote(Arc<dyn RemoteSigner>),
}

impl SharedSigner {
    /// Shares a signer that answers at once.
    #[must_use]
    pub fn local(signer: impl Signer + 'static) -> Self {
        Self::Local(Arc::new(signer))
    }

    /// Shares a signer that has to be waited for.
    #[must_use]
    pub fn remote(signer: impl RemoteSigner + 'static) -> Self {
        Self::Remote(Arc::new(signer))
    }

    /// The API key that the signatures belong to, in full.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Local(signer) => signer.key(),
            Self::Remote(signer) => signer.key(),
        }
    }
}

impl From<HmacSigner> for SharedSigner {
    fn from(signer: HmacSigner) -> Self {
        Self::local(signer)
    }
}

impl<S: Signer + 'static> From<Arc<S>> for SharedSigner {
    fn from(signer: Arc<S>) -> Self {
        Self::Local(signer)
    }
}

impl From<Arc<dyn Signer>> for SharedSigner {
    fn from(signer: Arc<dyn Signer>) -> Self {
        Self::Local(signer)
    }
}

impl From<Arc<dyn RemoteSigner>> for SharedSigner {
    fn from(signer: Arc<dyn RemoteSigner>) -> Self {
        Self::Remote(signer)
    }
}

impl fmt::Debug for SharedSigner {
    /// Shows no more of the key than its beginning.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Local(_) => "Local",
            Self::Remote(_) => "Remote",
        };
        f.debug_tuple(kind).field(&redact_key(self.key())).finish()
    }
}
