//! What several test files share. Each uses a part of it.
#![allow(dead_code, reason = "each test file uses a part of it")]

macro_rules! fixtures {
    ($($extension:literal: $($name:ident)+;)+) => {
        &[$($( (
            stringify!($name),
            include_str!(concat!("../fixtures/", stringify!($name), $extension)),
        ), )+)+]
    };
}

/// Every fixture with its file name, without the extension. Our own messages, in the shapes of the wire.
pub(crate) const FIXTURES: &[(&str, &str)] = fixtures! {
    ".json":
        futures_asset
        futures_asset_data_first
        futures_book_ticker
        futures_depth20_ask
        futures_depth20_bid
        futures_depth50_without_ms_t
        futures_depth5_empty
        futures_depth_all20
        futures_depth_increase_empty_snapshot
        futures_depth_increase_empty_update
        futures_depth_increase_one_sided
        futures_depth_increase_snapshot
        futures_depth_increase_snapshot_full
        futures_depth_increase_update
        futures_funding_rate
        futures_kline
        futures_kline_flat
        futures_klines_two
        futures_mark_kline
        futures_mark_kline_flat
        futures_order_adl
        futures_order_canceled
        futures_order_filled
        futures_order_legacy
        futures_order_liquidation
        futures_order_partially_canceled
        futures_order_partially_filled
        futures_order_plan
        futures_order_submitted
        futures_order_trailing
        futures_order_unknown_codes
        futures_order_unknown_fields
        futures_order_waiting
        futures_orders_two
        futures_position
        futures_position_closed
        futures_position_without_mode
        futures_positions_none
        futures_positions_two_sides
        futures_ticker
        futures_ticker_all
        futures_ticker_fair_price
        futures_ticker_suffixed
        futures_trade
        futures_trade_bare
        futures_trade_string_id
        futures_trades_several
        futures_v2_depth_all
        futures_v2_depth_increase
        pong_action
        pong_futures
        pong_futures_short
        raw_futures
        raw_spot
        reply_ack_futures
        reply_ack_futures_echoing_all
        reply_ack_spot
        reply_ack_spot_topic_first
        reply_ack_spot_unsubscribe
        reply_login_ok_futures
        reply_login_ok_spot
        reply_login_refused_code_first
        reply_login_refused_futures
        reply_login_refused_snake_case
        reply_login_refused_spot
        reply_refused_futures_busy
        reply_refused_futures_channel
        reply_refused_futures_escaped
        reply_refused_futures_login_needed
        reply_refused_futures_not_json
        reply_refused_spot_channel
        reply_refused_spot_numeric_code
        reply_refused_spot_odd_code
        reply_refused_spot_old_form
        reply_refused_spot_without_event
        spot_balance
        spot_balance_account_type
        spot_balance_padded_event
        spot_balance_two_coins
        spot_balance_unknown_event
        spot_book_ticker
        spot_book_ticker_one_sided
        spot_depth20_one_sided
        spot_depth5
        spot_depth50_empty
        spot_depth50_full
        spot_depth_increase_gap
        spot_depth_increase_heartbeat
        spot_depth_increase_snapshot
        spot_depth_increase_snapshot_full
        spot_depth_increase_update
        spot_kline_1d
        spot_kline_1h
        spot_kline_1m
        spot_kline_month
        spot_kline_more_cells
        spot_kline_unaligned
        spot_order_canceled
        spot_order_filled
        spot_order_legacy
        spot_order_margin_ioc
        spot_order_market_buy
        spot_order_mode_zero
        spot_order_new
        spot_order_partially_canceled
        spot_order_partially_filled
        spot_order_without_state
        spot_orders_all_symbols
        spot_orders_empty_text
        spot_orders_table_with_symbol
        spot_ticker
        spot_ticker_legacy
        spot_trade
        spot_trade_table_first
        spot_trade_without_ms_t
        spot_trades_several
        unknown_system_notice;
    ".txt":
        pong_spot
        unknown_ip_limited;
};

/// The fixture of that name.
pub(crate) fn fixture(name: &str) -> &'static str {
    FIXTURES
        .iter()
        .find(|(found, _)| *found == name)
        .unwrap_or_else(|| panic!("no fixture is called {name}"))
        .1
}

/// The fixtures whose names start with one of these.
pub(crate) fn fixtures(prefixes: &[&str]) -> Vec<(&'static str, &'static str)> {
    FIXTURES
        .iter()
        .copied()
        .filter(|(name, _)| prefixes.iter().any(|prefix| name.starts_with(prefix)))
        .collect()
}

/// Private pushes.
pub(crate) const PRIVATE: &[&str] = &[
    "spot_order",
    "spot_balance",
    "futures_order",
    "futures_position",
    "futures_asset",
];

/// Public pushes of known topics.
pub(crate) const PUBLIC: &[&str] = &[
    "spot_ticker",
    "spot_book_ticker",
    "spot_kline",
    "spot_depth",
    "spot_trade",
    "futures_ticker",
    "futures_book_ticker",
    "futures_funding_rate",
    "futures_depth",
    "futures_v2_depth",
    "futures_trade",
    "futures_kline",
    "futures_mark_kline",
];

/// All pushes. Those of topics that nobody knows are `raw_`.
pub(crate) const PUSHES: &[&str] = &["spot_", "futures_", "raw_"];

/// Whether a fixture is a book of full size, of which a test may take every so manieth byte only.
pub(crate) fn is_full_size(name: &str) -> bool {
    name.ends_with("_full")
}

/// Decodes a fixture and lets `$check` see the items of the kind that it must be.
#[allow(unused_macros, reason = "each test file uses a part of it")]
macro_rules! decoded {
    ($name:expr, $kind:ident { $items:ident } => $check:expr) => {{
        let mut decoder = bitmart_proto::Decoder::new();
        match decoder
            .decode($crate::support::fixture($name).as_bytes())
            .unwrap()
        {
            bitmart_proto::Update::$kind { $items, .. } => $check,
            other => panic!("{}: {other:?}", $name),
        }
    }};
}

#[allow(unused_imports, reason = "each test file uses a part of it")]
pub(crate) use decoded;
