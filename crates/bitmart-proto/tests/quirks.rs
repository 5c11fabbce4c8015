//! The quirks of the wire that decoding has to know, numbered as in `docs/PROTOCOL.md`, *Quirks*.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use bitmart_proto::{
    BalanceEvent, Class, Decoder, EntrustType, ErrorClass, ErrorCode, FuturesOrder, FuturesOrderState,
    Inflater, Num, OpenType, OrderAction, OrderMode, SpotOrderState, SpotSide, TimeMs, Topic, Update,
    classify,
};
use support::{fixture, fixtures};

fn spot_orders<T>(text: &str, check: impl FnOnce(bitmart_proto::SpotOrders<'_>) -> T) -> T {
    let mut decoder = Decoder::new();
    match decoder.decode(text.as_bytes()).unwrap() {
        Update::SpotOrders { orders, .. } => check(orders),
        other => panic!("{other:?}"),
    }
}

fn futures_order<T>(text: &str, check: impl FnOnce(FuturesOrder<'_>) -> T) -> T {
    let mut decoder = Decoder::new();
    match decoder.decode(text.as_bytes()).unwrap() {
        Update::FuturesOrders { orders, .. } => check(orders.get(0).unwrap()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn quirk_01_a_table_names_no_symbol_or_one() {
    spot_orders(fixture("spot_orders_all_symbols"), |orders| {
        let symbols: Vec<_> = orders.iter().map(|order| order.symbol).collect();
        assert_eq!(symbols, ["ADA_USDT", "SOL_USDT"]);
    });
    spot_orders(fixture("spot_orders_table_with_symbol"), |orders| {
        assert_eq!(orders.get(0).unwrap().symbol, "SOL_USDT");
    });
}

#[test]
fn quirk_02_a_group_may_have_a_speed_nobody_asked_for() {
    let mut decoder = Decoder::new();
    let update = decoder
        .decode(fixture("futures_ticker_suffixed").as_bytes())
        .unwrap();
    assert_eq!(update.topic(), "futures/ticker:ETHUSDT@100ms");
    assert!(update.concerns(&"futures/ticker:ETHUSDT".parse::<Topic>().unwrap()));
    let text = fixture("futures_asset").replace("futures/asset:USDT", "futures/asset:USDT@200ms");
    assert!(matches!(
        decoder.decode(text.as_bytes()),
        Ok(Update::FuturesAssets { .. })
    ));
}

#[test]
fn quirk_03_all_orders_come_in_a_table_of_their_own() {
    let mut decoder = Decoder::new();
    let update = decoder
        .decode(fixture("spot_orders_all_symbols").as_bytes())
        .unwrap();
    assert_eq!(update.topic(), "spot/user/orders");
    assert!(update.concerns(&"spot/user/orders:ALL_SYMBOLS".parse::<Topic>().unwrap()));
    assert!(!update.concerns(&"spot/user/order:ADA_USDT".parse::<Topic>().unwrap()));
}

#[test]
fn quirk_04_data_may_be_an_empty_text() {
    for table in ["spot/user/order", "spot/user/orders", "spot/user/balance"] {
        let text = format!(r#"{{"data":"","table":"{table}"}}"#);
        assert!(matches!(classify(text.as_bytes()), Class::Push(_)), "{table}");
        let mut decoder = Decoder::new();
        let count = match decoder.decode(text.as_bytes()).unwrap() {
            Update::SpotOrders { orders, .. } => orders.len(),
            Update::SpotBalances { changes, .. } => changes.len(),
            other => panic!("{other:?}"),
        };
        assert_eq!(count, 0, "{table}");
    }
}

#[test]
fn quirk_05_spot_values_are_texts_and_nothing_has_two_spellings() {
    spot_orders(fixture("spot_order_new"), |orders| {
        let order = orders.get(0).unwrap();
        assert_eq!(order.create_time, Some(TimeMs::new(1_771_200_300_417)));
        assert_eq!(order.notional, None, "an empty text means none");
        assert_eq!(order.last_fill_time, None, "a zero means none");
        assert!(order.last_fill_size.unwrap().is_zero(), "0.00000 is zero");
    });
    // Should a time come as an integer one day, it is read, too.
    let text = fixture("spot_order_new").replace(
        r#""create_time":"1771200300417""#,
        r#""create_time":1771200300417"#,
    );
    assert_ne!(text, fixture("spot_order_new"));
    spot_orders(&text, |orders| {
        assert_eq!(
            orders.get(0).unwrap().create_time,
            Some(TimeMs::new(1_771_200_300_417))
        );
    });
}

#[test]
fn quirk_06_private_times_are_milliseconds() {
    futures_order(fixture("futures_order_submitted"), |order| {
        assert_eq!(order.create_time.unwrap().since_epoch().as_secs(), 1_771_201_000);
        // And an update may be a little older than the creation.
        assert!(order.update_time < order.create_time);
    });
    let mut decoder = Decoder::new();
    let Update::SpotBalances { changes, .. } = decoder.decode(fixture("spot_balance").as_bytes()).unwrap()
    else {
        panic!()
    };
    assert_eq!(
        changes
            .get(0)
            .unwrap()
            .event_time
            .unwrap()
            .since_epoch()
            .as_secs(),
        1_771_200_340
    );
}

#[test]
fn quirk_10_futures_messages_mix_words_and_numbers() {
    futures_order(fixture("futures_order_plan"), |order| {
        assert_eq!(order.open_type, Some(OpenType::Isolated), "a word in an order");
        assert_eq!(order.last_trade, None, "null");
        assert_eq!(
            (order.activation_price, order.activation_price_type),
            (None, None),
            "a dash"
        );
        assert!(order.executes_at_market());
        let price = order.execution_price.unwrap();
        assert_eq!(
            (price.as_str(), price.is_number(), price.to_f64()),
            ("Market price", false, None)
        );
    });
    let mut decoder = Decoder::new();
    let text = fixture("futures_position_without_mode");
    let Update::FuturesPositions { positions, .. } = decoder.decode(text.as_bytes()).unwrap() else {
        panic!()
    };
    assert_eq!(
        positions.get(0).unwrap().open_type,
        Some(OpenType::Isolated),
        "a number in a position"
    );
    assert_eq!(positions.get(0).unwrap().position_mode, None);
    for (value, open_type) in [
        (r#""2""#, OpenType::Cross),
        (r#""Isolated""#, OpenType::Isolated),
        ("9", OpenType::UnknownCode(9)),
        (r#""portfolio""#, OpenType::Unknown("portfolio")),
    ] {
        let text = text.replace(r#""open_type":1"#, &format!(r#""open_type":{value}"#));
        let Update::FuturesPositions { positions, .. } = decoder.decode(text.as_bytes()).unwrap() else {
            panic!()
        };
        assert_eq!(positions.get(0).unwrap().open_type, Some(open_type));
    }
}

#[test]
fn quirk_11_the_action_is_the_event_and_the_sizes_tell_how_it_ended() {
    let mut seen = 0;
    let mut check = |name: &str, expected: [bool; 6]| {
        futures_order(fixture(name), |order| {
            let found = [
                order.is_open(),
                order.is_partly_filled(),
                order.is_terminal(),
                order.is_filled(),
                order.is_canceled(),
                order.is_partly_canceled(),
            ];
            assert_eq!(found, expected, "{name}");
        });
        seen += 1;
    };
    check(
        "futures_order_submitted",
        [true, false, false, false, false, false],
    );
    check("futures_order_waiting", [true, false, false, false, false, false]);
    check(
        "futures_order_partially_filled",
        [true, true, false, false, false, false],
    );
    check("futures_order_filled", [false, false, true, true, false, false]);
    check(
        "futures_order_liquidation",
        [false, false, true, true, false, false],
    );
    check("futures_order_canceled", [false, false, true, false, true, false]);
    check(
        "futures_order_partially_canceled",
        [false, false, true, false, true, true],
    );
    futures_order(fixture("futures_order_adl"), |order| {
        assert_eq!(
            (order.action, order.state),
            (OrderAction::PASSIVE_ADL, FuturesOrderState::FINISHED)
        );
    });
    // The sizes are compared as numbers.
    let text = fixture("futures_order_filled").replace(r#""deal_size":"80""#, r#""deal_size":"80.000""#);
    futures_order(&text, |order| assert!(order.is_filled()));
}

#[test]
fn quirk_13_a_repeated_subscription_is_refused_on_spot_only() {
    let mut decoder = Decoder::new();
    let text = br#"{"event":"subscribe","errorCode":"90008","errorMessage":"Duplicate"}"#;
    let refusal = decoder.reply(text).unwrap().into_owned().outcome.unwrap_err();
    assert_eq!(refusal.class(), ErrorClass::AlreadySubscribed);
    assert_eq!(
        decoder
            .reply(fixture("reply_ack_futures").as_bytes())
            .unwrap()
            .outcome,
        Ok(())
    );
}

#[test]
fn quirk_14_spot_refusals_name_no_topic_and_at_times_no_operation() {
    let mut decoder = Decoder::new();
    for name in ["reply_refused_spot_channel", "reply_refused_spot_without_event"] {
        assert_eq!(classify(fixture(name).as_bytes()), Class::Reply, "{name}");
        let reply = decoder.reply(fixture(name).as_bytes()).unwrap();
        assert_eq!(reply.topic, None, "{name}");
        assert!(reply.outcome.is_err(), "{name}");
    }
    assert_eq!(
        decoder
            .reply(fixture("reply_refused_spot_without_event").as_bytes())
            .unwrap()
            .operation,
        None
    );
}

#[test]
fn quirk_15_an_unsubscription_of_nothing_has_a_code_alone() {
    let mut decoder = Decoder::new();
    let reply = decoder
        .reply(fixture("reply_refused_spot_without_event").as_bytes())
        .unwrap();
    let refusal = reply.outcome.unwrap_err();
    assert_eq!(
        (refusal.code, refusal.class()),
        (Some(ErrorCode(90009)), ErrorClass::NotSubscribed)
    );
}

#[test]
fn quirk_16_futures_refuse_text_that_is_no_json() {
    let text = br#"{"success":false,"error":"Invalid message: message must be JSON: ping"}"#;
    assert_eq!(classify(text), Class::Reply, "it is no pong");
    let mut decoder = Decoder::new();
    let refusal = decoder.reply(text).unwrap().outcome.unwrap_err();
    assert_eq!(refusal.class(), ErrorClass::Request);
}

#[test]
fn quirk_18_a_reply_may_come_packed() {
    use flate2::{Compress, Compression, FlushCompress};
    let (mut inflater, mut decoder) = (Inflater::new(), Decoder::new());
    for (name, text) in fixtures(&["reply_"]) {
        let mut frame = Vec::with_capacity(1024);
        Compress::new(Compression::default(), false)
            .compress_vec(text.as_bytes(), &mut frame, FlushCompress::Finish)
            .unwrap();
        let unpacked = inflater.inflate(&frame).unwrap();
        assert_eq!(classify(unpacked), Class::Reply, "{name}");
        decoder.reply(unpacked).unwrap();
    }
}

#[test]
fn quirk_23_an_event_may_be_padded() {
    let mut decoder = Decoder::new();
    let text = fixture("spot_balance_padded_event");
    assert!(text.contains("ACCOUNT_TRANSFER  "));
    let Update::SpotBalances { changes, .. } = decoder.decode(text.as_bytes()).unwrap() else {
        panic!()
    };
    assert_eq!(changes.get(0).unwrap().event_type, BalanceEvent::Transfer);
}

#[test]
fn quirk_24_letter_case_drifts_and_unknown_words_stay() {
    spot_orders(fixture("spot_order_market_buy"), |orders| {
        assert_eq!(
            orders.get(0).unwrap().entrust_type,
            Some(EntrustType::Normal),
            "normal for NORMAL"
        );
    });
    spot_orders(fixture("spot_order_mode_zero"), |orders| {
        let order = orders.get(0).unwrap();
        assert_eq!(order.order_mode, Some(OrderMode::Unknown("0")));
        assert_eq!(order.entrust_type, Some(EntrustType::LimitMaker));
    });
    let text = fixture("spot_order_filled")
        .replace(r#""filled""#, r#""Filled""#)
        .replace(r#""sell""#, r#""SELL""#);
    spot_orders(&text, |orders| {
        let order = orders.get(0).unwrap();
        assert_eq!(
            (order.state(), order.side),
            (Some(SpotOrderState::Filled), Some(SpotSide::Sell))
        );
    });
}

/// Not a numbered quirk of ours: a decimal may be spelled as a Java server spells it.
#[test]
fn zeros_may_come_with_an_exponent() {
    let text =
        fixture("spot_order_new").replace(r#""filled_size":"0.0000000000""#, r#""filled_size":"0E-10""#);
    spot_orders(&text, |orders| {
        let filled: Num<'_> = orders.get(0).unwrap().filled_size.unwrap();
        assert!(filled.is_zero() && filled.to_scaled(8) == Ok(0));
    });
}
