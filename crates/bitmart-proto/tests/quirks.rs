//! The quirks of the wire that decoding has to know, numbered as in `docs/PROTOCOL.md`, *Quirks*.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use bitmart_proto::{
    BalanceEvent, BookStep, BookWay, Class, Decoder, EntrustType, ErrorClass, ErrorCode, FuturesOrder,
    FuturesOrderState, Inflater, Num, OpenType, OrderAction, OrderMode, SpotOrderState, SpotSide, TimeMs,
    Topic, Update, classify,
};
use support::{PUSHES, decoded, fixture, fixtures};

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

/// Nor does that of a public message; the items do.
#[test]
fn quirk_01_a_public_table_names_no_symbol() {
    let mut decoder = Decoder::new();
    let update = decoder.decode(fixture("spot_trades_several").as_bytes()).unwrap();
    assert_eq!(update.topic(), "spot/trade");
    assert!(update.concerns(&"spot/trade:SOL_USDT".parse::<Topic>().unwrap()));
    assert!(!update.concerns(&"spot/trade:ADA_USDT".parse::<Topic>().unwrap()));
    // Several symbols in one push, and a table with a symbol.
    let text = fixture("spot_trades_several").replacen("SOL_USDT", "ADA_USDT", 1);
    let update = decoder.decode(text.as_bytes()).unwrap();
    for symbol in ["SOL_USDT", "ADA_USDT"] {
        assert!(
            update.concerns(&format!("spot/trade:{symbol}").parse::<Topic>().unwrap()),
            "{symbol}"
        );
    }
    let text = fixture("spot_trade").replace("spot/trade", "spot/trade:SOL_USDT");
    assert!(
        matches!(decoder.decode(text.as_bytes()), Ok(Update::SpotTrades { trades, .. }) if trades.len() == 1)
    );
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
fn quirk_06_public_times_are_seconds_or_milliseconds_by_the_field() {
    let moment = TimeMs::new(1_771_200_400_000);
    decoded!("spot_ticker", SpotTickers { tickers } => {
        let ticker = tickers.get(0).unwrap();
        assert_eq!((ticker.s_t, ticker.ms_t), (Some(moment), Some(TimeMs::new(1_771_200_400_311))));
    });
    decoded!("spot_trade", SpotTrades { trades } => {
        let trade = trades.get(0).unwrap();
        assert_eq!((trade.s_t, trade.ms_t), (Some(moment), Some(TimeMs::new(1_771_200_400_111))));
    });
    let minute = TimeMs::new(1_771_200_360_000);
    decoded!("spot_kline_1m", SpotKlines { klines } => assert_eq!(klines.get(0).unwrap().candle.time, minute));
    decoded!("futures_kline", FuturesKlines { klines } => assert_eq!(klines.get(0).unwrap().time, minute));
    decoded!("futures_funding_rate", FuturesFundingRates { rates } => {
        assert_eq!(rates.get(0).unwrap().time, Some(TimeMs::new(1_771_200_410_542)), "ts of funding");
    });
    decoded!("futures_trade", FuturesTrades { trades } => {
        let created = trades.get(0).unwrap().created_at.unwrap();
        assert_eq!(created.as_nanos(), Some(1_771_200_401_656_686_827));
    });
}

#[test]
fn quirk_07_an_empty_update_is_old_on_spot_and_new_on_futures() {
    decoded!("spot_depth_increase_heartbeat", SpotDepthUpdates { updates } => {
        let heartbeat = updates.get(0).unwrap();
        assert!(heartbeat.asks.is_empty() && heartbeat.bids.is_empty());
        // The update before it has brought the book to this version.
        assert_eq!(heartbeat.step(Some(7_301_145)), BookStep::Discard);
    });
    decoded!("futures_depth_increase_empty_update", FuturesDepthUpdates { updates } => {
        let update = updates.get(0).unwrap();
        assert!(update.asks.is_empty() && update.bids.is_empty());
        assert_eq!(update.step(Some(640_022)), BookStep::Apply);
    });
    decoded!("futures_depth_increase_one_sided", FuturesDepthUpdates { updates } => {
        let next = updates.get(0).unwrap();
        assert_eq!(next.step(Some(640_023)), BookStep::Apply);
        assert_eq!(next.step(Some(640_022)), BookStep::Gap, "had the empty one not been applied");
    });
}

#[test]
fn quirk_08_a_side_of_a_futures_book_comes_alone() {
    for (name, way) in [
        ("futures_depth20_bid", BookWay::BIDS),
        ("futures_depth20_ask", BookWay::ASKS),
    ] {
        decoded!(name, FuturesDepthSides { sides } => {
            assert_eq!((sides.len(), sides.get(0).unwrap().way), (1, way), "{name}");
        });
    }
    decoded!("futures_depth_all20", FuturesDepths { books } => {
        let book = books.get(0).unwrap();
        assert!(!book.asks.is_empty() && !book.bids.is_empty());
    });
}

#[test]
fn quirk_09_futures_candles_come_as_documented_or_as_sent() {
    decoded!("futures_kline_flat", FuturesKlines { klines } => {
        let kline = klines.get(0).unwrap();
        assert_eq!((klines.len(), kline.symbol, kline.close.as_str()), (1, "ETHUSDT", "1946.24"));
    });
    decoded!("futures_klines_two", FuturesKlines { klines } => {
        let closes: Vec<_> = klines.iter().map(|kline| (kline.symbol, kline.close.as_str())).collect();
        assert_eq!(closes, [("ETHUSDT", "2949.5"), ("ETHUSDT", "2950.1")]);
    });
    for name in ["futures_mark_kline", "futures_mark_kline_flat"] {
        decoded!(name, FuturesMarkPriceKlines { klines } => assert_eq!(klines.len(), 1, "{name}"));
    }
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

/// Decided frame by frame: the same message packed and as text.
#[test]
fn quirk_18_a_push_may_come_packed_or_as_text() {
    use flate2::{Compress, Compression, FlushCompress};
    let (mut inflater, mut plain, mut packed) = (Inflater::new(), Decoder::new(), Decoder::new());
    for (name, text) in fixtures(PUSHES) {
        let mut frame = Vec::with_capacity(8192);
        Compress::new(Compression::default(), false)
            .compress_vec(text.as_bytes(), &mut frame, FlushCompress::Sync)
            .unwrap();
        let unpacked = inflater.inflate(&frame).unwrap();
        assert_eq!(packed.decode(unpacked), plain.decode(text.as_bytes()), "{name}");
        assert!(matches!(classify(unpacked), Class::Push(_)), "{name}");
    }
}

#[test]
fn quirk_21_equal_spot_trades_are_two_and_futures_trades_have_ids() {
    decoded!("spot_trades_several", SpotTrades { trades } => {
        assert_eq!(trades.len(), 3);
        assert_eq!(trades.get(0), trades.get(1));
    });
    decoded!("futures_trade", FuturesTrades { trades } => {
        assert_eq!(trades.get(0).unwrap().trade_id, 4_100_000_733_121);
    });
    decoded!("futures_trade_string_id", FuturesTrades { trades } => {
        assert_eq!(trades.get(0).unwrap().trade_id, 4_100_000_733_200);
    });
}

/// The order of the message is kept, which differs between the markets.
#[test]
fn quirk_22_trades_are_oldest_first_on_spot_and_newest_first_on_futures() {
    decoded!("spot_trades_several", SpotTrades { trades } => {
        assert!(trades.iter().is_sorted_by_key(|trade| trade.ms_t.unwrap()));
        assert_eq!(trades.get(2).unwrap().side, Some(SpotSide::Sell));
    });
    decoded!("futures_trades_several", FuturesTrades { trades } => {
        assert!(trades.iter().rev().is_sorted_by_key(|trade| trade.created_at.unwrap().as_nanos().unwrap()));
        assert_eq!(trades.get(0).unwrap().trade_id, 4_100_000_733_103);
    });
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

#[test]
fn quirk_25_the_time_of_funding_is_now_and_the_next_one_counts() {
    decoded!("futures_funding_rate", FuturesFundingRates { rates } => {
        let rate = rates.get(0).unwrap();
        let (now, sent, next) = (rate.funding_time.unwrap(), rate.time.unwrap(), rate.next_time.unwrap());
        assert!(now <= sent && sent.as_millis() - now.as_millis() < 1_000, "the present second");
        assert_eq!(next, TimeMs::new(1_771_228_800_000));
        assert_eq!(rate.last_rate.unwrap().as_str(), "0.000051200034");
        assert_eq!(rate.next_rate.unwrap().as_str(), "-0.0000386");
    });
}

/// The suffix says a pace; nothing is made of it. A topic with one concerns the same messages.
#[test]
fn quirk_26_the_pace_of_a_topic_means_nothing() {
    let mut decoder = Decoder::new();
    for suffix in ["", "@100ms", "@200ms", "@500ms"] {
        let text = fixture("futures_depth_all20").replace("@200ms", suffix);
        let update = decoder.decode(text.as_bytes()).unwrap();
        assert!(matches!(update, Update::FuturesDepths { .. }), "{suffix}");
        let topic = "futures/depthAll20:ETHUSDT@100ms".parse::<Topic>().unwrap();
        assert!(update.concerns(&topic), "{suffix}");
    }
}

#[test]
fn quirk_27_an_empty_book_is_a_book() {
    decoded!("futures_depth_increase_empty_snapshot", FuturesDepthUpdates { updates } => {
        let snapshot = updates.get(0).unwrap();
        assert!(snapshot.asks.is_empty() && snapshot.bids.is_empty());
        assert_eq!((snapshot.version, snapshot.step(None)), (3, BookStep::Replace));
    });
    decoded!("spot_depth50_empty", SpotDepths { books } => assert_eq!(books.len(), 1));
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
