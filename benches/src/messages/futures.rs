//! The messages of the futures market.

use fastrand::Rng;

use super::json::{Json, object};
use super::values::{Book, FUTURES_SYMBOLS, change, client_id, digits, one_of, padded, time, trimmed};

pub(super) fn order(random: &mut Rng) -> Json {
    object! { "group": "futures/order", "data": vec![one_order(random)] }
}

pub(super) fn orders(random: &mut Rng) -> Json {
    let orders = vec![one_order(random), one_order(random)];
    object! { "group": "futures/order", "data": orders }
}

fn one_order(random: &mut Rng) -> Json {
    let created = time(random);
    let (action, state) = [(2, 2), (1, 2), (1, 4), (3, 4)][random.usize(0..4)];
    let is_plan = random.u8(0..5) == 0;
    let last_trade = if action == 1 {
        object! {
            "lastTradeID": random.u64(3_000_000_000..4_000_000_000_000_000),
            "fillQty": trimmed(random, 4, 0),
            "fillPrice": trimmed(random, 5, 4),
            "fee": change(random, 6),
            "feeCcy": "USDT",
        }
    } else {
        Json::null()
    };
    let if_plan = |text: String| if is_plan { text } else { "-".to_owned() };
    let trigger_price = if_plan(trimmed(random, 5, 3));
    let trigger_price_type = if_plan(one_of(random, &["fair_price", "last_price"]).to_owned());
    let execution_price = if_plan(trimmed(random, 5, 3));
    let id_length = random.usize(14..=17);
    let size_length = random.usize(1..=5);
    let order = object! {
        "order_id": digits(random, id_length),
        "client_order_id": if random.bool() { client_id(random) } else { String::new() },
        "price": trimmed(random, 5, 4),
        "size": digits(random, size_length),
        "symbol": one_of(random, FUTURES_SYMBOLS),
        "state": state,
        "side": random.u64(1..=4),
        "type": if is_plan { "plan_order" } else { one_of(random, &["limit", "market"]) },
        "leverage": trimmed(random, 2, 0),
        "open_type": one_of(random, &["isolated", "cross"]),
        "deal_avg_price": if action == 1 { trimmed(random, 5, 6) } else { "0".to_owned() },
        "deal_size": if action == 1 { digits(random, size_length) } else { "0".to_owned() },
        "create_time": created,
        "update_time": created + random.u64(0..50_000),
        "plan_order_id": if is_plan { digits(random, id_length) } else { String::new() },
        "last_trade": last_trade,
        "trigger_price": trigger_price,
        "trigger_price_type": trigger_price_type,
        "execution_price": execution_price,
        "activation_price_type": "-",
        "activation_price": "-",
        "callback_rate": "-",
        "position_mode": one_of(random, &["hedge_mode", "one_way_mode"]),
    };
    object! { "action": action, "order": order }
}

pub(super) fn position(random: &mut Rng) -> Json {
    let created = time(random);
    let volume_length = random.usize(1..=5);
    let decimals = random.usize(1..=12);
    let position = object! {
        "symbol": one_of(random, FUTURES_SYMBOLS),
        "hold_volume": digits(random, volume_length),
        "position_type": random.u64(1..=2),
        "open_type": random.u64(1..=2),
        "frozen_volume": one_of(random, &["0", "12", "300"]),
        "close_volume": trimmed(random, 4, 0),
        "hold_avg_price": padded(random, 5, decimals),
        "close_avg_price": trimmed(random, 5, 4),
        "open_avg_price": padded(random, 5, decimals),
        "liquidate_price": trimmed(random, 5, 6),
        "create_time": created,
        "update_time": created + random.u64(0..9_000_000),
        "position_mode": one_of(random, &["hedge_mode", "one_way_mode"]),
    };
    object! { "group": "futures/position", "data": vec![position] }
}

pub(super) fn asset(random: &mut Rng) -> Json {
    let currency = one_of(random, &["USDT", "ETH", "BTC", "USDC"]);
    let asset = object! {
        "currency": currency,
        "available_balance": trimmed(random, 6, 10),
        "position_deposit": trimmed(random, 4, 8),
        "frozen_balance": trimmed(random, 3, 4),
    };
    object! { "group": format!("futures/asset:{currency}"), "data": asset }
}

/// A public push: the data before the name, and the symbol in both.
fn public(channel: &str, speed: &str, symbol: &str, data: Json) -> Json {
    object! { "data": data, "group": format!("{channel}:{symbol}{speed}") }
}

pub(super) fn ticker(random: &mut Rng) -> Json {
    let symbol = one_of(random, FUTURES_SYMBOLS);
    let ticker = object! {
        "symbol": symbol,
        "last_price": trimmed(random, 5, 5),
        "volume_24": trimmed(random, 8, 0),
        "range": change(random, 16),
        "mark_price": trimmed(random, 5, 5),
        "index_price": trimmed(random, 5, 9),
        "ask_price": trimmed(random, 5, 5),
        "ask_vol": trimmed(random, 5, 0),
        "bid_price": trimmed(random, 5, 5),
        "bid_vol": trimmed(random, 5, 0),
    };
    public("futures/ticker", "", symbol, ticker)
}

pub(super) fn book_ticker(random: &mut Rng) -> Json {
    let symbol = one_of(random, FUTURES_SYMBOLS);
    let ticker = object! {
        "symbol": symbol,
        "best_bid_price": trimmed(random, 5, 5),
        "best_bid_vol": trimmed(random, 5, 0),
        "best_ask_price": trimmed(random, 5, 5),
        "best_ask_vol": trimmed(random, 5, 0),
        "ms_t": time(random),
    };
    public("futures/bookticker", "", symbol, ticker)
}

pub(super) fn funding_rate(random: &mut Rng) -> Json {
    let symbol = one_of(random, FUTURES_SYMBOLS);
    let now = time(random);
    let (rate_length, next_length) = (random.usize(6..=12), random.usize(5..=7));
    let rate = object! {
        "symbol": symbol,
        "fundingRate": change(random, rate_length),
        "fundingTime": now / 1000 * 1000,
        "nextFundingRate": change(random, next_length),
        "nextFundingTime": now / 28_800_000 * 28_800_000,
        "funding_upper_limit": "0.0375",
        "funding_lower_limit": "-0.0375",
        "ts": now,
    };
    public("futures/fundingRate", "", symbol, rate)
}

pub(super) fn depth20(random: &mut Rng) -> Json {
    let symbol = one_of(random, FUTURES_SYMBOLS);
    let is_ask = random.bool();
    let side = object! {
        "symbol": symbol,
        "way": if is_ask { 2 } else { 1 },
        "depths": Book::new(random, false).objects(random, is_ask, 20),
        "ms_t": time(random),
    };
    public("futures/depth20", "@200ms", symbol, side)
}

pub(super) fn depth_all20(random: &mut Rng) -> Json {
    let symbol = one_of(random, FUTURES_SYMBOLS);
    let mut book = Book::new(random, false);
    let book = object! {
        "symbol": symbol,
        "asks": book.objects(random, true, 20),
        "bids": book.objects(random, false, 20),
        "ms_t": time(random),
    };
    public("futures/depthAll20", "@200ms", symbol, book)
}

pub(super) fn depth_all20_v2(random: &mut Rng) -> Json {
    let symbol = one_of(random, FUTURES_SYMBOLS);
    let mut book = Book::new(random, false);
    let book = object! {
        "symbol": symbol,
        "asks": book.pairs(random, true, 20),
        "bids": book.pairs(random, false, 20),
        "ms_t": time(random),
    };
    public("futures/v2/depthAll20", "@200ms", symbol, book)
}

pub(super) fn increase50_snapshot(random: &mut Rng) -> Json {
    increase50(random, "snapshot", 50, 50)
}

pub(super) fn increase50_update(random: &mut Rng) -> Json {
    let (asks, bids) = (random.usize(0..=3), random.usize(1..=3));
    increase50(random, "update", asks, bids)
}

fn increase50(random: &mut Rng, kind: &str, asks: usize, bids: usize) -> Json {
    let symbol = one_of(random, FUTURES_SYMBOLS);
    let mut book = Book::new(random, false);
    let push = object! {
        "symbol": symbol,
        "asks": book.objects(random, true, asks),
        "bids": book.objects(random, false, bids),
        "ms_t": time(random),
        "version": random.u64(1..9_000_000),
        "type": kind,
    };
    public("futures/depthIncrease50", "@100ms", symbol, push)
}

pub(super) fn trade(random: &mut Rng) -> Json {
    trades(random, 1)
}

pub(super) fn trades3(random: &mut Rng) -> Json {
    trades(random, 3)
}

fn trades(random: &mut Rng, count: usize) -> Json {
    let symbol = one_of(random, FUTURES_SYMBOLS);
    let trades = (0..count)
        .map(|_| {
            let fraction = random.usize(1..=9);
            let (month, day) = (random.u8(1..=12), random.u8(1..=28));
            let (hour, minute, second) = (random.u8(0..24), random.u8(0..60), random.u8(0..60));
            let fraction = digits(random, fraction);
            object! {
                "trade_id": random.u64(3_000_000_000..4_000_000_000_000_000),
                "symbol": symbol,
                "deal_price": trimmed(random, 5, 5),
                "deal_vol": trimmed(random, 4, 0),
                "way": random.u64(1..=8),
                "m": random.bool(),
                "created_at": format!("2026-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction}Z"),
            }
        })
        .collect::<Vec<_>>();
    public("futures/trade", "", symbol, trades.into())
}

pub(super) fn kline(random: &mut Rng) -> Json {
    let symbol = one_of(random, FUTURES_SYMBOLS);
    let items = (0..random.usize(1..=2))
        .map(|_| {
            object! {
                "o": trimmed(random, 5, 5),
                "h": trimmed(random, 5, 5),
                "l": trimmed(random, 5, 5),
                "c": trimmed(random, 5, 5),
                "v": trimmed(random, 6, 0),
                "ts": time(random) / 60_000 * 60,
            }
        })
        .collect::<Vec<_>>();
    let data = object! { "symbol": symbol, "items": items };
    public("futures/klineBin1m", "", symbol, data)
}

pub(super) fn login_ok(_: &mut Rng) -> Json {
    object! { "action": "access", "success": true }
}

fn some_topic(random: &mut Rng) -> String {
    let channel = one_of(
        random,
        &[
            "futures/trade",
            "futures/depth50",
            "futures/ticker",
            "futures/klineBin15m",
        ],
    );
    format!("{channel}:{}", one_of(random, FUTURES_SYMBOLS))
}

pub(super) fn ack(random: &mut Rng) -> Json {
    let topic = some_topic(random);
    let action = one_of(random, &["subscribe", "unsubscribe"]);
    let request = object! { "action": action, "args": vec![Json::from(topic.as_str())] };
    object! { "action": action, "group": topic, "success": true, "request": request }
}

pub(super) fn refusal(random: &mut Rng) -> Json {
    let topic = some_topic(random);
    let request = object! { "action": "subscribe", "args": vec![Json::from(topic.as_str())] };
    let error = format!("Invalid channel: not found {topic}");
    object! { "action": "subscribe", "group": topic, "success": false, "error": error, "request": request }
}
