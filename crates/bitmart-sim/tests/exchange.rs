//! The exchange's promises, checked by an observer that sees nothing but the payloads and has arithmetic of its
//! own.

use std::collections::BTreeMap;

use bitmart_proto::{Environment, Market};
use bitmart_sim::EXAMPLE_KEY as KEY;
use bitmart_sim::exchange::{Audience, Exchange, Intent, NewOrder, Push, ScriptError};
use serde_json::Value;

/// Seeds per property; a failure names its seed.
const SEEDS: u64 = 48;
/// Ticks per seed: several rounds of the story.
const TICKS: usize = 160;
/// Decimals of the observer's numbers.
const SCALE: usize = 12;
const ONE: i128 = 1_000_000_000_000;

fn exchange(seed: u64) -> Exchange {
    Exchange::builder(Environment::Live).seed(seed).build()
}

/// Reads a decimal text as a multiple of 10⁻¹²; digits behind that must be zero.
fn number(text: &str) -> i128 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let (kept, cut) = fraction.split_at(fraction.len().min(SCALE));
    assert!(cut.bytes().all(|b| b == b'0'), "{text}");
    sign * format!("{whole}{kept:0<12}").parse::<i128>().unwrap()
}

/// An exact product.
fn times(a: i128, b: i128) -> i128 {
    assert_eq!(a * b % ONE, 0, "{a} × {b}");
    a * b / ONE
}

fn field<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} of {value} is no string"))
}

fn amount(value: &Value, name: &str) -> i128 {
    number(field(value, name))
}

fn parsed(push: &Push) -> Value {
    serde_json::from_str(&push.payload).unwrap_or_else(|error| panic!("{error}: {}", push.payload))
}

/// Follows one account on spot through its pushes.
#[derive(Default)]
struct SpotObserver {
    total: BTreeMap<String, i128>,
    /// By order id: the coin and amount it locks.
    locks: BTreeMap<String, (String, i128)>,
    /// By order id: filled size, filled notional.
    filled: BTreeMap<String, (i128, i128)>,
    states: BTreeMap<String, usize>,
}

impl SpotObserver {
    fn new(exchange: &Exchange) -> Self {
        let coins = ["BTC", "ETH", "USDT"];
        let total = coins.map(|coin| {
            (coin.to_owned(), number(&exchange.spot_balance(KEY, coin).unwrap().available.to_string()))
        });
        Self { total: BTreeMap::from(total), ..Self::default() }
    }

    fn frozen(&self, coin: &str) -> i128 {
        self.locks.values().filter(|(locked, _)| locked == coin).map(|(_, amount)| amount).sum()
    }

    fn observe(&mut self, push: &Push) {
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
            assert_eq!(field(order, "deal_fee_coin_name"), if is_buy { base } else { quote });
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

    fn check_all(&self, exchange: &Exchange) {
        for coin in self.total.keys() {
            let balance = exchange.spot_balance(KEY, coin).unwrap();
            self.check(coin, number(&balance.available.to_string()), number(&balance.frozen.to_string()));
        }
    }
}

#[test]
fn spot_balances_are_what_fills_fees_and_locks_make_them() {
    for seed in 0..SEEDS {
        let ran = std::panic::catch_unwind(|| {
            let mut exchange = exchange(seed);
            let mut observer = SpotObserver::new(&exchange);
            for _ in 0..TICKS {
                exchange.step().iter().for_each(|push| observer.observe(push));
                observer.check_all(&exchange);
            }
            for state in ["new", "partially_filled", "filled", "canceled", "partially_canceled"] {
                assert!(observer.states.get(state).is_some_and(|seen| *seen >= 10), "{state} is never seen");
            }
        });
        assert!(ran.is_ok(), "seed {seed}");
    }
}

/// Follows one account on futures through its pushes.
#[derive(Default)]
struct FuturesObserver {
    initial: i128,
    fees: i128,
    recharged: i128,
    /// By symbol and whether long.
    positions: BTreeMap<(String, bool), ObservedPosition>,
    orders: BTreeMap<String, ObservedOrder>,
    last_asset: Option<(i128, i128, i128)>,
    actions: BTreeMap<u64, usize>,
    flat_moments: usize,
}

#[derive(Default)]
struct ObservedPosition {
    held: i128,
    closed: i128,
    /// Worth of what was opened less worth of what was closed, since the beginning of time.
    spent: i128,
    low: i128,
    high: i128,
}

#[derive(Clone, Default)]
struct ObservedOrder {
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
    fn observe(&mut self, push: &Push) {
        match push.topic.as_str() {
            "futures/order" => self.order(&parsed(push)["data"][0]),
            "futures/position" => {
                parsed(push)["data"].as_array().unwrap().iter().for_each(|position| self.position(position));
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
        let known = self.orders.get(field(order, "order_id")).cloned().unwrap_or_default();
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
        assert!(if known.held == 0 { price == 0 } else { is_between }, "{position}");
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
        let has_market_order = self.orders.values().any(|order| order.is_opening && order.price == 0);
        assert!(has_market_order || frozen == locked, "{asset}, but {locked} is locked");
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
            assert_eq!(total, self.initial + self.recharged + self.fees + profit, "{asset}");
        }
    }

    fn spent(&self) -> i128 {
        self.positions.iter().map(|((_, is_long), p)| if *is_long { p.spent } else { -p.spent }).sum()
    }
}

#[test]
fn futures_positions_are_the_sum_of_their_fills_and_no_money_is_lost() {
    for environment in [Environment::Live, Environment::Demo] {
        for seed in 0..SEEDS {
            let ran = std::panic::catch_unwind(|| {
                let mut exchange = Exchange::builder(environment).seed(seed).build();
                let initial = exchange.futures_asset(KEY, "USDT").unwrap().available;
                let initial = number(&initial.to_string());
                let mut observer = FuturesObserver { initial, ..FuturesObserver::default() };
                for _ in 0..TICKS {
                    exchange.step().iter().for_each(|push| observer.observe(push));
                    for ((symbol, is_long), position) in &observer.positions {
                        let (long, short) = exchange.position(KEY, symbol);
                        let held = i128::from(if *is_long { long } else { short }) * ONE;
                        assert_eq!(held, position.held);
                    }
                }
                for action in 1..=3 {
                    assert!(observer.actions.get(&action).is_some_and(|seen| *seen >= 10), "action {action}");
                }
            });
            assert!(ran.is_ok(), "{environment:?}, seed {seed}");
        }
    }
}

/// The story's two symbols are seldom flat together, so that the exact sum is checked on one symbol's script.
#[test]
fn a_round_trip_leaves_exactly_its_profit_and_fees() {
    let mut exchange = Exchange::builder(Environment::Live).story(false).build();
    let initial = number(&exchange.futures_asset(KEY, "USDT").unwrap().available.to_string());
    let mut observer = FuturesObserver { initial, ..FuturesObserver::default() };
    let mut see = |pushes: Vec<Push>| pushes.iter().for_each(|push| observer.observe(push));
    for (open, close, prices) in [
        (Intent::OpenLong, Intent::CloseLong, ["86000.1", "86100.3", "85950.7"]),
        (Intent::OpenShort, Intent::CloseShort, ["86000.1", "85900.2", "86030.9"]),
    ] {
        let (id, pushes) =
            exchange.place_order(KEY, &NewOrder::limit("BTCUSDT", open, prices[0], "97")).unwrap();
        see(pushes);
        see(exchange.fill(id, "31").unwrap());
        see(exchange.fill(id, "66").unwrap());
        let (id, pushes) =
            exchange.place_order(KEY, &NewOrder::limit("BTCUSDT", close, prices[1], "60")).unwrap();
        see(pushes);
        see(exchange.fill(id, "7").unwrap());
        see(exchange.fill(id, "11").unwrap());
        see(exchange.cancel(id).unwrap());
        let (id, pushes) = exchange.place_order(KEY, &NewOrder::market("BTCUSDT", close, "79")).unwrap();
        see(pushes);
        see(exchange.fill_at(id, "78", prices[2]).unwrap());
        see(exchange.fill_at(id, "1", prices[2]).unwrap());
        assert_eq!(exchange.position(KEY, "BTCUSDT"), (0, 0));
    }
    assert!(observer.flat_moments >= 2);
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for environment in [Environment::Live, Environment::Demo] {
        for seed in 0..8 {
            let run = |seed| {
                let mut exchange = Exchange::builder(environment).seed(seed).accounts(["a", "b"]).build();
                (0..TICKS).flat_map(|_| exchange.step()).collect::<Vec<_>>()
            };
            assert_eq!(run(seed), run(seed), "seed {seed}");
            assert_ne!(run(seed), run(seed + 1), "seed {seed}");
        }
    }
}

#[test]
fn accounts_and_environments_have_stories_of_their_own() {
    let mut live = Exchange::builder(Environment::Live).accounts(["a", "b"]).build();
    let mut demo = Exchange::builder(Environment::Demo).accounts(["a", "b"]).build();
    let private = |pushes: Vec<Push>, account| {
        let of = move |push: &Push| push.audience == Audience::Account(account);
        pushes.into_iter().filter(of).map(|push| push.payload).collect::<Vec<_>>()
    };
    let (live, demo): (Vec<Push>, Vec<Push>) =
        (0..20).flat_map(|_| live.step().into_iter().zip(demo.step())).unzip();
    assert_ne!(private(live.clone(), 0), private(live.clone(), 1));
    assert_ne!(private(live, 0), private(demo.clone(), 0));
    assert!(demo.iter().all(|push| push.market == Market::Futures));
}

/// With the default pace of four ticks a second: whatever a demo has to show, it shows in ten seconds.
#[test]
fn everything_is_seen_within_ten_seconds() {
    for seed in 0..SEEDS {
        let mut exchange = exchange(seed);
        let ticks: Vec<Vec<Push>> = (0..40).map(|_| exchange.step()).collect();
        for market in Market::ALL {
            let is_private = |push: &Push| push.market == market && push.audience != Audience::Everyone;
            let busy = ticks.iter().filter(|tick| tick.iter().any(is_private)).count();
            assert!(busy >= 36, "seed {seed}: {market} shows something in {busy} of 40 ticks");
        }
        let all = ticks.concat();
        let has = |topic: &str, text: &str| {
            all.iter().any(|push| push.topic == topic && push.payload.contains(text))
        };
        for symbol in ["BTC_USDT", "ETH_USDT"] {
            let topic = format!("spot/user/order:{symbol}");
            for state in ["new", "partially_filled", "filled", "canceled", "partially_canceled"] {
                assert!(has(&topic, &format!(r#""order_state":"{state}""#)), "seed {seed}: {symbol} {state}");
            }
        }
        for (topic, text) in [
            ("spot/user/balance:BALANCE_UPDATE", "TRANSACTION_COMPLETED"),
            ("futures/order", r#""action":1"#),
            ("futures/order", r#""action":2"#),
            ("futures/order", r#""action":3"#),
            ("futures/position", r#""position_type":1"#),
            ("futures/position", r#""position_type":2"#),
            ("futures/position", r#""hold_volume":"0""#),
            ("futures/asset:USDT", "position_deposit"),
        ] {
            assert!(has(topic, text), "seed {seed}: {topic} {text}");
        }
    }
}

/// The positions come every ten seconds whether they change or not.
#[test]
fn positions_are_repeated_every_ten_seconds() {
    let mut exchange = Exchange::builder(Environment::Live).story(false).build();
    let order = NewOrder::market("ETHUSDT", Intent::OpenShort, "10");
    let (id, _) = exchange.place_order(KEY, &order).unwrap();
    exchange.fill(id, "10").unwrap();
    let pushes: Vec<Push> = (0..4 * 60).flat_map(|_| exchange.step()).collect();
    let positions: Vec<_> = pushes.iter().filter(|push| push.topic == "futures/position").collect();
    assert_eq!(positions.len(), 6);
    assert!(positions.iter().all(|push| push.payload.contains(r#""hold_volume":"10""#)));
}

/// An account that trades for hours piles nothing up.
#[test]
fn the_story_never_ends() {
    let mut exchange = exchange(1);
    let mut observer = SpotObserver::new(&exchange);
    for _ in 0..20_000 {
        for push in exchange.step() {
            if push.topic.starts_with("spot/user") {
                observer.observe(&push);
            }
        }
    }
    observer.check_all(&exchange);
    assert!(observer.locks.len() <= 2, "{} orders are open", observer.locks.len());
}

/// Fees eat the money, slowly; here a script takes most of it away at once.
#[test]
fn an_account_that_runs_dry_is_recharged() {
    let mut exchange = exchange(1);
    let mut observer = SpotObserver::new(&exchange);
    let order = NewOrder::limit("BTC_USDT", Intent::Buy, "50000", "1.999");
    let (_, pushes) = exchange.place_order(KEY, &order).unwrap();
    pushes.iter().for_each(|push| observer.observe(push));
    let order = NewOrder::limit("BTCUSDT", Intent::OpenLong, "50000", "19900");
    exchange.place_order(KEY, &order).unwrap();
    let pushes: Vec<Push> = (0..100).flat_map(|_| exchange.step()).collect();
    pushes.iter().for_each(|push| observer.observe(push));
    observer.check_all(&exchange);
    assert!(pushes.iter().any(|push| push.payload.contains("ACCOUNT_RECHARGE")));
    assert!(pushes.iter().any(|push| push.payload.contains(r#""order_state":"partially_filled""#)));
    let asset = exchange.futures_asset(KEY, "USDT").unwrap();
    assert!(asset.available > "500".parse().unwrap(), "{asset:?}");
}

#[test]
fn scripts_are_refused_without_a_trace() {
    let mut exchange = Exchange::builder(Environment::Live).story(false).build();
    let buy = |price: &str, size: &str| NewOrder::limit("BTC_USDT", Intent::Buy, price, size);
    let before = exchange.spot_balance(KEY, "USDT");
    let malformed = |text: &str| ScriptError::Malformed { text: text.into() };
    for (order, error) in [
        (buy("85000.001", "1"), malformed("85000.001")),
        (buy("85000", "0.000001"), malformed("0.000001")),
        (buy("-1", "1"), malformed("-1")),
        (buy("0", "1"), malformed("0")),
        (buy("85000", "1e3"), malformed("1e3")),
        (buy("85000", "2"), ScriptError::Insufficient),
        (buy("999999999999", "999999999999"), ScriptError::Insufficient),
        (buy("1", "1").client_order_id("has spaces"), malformed("has spaces")),
        (NewOrder::limit("X_USDT", Intent::Buy, "1", "1"), ScriptError::UnknownSymbol { symbol: "X_USDT".into() }),
        (
            NewOrder::limit("BTC_USDT", Intent::OpenLong, "1", "1"),
            ScriptError::UnknownSymbol { symbol: "BTC_USDT".into() },
        ),
        (NewOrder::limit("BTCUSDT", Intent::OpenLong, "1", "0.5"), malformed("0.5")),
        (NewOrder::limit("BTCUSDT", Intent::CloseLong, "1", "1"), ScriptError::Insufficient),
        (NewOrder::market("BTCUSDT", Intent::OpenLong, "999999999999"), ScriptError::Insufficient),
    ] {
        assert_eq!(exchange.place_order(KEY, &order).unwrap_err(), error, "{order:?}");
    }
    assert_eq!(exchange.place_order("nobody", &buy("1", "1")).unwrap_err(), ScriptError::UnknownAccount);
    assert_eq!(exchange.spot_balance(KEY, "USDT"), before);

    let (id, _) = exchange.place_order(KEY, &buy("85000", "0.5")).unwrap();
    assert_eq!(exchange.fill(id, "0.6").unwrap_err(), ScriptError::ExceedsOrder);
    assert_eq!(exchange.fill_at(id, "0.1", "85000.01").unwrap_err(), ScriptError::ExceedsOrder);
    assert_eq!(exchange.fill_at(id, "0.1", "84999.999").unwrap_err(), malformed("84999.999"));
    exchange.fill_at(id, "0.1", "84000").unwrap();
    exchange.cancel(id).unwrap();
    assert_eq!(exchange.cancel(id).unwrap_err(), ScriptError::UnknownOrder);
    assert_eq!(exchange.fill(id, "0.1").unwrap_err(), ScriptError::UnknownOrder);
    let balance = exchange.spot_balance(KEY, "USDT").unwrap();
    assert_eq!((balance.available.to_string().as_str(), balance.frozen.to_string().as_str()), ("91600", "0"));
}

#[test]
fn an_account_has_only_so_many_open_orders() {
    let mut exchange = Exchange::builder(Environment::Live).story(false).build();
    let order = NewOrder::limit("BTC_USDT", Intent::Buy, "1", "0.00001");
    for _ in 0..bitmart_sim::exchange::MAX_OPEN_ORDERS {
        exchange.place_order(KEY, &order).unwrap();
    }
    assert_eq!(exchange.place_order(KEY, &order).unwrap_err(), ScriptError::TooManyOrders);
}
