//! The futures market's messages.

use std::hint::black_box;

use serde::{Deserialize, Serialize};

use super::{Consume, spot};

#[derive(Debug, Deserialize, Serialize)]
pub struct Push<'a, T> {
    pub group: &'a str,
    pub data: T,
}

impl<T: Consume> Consume for Push<'_, T> {
    fn consume(&self) {
        black_box(&self.group);
        self.data.consume();
    }
}

#[derive(Debug, Deserialize, Serialize)]
pub struct OrderItem<'a> {
    pub action: i64,
    #[serde(borrow)]
    pub order: Order<'a>,
}

impl Consume for OrderItem<'_> {}

#[derive(Debug, Deserialize, Serialize)]
pub struct Order<'a> {
    pub order_id: &'a str,
    pub client_order_id: Option<&'a str>,
    pub price: Option<&'a str>,
    pub size: &'a str,
    pub symbol: &'a str,
    pub state: i64,
    pub side: i64,
    #[serde(rename = "type")]
    pub kind: Option<&'a str>,
    pub leverage: Option<&'a str>,
    pub open_type: Option<&'a str>,
    pub deal_avg_price: Option<&'a str>,
    pub deal_size: &'a str,
    pub create_time: Option<u64>,
    pub update_time: Option<u64>,
    pub plan_order_id: Option<&'a str>,
    #[serde(borrow)]
    pub last_trade: Option<Fill<'a>>,
    pub trigger_price: Option<&'a str>,
    pub trigger_price_type: Option<&'a str>,
    pub execution_price: Option<&'a str>,
    pub activation_price_type: Option<&'a str>,
    pub activation_price: Option<&'a str>,
    pub callback_rate: Option<&'a str>,
    pub position_mode: Option<&'a str>,
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Fill<'a> {
    #[serde(rename = "lastTradeID")]
    pub last_trade_id: u64,
    #[serde(rename = "fillQty")]
    pub fill_qty: Option<&'a str>,
    #[serde(rename = "fillPrice")]
    pub fill_price: Option<&'a str>,
    pub fee: Option<&'a str>,
    #[serde(rename = "feeCcy")]
    pub fee_ccy: Option<&'a str>,
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Position<'a> {
    pub symbol: &'a str,
    pub hold_volume: &'a str,
    pub position_type: i64,
    pub open_type: i64,
    pub frozen_volume: Option<&'a str>,
    pub close_volume: Option<&'a str>,
    pub hold_avg_price: Option<&'a str>,
    pub close_avg_price: Option<&'a str>,
    pub open_avg_price: Option<&'a str>,
    pub liquidate_price: Option<&'a str>,
    pub create_time: Option<u64>,
    pub update_time: Option<u64>,
    pub position_mode: Option<&'a str>,
}

impl Consume for Position<'_> {}

#[derive(Debug, Deserialize, Serialize)]
pub struct Asset<'a> {
    pub currency: &'a str,
    pub available_balance: &'a str,
    pub position_deposit: Option<&'a str>,
    pub frozen_balance: Option<&'a str>,
}

impl Consume for Asset<'_> {}

#[derive(Debug, Deserialize, Serialize)]
pub struct Ticker<'a> {
    pub symbol: &'a str,
    pub last_price: &'a str,
    pub volume_24: Option<&'a str>,
    pub range: Option<&'a str>,
    pub mark_price: Option<&'a str>,
    pub index_price: Option<&'a str>,
    pub ask_price: Option<&'a str>,
    pub ask_vol: Option<&'a str>,
    pub bid_price: Option<&'a str>,
    pub bid_vol: Option<&'a str>,
}

impl Consume for Ticker<'_> {}

#[derive(Debug, Deserialize, Serialize)]
pub struct BookTicker<'a> {
    pub symbol: &'a str,
    pub best_bid_price: Option<&'a str>,
    pub best_bid_vol: Option<&'a str>,
    pub best_ask_price: Option<&'a str>,
    pub best_ask_vol: Option<&'a str>,
    pub ms_t: Option<u64>,
}

impl Consume for BookTicker<'_> {}

#[derive(Debug, Deserialize, Serialize)]
pub struct FundingRate<'a> {
    pub symbol: &'a str,
    #[serde(rename = "fundingRate")]
    pub funding_rate: Option<&'a str>,
    #[serde(rename = "fundingTime")]
    pub funding_time: Option<u64>,
    #[serde(rename = "nextFundingRate")]
    pub next_funding_rate: Option<&'a str>,
    #[serde(rename = "nextFundingTime")]
    pub next_funding_time: Option<u64>,
    pub funding_upper_limit: Option<&'a str>,
    pub funding_lower_limit: Option<&'a str>,
    pub ts: Option<u64>,
}

impl Consume for FundingRate<'_> {}

#[derive(Debug, Deserialize, Serialize)]
pub struct Level<'a> {
    pub price: &'a str,
    pub vol: &'a str,
}

impl Consume for Level<'_> {}

#[derive(Debug, Deserialize, Serialize)]
pub struct DepthSide<'a> {
    pub symbol: &'a str,
    pub way: i64,
    #[serde(borrow)]
    pub depths: Vec<Level<'a>>,
    pub ms_t: Option<u64>,
}

impl Consume for DepthSide<'_> {
    fn consume(&self) {
        black_box(self);
        self.depths.consume();
    }
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Depth<'a> {
    pub symbol: &'a str,
    #[serde(borrow)]
    pub asks: Vec<Level<'a>>,
    #[serde(borrow)]
    pub bids: Vec<Level<'a>>,
    pub ms_t: Option<u64>,
}

impl Consume for Depth<'_> {
    fn consume(&self) {
        black_box(self);
        self.asks.consume();
        self.bids.consume();
    }
}

/// The `v2` books have the levels of the spot market, and so its shape.
pub type DepthV2<'a> = spot::Depth<'a>;

#[derive(Debug, Deserialize, Serialize)]
pub struct DepthUpdate<'a> {
    pub symbol: &'a str,
    #[serde(borrow)]
    pub asks: Vec<Level<'a>>,
    #[serde(borrow)]
    pub bids: Vec<Level<'a>>,
    pub ms_t: Option<u64>,
    pub version: u64,
    #[serde(rename = "type")]
    pub kind: &'a str,
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
    pub trade_id: u64,
    pub symbol: &'a str,
    pub deal_price: &'a str,
    pub deal_vol: &'a str,
    pub way: Option<i64>,
    pub m: Option<bool>,
    pub created_at: Option<&'a str>,
}

impl Consume for Trade<'_> {}

#[derive(Debug, Deserialize, Serialize)]
pub struct Klines<'a> {
    pub symbol: &'a str,
    #[serde(borrow)]
    pub items: Vec<Kline<'a>>,
}

impl Consume for Klines<'_> {
    fn consume(&self) {
        black_box(&self.symbol);
        self.items.consume();
    }
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Kline<'a> {
    pub o: &'a str,
    pub h: &'a str,
    pub l: &'a str,
    pub c: &'a str,
    pub v: &'a str,
    pub ts: u64,
}

impl Consume for Kline<'_> {}
