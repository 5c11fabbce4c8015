//! The contestants that sign logins.

use std::hint::black_box;

use bitmart_auth::{Credentials, HmacSigner, Signer};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::measure::Turn;

const KEY: &str = "1b3d5f7a9c0e2846";
const SECRET: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const MEMO: &str = "desk-7";

/// A way to a login's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contestant {
    /// Ours: the keyed state is computed once.
    Signer,
    /// What one usually writes: `format!`, `Hmac::new` and `hex::encode`.
    Usual,
}

impl Contestant {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Signer, Self::Usual];

    /// The name that the reports use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Signer => "cached signer",
            Self::Usual => "format!, Hmac::new, hex::encode",
        }
    }

    /// Signing one login after the other, each at another time.
    #[must_use]
    pub fn turn(self) -> Turn<'static> {
        let mut times = (0..64_u64).cycle().map(|step| 1_771_200_300_417 + step * 1_003);
        match self {
            Self::Signer => {
                let signer = signer();
                Box::new(move |count| {
                    for time in times.by_ref().take(count) {
                        black_box(&signer.sign_login(black_box(time)).expect(NEVER_FAILS));
                    }
                })
            }
            Self::Usual => Box::new(move |count| {
                for time in times.by_ref().take(count) {
                    black_box(&usual(black_box(time)));
                }
            }),
        }
    }
}

const NEVER_FAILS: &str = "the HMAC signer never fails";

fn signer() -> HmacSigner {
    HmacSigner::new(Credentials::new(KEY, SECRET, MEMO).expect("the credentials are well formed"))
}

fn usual(timestamp_ms: u64) -> String {
    let message = format!("{timestamp_ms}#{MEMO}#bitmart.WebSocket");
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(message.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sign_alike() {
        let signature = signer().sign_login(17).expect(NEVER_FAILS);
        assert_eq!(signature.as_str(), usual(17));
    }
}
