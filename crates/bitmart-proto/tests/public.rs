//! The values of public messages, field by field, and what their helpers make of them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use bitmart_proto::{
    Decoder, FuturesTrade, Interval, Num, SpotSide, Taker, TimeMs, Timestamp, Topic, TradeWay, Update,
};
use support::{PUBLIC, decoded, fixture, fixtures};

fn num(text: &str) -> Option<Num<'_>> {
    Some(Num::new(text))
}

#[test]
fn a_spot_ticker_has_every_field() {
    decoded!("spot_ticker", SpotTickers { tickers } => {
        assert_eq!(tickers.len(), 1);
        let ticker = tickers.get(0).unwrap();
        assert_eq!((ticker.ask_price, ticker.ask_size), (num("148.31"), num("12.404")));
        assert_eq!((ticker.bid_price, ticker.bid_size), (num("148.30"), num("3.1000")));
        assert_eq!(ticker.base_volume_24h, num("90211.5512"));
        assert_eq!(ticker.quote_volume_24h, num("13512004.77"));
        assert_eq!(ticker.fluctuation, num("-0.0231"));
        assert_eq!((ticker.high_24h, ticker.low_24h), (num("153.90"), num("146.02")));
        assert_eq!((ticker.open_24h, ticker.last_price.as_str()), (num("151.81"), "148.30"));
        assert_eq!(ticker.ms_t, Some(TimeMs::new(1_771_200_400_311)));
        assert_eq!(ticker.s_t, Some(TimeMs::new(1_771_200_400_000)));
        assert_eq!(ticker.time(), ticker.ms_t);
        assert_eq!(ticker.symbol, "SOL_USDT");
    });
    decoded!("spot_ticker_legacy", SpotTickers { tickers } => {
        let ticker = tickers.get(0).unwrap();
        assert_eq!((ticker.ask_price, ticker.bid_size, ticker.fluctuation), (None, None, None));
        assert_eq!((ticker.quote_volume_24h, ticker.ms_t), (None, None));
        assert_eq!(ticker.time(), Some(TimeMs::new(1_688_800_123_000)));
    });
}

#[test]
fn book_tickers_have_every_field() {
    decoded!("spot_book_ticker", SpotBookTickers { tickers } => {
        let ticker = tickers.get(0).unwrap();
        assert_eq!((ticker.ask_price, ticker.ask_size), (num("148.31"), num("12.404")));
        assert_eq!((ticker.bid_price, ticker.bid_size), (num("148.30"), num("3.1000")));
        assert_eq!((ticker.ms_t, ticker.symbol), (Some(TimeMs::new(1_771_200_400_355)), "SOL_USDT"));
    });
    decoded!("spot_book_ticker_one_sided", SpotBookTickers { tickers } => {
        let ticker = tickers.get(0).unwrap();
        assert_eq!((ticker.bid_price, ticker.bid_size), (None, None));
        assert_eq!(ticker.ask_price, num("0.00071200"));
    });
    decoded!("futures_book_ticker", FuturesBookTickers { tickers } => {
        let ticker = tickers.get(0).unwrap();
        assert_eq!((ticker.bid_price, ticker.bid_size), (num("2950.0"), num("12")));
        assert_eq!((ticker.ask_price, ticker.ask_size), (num("2950.2"), num("11")));
        assert_eq!((ticker.ms_t, ticker.symbol), (Some(TimeMs::new(1_771_200_410_018)), "ETHUSDT"));
    });
}

#[test]
fn a_futures_ticker_has_every_field() {
    for name in ["futures_ticker", "futures_ticker_all", "futures_ticker_suffixed"] {
        decoded!(name, FuturesTickers { tickers } => {
            let ticker = tickers.get(0).unwrap();
            assert_eq!((ticker.symbol, ticker.last_price.as_str()), ("ETHUSDT", "2950.1"), "{name}");
            assert_eq!((ticker.mark_price, ticker.volume_24h), (num("2950.2"), num("90210")), "{name}");
            assert_eq!((ticker.ask_price, ticker.ask_size), (num("2950.2"), num("11")), "{name}");
            assert_eq!((ticker.bid_price, ticker.bid_size), (num("2950.0"), num("12")), "{name}");
        });
    }
    decoded!("futures_ticker", FuturesTickers { tickers } => {
        let ticker = tickers.get(0).unwrap();
        assert_eq!((ticker.range, ticker.index_price), (num("-0.0123400000000001"), num("2950.33333333")));
    });
    decoded!("futures_ticker_fair_price", FuturesTickers { tickers } => {
        let ticker = tickers.get(0).unwrap();
        assert_eq!((ticker.mark_price, ticker.index_price), (num("1890.10"), None));
    });
}

#[test]
fn trades_have_every_field() {
    decoded!("spot_trade", SpotTrades { trades } => {
        let trade = trades.get(0).unwrap();
        assert_eq!((trade.price.as_str(), trade.size.as_str(), trade.symbol), ("148.30", "3.1", "SOL_USDT"));
        assert_eq!(trade.side, Some(SpotSide::Buy));
        assert_eq!(trade.s_t, Some(TimeMs::new(1_771_200_400_000)));
        assert_eq!((trade.ms_t, trade.time()), (Some(TimeMs::new(1_771_200_400_111)), trade.ms_t));
    });
    decoded!("spot_trade_without_ms_t", SpotTrades { trades } => {
        let trade = trades.get(0).unwrap();
        assert_eq!((trade.ms_t, trade.time()), (None, Some(TimeMs::new(1_688_800_000_000))));
    });
    decoded!("futures_trade", FuturesTrades { trades } => {
        let trade = trades.get(0).unwrap();
        assert_eq!((trade.trade_id, trade.symbol), (4_100_000_733_121, "ETHUSDT"));
        assert_eq!((trade.price.as_str(), trade.size.as_str()), ("2950.2", "31"));
        assert_eq!((trade.way, trade.buyer_is_maker), (Some(TradeWay::OPEN_LONG_CLOSE_LONG), Some(true)));
        assert_eq!(trade.created_at, Some(Timestamp::new("2026-02-16T00:06:41.656686827Z")));
    });
}

/// By `m` alone: `way` contradicts it in captures.
#[test]
fn the_taker_is_told_by_m() {
    let takers = |name: &str| -> Vec<Option<Taker>> {
        decoded!(name, FuturesTrades { trades } => trades.iter().map(|trade| trade.taker()).collect())
    };
    assert_eq!(takers("futures_trade"), [Some(Taker::Sold)]);
    assert_eq!(
        takers("futures_trades_several"),
        [Some(Taker::Sold), Some(Taker::Bought), Some(Taker::Bought)]
    );
    assert_eq!(takers("futures_trade_bare"), [None]);
    for way in 1..=9 {
        for (m, taker) in [("true", Taker::Sold), ("false", Taker::Bought)] {
            let text = fixture("futures_trade")
                .replace("\"way\":2", &format!("\"way\":{way}"))
                .replace("\"m\":true", &format!("\"m\":{m}"));
            let mut decoder = Decoder::new();
            let Ok(Update::FuturesTrades { trades, .. }) = decoder.decode(text.as_bytes()) else {
                panic!("{text}");
            };
            let trade: FuturesTrade<'_> = trades.get(0).unwrap();
            assert_eq!((trade.way, trade.taker()), (Some(TradeWay(way)), Some(taker)));
            assert_eq!(trade.way.unwrap().name().is_some(), way < 9);
        }
    }
}

#[test]
fn funding_has_every_field() {
    decoded!("futures_funding_rate", FuturesFundingRates { rates } => {
        let rate = rates.get(0).unwrap();
        assert_eq!((rate.symbol, rate.last_rate), ("ETHUSDT", num("0.000051200034")));
        assert_eq!((rate.next_rate, rate.next_time), (num("-0.0000386"), Some(TimeMs::new(1_771_228_800_000))));
        assert_eq!(rate.funding_time, Some(TimeMs::new(1_771_200_410_000)));
        assert_eq!((rate.upper_limit, rate.lower_limit), (num("0.0225"), num("-0.0225")));
        assert_eq!(rate.time, Some(TimeMs::new(1_771_200_410_542)));
    });
}

#[test]
fn candles_know_their_interval_and_its_beginning() {
    for (name, interval, time, open_time) in [
        ("spot_kline_1m", Interval::Minute1, 1_771_200_360, 1_771_200_360),
        ("spot_kline_1h", Interval::Hour1, 1_771_200_000, 1_771_200_000),
        ("spot_kline_1d", Interval::Day1, 1_771_200_000, 1_771_200_000),
        ("spot_kline_month", Interval::Month1, 1_769_904_000, 1_769_904_000),
        (
            "spot_kline_unaligned",
            Interval::Minute5,
            1_688_800_123,
            1_688_799_900,
        ),
        (
            "spot_kline_more_cells",
            Interval::Minute15,
            1_771_200_000,
            1_771_200_000,
        ),
    ] {
        let mut decoder = Decoder::new();
        let update = decoder.decode(fixture(name).as_bytes()).unwrap();
        assert_eq!(update.interval(), Some(interval), "{name}");
        let Update::SpotKlines { klines, .. } = update else {
            panic!("{name}: {update:?}");
        };
        let candle = klines.get(0).unwrap().candle;
        assert_eq!(candle.time, TimeMs::new(time * 1_000), "{name}");
        assert_eq!(
            candle.open_time(interval),
            TimeMs::new(open_time * 1_000),
            "{name}"
        );
        assert_eq!(
            (candle.open.as_str(), candle.high.as_str()),
            ("147.92", "148.60"),
            "{name}"
        );
        assert_eq!(
            (candle.low.as_str(), candle.close.as_str()),
            ("147.90", "148.30"),
            "{name}"
        );
        assert_eq!(
            (candle.volume.as_str(), klines.get(0).unwrap().symbol),
            ("1204.5511", "SOL_USDT")
        );
    }
    for (name, interval, times) in [
        (
            "futures_kline",
            Interval::Minute1,
            &[(1_771_200_360, 1_771_200_360)][..],
        ),
        (
            "futures_klines_two",
            Interval::Minute5,
            &[(1_771_200_001, 1_771_200_000), (1_771_200_301, 1_771_200_300)],
        ),
        (
            "futures_kline_flat",
            Interval::Minute1,
            &[(1_700_500_801, 1_700_500_800)],
        ),
        (
            "futures_mark_kline",
            Interval::Hour1,
            &[(1_771_200_000, 1_771_200_000)],
        ),
        (
            "futures_mark_kline_flat",
            Interval::Minute1,
            &[(1_700_500_801, 1_700_500_800)],
        ),
    ] {
        let mut decoder = Decoder::new();
        let update = decoder.decode(fixture(name).as_bytes()).unwrap();
        assert_eq!(update.interval(), Some(interval), "{name}");
        let (Update::FuturesKlines { klines, .. } | Update::FuturesMarkPriceKlines { klines, .. }) = update
        else {
            panic!("{name}: {update:?}");
        };
        let found: Vec<(u64, u64)> = klines
            .iter()
            .map(|kline| (kline.time.as_millis(), kline.open_time(interval).as_millis()))
            .collect();
        let times: Vec<(u64, u64)> = times
            .iter()
            .map(|(time, open)| (time * 1_000, open * 1_000))
            .collect();
        assert_eq!(found, times, "{name}");
        assert!(klines.iter().all(|kline| kline.symbol == "ETHUSDT"), "{name}");
    }
}

#[test]
fn only_candles_have_an_interval() {
    for (name, text) in fixtures(PUBLIC) {
        let mut decoder = Decoder::new();
        let update = decoder.decode(text.as_bytes()).unwrap();
        assert_eq!(update.interval().is_some(), name.contains("kline"), "{name}");
    }
    // One that isn't documented is read like those that are, and not named.
    let text = fixture("spot_kline_1m").replace("kline1m", "kline3m");
    let mut decoder = Decoder::new();
    let update = decoder.decode(text.as_bytes()).unwrap();
    assert!(matches!(update, Update::SpotKlines { klines, .. } if klines.len() == 1));
    assert_eq!(update.interval(), None);
}

#[test]
fn timestamps_keep_their_nanoseconds() {
    decoded!("futures_trades_several", FuturesTrades { trades } => {
        let times: Vec<_> = trades
            .iter()
            .map(|trade| {
                let created = trade.created_at.unwrap();
                (created.as_nanos().unwrap(), created.to_time().unwrap().as_millis())
            })
            .collect();
        assert_eq!(times, [
            (1_771_200_402_500_000_001, 1_771_200_402_500),
            (1_771_200_402_250_000_000, 1_771_200_402_250),
            (1_771_200_402_000_000_000, 1_771_200_402_000),
        ]);
    });
}

/// For each fixture the topics that it concerns, out of one topic of every kind and some beside them.
#[test]
fn public_updates_know_which_topics_they_concern() {
    const TOPICS: &[&str] = &[
        "spot/ticker:SOL_USDT",
        "spot/ticker:ADA_USDT",
        "spot/bookTicker:SOL_USDT",
        "spot/bookTicker:NIGHT_USDT",
        "spot/kline1m:SOL_USDT",
        "spot/kline1M:SOL_USDT",
        "spot/kline1m:ADA_USDT",
        "spot/depth5:SOL_USDT",
        "spot/depth20:SOL_USDT",
        "spot/depth20:NIGHT_USDT",
        "spot/depth/increase100:SOL_USDT",
        "spot/depth/increase100:ADA_USDT",
        "spot/trade:SOL_USDT",
        "spot/trade:ADA_USDT",
        "futures/ticker",
        "futures/ticker:ETHUSDT",
        "futures/ticker:BTCUSDT",
        "futures/bookticker:ETHUSDT",
        "futures/bookticker:BTCUSDT",
        "futures/fundingRate:ETHUSDT",
        "futures/depth20:ETHUSDT",
        "futures/depth20:ETHUSDT@200ms",
        "futures/depth50:ETHUSDT",
        "futures/depthAll20:ETHUSDT@200ms",
        "futures/depthIncrease50:ETHUSDT@100ms",
        "futures/depthIncrease20:ETHUSDT@100ms",
        "futures/trade:ETHUSDT",
        "futures/trade:SOLUSDT",
        "futures/klineBin1m:ETHUSDT",
        "futures/klineBin5m:ETHUSDT",
        "futures/markPriceKlineBin1H:ETHUSDT",
    ];
    let mut decoder = Decoder::new();
    let mut concerned = |name: &str| {
        let update = decoder.decode(fixture(name).as_bytes()).unwrap();
        TOPICS
            .iter()
            .copied()
            .filter(|topic| update.concerns(&topic.parse::<Topic>().unwrap()))
            .collect::<Vec<_>>()
    };
    for (name, topics) in [
        ("spot_ticker", &["spot/ticker:SOL_USDT"][..]),
        ("spot_ticker_legacy", &["spot/ticker:ADA_USDT"]),
        ("spot_book_ticker", &["spot/bookTicker:SOL_USDT"]),
        ("spot_book_ticker_one_sided", &["spot/bookTicker:NIGHT_USDT"]),
        ("spot_kline_1m", &["spot/kline1m:SOL_USDT"]),
        ("spot_kline_month", &["spot/kline1M:SOL_USDT"]),
        ("spot_depth5", &["spot/depth5:SOL_USDT"]),
        ("spot_depth20_one_sided", &["spot/depth20:NIGHT_USDT"]),
        (
            "spot_depth_increase_heartbeat",
            &["spot/depth/increase100:SOL_USDT"],
        ),
        ("spot_trades_several", &["spot/trade:SOL_USDT"]),
        ("spot_trade_table_first", &["spot/trade:ADA_USDT"]),
        // Who asked for one of all tickers gets it, too.
        (
            "futures_ticker_all",
            &["futures/ticker", "futures/ticker:ETHUSDT"],
        ),
        ("futures_ticker", &["futures/ticker:ETHUSDT"]),
        ("futures_ticker_suffixed", &["futures/ticker:ETHUSDT"]),
        ("futures_book_ticker", &["futures/bookticker:ETHUSDT"]),
        ("futures_funding_rate", &["futures/fundingRate:ETHUSDT"]),
        ("futures_depth_all20", &["futures/depthAll20:ETHUSDT@200ms"]),
        (
            "futures_depth_increase_empty_update",
            &["futures/depthIncrease50:ETHUSDT@100ms"],
        ),
        ("futures_trade", &["futures/trade:ETHUSDT"]),
        ("futures_trade_string_id", &["futures/trade:SOLUSDT"]),
        ("futures_kline", &["futures/klineBin1m:ETHUSDT"]),
        ("futures_mark_kline", &["futures/markPriceKlineBin1H:ETHUSDT"]),
        ("raw_spot", &[]),
        ("raw_futures", &[]),
    ] {
        assert_eq!(concerned(name), topics, "{name}");
    }
    // A speed is not part of what a topic is about.
    assert_eq!(
        concerned("futures_depth20_ask"),
        ["futures/depth20:ETHUSDT", "futures/depth20:ETHUSDT@200ms"]
    );
    // A message without items concerns every topic of its channel.
    let mut decoder = Decoder::new();
    let update = decoder.decode(br#"{"data":[],"table":"spot/trade"}"#).unwrap();
    for (topic, is_concerned) in [("spot/trade:SOL_USDT", true), ("spot/ticker:SOL_USDT", false)] {
        assert_eq!(
            update.concerns(&topic.parse::<Topic>().unwrap()),
            is_concerned,
            "{topic}"
        );
    }
}

#[test]
fn pushes_of_unknown_topics_stay_raw() {
    let mut decoder = Decoder::new();
    for (name, topic, symbol) in [
        ("raw_spot", "spot/insurance", "SOL_USDT"),
        ("raw_futures", "futures/openInterest:ETHUSDT", "ETHUSDT"),
    ] {
        let text = fixture(name);
        let Update::Raw(raw) = decoder.decode(text.as_bytes()).unwrap() else {
            panic!("{name}");
        };
        assert_eq!((raw.topic, raw.symbol, raw.text), (topic, Some(symbol), text));
    }
}

#[test]
fn a_futures_group_without_a_symbol_concerns_what_its_items_name() {
    let mut decoder = Decoder::new();
    let text = br#"{"data":{"symbol":"ETHUSDT","best_bid_price":"1","ms_t":1},"group":"futures/bookticker"}"#;
    let update = decoder.decode(text).unwrap();
    assert!(update.concerns(&"futures/bookticker:ETHUSDT".parse().unwrap()));
    assert!(!update.concerns(&"futures/bookticker:BTCUSDT".parse().unwrap()));
}

#[test]
fn futures_candles_have_no_month() {
    let mut decoder = Decoder::new();
    let text = br#"{"data":{"symbol":"BTCUSDT","items":[]},"group":"futures/klineBin1M:BTCUSDT"}"#;
    assert_eq!(decoder.decode(text).unwrap().interval(), None);
}
