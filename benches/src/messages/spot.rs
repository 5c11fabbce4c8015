//! The messages of the spot market.

use fastrand::Rng;

use super::json::{Json, array, object};
use super::values::{Book, SPOT_SYMBOLS, change, client_id, digits, one_of, padded, time, trimmed};

fn push(table: &str, data: Vec<Json>) -> Json {
    object! { "data": data, "table": table }
}

pub(super) fn order(random: &mut Rng) -> Json {
    push("spot/user/order", vec![one_order(random)])
}

pub(super) fn orders(random: &mut Rng) -> Json {
    let orders = vec![one_order(random), one_order(random)];
    push("spot/user/orders", orders)
}

fn one_order(random: &mut Rng) -> Json {
    let symbol = one_of(random, SPOT_SYMBOLS);
    let created = time(random);
    let updated = created + random.u64(0..100_000);
    let is_market = random.u8(0..4) == 0;
    let (state, number) = [
        ("new", "4"),
        ("partially_filled", "5"),
        ("filled", "6"),
        ("canceled", "8"),
    ][random.usize(0..4)];
    let is_filled = matches!(state, "partially_filled" | "filled");
    let if_filled = |text: String, otherwise: &str| {
        if is_filled { text } else { otherwise.to_owned() }
    };
    let price = padded(random, 5, 10);
    let filled_notional = if_filled(padded(random, 5, 10), "0.0000000000");
    let filled_size = if_filled(padded(random, 2, 10), "0.0000000000");
    let fill_time = if_filled(updated.to_string(), "0");
    let fill_price = if_filled(padded(random, 5, 5), "0.00000");
    let fill_count = if_filled(padded(random, 2, 5), "0.00000");
    let exec_type = if_filled(one_of(random, &["M", "T"]).to_owned(), "");
    let detail_id = if_filled(digits(random, 11), "");
    let fee = if_filled(padded(random, 1, 10), "0");
    let fee_coin = if_filled(symbol.split('_').next().unwrap_or_default().to_owned(), "");
    let id_length = random.usize(16..=19);
    object! {
        "symbol": symbol,
        "side": one_of(random, &["buy", "sell"]),
        "type": if is_market { "market" } else { "limit" },
        "notional": if is_market { padded(random, 4, 10) } else { String::new() },
        "size": padded(random, 3, 10),
        "ms_t": created.to_string(),
        "price": if is_market { "0.0000000000".to_owned() } else { price },
        "filled_notional": filled_notional,
        "filled_size": filled_size,
        "margin_trading": one_of(random, &["0", "0", "1"]),
        "state": number,
        "order_id": digits(random, id_length),
        "order_type": one_of(random, &["0", "0", "1", "3"]),
        "last_fill_time": fill_time,
        "last_fill_price": fill_price,
        "last_fill_count": fill_count,
        "exec_type": exec_type,
        "detail_id": detail_id,
        "client_order_id": client_id(random),
        "create_time": created.to_string(),
        "update_time": updated.to_string(),
        "order_mode": one_of(random, &["spot", "spot", "iso_margin"]),
        "entrust_type": one_of(random, &["NORMAL", "NORMAL", "LIMIT_MAKER", "IOC"]),
        "order_state": state,
        "dealFee": fee,
        "deal_fee_coin_name": fee_coin,
    }
}

pub(super) fn balance(random: &mut Rng) -> Json {
    let details = (0..random.usize(1..=2))
        .map(|_| {
            object! {
                "ccy": one_of(random, &["BTC", "USDT", "ETH", "BMX", "1INCH", "PEPE"]),
                "av_bal": padded(random, 6, 30),
                "fz_bal": padded(random, 4, 30),
            }
        })
        .collect::<Vec<_>>();
    let event = [
        "TRANSACTION_COMPLETED",
        "ACCOUNT_RECHARGE",
        "ACCOUNT_WITHDRAWAL",
        "ACCOUNT_TRANSFER",
    ];
    let change = object! {
        "event_type": one_of(random, &event),
        "event_time": time(random).to_string(),
        "balance_details": details,
    };
    push("spot/user/balance", vec![change])
}

pub(super) fn ticker(random: &mut Rng) -> Json {
    let time = time(random);
    let decimals = random.usize(2..=6);
    let ticker = object! {
        "ask_px": padded(random, 5, decimals),
        "ask_sz": padded(random, 3, 5),
        "base_volume_24h": padded(random, 6, 5),
        "bid_px": padded(random, 5, decimals),
        "bid_sz": padded(random, 3, 5),
        "fluctuation": change(random, 4),
        "high_24h": padded(random, 5, decimals),
        "last_price": padded(random, 5, decimals),
        "low_24h": padded(random, 5, decimals),
        "ms_t": time,
        "open_24h": padded(random, 5, decimals),
        "quote_volume_24h": padded(random, 9, 2),
        "s_t": time / 1000,
        "symbol": one_of(random, SPOT_SYMBOLS),
    };
    push("spot/ticker", vec![ticker])
}

pub(super) fn book_ticker(random: &mut Rng) -> Json {
    let decimals = random.usize(2..=6);
    let ticker = object! {
        "ask_px": padded(random, 5, decimals),
        "ask_sz": padded(random, 3, 5),
        "bid_px": padded(random, 5, decimals),
        "bid_sz": padded(random, 3, 5),
        "ms_t": time(random),
        "symbol": one_of(random, SPOT_SYMBOLS),
    };
    push("spot/bookTicker", vec![ticker])
}

pub(super) fn kline(random: &mut Rng) -> Json {
    let decimals = random.usize(2..=6);
    let mut price = || padded(random, 5, decimals);
    let (open, high, low, close) = (price(), price(), price(), price());
    let candle = array![
        time(random) / 60_000 * 60,
        open,
        high,
        low,
        close,
        padded(random, 4, 5)
    ];
    let kline = object! { "candle": candle, "symbol": one_of(random, SPOT_SYMBOLS) };
    push("spot/kline1m", vec![kline])
}

pub(super) fn depth5(random: &mut Rng) -> Json {
    depth(random, "spot/depth5", 5)
}

pub(super) fn depth50(random: &mut Rng) -> Json {
    depth(random, "spot/depth50", 50)
}

fn depth(random: &mut Rng, table: &str, levels: usize) -> Json {
    let mut book = Book::new(random, true);
    let book = object! {
        "asks": book.pairs(random, true, levels),
        "bids": book.pairs(random, false, levels),
        "ms_t": time(random),
        "symbol": one_of(random, SPOT_SYMBOLS),
    };
    push(table, vec![book])
}

pub(super) fn increase100_snapshot(random: &mut Rng) -> Json {
    increase100(random, "snapshot", 100, 100)
}

pub(super) fn increase100_update(random: &mut Rng) -> Json {
    let (asks, bids) = (random.usize(0..=3), random.usize(1..=3));
    increase100(random, "update", asks, bids)
}

fn increase100(random: &mut Rng, kind: &str, asks: usize, bids: usize) -> Json {
    let mut book = Book::new(random, true);
    let version = random.u64(1..100_000_000);
    let push_of_book = object! {
        "asks": book.pairs(random, true, asks),
        "bids": book.pairs(random, false, bids),
        "ms_t": time(random),
        "symbol": one_of(random, SPOT_SYMBOLS),
        "type": kind,
        "version": version,
    };
    push("spot/depth/increase100", vec![push_of_book])
}

pub(super) fn trade(random: &mut Rng) -> Json {
    trades(random, 1)
}

pub(super) fn trades3(random: &mut Rng) -> Json {
    trades(random, 3)
}

fn trades(random: &mut Rng, count: usize) -> Json {
    let decimals = random.usize(2..=6);
    let symbol = one_of(random, SPOT_SYMBOLS);
    let trades = (0..count)
        .map(|_| {
            let time = time(random);
            object! {
                "ms_t": time,
                "price": padded(random, 5, decimals),
                "s_t": time / 1000,
                "side": one_of(random, &["buy", "sell"]),
                "size": trimmed(random, 4, 5),
                "symbol": symbol,
            }
        })
        .collect();
    push("spot/trade", trades)
}

pub(super) fn login_ok(_: &mut Rng) -> Json {
    object! { "event": "login" }
}

pub(super) fn ack(random: &mut Rng) -> Json {
    let channel = one_of(
        random,
        &[
            "spot/trade",
            "spot/user/order",
            "spot/depth/increase100",
            "spot/ticker",
        ],
    );
    let topic = format!("{channel}:{}", one_of(random, SPOT_SYMBOLS));
    object! { "event": one_of(random, &["subscribe", "unsubscribe"]), "topic": topic }
}

pub(super) fn refusal(random: &mut Rng) -> Json {
    let (code, text) = [
        ("90004", "Invalid channel param"),
        ("90008", "Duplicate subscription"),
        ("91006", "User not logged in / User must be logged in"),
        ("90006", "Subscribed total topic quantity exceeds limit"),
    ][random.usize(0..4)];
    object! { "event": "subscribe", "errorCode": code, "errorMessage": text }
}
