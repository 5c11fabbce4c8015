//! The contestants that read messages, ours and others'.

use std::hint::black_box;

use bitmart_proto::{Decoder, Update};
use serde::{Deserialize, Deserializer};

use crate::measure::Turn;
use crate::messages::{Case, Kind};
use crate::shapes::{Consume, Reply, futures, spot};

/// A way from a message's bytes to its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contestant {
    /// Ours: [`Decoder::decode`], or [`Decoder::reply`] for replies.
    Predicted,
    /// Ours, the second way alone: [`Decoder::decode_general`]. Takes no replies.
    General,
    /// `serde_json::from_slice`.
    SerdeJsonSlice,
    /// `serde_json::from_str`, to which the text comes as checked UTF-8.
    SerdeJsonStr,
    /// `simd-json`, with a copy of the message and reused buffers.
    SimdJson,
    /// `sonic_rs::from_slice`.
    SonicRs,
    /// What nobody can do without: a copy of the message and a check of its UTF-8.
    Floor,
}

impl Contestant {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Predicted,
        Self::General,
        Self::SerdeJsonSlice,
        Self::SerdeJsonStr,
        Self::SimdJson,
        Self::SonicRs,
        Self::Floor,
    ];

    /// The name that the reports use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Predicted => "predicted",
            Self::General => "general",
            Self::SerdeJsonSlice => "serde_json",
            Self::SerdeJsonStr => "serde_json_str",
            Self::SimdJson => "simd-json",
            Self::SonicRs => "sonic-rs",
            Self::Floor => "floor",
        }
    }

    /// Those that can read a kind of message.
    pub fn of(kind: Kind) -> impl Iterator<Item = Self> {
        let reads = move |contestant: &Self| *contestant != Self::General || !kind.is_reply();
        Self::ALL.iter().copied().filter(reads)
    }

    /// Reading a case, with buffers of its own: one variant after the other, from the first again after the last.
    ///
    /// # Panics
    ///
    /// The work panics if a message can't be read.
    #[must_use]
    pub fn turn(self, case: &Case) -> Turn<'_> {
        let kind = case.kind;
        let mut texts = case.texts.iter().cycle();
        match self {
            Self::Predicted if kind.is_reply() => {
                let mut decoder = Decoder::new();
                Box::new(move |count| {
                    for text in texts.by_ref().take(count) {
                        black_box(&decoder.reply(text.as_bytes()).expect("it is a reply"));
                    }
                })
            }
            Self::Predicted => {
                let mut decoder = Decoder::new();
                Box::new(move |count| {
                    for text in texts.by_ref().take(count) {
                        consume(decoder.decode(text.as_bytes()).expect("it is a push"));
                    }
                })
            }
            Self::General => {
                let mut decoder = Decoder::new();
                Box::new(move |count| {
                    for text in texts.by_ref().take(count) {
                        consume(decoder.decode_general(text.as_bytes()).expect("it is a push"));
                    }
                })
            }
            Self::SerdeJsonSlice => Box::new(move |count| {
                for text in texts.by_ref().take(count) {
                    let mut deserializer = serde_json::Deserializer::from_slice(text.as_bytes());
                    read(kind, &mut deserializer).expect(FITS);
                    deserializer.end().expect(ENDS);
                }
            }),
            Self::SerdeJsonStr => Box::new(move |count| {
                for text in texts.by_ref().take(count) {
                    let mut deserializer = serde_json::Deserializer::from_str(text);
                    read(kind, &mut deserializer).expect(FITS);
                    deserializer.end().expect(ENDS);
                }
            }),
            Self::SimdJson => {
                let (mut scratch, mut buffers) = (Vec::new(), simd_json::Buffers::default());
                Box::new(move |count| {
                    for text in texts.by_ref().take(count) {
                        scratch.clear();
                        scratch.extend_from_slice(text.as_bytes());
                        let mut deserializer =
                            simd_json::Deserializer::from_slice_with_buffers(&mut scratch, &mut buffers)
                                .expect("it is JSON");
                        read(kind, &mut deserializer).expect(FITS);
                    }
                })
            }
            Self::SonicRs => Box::new(move |count| {
                for text in texts.by_ref().take(count) {
                    let mut deserializer = sonic_rs::Deserializer::from_slice(text.as_bytes());
                    read(kind, &mut deserializer).expect(FITS);
                    deserializer.end().expect(ENDS);
                }
            }),
            Self::Floor => {
                let mut scratch = Vec::new();
                Box::new(move |count| {
                    for text in texts.by_ref().take(count) {
                        scratch.clear();
                        scratch.extend_from_slice(text.as_bytes());
                        black_box(&simdutf8::basic::from_utf8(black_box(&scratch)).expect("it is UTF-8"));
                    }
                })
            }
        }
    }
}

const FITS: &str = "it fits the shape";
const ENDS: &str = "nothing stands behind it";

/// Makes every item of an update exist in memory, down to the last level.
fn consume(update: Update<'_>) {
    fn see<T>(item: T) {
        black_box(&item);
    }
    see(update.topic());
    match update {
        Update::SpotOrders { orders, .. } => orders.iter().for_each(see),
        Update::SpotBalances { changes, .. } => changes.iter().for_each(|change| {
            see(change);
            change.details.iter().for_each(see);
        }),
        Update::SpotTickers { tickers, .. } => tickers.iter().for_each(see),
        Update::SpotBookTickers { tickers, .. } => tickers.iter().for_each(see),
        Update::SpotKlines { klines, .. } => klines.iter().for_each(see),
        Update::SpotDepths { books, .. } => books.iter().for_each(|book| {
            see(book);
            book.asks.iter().for_each(see);
            book.bids.iter().for_each(see);
        }),
        Update::SpotDepthUpdates { updates, .. } => updates.iter().for_each(|book| {
            see(book);
            book.asks.iter().for_each(see);
            book.bids.iter().for_each(see);
        }),
        Update::SpotTrades { trades, .. } => trades.iter().for_each(see),
        Update::FuturesOrders { orders, .. } => orders.iter().for_each(see),
        Update::FuturesPositions { positions, .. } => positions.iter().for_each(see),
        Update::FuturesAssets { assets, .. } => assets.iter().for_each(see),
        Update::FuturesTickers { tickers, .. } => tickers.iter().for_each(see),
        Update::FuturesBookTickers { tickers, .. } => tickers.iter().for_each(see),
        Update::FuturesFundingRates { rates, .. } => rates.iter().for_each(see),
        Update::FuturesDepthSides { sides, .. } => sides.iter().for_each(|side| {
            see(side);
            side.levels.iter().for_each(see);
        }),
        Update::FuturesDepths { books, .. } => books.iter().for_each(|book| {
            see(book);
            book.asks.iter().for_each(see);
            book.bids.iter().for_each(see);
        }),
        Update::FuturesDepthUpdates { updates, .. } => updates.iter().for_each(|book| {
            see(book);
            book.asks.iter().for_each(see);
            book.bids.iter().for_each(see);
        }),
        Update::FuturesTrades { trades, .. } => trades.iter().for_each(see),
        Update::FuturesKlines { klines, .. } => klines.iter().for_each(see),
        // The benchmarks have none of these.
        other => see(other),
    }
}

/// Hands a message to the shape of its kind.
macro_rules! with_shape {
    ($kind:expr, $shape:ident => $work:expr) => {
        match $kind {
            Kind::SpotOrder | Kind::SpotOrders => {
                type $shape<'a> = spot::Push<'a, spot::Order<'a>>;
                $work
            }
            Kind::SpotBalance => {
                type $shape<'a> = spot::Push<'a, spot::BalanceUpdate<'a>>;
                $work
            }
            Kind::SpotTicker => {
                type $shape<'a> = spot::Push<'a, spot::Ticker<'a>>;
                $work
            }
            Kind::SpotBookTicker => {
                type $shape<'a> = spot::Push<'a, spot::BookTicker<'a>>;
                $work
            }
            Kind::SpotKline => {
                type $shape<'a> = spot::Push<'a, spot::Kline<'a>>;
                $work
            }
            Kind::SpotDepth5 | Kind::SpotDepth50 => {
                type $shape<'a> = spot::Push<'a, spot::Depth<'a>>;
                $work
            }
            Kind::SpotIncreaseSnapshot | Kind::SpotIncreaseUpdate => {
                type $shape<'a> = spot::Push<'a, spot::DepthUpdate<'a>>;
                $work
            }
            Kind::SpotTrade | Kind::SpotTrades => {
                type $shape<'a> = spot::Push<'a, spot::Trade<'a>>;
                $work
            }
            Kind::FuturesOrder | Kind::FuturesOrders => {
                type $shape<'a> = futures::Push<'a, Vec<futures::OrderItem<'a>>>;
                $work
            }
            Kind::FuturesPosition => {
                type $shape<'a> = futures::Push<'a, Vec<futures::Position<'a>>>;
                $work
            }
            Kind::FuturesAsset => {
                type $shape<'a> = futures::Push<'a, futures::Asset<'a>>;
                $work
            }
            Kind::FuturesTicker => {
                type $shape<'a> = futures::Push<'a, futures::Ticker<'a>>;
                $work
            }
            Kind::FuturesBookTicker => {
                type $shape<'a> = futures::Push<'a, futures::BookTicker<'a>>;
                $work
            }
            Kind::FuturesFundingRate => {
                type $shape<'a> = futures::Push<'a, futures::FundingRate<'a>>;
                $work
            }
            Kind::FuturesDepth20 => {
                type $shape<'a> = futures::Push<'a, futures::DepthSide<'a>>;
                $work
            }
            Kind::FuturesDepthAll20 => {
                type $shape<'a> = futures::Push<'a, futures::Depth<'a>>;
                $work
            }
            Kind::FuturesDepthAll20V2 => {
                type $shape<'a> = futures::Push<'a, futures::DepthV2<'a>>;
                $work
            }
            Kind::FuturesIncreaseSnapshot | Kind::FuturesIncreaseUpdate => {
                type $shape<'a> = futures::Push<'a, futures::DepthUpdate<'a>>;
                $work
            }
            Kind::FuturesTrade | Kind::FuturesTrades => {
                type $shape<'a> = futures::Push<'a, Vec<futures::Trade<'a>>>;
                $work
            }
            Kind::FuturesKline => {
                type $shape<'a> = futures::Push<'a, futures::Klines<'a>>;
                $work
            }
            Kind::SpotLoginOk
            | Kind::SpotAck
            | Kind::SpotRefusal
            | Kind::FuturesLoginOk
            | Kind::FuturesAck
            | Kind::FuturesRefusal => {
                type $shape<'a> = Reply<'a>;
                $work
            }
        }
    };
}

/// Reads a push with `Decoder` and consumes all of it. Whether it could be read.
pub fn decode_one(decoder: &mut Decoder, text: &[u8]) -> bool {
    decoder.decode(text).map(consume).is_ok()
}

/// Reads a push with `serde_json` and consumes all of it, whatever its kind: first its topic, then the shape that
/// belongs to it. Whether it could be read.
#[must_use]
pub fn read_one(text: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(alias = "group")]
        table: &'a str,
    }
    serde_json::from_slice(text)
        .is_ok_and(|head: Head<'_>| kind_of(head.table).is_some_and(|kind| fits(kind, text)))
}

fn fits(kind: Kind, text: &[u8]) -> bool {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    read(kind, &mut deserializer).is_ok() && deserializer.end().is_ok()
}

/// A kind whose shape is the one for a topic.
fn kind_of(topic: &str) -> Option<Kind> {
    let channel = topic.split(':').next()?;
    Some(
        match channel.trim_end_matches(|last: char| last.is_ascii_digit()) {
            "spot/user/order" | "spot/user/orders" => Kind::SpotOrder,
            "spot/user/balance" => Kind::SpotBalance,
            "spot/ticker" => Kind::SpotTicker,
            "spot/bookTicker" => Kind::SpotBookTicker,
            "spot/depth" => Kind::SpotDepth5,
            "spot/depth/increase" => Kind::SpotIncreaseUpdate,
            "spot/trade" => Kind::SpotTrade,
            "futures/order" => Kind::FuturesOrder,
            "futures/position" => Kind::FuturesPosition,
            "futures/asset" => Kind::FuturesAsset,
            "futures/ticker" => Kind::FuturesTicker,
            "futures/bookticker" => Kind::FuturesBookTicker,
            "futures/fundingRate" => Kind::FuturesFundingRate,
            "futures/depth" => Kind::FuturesDepth20,
            "futures/depthAll" => Kind::FuturesDepthAll20,
            "futures/v2/depthAll" => Kind::FuturesDepthAll20V2,
            "futures/depthIncrease" => Kind::FuturesIncreaseUpdate,
            "futures/trade" => Kind::FuturesTrade,
            _ if channel.starts_with("spot/kline") => Kind::SpotKline,
            _ if channel.starts_with("futures/klineBin") => Kind::FuturesKline,
            _ => return None,
        },
    )
}

/// Reads a message into the shape of its kind.
fn read<'de, D: Deserializer<'de>>(kind: Kind, deserializer: D) -> Result<(), D::Error> {
    with_shape!(kind, Shape => Shape::deserialize(deserializer)?.consume());
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::messages::{Order, VARIANTS};

    fn cases() -> impl Iterator<Item = Case> {
        let of = |&kind| [Order::Venue, Order::Shuffled].map(|order| Case::new(kind, order));
        Kind::ALL.iter().flat_map(of)
    }

    #[test]
    fn every_contestant_reads_every_message() {
        for case in cases() {
            for contestant in Contestant::of(case.kind) {
                contestant.turn(&case)(VARIANTS);
            }
        }
    }

    #[test]
    fn both_our_ways_read_the_same() {
        let (mut one, mut other) = (Decoder::new(), Decoder::new());
        for case in cases().filter(|case| !case.kind.is_reply()) {
            for text in &case.texts {
                let general = one.decode_general(text.as_bytes()).expect("it is a push");
                assert!(!matches!(general, Update::Raw(_)), "{text}");
                assert_eq!(other.decode(text.as_bytes()), Ok(general));
                if case.order == Order::Venue {
                    assert!(other.decode_predicted(text.as_bytes()).is_some(), "{text}");
                }
            }
        }
    }

    #[test]
    fn both_read_a_push_without_being_told_its_kind() {
        let mut decoder = Decoder::new();
        for case in cases().filter(|case| !case.kind.is_reply()) {
            for text in &case.texts {
                assert!(decode_one(&mut decoder, text.as_bytes()), "{text}");
                assert!(read_one(text.as_bytes()), "{text}");
                // A byte less is nothing that either reads.
                let short = &text.as_bytes()[..text.len() - 1];
                assert!(!decode_one(&mut decoder, short) && !read_one(short), "{text}");
            }
        }
    }

    /// A value without what holds nothing.
    fn pruned(value: Value) -> Value {
        match value {
            Value::Object(entries) => entries
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key, pruned(value)))
                .collect(),
            Value::Array(items) => items.into_iter().map(pruned).collect(),
            other => other,
        }
    }

    #[test]
    fn the_shapes_lose_nothing() {
        for case in cases() {
            for text in &case.texts {
                let mut whole: Value = serde_json::from_str(text).expect("it is JSON");
                if let (true, Some(entries)) = (case.kind.is_reply(), whole.as_object_mut()) {
                    // The echo of the request is of no use to anybody.
                    entries.remove("request");
                }
                let read = with_shape!(case.kind, Shape => {
                    serde_json::to_value(serde_json::from_str::<Shape<'_>>(text).expect(FITS))
                });
                assert_eq!(pruned(read.expect("it can be written")), pruned(whole), "{text}");
            }
        }
    }
}
