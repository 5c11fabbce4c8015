//! Tickers, best prices and funding.

use std::time::Duration;

use bitmart_proto::Environment;
use bitmart_sim::EXAMPLE_KEY as KEY;
use bitmart_sim::exchange::{Exchange, Intent, NewOrder, Push};
use serde_json::Value;

use crate::copy::{Copy, Level, item};
use crate::numbers::{ONE, amount, field, number, parsed};
use crate::tape::{Bar, Tapes, fraction_digits};
use crate::{for_seeds, heard};

const MINUTE_MS: u64 = 60_000;
/// Minutes of a ticker's statistics.
const DAY_MINUTES: u64 = 1_440;

/// What the trades of the last 24 hours make of a ticker; a whole minute leaves the window at once.
fn day(tapes: &Tapes, symbol: &str, now_ms: u64) -> Option<Bar> {
    let end_minute = now_ms / MINUTE_MS + 1;
    tapes
        .of(symbol)
        .bar((end_minute - DAY_MINUTES) * MINUTE_MS, end_minute * MINUTE_MS)
}

fn is_cut_of(text: &str, exact: i128) -> bool {
    let (decimals, value) = (
        text.split_once('.').map_or(0, |(_, digits)| digits.len()),
        number(text),
    );
    let unit = ONE / 10_i128.pow(decimals as u32);
    (exact - value).abs() < unit
}

fn check_spot(ticker: &Value, tapes: &Tapes, book: &Copy) {
    let now_ms = ticker["ms_t"].as_u64().unwrap();
    assert_eq!(ticker["s_t"].as_u64(), Some(now_ms / 1_000), "{ticker}");
    let best = |side: &str| -> Level {
        (
            amount(ticker, &format!("{side}_px")),
            amount(ticker, &format!("{side}_sz")),
        )
    };
    let sides = book.sides();
    assert_eq!(
        (best("bid"), best("ask")),
        (sides.bids[0], sides.asks[0]),
        "{ticker}"
    );
    let Some(bar) = day(tapes, "BTC_USDT", now_ms) else {
        return assert_eq!(amount(ticker, "base_volume_24h"), 0, "{ticker}");
    };
    for (key, value) in [
        ("last_price", bar.close),
        ("open_24h", bar.open),
        ("high_24h", bar.high),
        ("low_24h", bar.low),
        ("base_volume_24h", bar.volume),
    ] {
        assert_eq!(amount(ticker, key), value, "{key}: {ticker}");
    }
    assert!(
        is_cut_of(field(ticker, "quote_volume_24h"), bar.turnover),
        "{ticker}"
    );
    let change = (bar.close - bar.open) * ONE / bar.open;
    assert!(is_cut_of(field(ticker, "fluctuation"), change), "{ticker}");
}

fn check_futures(ticker: &Value, now_ms: u64, tapes: &Tapes, book: &Copy) {
    let best = |side: &str| -> Level {
        (
            amount(ticker, &format!("{side}_price")),
            amount(ticker, &format!("{side}_vol")),
        )
    };
    let sides = book.sides();
    assert_eq!(
        (best("bid"), best("ask")),
        (sides.bids[0], sides.asks[0]),
        "{ticker}"
    );
    let distance = amount(ticker, "index_price") - amount(ticker, "mark_price");
    assert!(distance.abs() < 50 * ONE / 10, "{ticker}");
    let Some(bar) = day(tapes, "BTCUSDT", now_ms) else {
        return assert_eq!(amount(ticker, "volume_24"), 0, "{ticker}");
    };
    assert_eq!(amount(ticker, "last_price"), bar.close, "{ticker}");
    assert_eq!(amount(ticker, "volume_24"), bar.volume, "{ticker}");
    let change = (bar.close - bar.open) * ONE / bar.open;
    assert!(is_cut_of(field(ticker, "range"), change), "{ticker}");
}

#[test]
fn tickers_agree_with_trades_and_books() {
    const SPOT_BOOK: &str = "spot/depth/increase100:BTC_USDT";
    const FUTURES_BOOK: &str = "futures/depthIncrease5:BTCUSDT@100ms";
    const OTHERS: [&str; 7] = [
        "spot/trade:BTC_USDT",
        "spot/ticker:BTC_USDT",
        "spot/bookTicker:BTC_USDT",
        "futures/trade:BTCUSDT",
        "futures/ticker:BTCUSDT",
        "futures/ticker",
        "futures/bookticker:BTCUSDT",
    ];
    // At the usual pace, and so fast that trades grow older than a day.
    for (tick_ms, seeds, ticks) in [(250, 0..120, 50_u64), (1_300_000, 120..126, 150)] {
        for_seeds(seeds, |seed| {
            let mut exchange = Exchange::builder(Environment::Live)
                .seed(seed)
                .tick(Duration::from_millis(tick_ms))
                .build();
            let begin = |exchange: &mut Exchange, topic: &str| {
                Copy::new(topic, &exchange.first_push(&topic.parse().unwrap()).unwrap())
            };
            let mut spot_book = begin(&mut exchange, SPOT_BOOK);
            let mut futures_book = begin(&mut exchange, FUTURES_BOOK);
            let (mut tapes, mut tickers, mut suffixed) = (Tapes::default(), 0, 0);
            let mut now_ms = 1_767_603_600_000;
            for _ in 0..ticks {
                now_ms += tick_ms;
                let pushes: Vec<Push> = exchange.step_for(|_, topic| {
                    topic == SPOT_BOOK || topic == FUTURES_BOOK || OTHERS.contains(&topic)
                });
                for push in &pushes {
                    match push.topic.as_str() {
                        SPOT_BOOK => spot_book.apply(&item(push)),
                        FUTURES_BOOK => futures_book.apply(&item(push)),
                        _ => {}
                    }
                }
                for push in &pushes {
                    tapes.take(push);
                    match push.topic.as_str() {
                        "spot/ticker:BTC_USDT" => {
                            tickers += 1;
                            check_spot(&item(push), &tapes, &spot_book);
                        }
                        "futures/ticker:BTCUSDT" | "futures/ticker" => {
                            let ticker = item(push);
                            suffixed += usize::from(push.payload.ends_with(r#"USDT@100ms"}"#));
                            if ticker["symbol"] == "BTCUSDT" {
                                tickers += 1;
                                check_futures(&ticker, now_ms, &tapes, &futures_book);
                            }
                        }
                        "spot/bookTicker:BTC_USDT" => {
                            let best = item(push);
                            let bid = (amount(&best, "bid_px"), amount(&best, "bid_sz"));
                            let ask = (amount(&best, "ask_px"), amount(&best, "ask_sz"));
                            let sides = spot_book.sides();
                            assert_eq!((bid, ask), (sides.bids[0], sides.asks[0]));
                        }
                        "futures/bookticker:BTCUSDT" => {
                            let best = item(push);
                            let bid = (amount(&best, "best_bid_price"), amount(&best, "best_bid_vol"));
                            let ask = (amount(&best, "best_ask_price"), amount(&best, "best_ask_vol"));
                            let sides = futures_book.sides();
                            assert_eq!((bid, ask), (sides.bids[0], sides.asks[0]));
                        }
                        _ => {}
                    }
                }
            }
            assert!(tickers > 25 && suffixed > 1, "{tickers}, {suffixed}");
        });
    }
}

/// A script's fill is a trade like others: where it happens, candles and tickers follow, however far it is.
#[test]
fn a_fill_far_from_the_market_is_in_its_statistics() {
    let mut exchange = Exchange::builder(Environment::Live).seed(4).story(false).build();
    let order = NewOrder::limit("BTC_USDT", Intent::Buy, "50000", "0.3");
    let (id, _) = exchange.place_order(KEY, &order).unwrap();
    let pushes = exchange.fill(id, "0.2").unwrap();
    let trade = pushes
        .iter()
        .find(|push| push.topic == "spot/trade:BTC_USDT")
        .unwrap();
    assert!(
        trade.payload.contains(r#""price":"50000.00""#),
        "{}",
        trade.payload
    );
    let mut first = |topic: &str| exchange.first_push(&topic.parse().unwrap()).unwrap();
    for (topic, text) in [
        (
            "spot/ticker:BTC_USDT",
            r#""last_price":"50000.00","low_24h":"50000.00""#,
        ),
        (
            "spot/kline1m:BTC_USDT",
            r#""50000.00","50000.00","50000.00","50000.00","0.20000""#,
        ),
    ] {
        let push = first(topic);
        assert!(push.contains(text), "{push}");
    }
}

#[test]
fn created_at_has_any_number_of_digits() {
    let mut exchange = Exchange::builder(Environment::Live).seed(9).build();
    let mut seen = [false; 10];
    for _ in 0..1_500 {
        for push in exchange.step_for(|_, topic| topic.starts_with("futures/trade:")) {
            if push.topic.starts_with("futures/trade:") {
                for trade in parsed(&push)["data"].as_array().unwrap() {
                    seen[fraction_digits(field(trade, "created_at"))] = true;
                }
            }
        }
    }
    assert_eq!(seen, [true; 10]);
}

/// Quirk 25: `fundingTime` is the present second; a minute lies between two pushes, and the forecast becomes the
/// rate at the settlement.
#[test]
fn quirk_25_funding_tells_the_present_second() {
    const TOPIC: &str = "futures/fundingRate:BTCUSDT";
    let negative_seeds = std::cell::Cell::new(0);
    for_seeds(0..4, |seed| {
        let mut exchange = Exchange::builder(Environment::Live)
            .seed(seed)
            .tick(Duration::from_millis(7_300))
            .story(false)
            .build();
        let first = exchange.first_push(&TOPIC.parse().unwrap()).unwrap();
        let mut told = vec![serde_json::from_str::<Value>(&first).unwrap()["data"].take()];
        for _ in 0..5_000 {
            let pushes = heard(&mut exchange, |topic| topic == TOPIC);
            told.extend(pushes.iter().map(item));
        }
        let (mut settlements, mut is_negative) = (0, false);
        for pair in told.windows(2) {
            let (before, now) = (&pair[0], &pair[1]);
            let ms = |value: &Value, key: &str| value[key].as_u64().unwrap();
            assert_eq!(ms(now, "fundingTime"), ms(now, "ts") / 1_000 * 1_000, "{now}");
            assert!(ms(now, "nextFundingTime") > ms(now, "ts"), "{now}");
            assert_eq!(ms(now, "nextFundingTime") % (8 * 3_600_000), 0, "{now}");
            let since_ms = ms(now, "ts") - ms(before, "ts");
            assert!((60_000..68_000).contains(&since_ms), "{since_ms} ms: {now}");
            let (upper, lower) = (
                amount(now, "funding_upper_limit"),
                amount(now, "funding_lower_limit"),
            );
            let forecast = amount(now, "nextFundingRate");
            is_negative |= forecast < 0;
            assert!(lower <= forecast && forecast <= upper, "{now}");
            if ms(now, "nextFundingTime") == ms(before, "nextFundingTime") {
                assert_eq!(amount(now, "fundingRate"), amount(before, "fundingRate"), "{now}");
            } else {
                settlements += 1;
                let off = amount(now, "fundingRate") - amount(before, "nextFundingRate");
                assert!(off.abs() < ONE / 10_000, "{before} {now}");
            }
        }
        assert!(
            settlements == 1 && told.len() > 500,
            "{settlements}, {}",
            told.len()
        );
        negative_seeds.set(negative_seeds.get() + u32::from(is_negative));
    });
    assert!(negative_seeds.get() > 0, "no forecast is below zero");
}
