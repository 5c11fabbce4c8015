use std::collections::BTreeMap;

use bitmart_sim::EXAMPLE_KEY as KEY;
use bitmart_sim::exchange::{Exchange, Push};
use serde_json::Value;

use crate::numbers::{amount, field, number, parsed, times};

/// Follows one account on spot through its pushes.
#[derive(Default)]
pub(crate) struct SpotObserver {
    total: BTreeMap<String, i128>,
    /// By order id: the coin and amount it locks.
    pub(crate) locks: BTreeMap<String, (String, i128)>,
    /// By order id: filled size, filled notional.
    filled: BTreeMap<String, (i128, i128)>,
    pub(crate) states: BTreeMap<String, usize>,
}

impl SpotObserver {
    pub(crate) fn new(exchange: &Exchange) -> Self {
        let coins = ["BTC", "ETH", "USDT"];
        let total = coins.map(|coin| {
            (
                coin.to_owned(),
                number(&exchange.spot_balance(KEY, coin).unwrap().available.to_string()),
            )
        });
        Self {
            total: BTreeMap::from(total),
            ..Self::default()
        }
    }

    fn frozen(&self, coin: &str) -> i128 {
        self.locks
            .values()
            .filter(|(locked, _)| locked == coin)
            .map(|(_, amount)| amount)
            .sum()
    }

    pub(crate) fn observe(&mut self, push: &Push) {
        match push.topic.as_str() {
            "spot/user/orders:ALL_SYMBOLS" => self.order(&parsed(push)["data"][0]),
            "spot/user/balance:BALANCE_UPDATE" => self.balance(&parsed(push)["data"][0]),
            _ => {}
        }
    }

    fn order(&mut self, order: &Value) {
        let id = field(order, "order_id").to_owned();
        let (base, quote) = field(order, "symbol").split_once('_').unwrap();
        let is_buy = field(order, "side") == "buy";
        let (size, filled) = (amount(order, "size"), amount(order, "filled_size"));
        let notional = amount(order, "filled_notional");
        let (filled_before, notional_before) = self.filled.get(&id).copied().unwrap_or_default();
        let (step, worth) = (filled - filled_before, notional - notional_before);
        assert!(step >= 0 && worth >= 0, "filled shrinks: {order}");
        let state = field(order, "order_state");
        *self.states.entry(state.to_owned()).or_default() += 1;
        let fee = amount(order, "dealFee");
        if step > 0 {
            assert_eq!(step, amount(order, "last_fill_count"), "{order}");
            assert_eq!(times(amount(order, "last_fill_price"), step), worth, "{order}");
            assert!(fee > 0 && !field(order, "detail_id").is_empty(), "{order}");
            assert_eq!(
                field(order, "deal_fee_coin_name"),
                if is_buy { base } else { quote }
            );
            *self.total.get_mut(base).unwrap() += if is_buy { step - fee } else { -step };
            *self.total.get_mut(quote).unwrap() += if is_buy { -worth } else { worth - fee };
        } else {
            assert_eq!(fee, 0, "{order}");
        }
        self.filled.insert(id.clone(), (filled, notional));
        let is_market_buy = is_buy && field(order, "type") == "market";
        assert!(is_market_buy || filled <= size, "{order}");
        let expected = match state {
            "new" => filled == 0,
            "partially_filled" | "partially_canceled" => filled > 0 && (is_market_buy || filled < size),
            "filled" => filled > 0 && (is_market_buy || filled == size),
            "canceled" => filled == 0,
            _ => false,
        };
        assert!(expected, "{order}");
        if matches!(state, "filled" | "canceled" | "partially_canceled") {
            self.locks.remove(&id);
            self.filled.remove(&id);
        } else {
            let lock = if is_market_buy {
                (quote.to_owned(), amount(order, "notional") - notional)
            } else if is_buy {
                (quote.to_owned(), times(amount(order, "price"), size - filled))
            } else {
                (base.to_owned(), size - filled)
            };
            self.locks.insert(id, lock);
        }
    }

    fn balance(&mut self, event: &Value) {
        for entry in event["balance_details"].as_array().unwrap() {
            let coin = field(entry, "ccy");
            let (available, frozen) = (amount(entry, "av_bal"), amount(entry, "fz_bal"));
            if field(event, "event_type") == "ACCOUNT_RECHARGE" {
                let total = self.total.get_mut(coin).unwrap();
                assert!(available + frozen > *total, "{event}");
                *total = available + frozen;
            }
            self.check(coin, available, frozen);
        }
    }

    fn check(&self, coin: &str, available: i128, frozen: i128) {
        assert_eq!(frozen, self.frozen(coin), "frozen {coin}");
        assert_eq!(available + frozen, self.total[coin], "total {coin}");
        assert!(available >= 0, "{coin}");
    }

    pub(crate) fn check_all(&self, exchange: &Exchange) {
        for coin in self.total.keys() {
            let balance = exchange.spot_balance(KEY, coin).unwrap();
            self.check(
                coin,
                number(&balance.available.to_string()),
                number(&balance.frozen.to_string()),
            );
        }
    }
}
