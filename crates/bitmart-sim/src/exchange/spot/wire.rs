//! Spot's private payloads, key by key in the exchange's order. Every value is a string, times included.

use std::collections::BTreeMap;
use std::fmt::Write;

use bitmart_proto::Market;

use super::{Order, SpotBalance, State, Terms};
use crate::exchange::amount::Amount;
use crate::exchange::{Audience, Push};

/// Decimals of prices, sizes, notionals and fees.
const ORDER_DECIMALS: usize = 10;
/// Decimals of the latest fill's price and size.
const FILL_DECIMALS: usize = 5;
/// Decimals of balances.
const BALANCE_DECIMALS: usize = 30;

/// Announces an order on both order channels; the table of the second is its own, without `ALL_SYMBOLS`.
pub(super) fn order(account: usize, order: &Order, fee: Amount, out: &mut Vec<Push>) {
    let item = order_item(order, fee);
    let symbol = order.instrument.symbol;
    for (topic, table) in [
        (format!("spot/user/order:{symbol}"), "spot/user/order"),
        ("spot/user/orders:ALL_SYMBOLS".to_owned(), "spot/user/orders"),
    ] {
        let payload = format!(r#"{{"data":[{item}],"table":"{table}"}}"#);
        out.push(Push {
            market: Market::Spot,
            audience: Audience::Account(account),
            topic,
            payload,
        });
    }
}

/// The fee is that of the fill which is announced; whether the exchange means the sum is not documented.
fn order_item(order: &Order, fee: Amount) -> String {
    let amount = |amount: Amount| amount.fixed(ORDER_DECIMALS);
    let (kind, notional, size, price) = match order.terms {
        Terms::LimitBuy { price, size } | Terms::LimitSell { price, size } => ("limit", None, size, price),
        Terms::MarketBuy { notional } => ("market", Some(notional), Amount::ZERO, Amount::ZERO),
        Terms::MarketSell { size } => ("market", None, size, Amount::ZERO),
    };
    let side = if order.is_buy() { "buy" } else { "sell" };
    let notional = notional.map_or(String::new(), |notional| amount(notional).to_string());
    let (state, state_name) = match order.state {
        State::New => ("4", "new"),
        State::PartiallyFilled => ("5", "partially_filled"),
        State::Filled => ("6", "filled"),
        State::Canceled => ("8", "canceled"),
        State::PartiallyCanceled => ("12", "partially_canceled"),
    };
    let (fill_time, fill_price, fill_size, role, detail_id) = match &order.last_fill {
        Some(fill) => {
            let role = if fill.is_maker { "M" } else { "T" };
            (
                fill.time_ms,
                fill.price,
                fill.size,
                role,
                fill.detail_id.to_string(),
            )
        }
        None => (0, Amount::ZERO, Amount::ZERO, "", String::new()),
    };
    let (fee, fee_coin) = if fee.is_positive() {
        let coin = if order.is_buy() {
            order.instrument.base
        } else {
            order.instrument.quote
        };
        (amount(fee).to_string(), coin)
    } else {
        ("0".to_owned(), "")
    };
    format!(
        concat!(
            r#"{{"symbol":"{symbol}","side":"{side}","type":"{kind}","notional":"{notional}","size":"{size}","#,
            r#""ms_t":"{created}","price":"{price}","filled_notional":"{filled_notional}","#,
            r#""filled_size":"{filled_size}","margin_trading":"0","state":"{state}","order_id":"{id}","#,
            r#""order_type":"0","last_fill_time":"{fill_time}","last_fill_price":"{fill_price}","#,
            r#""last_fill_count":"{fill_size}","exec_type":"{role}","detail_id":"{detail_id}","#,
            r#""client_order_id":"{client_order_id}","create_time":"{created}","update_time":"{updated}","#,
            r#""order_mode":"spot","entrust_type":"NORMAL","order_state":"{state_name}","dealFee":"{fee}","#,
            r#""deal_fee_coin_name":"{fee_coin}"}}"#
        ),
        symbol = order.instrument.symbol,
        side = side,
        kind = kind,
        notional = notional,
        size = amount(size),
        created = order.created_ms,
        price = amount(price),
        filled_notional = amount(order.filled_notional),
        filled_size = amount(order.filled_size),
        state = state,
        id = order.id,
        fill_time = fill_time,
        fill_price = fill_price.fixed(FILL_DECIMALS),
        fill_size = fill_size.fixed(FILL_DECIMALS),
        role = role,
        detail_id = detail_id,
        client_order_id = order.client_order_id,
        updated = order.updated_ms,
        state_name = state_name,
        fee = fee,
        fee_coin = fee_coin,
    )
}

/// Announces balances as they are after an event, one entry per coin that it moved.
pub(super) fn balances(
    account: usize,
    event: &str,
    time_ms: u64,
    balances: &BTreeMap<&'static str, SpotBalance>,
    coins: &[&'static str],
    out: &mut Vec<Push>,
) {
    let mut details = String::new();
    for (i, coin) in coins.iter().enumerate() {
        let SpotBalance { available, frozen } = balances.get(coin).copied().unwrap_or_default();
        write!(
            details,
            r#"{}{{"ccy":"{coin}","av_bal":"{}","fz_bal":"{}"}}"#,
            if i == 0 { "" } else { "," },
            available.fixed(BALANCE_DECIMALS),
            frozen.fixed(BALANCE_DECIMALS),
        )
        .expect("a String takes every write");
    }
    let payload = format!(
        r#"{{"data":[{{"event_type":"{event}","event_time":"{time_ms}","balance_details":[{details}]}}],"table":"spot/user/balance"}}"#
    );
    let topic = "spot/user/balance:BALANCE_UPDATE".to_owned();
    out.push(Push {
        market: Market::Spot,
        audience: Audience::Account(account),
        topic,
        payload,
    });
}
