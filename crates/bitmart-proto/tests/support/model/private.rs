//! The private messages of both markets.

use bitmart_proto::{
    Balances, FuturesAssets, FuturesOrders, FuturesPositions, SpotBalances, SpotOrders, Update,
};

use super::Kind::{Code, Decimal, ExecType, Id, OpenType, OptionalText, Text, Time, TrimmedWord, Word};
use super::json::Json;
use super::{Read, Row, Schema, Shown, each, fields, fold, items};

pub(crate) const SPOT_ORDER: Schema = &[
    ("symbol", Text, &["symbol"]),
    ("side", Word, &["side"]),
    ("kind", Word, &["type"]),
    ("notional", OptionalText, &["notional"]),
    ("size", OptionalText, &["size"]),
    ("ms_t", Time, &["ms_t"]),
    ("price", OptionalText, &["price"]),
    ("filled_notional", OptionalText, &["filled_notional"]),
    ("filled_size", OptionalText, &["filled_size"]),
    ("margin_trading", OptionalText, &["margin_trading"]),
    ("legacy_state", OptionalText, &["state"]),
    ("order_id", Text, &["order_id"]),
    ("legacy_order_type", OptionalText, &["order_type"]),
    ("last_fill_time", Time, &["last_fill_time"]),
    ("last_fill_price", OptionalText, &["last_fill_price"]),
    ("last_fill_size", OptionalText, &["last_fill_count"]),
    ("exec_type", ExecType, &["exec_type"]),
    ("detail_id", OptionalText, &["detail_id"]),
    ("client_order_id", OptionalText, &["client_order_id"]),
    ("create_time", Time, &["create_time"]),
    ("update_time", Time, &["update_time"]),
    ("order_mode", Word, &["order_mode"]),
    ("entrust_type", Word, &["entrust_type"]),
    ("order_state", Word, &["order_state"]),
    ("fee", OptionalText, &["dealFee", "deal_fee"]),
    ("fee_currency", OptionalText, &["deal_fee_coin_name"]),
];

pub(crate) const BALANCE: Schema = &[
    ("currency", Text, &["ccy"]),
    ("available", Decimal, &["av_bal"]),
    ("frozen", Decimal, &["fz_bal"]),
];

pub(crate) const BALANCE_UPDATE: Schema = &[
    ("event_type", TrimmedWord, &["event_type"]),
    ("event_time", Time, &["event_time"]),
    ("account_type", Word, &["account_type"]),
];

pub(crate) const FUTURES_ACTION: Schema = &[("action", Code, &["action"])];

pub(crate) const FUTURES_ORDER: Schema = &[
    ("order_id", Text, &["order_id"]),
    ("client_order_id", OptionalText, &["client_order_id"]),
    ("price", OptionalText, &["price"]),
    ("size", Decimal, &["size"]),
    ("symbol", Text, &["symbol"]),
    ("state", Code, &["state"]),
    ("side", Code, &["side"]),
    ("kind", Word, &["type"]),
    ("leverage", OptionalText, &["leverage"]),
    ("open_type", OpenType, &["open_type"]),
    ("deal_avg_price", OptionalText, &["deal_avg_price"]),
    ("deal_size", Decimal, &["deal_size"]),
    ("create_time", Time, &["create_time"]),
    ("update_time", Time, &["update_time"]),
    ("plan_order_id", OptionalText, &["plan_order_id"]),
    ("trigger_price", OptionalText, &["trigger_price"]),
    ("trigger_price_type", Word, &["trigger_price_type"]),
    ("execution_price", OptionalText, &["execution_price"]),
    ("activation_price_type", Word, &["activation_price_type"]),
    ("activation_price", OptionalText, &["activation_price"]),
    ("callback_rate", OptionalText, &["callback_rate"]),
    ("position_mode", Word, &["position_mode"]),
];

pub(crate) const FUTURES_FILL: Schema = &[
    ("fill.trade_id", Id, &["lastTradeID"]),
    ("fill.size", OptionalText, &["fillQty"]),
    ("fill.price", OptionalText, &["fillPrice"]),
    ("fill.fee", OptionalText, &["fee"]),
    ("fill.fee_currency", OptionalText, &["feeCcy"]),
];

pub(crate) const FUTURES_POSITION: Schema = &[
    ("symbol", Text, &["symbol"]),
    ("hold_volume", Decimal, &["hold_volume"]),
    ("side", Code, &["position_type"]),
    ("open_type", OpenType, &["open_type"]),
    ("frozen_volume", OptionalText, &["frozen_volume"]),
    ("close_volume", OptionalText, &["close_volume"]),
    ("hold_avg_price", OptionalText, &["hold_avg_price"]),
    ("close_avg_price", OptionalText, &["close_avg_price"]),
    ("open_avg_price", OptionalText, &["open_avg_price"]),
    ("liquidate_price", OptionalText, &["liquidate_price"]),
    ("create_time", Time, &["create_time"]),
    ("update_time", Time, &["update_time"]),
    ("position_mode", Word, &["position_mode"]),
];

pub(crate) const FUTURES_ASSET: Schema = &[
    ("currency", Text, &["currency"]),
    ("available_balance", Decimal, &["available_balance"]),
    ("position_deposit", OptionalText, &["position_deposit"]),
    ("frozen_balance", OptionalText, &["frozen_balance"]),
];

/// How the items of a channel are read.
pub(super) fn reader(channel: &str) -> Option<Read> {
    Some(match channel {
        "spot/user/order" | "spot/user/orders" => |item| Some(vec![fields(item, SPOT_ORDER)?]),
        "spot/user/balance" => |item| Some(vec![balance_update(item)?]),
        "futures/order" => |item| Some(vec![futures_order(item)?]),
        "futures/position" => |item| Some(vec![fields(item, FUTURES_POSITION)?]),
        "futures/asset" => |item| Some(vec![fields(item, FUTURES_ASSET)?]),
        _ => return None,
    })
}

fn balance_update(item: &Json) -> Option<Row> {
    let mut row = fields(item, BALANCE_UPDATE)?;
    let details = each(item, "balance_details", |details| {
        items(details)?
            .into_iter()
            .map(|balance| fields(balance, BALANCE))
            .collect::<Option<Vec<_>>>()
    })?;
    row.extend(details?.concat());
    Some(row)
}

fn futures_order(item: &Json) -> Option<Row> {
    let order = item.last(&["order"])?;
    let mut row = fields(item, FUTURES_ACTION)?;
    row.extend(fields(order, FUTURES_ORDER)?);
    let fill = each(order, "last_trade", |fill| fields(fill, FUTURES_FILL))?;
    row.extend(fill.unwrap_or_default());
    Some(row)
}

/// What the library read.
pub(super) fn rows(update: Update<'_>) -> Option<Vec<Row>> {
    Some(match update {
        Update::SpotOrders { orders, .. } => spot_orders(orders),
        Update::SpotBalances { changes, .. } => spot_balances(changes),
        Update::FuturesOrders { orders, .. } => futures_orders(orders),
        Update::FuturesPositions { positions, .. } => futures_positions(positions),
        Update::FuturesAssets { assets, .. } => futures_assets(assets),
        _ => return None,
    })
}

fn spot_orders(orders: SpotOrders<'_>) -> Vec<Row> {
    orders
        .iter()
        .map(|o| {
            row! { o:
                "symbol" = o.symbol;
                "side" = o.side.map(|word| fold(word.as_str()));
                "kind" = o.kind.map(|word| fold(word.as_str()));
                "notional" = o.notional;
                "size" = o.size;
                "ms_t" = o.ms_t;
                "price" = o.price;
                "filled_notional" = o.filled_notional;
                "filled_size" = o.filled_size;
                "margin_trading" = o.margin_trading;
                "legacy_state" = o.legacy_state;
                "order_id" = o.order_id;
                "legacy_order_type" = o.legacy_order_type;
                "last_fill_time" = o.last_fill_time;
                "last_fill_price" = o.last_fill_price;
                "last_fill_size" = o.last_fill_size;
                "exec_type" = o.exec_type.map(|word| fold(word.as_str()));
                "detail_id" = o.detail_id;
                "client_order_id" = o.client_order_id;
                "create_time" = o.create_time;
                "update_time" = o.update_time;
                "order_mode" = o.order_mode.map(|word| fold(word.as_str()));
                "entrust_type" = o.entrust_type.map(|word| fold(word.as_str()));
                "order_state" = o.order_state.map(|word| fold(word.as_str()));
                "fee" = o.fee;
                "fee_currency" = o.fee_currency;
            }
        })
        .collect()
}

fn spot_balances(changes: SpotBalances<'_>) -> Vec<Row> {
    let details = |details: Balances<'_>| {
        details
            .iter()
            .flat_map(
                |b| row! { b: "currency" = b.currency; "available" = b.available; "frozen" = b.frozen; },
            )
            .collect::<Row>()
    };
    changes
        .iter()
        .map(|c| {
            let mut row = row! { c:
                "event_type" = fold(c.event_type.as_str());
                "event_time" = c.event_time;
                "account_type" = c.account_type.map(|word| fold(word.as_str()));
            };
            row.extend(details(c.details));
            row
        })
        .collect()
}

fn futures_orders(orders: FuturesOrders<'_>) -> Vec<Row> {
    orders
        .iter()
        .map(|o| {
            let mut row = row! { o:
                "action" = o.action.0;
                "order_id" = o.order_id;
                "client_order_id" = o.client_order_id;
                "price" = o.price;
                "size" = o.size;
                "symbol" = o.symbol;
                "state" = o.state.0;
                "side" = o.side.0;
                "kind" = o.kind.map(|word| fold(word.as_str()));
                "leverage" = o.leverage;
                "open_type" = o.open_type;
                "deal_avg_price" = o.deal_avg_price;
                "deal_size" = o.deal_size;
                "create_time" = o.create_time;
                "update_time" = o.update_time;
                "plan_order_id" = o.plan_order_id;
                "trigger_price" = o.trigger_price;
                "trigger_price_type" = o.trigger_price_type.map(|word| fold(word.as_str()));
                "execution_price" = o.execution_price;
                "activation_price_type" = o.activation_price_type.map(|word| fold(word.as_str()));
                "activation_price" = o.activation_price;
                "callback_rate" = o.callback_rate;
                "position_mode" = o.position_mode.map(|word| fold(word.as_str()));
            };
            if let Some(f) = o.last_trade {
                row.extend(row! { f:
                    "fill.trade_id" = f.trade_id;
                    "fill.size" = f.size;
                    "fill.price" = f.price;
                    "fill.fee" = f.fee;
                    "fill.fee_currency" = f.fee_currency;
                });
            }
            row
        })
        .collect()
}

fn futures_positions(positions: FuturesPositions<'_>) -> Vec<Row> {
    positions
        .iter()
        .map(|p| {
            row! { p:
                "symbol" = p.symbol;
                "hold_volume" = p.hold_volume;
                "side" = p.side.0;
                "open_type" = p.open_type;
                "frozen_volume" = p.frozen_volume;
                "close_volume" = p.close_volume;
                "hold_avg_price" = p.hold_avg_price;
                "close_avg_price" = p.close_avg_price;
                "open_avg_price" = p.open_avg_price;
                "liquidate_price" = p.liquidate_price;
                "create_time" = p.create_time;
                "update_time" = p.update_time;
                "position_mode" = p.position_mode.map(|word| fold(word.as_str()));
            }
        })
        .collect()
}

fn futures_assets(assets: FuturesAssets<'_>) -> Vec<Row> {
    assets
        .iter()
        .map(|a| {
            row! { a:
                "currency" = a.currency;
                "available_balance" = a.available_balance;
                "position_deposit" = a.position_deposit;
                "frozen_balance" = a.frozen_balance;
            }
        })
        .collect()
}
