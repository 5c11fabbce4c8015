//! Every kind of message, made up from a seed: the exchange's shapes with values of ours.

mod futures;
pub(crate) mod json;
mod spot;
mod values;

use fastrand::Rng;

use self::json::Json;

/// How many variants of a message take turns, with other digits and other lengths, so that no branch predictor learns
/// one by heart.
pub const VARIANTS: usize = 64;

/// Whatever is random follows from it.
const SEED: u64 = 20_261_122;

macro_rules! kinds {
    ($( $kind:ident = $name:literal by $message:path; )+) => {
        /// The kinds of message. Where the number of items or levels differs, it is in the name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $(
                #[doc = concat!("`", $name, "`")]
                $kind,
            )+
        }

        impl Kind {
            /// All of them.
            pub const ALL: &[Self] = &[$( Self::$kind ),+];

            /// The name that the reports use.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $( Self::$kind => $name, )+
                }
            }

            fn message(self, random: &mut Rng) -> Json {
                match self {
                    $( Self::$kind => $message(random), )+
                }
            }
        }
    };
}

kinds! {
    SpotOrder = "spot order" by spot::order;
    SpotOrders = "spot orders, 2" by spot::orders;
    SpotBalance = "spot balance" by spot::balance;
    SpotTicker = "spot ticker" by spot::ticker;
    SpotBookTicker = "spot bookTicker" by spot::book_ticker;
    SpotKline = "spot kline" by spot::kline;
    SpotDepth5 = "spot depth5" by spot::depth5;
    SpotDepth50 = "spot depth50" by spot::depth50;
    SpotIncreaseSnapshot = "spot increase100 snapshot" by spot::increase100_snapshot;
    SpotIncreaseUpdate = "spot increase100 update" by spot::increase100_update;
    SpotTrade = "spot trade" by spot::trade;
    SpotTrades = "spot trades, 3" by spot::trades3;
    FuturesOrder = "futures order" by futures::order;
    FuturesOrders = "futures orders, 2" by futures::orders;
    FuturesPosition = "futures position" by futures::position;
    FuturesAsset = "futures asset" by futures::asset;
    FuturesTicker = "futures ticker" by futures::ticker;
    FuturesBookTicker = "futures bookticker" by futures::book_ticker;
    FuturesFundingRate = "futures fundingRate" by futures::funding_rate;
    FuturesDepth20 = "futures depth20" by futures::depth20;
    FuturesDepthAll20 = "futures depthAll20" by futures::depth_all20;
    FuturesDepthAll20V2 = "futures v2/depthAll20" by futures::depth_all20_v2;
    FuturesIncreaseSnapshot = "futures depthIncrease50 snapshot" by futures::increase50_snapshot;
    FuturesIncreaseUpdate = "futures depthIncrease50 update" by futures::increase50_update;
    FuturesTrade = "futures trade" by futures::trade;
    FuturesTrades = "futures trades, 3" by futures::trades3;
    FuturesKline = "futures klineBin" by futures::kline;
    SpotLoginOk = "spot login" by spot::login_ok;
    SpotAck = "spot ack" by spot::ack;
    SpotRefusal = "spot refusal" by spot::refusal;
    FuturesLoginOk = "futures login" by futures::login_ok;
    FuturesAck = "futures ack" by futures::ack;
    FuturesRefusal = "futures refusal" by futures::refusal;
}

impl Kind {
    /// Whether it is the answer to a request, which is read another way than a push.
    #[must_use]
    pub fn is_reply(self) -> bool {
        matches!(
            self,
            Self::SpotLoginOk
                | Self::SpotAck
                | Self::SpotRefusal
                | Self::FuturesLoginOk
                | Self::FuturesAck
                | Self::FuturesRefusal
        )
    }

    /// Those that are pushes.
    pub fn pushes() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|kind| !kind.is_reply())
    }

    /// Those that are replies.
    pub fn replies() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|kind| kind.is_reply())
    }
}

/// How the keys of objects are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As the exchange writes them.
    Venue,
    /// At random, at all levels, and otherwise in each variant.
    Shuffled,
}

impl Order {
    /// The name that the reports use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Venue => "venue",
            Self::Shuffled => "shuffled",
        }
    }
}

/// The variants of one kind of message.
#[derive(Debug)]
pub struct Case {
    /// What they are.
    pub kind: Kind,
    /// How their keys are ordered.
    pub order: Order,
    /// The texts. Those of both orders have the same values.
    pub texts: Vec<String>,
}

impl Case {
    /// Makes the variants up; always the same ones.
    #[must_use]
    pub fn new(kind: Kind, order: Order) -> Self {
        let mut random = Rng::with_seed(SEED);
        let mut shuffler = Rng::with_seed(SEED + 1);
        let texts = (0..VARIANTS)
            .map(|_| {
                let mut message = kind.message(&mut random);
                if order == Order::Shuffled {
                    message.shuffle(&mut shuffler);
                }
                let mut text = String::new();
                message.write(&mut text);
                text
            })
            .collect();
        Self { kind, order, texts }
    }

    /// The mean length of a text in bytes.
    #[must_use]
    pub fn mean_bytes(&self) -> usize {
        self.texts.iter().map(String::len).sum::<usize>() / self.texts.len().max(1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn variants_differ_in_digits_and_in_length() {
        for &kind in Kind::ALL {
            let case = Case::new(kind, Order::Venue);
            let texts = case.texts.iter().collect::<HashSet<_>>().len();
            let lengths = case.texts.iter().map(String::len).collect::<HashSet<_>>().len();
            if kind.is_reply() {
                continue;
            }
            assert!(texts > VARIANTS * 9 / 10, "{}: {texts} texts", kind.name());
            assert!(lengths > 8, "{}: {lengths} lengths", kind.name());
        }
    }

    #[test]
    fn shuffled_messages_have_the_same_values() {
        for &kind in Kind::ALL {
            let (venue, shuffled) = (Case::new(kind, Order::Venue), Case::new(kind, Order::Shuffled));
            for (one, other) in venue.texts.iter().zip(&shuffled.texts) {
                let read = |text| serde_json::from_str::<serde_json::Value>(text).expect("it is JSON");
                assert_eq!(read(one), read(other));
            }
            assert!(
                kind == Kind::SpotLoginOk || venue.texts != shuffled.texts,
                "{}",
                kind.name()
            );
        }
    }
}
