//! The same message read in every way there is.

use bitmart_proto::{Decoder, Update};

use super::{expected, shown};

/// A decoder for each way, each of which has read other messages before.
#[derive(Default)]
pub(crate) struct Readers {
    whole: Decoder,
    general: Decoder,
    predicted: Decoder,
}

/// How a message on which all ways agree was read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// No way takes it.
    Refused,
    /// The general way alone takes it.
    General,
    /// Both ways take it.
    Predicted,
}

impl Outcome {
    pub(crate) fn decodes(self) -> bool {
        self != Self::Refused
    }
}

impl Readers {
    /// Reads the text in all four ways: as users do, each of the two ways alone, and as the model does. An error
    /// tells which of them differ.
    pub(crate) fn read(&mut self, text: &[u8]) -> Result<Outcome, String> {
        self.compare(text, true)
    }

    /// The same, where a difference is a failure.
    pub(crate) fn assert_same(&mut self, text: &[u8]) -> Outcome {
        self.read(text)
            .unwrap_or_else(|difference| panic!("{difference}"))
    }

    /// The same without the model, which takes longer than all else: for a great many texts.
    pub(crate) fn assert_same_ways(&mut self, text: &[u8]) -> Outcome {
        self.compare(text, false)
            .unwrap_or_else(|difference| panic!("{difference}"))
    }

    fn compare(&mut self, text: &[u8], with_model: bool) -> Result<Outcome, String> {
        let whole = self.whole.decode(text);
        let general = self.general.decode_general(text);
        let predicted = self.predicted.decode_predicted(text);
        let differ = |what: &str, left: &dyn std::fmt::Debug, right: &dyn std::fmt::Debug| {
            let text = String::from_utf8_lossy(text);
            Err(format!("{text}\n{what} differ:\n{left:?}\n{right:?}"))
        };
        if whole != general {
            return differ("decode and decode_general", &whole, &general);
        }
        if predicted.is_some() && predicted.as_ref() != general.as_ref().ok() {
            return differ("decode_predicted and decode_general", &predicted, &general);
        }
        if let Ok(Update::Raw(raw)) = whole
            && raw.text.as_bytes() != text
        {
            return differ("a raw push and its text", &raw.text, &"");
        }
        if with_model {
            let (ours, model) = (whole.as_ref().ok().copied().map(shown), expected(text));
            if ours != model {
                return differ("the library and the model", &ours.ok_or(whole), &model);
            }
        }
        Ok(match (whole, predicted) {
            (_, Some(_)) => Outcome::Predicted,
            (Ok(_), None) => Outcome::General,
            (Err(_), None) => Outcome::Refused,
        })
    }
}
