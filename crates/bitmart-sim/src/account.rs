use std::fmt;

use bitmart_auth::{Credentials, CredentialsError, HmacSigner, redact_key};

/// The key of [`Account::example`].
pub const EXAMPLE_KEY: &str = "bitmart-sim-example-key";
/// The secret of [`Account::example`]. It opens nothing but a simulator.
pub const EXAMPLE_SECRET: &str = "bitmart-sim-example-secret";
/// The memo of [`Account::example`].
pub const EXAMPLE_MEMO: &str = "bitmart-sim";

/// Somebody who may log in, with money of their own on every market.
///
/// ```
/// use bitmart_sim::Account;
///
/// let account = Account::new("my-key", "my-secret", "my-memo");
/// assert_eq!(account.key(), "my-key");
/// ```
///
/// Demo money is apart from live money; the key is the same for both, as on the exchange. `Debug` shows neither
/// the secret nor the memo: a test may well use real ones.
#[derive(Clone)]
pub struct Account {
    key: String,
    secret: String,
    memo: String,
    standing: Standing,
}

/// Whether an account's key still opens anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Good,
    Frozen,
    Expired,
}

impl Account {
    /// An account that logs in with this key, secret and memo. They are checked when the simulator starts.
    #[must_use]
    pub fn new(key: impl Into<String>, secret: impl Into<String>, memo: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            secret: secret.into(),
            memo: memo.into(),
            standing: Standing::Good,
        }
    }

    /// The account with its key frozen: a login is refused, on spot with 91003.
    #[must_use]
    pub fn frozen(mut self) -> Self {
        self.standing = Standing::Frozen;
        self
    }

    /// The account with its key expired: a login is refused, on spot with 91004.
    #[must_use]
    pub fn expired(mut self) -> Self {
        self.standing = Standing::Expired;
        self
    }

    /// The account that a simulator has when it is given none: [`EXAMPLE_KEY`], [`EXAMPLE_SECRET`] and
    /// [`EXAMPLE_MEMO`].
    #[must_use]
    pub fn example() -> Self {
        Self::new(EXAMPLE_KEY, EXAMPLE_SECRET, EXAMPLE_MEMO)
    }

    /// The API key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The API secret.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// The memo.
    #[must_use]
    pub fn memo(&self) -> &str {
        &self.memo
    }

    pub(crate) fn standing(&self) -> Standing {
        self.standing
    }

    pub(crate) fn signer(&self) -> Result<HmacSigner, CredentialsError> {
        Ok(HmacSigner::new(Credentials::new(
            &self.key,
            &self.secret,
            &self.memo,
        )?))
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("key", &redact_key(&self.key))
            .finish_non_exhaustive()
    }
}
