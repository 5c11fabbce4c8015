//! Every topic that the exchange documents, for the symbols that the simulator trades.

use bitmart::Topic;
use bitmart_sim::exchange::{FUTURES_CURRENCIES, FUTURES_SYMBOLS, SPOT_SYMBOLS};

const SPOT_INTERVALS: [&str; 10] = ["1m", "5m", "15m", "30m", "1H", "2H", "4H", "1D", "1W", "1M"];
const FUTURES_INTERVALS: [&str; 9] = ["1m", "5m", "15m", "30m", "1H", "2H", "4H", "1D", "1W"];
const LEVELS: [&str; 3] = ["5", "20", "50"];
const SPEEDS: [&str; 3] = ["", "@100ms", "@200ms"];
const FUTURES_BOOKS: [&str; 3] = ["depth", "depthAll", "depthIncrease"];

/// All topics of both markets, public and private. The second version of the futures books is left out: it is
/// acknowledged and silent.
///
/// # Panics
///
/// If the protocol crate doesn't know one of them.
#[must_use]
pub fn every_topic() -> Vec<Topic> {
    let mut texts: Vec<String> = Vec::new();
    for symbol in SPOT_SYMBOLS {
        let channels = ["ticker", "bookTicker", "depth/increase100", "trade", "user/order"];
        texts.extend(channels.iter().map(|channel| format!("spot/{channel}:{symbol}")));
        texts.extend(LEVELS.iter().map(|levels| format!("spot/depth{levels}:{symbol}")));
        texts.extend(
            SPOT_INTERVALS
                .iter()
                .map(|interval| format!("spot/kline{interval}:{symbol}")),
        );
    }
    texts.push("spot/user/orders:ALL_SYMBOLS".to_owned());
    texts.push("spot/user/balance:BALANCE_UPDATE".to_owned());
    for symbol in FUTURES_SYMBOLS {
        let channels = ["ticker", "bookticker", "fundingRate", "trade"];
        texts.extend(
            channels
                .iter()
                .map(|channel| format!("futures/{channel}:{symbol}")),
        );
        for book in FUTURES_BOOKS {
            for levels in LEVELS {
                texts.extend(
                    SPEEDS
                        .iter()
                        .map(|speed| format!("futures/{book}{levels}:{symbol}{speed}")),
                );
            }
        }
        for interval in FUTURES_INTERVALS {
            texts.push(format!("futures/klineBin{interval}:{symbol}"));
            texts.push(format!("futures/markPriceKlineBin{interval}:{symbol}"));
        }
    }
    texts.push("futures/ticker".to_owned());
    texts.extend(
        FUTURES_CURRENCIES
            .iter()
            .map(|currency| format!("futures/asset:{currency}")),
    );
    texts.extend(["futures/position".to_owned(), "futures/order".to_owned()]);
    texts
        .iter()
        .map(|text| text.parse().expect("a topic of docs/PROTOCOL.md"))
        .collect()
}
