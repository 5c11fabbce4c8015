//! Signatures for the BitMart exchange: WebSocket logins and REST requests.
//!
//! Everything BitMart signs has one shape: HMAC-SHA256, keyed with the secret's bytes, over
//! `{timestamp_ms}#{memo}#{payload}`, printed as 64 lowercase hex digits (`docs/PROTOCOL.md`, *Signing*).
//! For a WebSocket login the payload is the constant [`LOGIN_PAYLOAD`]; for a REST request it is the body
//! exactly as sent.
//!
//! ```
//! use bitmart_auth::{Credentials, HmacSigner, Signer};
//!
//! let credentials = Credentials::new("my-key", "my-secret", "my-memo")?;
//! let signer = HmacSigner::new(credentials);
//! let signature = signer.sign_login(1_589_267_764_859)?;
//! assert_eq!(signature.as_str().len(), 64);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! This crate does no I/O, reads no clock and knows no JSON: the timestamp comes in as an argument, the caller
//! places the signature where it belongs. [`HmacSigner`] keeps the keyed hash state, so that a signature costs
//! a few SHA-256 blocks and no allocation.
//!
//! # Secrets
//!
//! No type here shows a secret, memo or signature through `Debug`, and none implements `Display` for one. Memory
//! that held them is overwritten on drop as far as the libraries allow: the keyed state inside the `hmac` crate
//! is not, so read this as best effort.

mod credentials;
mod shared;
mod signature;
mod signer;

pub use credentials::{Credentials, CredentialsError, ENV_KEY, ENV_MEMO, ENV_SECRET, redact_in, redact_key};
pub use shared::{RemoteSigner, SharedSigner, SignFuture};
pub use signature::{SIGNATURE_LEN, Signature};
pub use signer::{HmacSigner, LOGIN_PAYLOAD, SignError, Signer};
