//! The messages as one would write them for serde: borrowed texts, optional where the wire's shapes differ.
#![allow(dead_code, reason = "the fields are there to be filled")]

use std::borrow::Cow;

use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct SpotPush<'a, T> {
    #[serde(borrow)]
    table: &'a str,
    pub(crate) data: Vec<T>,
}

#[derive(Deserialize)]
pub(crate) struct FuturesPush<'a, T> {
    #[serde(borrow)]
    group: &'a str,
    pub(crate) data: T,
}

#[derive(Deserialize)]
pub(crate) struct SpotOrder<'a> {
    symbol: &'a str,
    side: Option<&'a str>,
    #[serde(rename = "type")]
    kind: Option<&'a str>,
    notional: Option<&'a str>,
    size: Option<&'a str>,
    ms_t: Option<&'a str>,
    price: Option<&'a str>,
    filled_notional: Option<&'a str>,
    filled_size: Option<&'a str>,
    margin_trading: Option<&'a str>,
    state: Option<&'a str>,
    order_id: &'a str,
    order_type: Option<&'a str>,
    last_fill_time: Option<&'a str>,
    last_fill_price: Option<&'a str>,
    last_fill_count: Option<&'a str>,
    exec_type: Option<&'a str>,
    detail_id: Option<&'a str>,
    client_order_id: Option<&'a str>,
    create_time: Option<&'a str>,
    update_time: Option<&'a str>,
    order_mode: Option<&'a str>,
    entrust_type: Option<&'a str>,
    order_state: Option<&'a str>,
    #[serde(rename = "dealFee")]
    deal_fee: Option<&'a str>,
    deal_fee_coin_name: Option<&'a str>,
}

#[derive(Deserialize)]
pub(crate) struct BalanceUpdate<'a> {
    event_type: &'a str,
    event_time: Option<&'a str>,
    #[serde(borrow)]
    balance_details: Vec<Balance<'a>>,
    account_type: Option<&'a str>,
}

#[derive(Deserialize)]
struct Balance<'a> {
    ccy: &'a str,
    av_bal: &'a str,
    fz_bal: &'a str,
}

#[derive(Deserialize)]
pub(crate) struct FuturesOrderItem<'a> {
    action: i64,
    #[serde(borrow)]
    order: FuturesOrder<'a>,
}

#[derive(Deserialize)]
struct FuturesOrder<'a> {
    order_id: &'a str,
    client_order_id: Option<&'a str>,
    price: Option<&'a str>,
    size: &'a str,
    symbol: &'a str,
    state: i64,
    side: i64,
    #[serde(rename = "type")]
    kind: Option<&'a str>,
    leverage: Option<&'a str>,
    open_type: Option<&'a str>,
    deal_avg_price: Option<&'a str>,
    deal_size: &'a str,
    create_time: Option<u64>,
    update_time: Option<u64>,
    plan_order_id: Option<&'a str>,
    #[serde(borrow)]
    last_trade: Option<Fill<'a>>,
    trigger_price: Option<&'a str>,
    trigger_price_type: Option<&'a str>,
    execution_price: Option<&'a str>,
    activation_price_type: Option<&'a str>,
    activation_price: Option<&'a str>,
    callback_rate: Option<&'a str>,
    position_mode: Option<&'a str>,
}

#[derive(Deserialize)]
struct Fill<'a> {
    #[serde(rename = "lastTradeID")]
    last_trade_id: u64,
    #[serde(rename = "fillQty")]
    fill_qty: Option<&'a str>,
    #[serde(rename = "fillPrice")]
    fill_price: Option<&'a str>,
    fee: Option<&'a str>,
    #[serde(rename = "feeCcy")]
    fee_ccy: Option<&'a str>,
}

#[derive(Deserialize)]
pub(crate) struct Position<'a> {
    symbol: &'a str,
    hold_volume: &'a str,
    position_type: i64,
    open_type: i64,
    frozen_volume: Option<&'a str>,
    close_volume: Option<&'a str>,
    hold_avg_price: Option<&'a str>,
    close_avg_price: Option<&'a str>,
    open_avg_price: Option<&'a str>,
    liquidate_price: Option<&'a str>,
    create_time: Option<u64>,
    update_time: Option<u64>,
    position_mode: Option<&'a str>,
}

#[derive(Deserialize)]
pub(crate) struct Asset<'a> {
    currency: &'a str,
    available_balance: &'a str,
    position_deposit: Option<&'a str>,
    frozen_balance: Option<&'a str>,
}

#[derive(Deserialize)]
pub(crate) struct Reply<'a> {
    event: Option<&'a str>,
    action: Option<&'a str>,
    topic: Option<&'a str>,
    group: Option<&'a str>,
    success: Option<bool>,
    #[serde(rename = "errorCode")]
    error_code: Option<&'a str>,
    #[serde(borrow, rename = "errorMessage")]
    error_message: Option<Cow<'a, str>>,
    #[serde(borrow)]
    error: Option<Cow<'a, str>>,
}
