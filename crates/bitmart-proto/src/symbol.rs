use std::fmt;
use std::str::FromStr;

use crate::Market;

/// Longest symbol, in bytes. The longest listed ones have about 20.
const MAX_SYMBOL_BYTES: usize = 40;

/// A trading pair or contract: `BTC_USDT` on spot, `BTCUSDT` on futures.
///
/// ```
/// use bitmart_proto::{Market, Symbol};
///
/// assert_eq!(Symbol::new("BTC_USDT")?.market(), Market::Spot);
/// assert_eq!(Symbol::new("BTCUSDT")?.market(), Market::Futures);
/// assert!(Symbol::new("btc_usdt").is_err());
/// # Ok::<(), bitmart_proto::SymbolError>(())
/// ```
///
/// Upper case only: the exchange's symbols are, and a lower-case one is refused there with an error that names
/// no topic. Symbols that arrive in messages are plain text and are not checked against this.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol {
    text: Box<str>,
}

impl Symbol {
    /// Takes a symbol of either market.
    ///
    /// # Errors
    ///
    /// [`SymbolError`] if the text is empty, too long, has an underscore at an end or more than one, or holds
    /// anything but upper-case ASCII letters, digits and an underscore.
    pub fn new(text: &str) -> Result<Self, SymbolError> {
        let is_plain = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        };
        let is_valid = match text.split_once('_') {
            Some((base, quote)) => is_plain(base) && is_plain(quote),
            None => is_plain(text),
        };
        if is_valid && text.len() <= MAX_SYMBOL_BYTES {
            Ok(Self { text: text.into() })
        } else {
            Err(SymbolError {
                text: text.chars().take(MAX_SYMBOL_BYTES).collect(),
            })
        }
    }

    /// The symbol's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The market whose form the symbol has: an underscore means spot.
    #[must_use]
    pub fn market(&self) -> Market {
        if self.text.contains('_') {
            Market::Spot
        } else {
            Market::Futures
        }
    }
}

impl FromStr for Symbol {
    type Err = SymbolError;

    fn from_str(text: &str) -> Result<Self, SymbolError> {
        Self::new(text)
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A text that is no symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SymbolError {
    text: String,
}

impl fmt::Display for SymbolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no symbol: spot symbols look like BTC_USDT, futures symbols like BTCUSDT, in upper case",
            self.text
        )
    }
}

impl std::error::Error for SymbolError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_forms_pass() {
        for good in ["BTC_USDT", "1INCH_USDT", "BTCUSDT", "1000PEPEUSDT", "BTCUSD"] {
            assert_eq!(Symbol::new(good).unwrap().as_str(), good);
        }
        let long = "A".repeat(41);
        for bad in [
            "", "_", "BTC_", "_USDT", "A_B_C", "btc_usdt", "BTC-USDT", "BTC USDT", "BTC\"", "Ä", &long,
        ] {
            assert!(Symbol::new(bad).is_err(), "{bad}");
        }
    }
}
