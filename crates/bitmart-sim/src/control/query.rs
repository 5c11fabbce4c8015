//! The parameters of a request, each taken once by who understands it; what nobody takes is a mistake.

use std::str::FromStr;

/// Parameters of one request.
const MAX_PARAMETERS: usize = 32;

/// Why a request is refused.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) status: u16,
    /// JSON.
    pub(super) body: String,
    /// The methods that the path has, if it was the method that was wrong.
    pub(super) allow: Option<&'static str>,
}

impl Refused {
    /// The text says what is wrong and what to do about it.
    pub(super) fn new(status: u16, error: impl Into<String>) -> Self {
        Self {
            status,
            body: serde_json::json!({ "error": error.into() }).to_string() + "\n",
            allow: None,
        }
    }
}

/// Parameters as they came, decoded.
#[derive(Debug)]
pub(super) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Reads `a=b&c=d` with percent escapes, and `+` for a space, as forms have it.
    pub(super) fn parse(raw: &str) -> Result<Self, Refused> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            if pairs.iter().any(|(other, _)| *other == name) {
                return Err(Refused::new(400, format!("{name} is given twice: give it once")));
            }
            if pairs.len() >= MAX_PARAMETERS {
                let error = format!("more than {MAX_PARAMETERS} parameters: no call takes so many");
                return Err(Refused::new(400, error));
            }
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.pairs.iter().position(|(other, _)| other == name)?;
        Some(self.pairs.remove(at).1)
    }

    pub(super) fn need(&mut self, name: &str) -> Result<String, Refused> {
        self.take(name)
            .ok_or_else(|| Refused::new(400, format!("{name} is missing: add {name}=…")))
    }

    /// Reads a parameter's value; `form` says what it must be.
    pub(super) fn read<T: FromStr>(&mut self, name: &str, form: &str) -> Result<Option<T>, Refused> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        match value.parse() {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(Refused::new(400, format!("{name}={value} is not {form}"))),
        }
    }

    /// As [`read`](Self::read), one of some words.
    pub(super) fn choose<T: Copy>(
        &mut self,
        name: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, Refused> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        match choices.iter().find(|(word, _)| *word == value) {
            Some((_, choice)) => Ok(Some(*choice)),
            None => {
                let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
                let error = format!("{name}={value} is not one of {}", words.join(", "));
                Err(Refused::new(400, error))
            }
        }
    }

    /// Refuses what nobody took: it is a typo, or belongs to another call.
    pub(super) fn finish(self) -> Result<(), Refused> {
        match self.pairs.first() {
            None => Ok(()),
            Some((name, _)) => {
                let error = format!("{name} is no parameter of this call: GET / lists them");
                Err(Refused::new(400, error))
            }
        }
    }
}

fn decoded(raw: &str) -> Result<String, Refused> {
    let bad = || Refused::new(400, format!("{raw} has a broken percent escape"));
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || {
                    let digit = char::from(rest.next()?).to_digit(16)?;
                    u8::try_from(digit).ok()
                };
                let (high, low) = (digit().ok_or_else(bad)?, digit().ok_or_else(bad)?);
                high << 4 | low
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| bad())
}

/// Reads bytes written as hex digits, spaces between them allowed.
pub(super) fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = text
        .chars()
        .filter(|c| *c != ' ')
        .map(|c| c.to_digit(16))
        .collect::<Option<_>>()?;
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let byte = |pair: &[u32]| u8::try_from(pair[0] << 4 | pair[1]).ok();
    digits.chunks_exact(2).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_as_forms_are() {
        let mut query = Query::parse("text=%7B%22a%22%3A1%7D&reason=going+away&&flag").unwrap();
        assert_eq!(query.take("text").unwrap(), r#"{"a":1}"#);
        assert_eq!(query.take("reason").unwrap(), "going away");
        assert_eq!(query.take("flag").unwrap(), "");
        assert!(query.finish().is_ok());
    }

    #[test]
    fn what_cannot_be_read_is_refused_and_named() {
        for (raw, word) in [("a=%", "%"), ("a=%4", "%4"), ("a=%zz", "%zz"), ("a=%ff", "%ff")] {
            assert!(Query::parse(raw).unwrap_err().body.contains(word), "{raw}");
        }
        assert!(Query::parse("a=1&a=2").unwrap_err().body.contains("twice"));
        let many: String = (0..33).map(|n| format!("p{n}=&")).collect();
        assert!(Query::parse(&many).is_err());
        assert!(
            Query::parse("tpyo=1")
                .unwrap()
                .finish()
                .unwrap_err()
                .body
                .contains("tpyo")
        );
    }

    #[test]
    fn hex_is_bytes() {
        assert_eq!(bytes_of_hex("00fF 7a"), Some(vec![0x00, 0xff, 0x7a]));
        assert_eq!(bytes_of_hex(""), Some(vec![]));
        for bad in ["0", "0g", "0x00", "é0"] {
            assert_eq!(bytes_of_hex(bad), None, "{bad}");
        }
    }
}
