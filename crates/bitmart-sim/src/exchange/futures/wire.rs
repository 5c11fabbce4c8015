//! Futures' private payloads, key by key in the exchange's order.

use bitmart_proto::Market;

use super::position::{Position, Side};
use super::{FuturesAsset, LEVERAGE, Order, State};
use crate::exchange::order::Intent;
use crate::exchange::{Audience, Push};

/// Decimals of a liquidation price.
const LIQUIDATION_DECIMALS: usize = 4;

/// What happened to an order, as the push's `action` says it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    Match = 1,
    Submit = 2,
    Cancel = 3,
}

pub(super) fn order(account: usize, action: Action, order: &Order, out: &mut Vec<Push>) {
    let state = match order.state {
        State::Live => 2,
        State::Finished => 4,
    };
    let side = match order.intent {
        Intent::CloseShort => 2,
        Intent::CloseLong => 3,
        Intent::OpenShort => 4,
        _ => 1,
    };
    let deal_average = order.filled_cost.share(1, order.filled).unwrap_or_default();
    // Negative when paid, as it always is here.
    let last_trade = order.last_trade.map_or("null".to_owned(), |trade| {
        format!(
            r#"{{"lastTradeID":{},"fillQty":"{}","fillPrice":"{}","fee":"{}","feeCcy":"USDT"}}"#,
            trade.trade_id, trade.size, trade.price, -trade.fee
        )
    });
    let payload = format!(
        concat!(
            r#"{{"group":"futures/order","data":[{{"action":{action},"order":{{"order_id":"{id}","#,
            r#""client_order_id":"{client_order_id}","price":"{price}","size":"{size}","symbol":"{symbol}","#,
            r#""state":{state},"side":{side},"type":"{kind}","leverage":"{leverage}","#,
            r#""open_type":"{open_type}","deal_avg_price":"{deal_average}","deal_size":"{filled}","#,
            r#""create_time":{created},"update_time":{updated},"plan_order_id":"","last_trade":{last_trade},"#,
            r#""trigger_price":"-","trigger_price_type":"-","execution_price":"-","#,
            r#""activation_price_type":"-","activation_price":"-","callback_rate":"-","#,
            r#""position_mode":"hedge_mode"}}}}]}}"#
        ),
        action = action as u8,
        id = order.id,
        client_order_id = order.client_order_id,
        price = order.price.unwrap_or_default(),
        size = order.size,
        symbol = order.instrument.symbol,
        state = state,
        side = side,
        kind = if order.price.is_some() { "limit" } else { "market" },
        leverage = LEVERAGE,
        open_type = if order.instrument.is_isolated {
            "isolated"
        } else {
            "cross"
        },
        deal_average = deal_average,
        filled = order.filled,
        created = order.created_ms,
        updated = order.updated_ms,
        last_trade = last_trade,
    );
    out.push(private(account, "futures/order".to_owned(), payload));
}

pub(super) fn asset(account: usize, currency: &str, asset: FuturesAsset, out: &mut Vec<Push>) {
    let FuturesAsset {
        available,
        position_deposit,
        frozen,
    } = asset;
    let topic = format!("futures/asset:{currency}");
    let payload = format!(
        r#"{{"group":"{topic}","data":{{"currency":"{currency}","available_balance":"{available}","position_deposit":"{position_deposit}","frozen_balance":"{frozen}"}}}}"#
    );
    out.push(private(account, topic, payload));
}

pub(super) fn positions(account: usize, positions: &[&Position], out: &mut Vec<Push>) {
    let items: Vec<String> = positions.iter().map(|position| position_item(position)).collect();
    let payload = format!(r#"{{"group":"futures/position","data":[{}]}}"#, items.join(","));
    out.push(private(account, "futures/position".to_owned(), payload));
}

fn position_item(position: &Position) -> String {
    let liquidation = position.liquidation_price();
    let liquidation = if liquidation.is_positive() {
        liquidation.fixed(LIQUIDATION_DECIMALS).to_string()
    } else {
        "0".into()
    };
    format!(
        concat!(
            r#"{{"symbol":"{symbol}","hold_volume":"{held}","position_type":{side},"open_type":{open_type},"#,
            r#""frozen_volume":"{frozen}","close_volume":"{closed}","hold_avg_price":"{hold_price}","#,
            r#""close_avg_price":"{close_price}","open_avg_price":"{open_price}","#,
            r#""liquidate_price":"{liquidation}","create_time":{created},"update_time":{updated},"#,
            r#""position_mode":"hedge_mode"}}"#
        ),
        symbol = position.instrument.symbol,
        held = position.held(),
        side = if position.side == Side::Long { 1 } else { 2 },
        open_type = if position.instrument.is_isolated { 1 } else { 2 },
        frozen = position.frozen(),
        closed = position.closed(),
        hold_price = position.hold_price(),
        close_price = position.close_price(),
        open_price = position.open_price(),
        liquidation = liquidation,
        created = position.created_ms,
        updated = position.updated_ms,
    )
}

fn private(account: usize, topic: String, payload: String) -> Push {
    Push {
        market: Market::Futures,
        audience: Audience::Account(account),
        topic,
        payload,
    }
}
