use std::collections::BTreeMap;

use bitmart_sim::exchange::Push;
use serde_json::Value;

use crate::numbers::{amount, field, number, parsed, times};

/// Follows one account on futures through its pushes.
#[derive(Default)]
pub(crate) struct FuturesObserver {
    initial: i128,
    fees: i128,
    recharged: i128,
    /// By symbol and whether long.
    pub(crate) positions: BTreeMap<(String, bool), ObservedPosition>,
    orders: BTreeMap<String, ObservedOrder>,
    last_asset: Option<(i128, i128, i128)>,
    pub(crate) actions: BTreeMap<u64, usize>,
    pub(crate) flat_moments: usize,
}

#[derive(Default)]
pub(crate) struct ObservedPosition {
    pub(crate) held: i128,
    closed: i128,
    /// Worth of what was opened less worth of what was closed, since the beginning of time.
    spent: i128,
    low: i128,
    high: i128,
}

#[derive(Clone, Default)]
pub(crate) struct ObservedOrder {
    symbol: String,
    is_long: bool,
    is_opening: bool,
    price: i128,
    remaining: i128,
    filled: i128,
    last_trade: u64,
}

/// Coins of one contract.
fn contract_size(symbol: &str) -> i128 {
    match symbol {
        "BTCUSDT" => number("0.001"),
        "ETHUSDT" => number("0.01"),
        other => panic!("{other}"),
    }
}

impl FuturesObserver {
    pub(crate) fn new(initial: i128) -> Self {
        Self {
            initial,
            ..Self::default()
        }
    }

    pub(crate) fn observe(&mut self, push: &Push) {
        match push.topic.as_str() {
            "futures/order" => self.order(&parsed(push)["data"][0]),
            "futures/position" => {
                parsed(push)["data"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .for_each(|position| self.position(position));
            }
            "futures/asset:USDT" => self.asset(&parsed(push)["data"]),
            _ => {}
        }
    }

    fn order(&mut self, item: &Value) {
        let order = &item["order"];
        let action = item["action"].as_u64().unwrap();
        *self.actions.entry(action).or_default() += 1;
        let side = order["side"].as_u64().unwrap();
        let symbol = field(order, "symbol").to_owned();
        let (size, filled) = (amount(order, "size"), amount(order, "deal_size"));
        let known = self
            .orders
            .get(field(order, "order_id"))
            .cloned()
            .unwrap_or_default();
        let step = filled - known.filled;
        assert!(step >= 0 && filled <= size, "{order}");
        assert_eq!(step > 0, action == 1, "{item}");
        let is_finished = order["state"].as_u64() == Some(4);
        assert_eq!(is_finished, action == 3 || filled == size, "{item}");
        let seen = ObservedOrder {
            symbol: symbol.clone(),
            is_long: matches!(side, 1 | 3),
            is_opening: matches!(side, 1 | 4),
            price: amount(order, "price"),
            remaining: size - filled,
            filled,
            last_trade: order["last_trade"]["lastTradeID"].as_u64().unwrap_or(0),
        };
        if step > 0 {
            let trade = &order["last_trade"];
            assert!(seen.last_trade > known.last_trade, "{order}");
            assert_eq!(amount(trade, "fillQty"), step, "{order}");
            self.fees += amount(trade, "fee");
            let price = amount(trade, "fillPrice");
            let worth = times(times(price, contract_size(&symbol)), step);
            let position = self.positions.entry((symbol, seen.is_long)).or_default();
            if seen.is_opening {
                if position.held == 0 {
                    (position.closed, position.low, position.high) = (0, price, price);
                }
                position.held += step;
                position.spent += worth;
                position.low = position.low.min(price);
                position.high = position.high.max(price);
            } else {
                position.held -= step;
                position.closed += step;
                position.spent -= worth;
            }
            assert!(position.held >= 0, "{order}");
        } else {
            assert_eq!(seen.last_trade, known.last_trade, "{order}");
        }
        let id = field(order, "order_id").to_owned();
        if is_finished {
            self.orders.remove(&id);
        } else {
            self.orders.insert(id, seen);
        }
    }

    fn position(&self, position: &Value) {
        let is_long = position["position_type"].as_u64() == Some(1);
        let symbol = field(position, "symbol").to_owned();
        let locked: i128 = self
            .orders
            .values()
            .filter(|order| order.symbol == symbol && order.is_long == is_long && !order.is_opening)
            .map(|order| order.remaining)
            .sum();
        assert_eq!(amount(position, "frozen_volume"), locked, "{position}");
        let known = &self.positions[&(symbol, is_long)];
        assert_eq!(amount(position, "hold_volume"), known.held, "{position}");
        assert_eq!(amount(position, "close_volume"), known.closed, "{position}");
        let price = amount(position, "hold_avg_price");
        // An average cut behind the twelfth decimal may be one unit under the lowest price.
        let is_between = price + 1 >= known.low && price <= known.high;
        assert!(
            if known.held == 0 { price == 0 } else { is_between },
            "{position}"
        );
    }

    fn asset(&mut self, asset: &Value) {
        let available = amount(asset, "available_balance");
        let (deposit, frozen) = (amount(asset, "position_deposit"), amount(asset, "frozen_balance"));
        let locked: i128 = self
            .orders
            .values()
            .filter(|order| order.is_opening)
            .map(|order| times(times(order.price, contract_size(&order.symbol)), order.remaining) / 10)
            .sum();
        // A market order locks margin at a price that no push says.
        let has_market_order = self
            .orders
            .values()
            .any(|order| order.is_opening && order.price == 0);
        assert!(
            has_market_order || frozen == locked,
            "{asset}, but {locked} is locked"
        );
        assert!(available >= 0 && deposit >= 0, "{asset}");
        let total = available + deposit + frozen;
        if let Some((was_total, fees, spent)) = self.last_asset {
            let is_story_quiet = fees == self.fees && spent == self.spent();
            if is_story_quiet && total != was_total {
                assert!(total > was_total, "{asset}");
                self.recharged += total - was_total;
            }
        }
        self.last_asset = Some((total, self.fees, self.spent()));
        if self.positions.values().all(|position| position.held == 0) {
            self.flat_moments += 1;
            assert_eq!(deposit, 0, "{asset}");
            // Flat, profit is what was received for longs and shorts less what was paid for them.
            let profit: i128 = self
                .positions
                .iter()
                .map(|((_, is_long), position)| if *is_long { -position.spent } else { position.spent })
                .sum();
            assert_eq!(
                total,
                self.initial + self.recharged + self.fees + profit,
                "{asset}"
            );
        }
    }

    fn spent(&self) -> i128 {
        self.positions
            .iter()
            .map(|((_, is_long), p)| if *is_long { p.spent } else { -p.spent })
            .sum()
    }
}
