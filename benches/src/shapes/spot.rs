//! The spot market's messages.

use std::hint::black_box;

use serde::{Deserialize, Serialize};

use super::Consume;

#[derive(Debug, Deserialize, Serialize)]
pub struct Push<'a, T> {
    pub table: &'a str,
    pub data: Vec<T>,
}

impl<T: Consume> Consume for Push<'_, T> {
    fn consume(&self) {
        black_box(&self.table);
        self.data.consume();
    }
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Order<'a> {
    pub symbol: &'a str,
    pub side: Option<&'a str>,
    #[serde(rename = "type")]
    pub kind: Option<&'a str>,
    pub notional: Option<&'a str>,
    pub size: Option<&'a str>,
    pub ms_t: Option<&'a str>,
    pub price: Option<&'a str>,
    pub filled_notional: Option<&'a str>,
    pub filled_size: Option<&'a str>,
    pub margin_trading: Option<&'a str>,
    pub state: Option<&'a str>,
    pub order_id: &'a str,
    pub order_type: Option<&'a str>,
    pub last_fill_time: Option<&'a str>,
    pub last_fill_price: Option<&'a str>,
    pub last_fill_count: Option<&'a str>,
    pub exec_type: Option<&'a str>,
    pub detail_id: Option<&'a str>,
    pub client_order_id: Option<&'a str>,
    pub create_time: Option<&'a str>,
    pub update_time: Option<&'a str>,
    pub order_mode: Option<&'a str>,
    pub entrust_type: Option<&'a str>,
    pub order_state: Option<&'a str>,
    #[serde(rename = "dealFee")]
    pub deal_fee: Option<&'a str>,
    pub deal_fee_coin_name: Option<&'a str>,
}

impl Consume for Order<'_> {}

#[derive(Debug, Deserialize, Serialize)]
pub struct BalanceUpdate<'a> {
    pub event_type: &'a str,
    pub event_time: Option<&'a str>,
    #[serde(borrow)]
    pub balance_details: Vec<Balance<'a>>,
    pub account_type: Option<&'a str>,
}

impl Consume for BalanceUpdate<'_> {
    fn consume(&self) {
        black_box(self);
        self.balance_details.consume();
    }
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Balance<'a> {
    pub ccy: &'a str,
    pub av_bal: &'a str,
    pub fz_bal: &'a str,
}

impl Consume for Balance<'_> {}

#[derive(Debug, Deserialize, Serialize)]
pub struct Ticker<'a> {
    pub ask_px: Option<&'a str>,
    pub ask_sz: Option<&'a str>,
    pub base_volume_24h: Option<&'a str>,
    pub bid_px: Option<&'a str>,
    pub bid_sz: Option<&'a str>,
    pub fluctuation: Option<&'a str>,
    pub high_24h: Option<&'a str>,
    pub last_price: &'a str,
    pub low_24h: Option<&'a str>,
    pub ms_t: Option<u64>,
    pub open_24h: Option<&'a str>,
    pub quote_volume_24h: Option<&'a str>,
    pub s_t: Option<u64>,
    pub symbol: &'a str,
}

impl Consume for Ticker<'_> {}

#[derive(Debug, Deserialize, Serialize)]
pub struct BookTicker<'a> {
    pub ask_px: Option<&'a str>,
    pub ask_sz: Option<&'a str>,
    pub bid_px: Option<&'a str>,
    pub bid_sz: Option<&'a str>,
    pub ms_t: Option<u64>,
    pub symbol: &'a str,
}

impl Consume for BookTicker<'_> {}

#[derive(Debug, Deserialize, Serialize)]
pub struct Kline<'a> {
    #[serde(borrow)]
    pub candle: (u64, &'a str, &'a str, &'a str, &'a str, &'a str),
    pub symbol: &'a str,
}

impl Consume for Kline<'_> {}

/// A price and a size.
pub type Level<'a> = (&'a str, &'a str);

impl Consume for Level<'_> {}

#[derive(Debug, Deserialize, Serialize)]
pub struct Depth<'a> {
    #[serde(borrow)]
    pub asks: Vec<Level<'a>>,
    #[serde(borrow)]
    pub bids: Vec<Level<'a>>,
    pub ms_t: Option<u64>,
    pub symbol: &'a str,
}

impl Consume for Depth<'_> {
    fn consume(&self) {
        black_box(self);
        self.asks.consume();
        self.bids.consume();
    }
}

#[derive(Debug, Deserialize, Serialize)]
pub struct DepthUpdate<'a> {
    #[serde(borrow)]
    pub asks: Vec<Level<'a>>,
    #[serde(borrow)]
    pub bids: Vec<Level<'a>>,
    pub ms_t: Option<u64>,
    pub symbol: &'a str,
    #[serde(rename = "type")]
    pub kind: &'a str,
    pub version: u64,
}

impl Consume for DepthUpdate<'_> {
    fn consume(&self) {
        black_box(self);
        self.asks.consume();
        self.bids.consume();
    }
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Trade<'a> {
    pub ms_t: Option<u64>,
    pub price: &'a str,
    pub s_t: Option<u64>,
    pub side: Option<&'a str>,
    pub size: &'a str,
    pub symbol: &'a str,
}

impl Consume for Trade<'_> {}
