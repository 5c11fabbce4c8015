use std::fmt;

use zeroize::Zeroize;

/// Length of a signature in characters: SHA-256 as lowercase hex.
pub const SIGNATURE_LEN: usize = 64;

/// A finished signature: 64 lowercase hex digits.
///
/// `Debug` does not show it, and it is overwritten on drop: until its 60 s window has passed, a signature is as
/// good as a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Signature {
    hex: [u8; SIGNATURE_LEN],
}

impl Signature {
    /// Prints a raw 32-byte MAC as a signature.
    #[must_use]
    pub fn from_mac(mac: &[u8; 32]) -> Self {
        let mut hex = [0; SIGNATURE_LEN];
        hex::encode_to_slice(mac, &mut hex).expect("64 digits hold 32 bytes");
        Self { hex }
    }

    /// Takes a signature that was made elsewhere, such as by a signing service.
    ///
    /// Returns `None` unless it is 64 lowercase hex digits.
    ///
    /// ```
    /// use bitmart_auth::Signature;
    ///
    /// assert!(Signature::from_hex(&"0a".repeat(32)).is_some());
    /// assert!(Signature::from_hex("0A").is_none());
    /// ```
    #[must_use]
    pub fn from_hex(hex: &str) -> Option<Self> {
        let hex: [u8; SIGNATURE_LEN] = hex.as_bytes().try_into().ok()?;
        hex.iter()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
            .then_some(Self { hex })
    }

    /// The signature's 64 hex digits. Don't log them.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.hex).expect("hex digits are ASCII")
    }
}

impl Drop for Signature {
    fn drop(&mut self) {
        self.hex.zeroize();
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(…)")
    }
}
