//! The values of private messages, field by field, and what their helpers make of them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use bitmart_proto::{
    AccountType, BalanceEvent, Decoder, EntrustType, ExecType, FuturesOrder, FuturesOrderKind,
    FuturesOrderState, FuturesSide, Num, OpenType, OrderAction, OrderMode, PositionMode, PositionSide,
    PriceType, SpotOrder, SpotOrderKind, SpotOrderState, SpotSide, TimeMs, Topic, Update,
};
use support::fixture;

fn num(text: &str) -> Option<Num<'_>> {
    Some(Num::new(text))
}

fn spot_order<T>(name: &str, check: impl FnOnce(SpotOrder<'_>) -> T) -> T {
    let mut decoder = Decoder::new();
    let Update::SpotOrders { topic, orders, .. } = decoder.decode(fixture(name).as_bytes()).unwrap() else {
        panic!("{name} holds no spot orders");
    };
    assert_eq!(topic, "spot/user/order");
    assert_eq!(orders.len(), 1);
    check(orders.get(0).unwrap())
}

fn futures_order<T>(name: &str, check: impl FnOnce(FuturesOrder<'_>) -> T) -> T {
    let mut decoder = Decoder::new();
    let Update::FuturesOrders { topic, orders, .. } = decoder.decode(fixture(name).as_bytes()).unwrap()
    else {
        panic!("{name} holds no futures orders");
    };
    assert_eq!(topic, "futures/order");
    assert_eq!(orders.len(), 1);
    check(orders.get(0).unwrap())
}

#[test]
fn a_spot_order_has_every_field() {
    spot_order("spot_order_partially_filled", |order| {
        assert_eq!(order.symbol, "SOL_USDT");
        assert_eq!(order.side, Some(SpotSide::Sell));
        assert_eq!(order.kind, Some(SpotOrderKind::Limit));
        assert_eq!(order.notional, None);
        assert_eq!(order.size, num("12.5000000000"));
        assert_eq!(order.ms_t, Some(TimeMs::new(1_771_200_300_417)));
        assert_eq!(order.price, num("148.2500000000"));
        assert_eq!(order.filled_notional, num("741.2500000000"));
        assert_eq!(order.filled_size, num("5.0000000000"));
        assert_eq!(order.margin_trading, Some("0"));
        assert_eq!(order.legacy_state, Some("5"));
        assert_eq!(order.order_id, "734500112233445566");
        assert_eq!(order.legacy_order_type, Some("0"));
        assert_eq!(order.last_fill_time, Some(TimeMs::new(1_771_200_305_998)));
        assert_eq!(order.last_fill_price, num("148.25000"));
        assert_eq!(order.last_fill_size, num("2.00000"));
        assert_eq!(order.exec_type, Some(ExecType::Maker));
        assert_eq!(order.detail_id, Some("60417700215"));
        assert_eq!(order.client_order_id, Some("desk7x0042"));
        assert_eq!(order.create_time, Some(TimeMs::new(1_771_200_300_417)));
        assert_eq!(order.update_time, Some(TimeMs::new(1_771_200_306_004)));
        assert_eq!(order.order_mode, Some(OrderMode::Spot));
        assert_eq!(order.entrust_type, Some(EntrustType::Normal));
        assert_eq!(order.order_state, Some(SpotOrderState::PartiallyFilled));
        assert_eq!(order.fee, num("0.7412500000"));
        assert_eq!(order.fee_currency, Some("USDT"));
        let fill = order.fill().unwrap();
        assert_eq!(
            (fill.detail_id, fill.price, fill.size),
            ("60417700215", num("148.25000"), num("2.00000"))
        );
        assert_eq!(
            (fill.time, fill.exec_type),
            (order.last_fill_time, Some(ExecType::Maker))
        );
    });
}

#[test]
fn spot_orders_say_where_they_stand() {
    for (name, state, is_open) in [
        ("spot_order_new", SpotOrderState::New, true),
        (
            "spot_order_partially_filled",
            SpotOrderState::PartiallyFilled,
            true,
        ),
        ("spot_order_filled", SpotOrderState::Filled, false),
        ("spot_order_canceled", SpotOrderState::Canceled, false),
        (
            "spot_order_partially_canceled",
            SpotOrderState::PartiallyCanceled,
            false,
        ),
        ("spot_order_legacy", SpotOrderState::PartiallyFilled, true),
        ("spot_order_without_state", SpotOrderState::Canceled, false),
    ] {
        spot_order(name, |order| {
            assert_eq!(order.state(), Some(state), "{name}");
            assert_eq!(
                (order.is_open(), order.is_terminal()),
                (is_open, !is_open),
                "{name}"
            );
        });
    }
    assert_eq!(
        SpotOrderState::from_legacy("12"),
        SpotOrderState::PartiallyCanceled
    );
    assert_eq!(SpotOrderState::from_legacy("11"), SpotOrderState::Unknown("11"));
    let unknown = SpotOrderState::new("queued");
    assert!(!unknown.is_open() && !unknown.is_terminal() && unknown.as_str() == "queued");
}

/// The words win over the number where both are there.
#[test]
fn a_state_in_words_is_trusted_over_its_number() {
    let text = fixture("spot_order_filled").replace(r#""state":"6""#, r#""state":"4""#);
    let mut decoder = Decoder::new();
    let Update::SpotOrders { orders, .. } = decoder.decode(text.as_bytes()).unwrap() else {
        panic!()
    };
    assert_eq!(orders.get(0).unwrap().state(), Some(SpotOrderState::Filled));
}

#[test]
fn what_an_order_lacks_is_none() {
    spot_order("spot_order_new", |order| {
        assert_eq!(
            (order.fill(), order.last_fill_time, order.exec_type),
            (None, None, None)
        );
        assert_eq!(order.fee_currency, None);
        assert!(order.last_fill_price.unwrap().is_zero());
    });
    spot_order("spot_order_legacy", |order| {
        assert_eq!(
            (order.order_state, order.create_time, order.client_order_id),
            (None, None, None)
        );
        assert_eq!((order.fee, order.entrust_type, order.fill()), (None, None, None));
    });
}

#[test]
fn a_market_buy_has_an_amount() {
    spot_order("spot_order_market_buy", |order| {
        assert_eq!(
            (order.kind, order.side),
            (Some(SpotOrderKind::Market), Some(SpotSide::Buy))
        );
        assert_eq!(order.notional, num("750.0000000000"));
        assert!(order.size.unwrap().is_zero() && order.price.unwrap().is_zero());
    });
    spot_order("spot_order_margin_ioc", |order| {
        assert_eq!(order.order_mode, Some(OrderMode::IsolatedMargin));
        assert_eq!(order.entrust_type, Some(EntrustType::ImmediateOrCancel));
        assert_eq!(
            (order.margin_trading, order.legacy_order_type),
            (Some("1"), Some("3"))
        );
    });
}

#[test]
fn a_balance_update_names_its_coins() {
    let mut decoder = Decoder::new();
    let text = fixture("spot_balance_two_coins").as_bytes();
    let Update::SpotBalances { topic, changes, .. } = decoder.decode(text).unwrap() else {
        panic!()
    };
    assert_eq!((topic, changes.len()), ("spot/user/balance", 1));
    let change = changes.get(0).unwrap();
    assert_eq!(change.event_type, BalanceEvent::Trade);
    assert_eq!(change.event_time, Some(TimeMs::new(1_771_200_340_555)));
    assert_eq!(change.account_type, None);
    let coins: Vec<_> = change
        .details
        .iter()
        .map(|b| (b.currency, b.available.as_str(), b.frozen.as_str()))
        .collect();
    assert_eq!(coins, [("SOL", "31.25", "0"), ("USDT", "4096.5", "12.125")]);

    let text = fixture("spot_balance_account_type").as_bytes();
    let Update::SpotBalances { changes, .. } = decoder.decode(text).unwrap() else {
        panic!()
    };
    assert_eq!(changes.get(0).unwrap().account_type, Some(AccountType::Copper));
    let text = fixture("spot_balance_unknown_event").as_bytes();
    let Update::SpotBalances { changes, .. } = decoder.decode(text).unwrap() else {
        panic!()
    };
    assert_eq!(
        changes.get(0).unwrap().event_type,
        BalanceEvent::Unknown("AIRDROP_SETTLED")
    );
}

/// Several updates in one message share the decoder's list of balances.
#[test]
fn each_balance_update_has_its_own_coins() {
    let one = |coin: &str| {
        format!(
            r#"{{"event_type":"BMX_DEDUCTION","balance_details":[{{"ccy":"{coin}","av_bal":"1","fz_bal":"2"}}]}}"#
        )
    };
    let text = format!(
        r#"{{"data":[{},{{"event_type":"X","balance_details":[]}},{}],"table":"spot/user/balance"}}"#,
        one("AAA"),
        one("BBB")
    );
    let mut decoder = Decoder::new();
    let Update::SpotBalances { changes, .. } = decoder.decode(text.as_bytes()).unwrap() else {
        panic!()
    };
    let coins: Vec<Vec<&str>> = changes
        .iter()
        .map(|c| c.details.iter().map(|b| b.currency).collect())
        .collect();
    assert_eq!(coins, [vec!["AAA"], vec![], vec!["BBB"]]);
    assert_eq!(changes.get(2).unwrap().event_type, BalanceEvent::BmxDeduction);
}

#[test]
fn thirty_decimals_stay_exact() {
    let mut decoder = Decoder::new();
    let Update::SpotBalances { changes, .. } = decoder.decode(fixture("spot_balance").as_bytes()).unwrap()
    else {
        panic!()
    };
    let balance = changes.get(0).unwrap().details.get(0).unwrap();
    assert_eq!(balance.available.as_str(), "2718.281828459045235360287471352662");
    assert_eq!(
        balance.available.to_scaled(30),
        Ok(2_718_281_828_459_045_235_360_287_471_352_662)
    );
    assert_eq!(balance.frozen.to_scaled(0), Ok(100));
}

#[test]
fn a_futures_order_has_every_field() {
    futures_order("futures_order_partially_filled", |order| {
        assert_eq!(order.action, OrderAction::MATCH);
        assert_eq!(order.order_id, "270215000067890");
        assert_eq!(order.client_order_id, Some("desk-f-9"));
        assert_eq!(order.price, num("2950.4"));
        assert_eq!(order.size.as_str(), "80");
        assert_eq!(order.symbol, "ETHUSDT");
        assert_eq!(order.state, FuturesOrderState::LIVE);
        assert_eq!(order.side, FuturesSide::SELL_OPEN_SHORT);
        assert_eq!(order.kind, Some(FuturesOrderKind::Limit));
        assert_eq!(order.leverage, num("5"));
        assert_eq!(order.open_type, Some(OpenType::Cross));
        assert_eq!(order.deal_avg_price, num("2950.4"));
        assert_eq!(order.deal_size.as_str(), "30");
        assert_eq!(order.create_time, Some(TimeMs::new(1_771_201_000_123)));
        assert_eq!(order.update_time, Some(TimeMs::new(1_771_201_003_456)));
        assert_eq!(order.plan_order_id, None);
        assert_eq!(order.position_mode, Some(PositionMode::OneWay));
        let fill = order.last_trade.unwrap();
        assert_eq!(fill.trade_id, 4_100_000_733_001);
        assert_eq!((fill.size, fill.price), (num("30"), num("2950.4")));
        assert_eq!((fill.fee, fill.fee_currency), (num("-0.0177"), Some("USDT")));
        assert!(order.side.is_sell() && !order.side.is_buy() && !order.side.is_reducing());
    });
}

#[test]
fn plan_and_trailing_orders_have_their_prices() {
    futures_order("futures_order_plan", |order| {
        assert_eq!(order.kind, Some(FuturesOrderKind::Plan));
        assert_eq!(order.trigger_price, num("2900"));
        assert_eq!(order.trigger_price_type, Some(PriceType::Fair));
        assert_eq!(order.plan_order_id, Some("270215000067000"));
        assert_eq!(order.position_mode, Some(PositionMode::Hedge));
        assert_eq!(order.callback_rate, None);
    });
    futures_order("futures_order_trailing", |order| {
        assert_eq!(order.kind, Some(FuturesOrderKind::Trailing));
        assert_eq!(order.activation_price, num("3100"));
        assert_eq!(order.activation_price_type, Some(PriceType::Last));
        assert_eq!(order.callback_rate, num("2.5"));
    });
}

/// Failure mode 40: what a field says may be new, too.
#[test]
fn unknown_codes_and_words_are_kept() {
    futures_order("futures_order_unknown_codes", |order| {
        assert_eq!((order.action, order.action.name()), (OrderAction(77), None));
        assert_eq!((order.state, order.side), (FuturesOrderState(13), FuturesSide(9)));
        assert_eq!(order.kind, Some(FuturesOrderKind::Unknown("grid_order")));
        assert_eq!(order.open_type, Some(OpenType::Unknown("portfolio")));
        assert_eq!(order.position_mode, Some(PositionMode::Unknown("multi_mode")));
        assert!(!order.is_open() && !order.is_terminal() && !order.is_filled() && !order.is_canceled());
        assert!(!order.side.is_buy() && !order.side.is_sell());
    });
}

#[test]
fn positions_have_every_field() {
    let mut decoder = Decoder::new();
    let text = fixture("futures_positions_two_sides").as_bytes();
    let Update::FuturesPositions { topic, positions, .. } = decoder.decode(text).unwrap() else {
        panic!()
    };
    assert_eq!((topic, positions.len()), ("futures/position", 2));
    let short = positions.get(0).unwrap();
    assert_eq!((short.symbol, short.hold_volume.as_str()), ("ETHUSDT", "420"));
    assert_eq!(
        (short.side, short.open_type),
        (PositionSide::SHORT, Some(OpenType::Cross))
    );
    assert_eq!((short.frozen_volume, short.close_volume), (num("20"), num("80")));
    assert_eq!(short.hold_avg_price, num("2951.166666666666666667"));
    assert_eq!(
        (short.close_avg_price, short.open_avg_price),
        (num("2940.5"), num("2951.166666666666666667"))
    );
    assert_eq!(short.liquidate_price, num("3601.75"));
    assert_eq!(short.create_time, Some(TimeMs::new(1_771_199_000_111)));
    assert_eq!(short.update_time, Some(TimeMs::new(1_771_201_100_222)));
    assert_eq!(short.position_mode, Some(PositionMode::Hedge));
    let long = positions.get(1).unwrap();
    assert_eq!(
        (long.side, long.open_type),
        (PositionSide::LONG, Some(OpenType::Isolated))
    );
    assert!(long.liquidate_price.unwrap().is_zero());
    assert!(positions.get(2).is_none());
    assert_eq!(
        positions.iter().rev().map(|position| position.side).next(),
        Some(PositionSide::LONG)
    );

    let text = fixture("futures_positions_none").as_bytes();
    let Update::FuturesPositions { positions, .. } = decoder.decode(text).unwrap() else {
        panic!()
    };
    assert!(positions.is_empty());
}

#[test]
fn an_asset_has_every_field() {
    let mut decoder = Decoder::new();
    let Update::FuturesAssets { topic, assets, .. } =
        decoder.decode(fixture("futures_asset").as_bytes()).unwrap()
    else {
        panic!()
    };
    assert_eq!((topic, assets.len()), ("futures/asset:USDT", 1));
    let asset = assets.get(0).unwrap();
    assert_eq!(
        (asset.currency, asset.available_balance.as_str()),
        ("USDT", "6412.0091827364")
    );
    assert_eq!(
        (asset.position_deposit, asset.frozen_balance),
        (num("310.5"), num("0.25"))
    );
}

#[test]
fn updates_know_which_topics_they_concern() {
    let mut decoder = Decoder::new();
    let mut concerned = |name: &str| {
        let update = decoder.decode(fixture(name).as_bytes()).unwrap();
        [
            "spot/user/order:SOL_USDT",
            "spot/user/order:ADA_USDT",
            "spot/user/orders:ALL_SYMBOLS",
            "spot/user/balance:BALANCE_UPDATE",
            "spot/trade:SOL_USDT",
            "spot/trade:ADA_USDT",
            "futures/order",
            "futures/asset:USDT",
            "futures/ticker:ETHUSDT",
            "futures/ticker",
        ]
        .into_iter()
        .filter(|topic| update.concerns(&topic.parse::<Topic>().unwrap()))
        .collect::<Vec<_>>()
    };
    assert_eq!(concerned("spot_order_new"), ["spot/user/order:SOL_USDT"]);
    assert_eq!(
        concerned("spot_orders_table_with_symbol"),
        ["spot/user/order:SOL_USDT"]
    );
    assert_eq!(
        concerned("spot_orders_all_symbols"),
        ["spot/user/orders:ALL_SYMBOLS"]
    );
    assert_eq!(
        concerned("spot_orders_empty_text"),
        ["spot/user/orders:ALL_SYMBOLS"]
    );
    assert_eq!(concerned("spot_balance"), ["spot/user/balance:BALANCE_UPDATE"]);
    assert_eq!(concerned("spot_trade"), ["spot/trade:SOL_USDT"]);
    assert_eq!(concerned("futures_order_filled"), ["futures/order"]);
    assert_eq!(concerned("futures_asset"), ["futures/asset:USDT"]);
    assert_eq!(concerned("futures_ticker_suffixed"), ["futures/ticker:ETHUSDT"]);
}
