//! With the feature `serde`: what messages look like as JSON of ours.
#![cfg(feature = "serde")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use bitmart_proto::{Decoder, Num};
use serde_json::{Value, json};
use support::{PUSHES, fixture, fixtures};

fn written(text: &str) -> String {
    let mut decoder = Decoder::new();
    serde_json::to_string(&decoder.decode(text.as_bytes()).unwrap()).unwrap()
}

#[test]
fn messages_have_our_names_and_the_exchanges_decimals() {
    for (name, expected) in [
        (
            "spot_book_ticker_one_sided",
            r#"{"SpotBookTickers":{"topic":"spot/bookTicker","tickers":[{"ask_price":"0.00071200","ask_size":"50000","bid_price":null,"bid_size":null,"ms_t":1771200400388,"symbol":"NIGHT_USDT"}]}}"#,
        ),
        (
            "futures_depth_increase_one_sided",
            r#"{"FuturesDepthUpdates":{"topic":"futures/depthIncrease50:ETHUSDT@100ms","updates":[{"symbol":"ETHUSDT","asks":[],"bids":[{"price":"2949.8","size":"0"}],"ms_t":1771200414100,"version":640024,"kind":"update"}]}}"#,
        ),
        (
            "spot_kline_1m",
            r#"{"SpotKlines":{"topic":"spot/kline1m","klines":[{"candle":{"time":1771200360000,"open":"147.92","high":"148.60","low":"147.90","close":"148.30","volume":"1204.5511"},"symbol":"SOL_USDT"}]}}"#,
        ),
        (
            "futures_trade",
            r#"{"FuturesTrades":{"topic":"futures/trade:ETHUSDT","trades":[{"trade_id":4100000733121,"symbol":"ETHUSDT","price":"2950.2","size":"31","way":2,"buyer_is_maker":true,"created_at":"2026-02-16T00:06:41.656686827Z"}]}}"#,
        ),
    ] {
        assert_eq!(written(fixture(name)), expected);
    }
    // A raw push holds its message as a text.
    let raw: Value = serde_json::from_str(&written(fixture("raw_futures"))).unwrap();
    assert_eq!(
        raw,
        json!({"Raw": {
            "topic": "futures/openInterest:ETHUSDT",
            "symbol": "ETHUSDT",
            "text": fixture("raw_futures"),
        }})
    );
    // Words and codes that nobody knows are written as they came.
    let order: Value = serde_json::from_str(&written(fixture("futures_order_unknown_codes"))).unwrap();
    let order = &order["FuturesOrders"]["orders"][0];
    assert_eq!(
        [
            &order["action"],
            &order["state"],
            &order["side"],
            &order["kind"],
            &order["open_type"]
        ],
        [
            &json!(77),
            &json!(13),
            &json!(9),
            &json!("grid_order"),
            &json!("portfolio")
        ]
    );
    assert_eq!(order["last_trade"], Value::Null);
}

#[test]
fn views_and_owned_forms_are_serialized_alike() {
    for (name, text) in fixtures(PUSHES) {
        let mut decoder = Decoder::new();
        let owned = decoder.decode(text.as_bytes()).unwrap().to_owned();
        assert_eq!(serde_json::to_string(&owned).unwrap(), written(text), "{name}");
    }
}

/// Every decimal of a message is found again, letter by letter; nothing was made of it that could round.
#[test]
fn decimals_stay_texts() {
    let mut count = 0;
    for (name, text) in fixtures(PUSHES) {
        // Those hold decimals that no field of ours is for.
        if name.starts_with("raw_")
            || ["spot_kline_more_cells", "futures_order_unknown_fields"].contains(&name)
        {
            continue;
        }
        let after = written(text);
        let after: Vec<&str> = after.split('"').collect();
        for decimal in text
            .split('"')
            .filter(|text| text.contains('.') && Num::new(text).is_number())
        {
            assert!(after.contains(&decimal), "{name}: {decimal}");
            count += 1;
        }
        // Outside of the texts there is no point.
        assert!(
            after.iter().step_by(2).all(|outside| !outside.contains('.')),
            "{name}"
        );
    }
    assert!(count > 500, "only {count} decimals");
}
