//! The shape of every payload: its keys in the exchange's order, and their types.

use std::collections::BTreeSet;

use bitmart_proto::{Channel, Environment, Market, Symbol, Topic};
use bitmart_sim::exchange::{Exchange, Push};
use serde_json::Value;

/// A message's keys in order, with their types: `s` string, `i` integer, `b` boolean, `n` object or null,
/// `[` and `{` for what they begin. Of neighbours with one shape in an array, one is written.
fn shape(text: &str) -> String {
    let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    described(&value, text)
}

fn described(value: &Value, text: &str) -> String {
    let mut out = String::new();
    describe(value, text, &mut out);
    out
}

fn describe(value: &Value, text: &str, out: &mut String) {
    match value {
        Value::String(_) => out.push('s'),
        Value::Number(number) if number.is_u64() => out.push('i'),
        Value::Number(number) => panic!("{number} is no whole number"),
        Value::Bool(_) => out.push('b'),
        Value::Null => out.push('0'),
        Value::Array(items) => {
            let mut shapes: Vec<String> = items.iter().map(|item| described(item, text)).collect();
            shapes.dedup();
            out.push('[');
            out.push_str(&shapes.concat());
            out.push(']');
        }
        Value::Object(object) => {
            // The order on the wire; no key occurs twice in one message.
            let at = |key: &str| text.find(&format!("\"{key}\":")).expect("a key of the message");
            let mut keys: Vec<&String> = object.keys().collect();
            keys.sort_by_key(|key| at(key));
            out.push('{');
            for key in keys {
                out.push_str(key);
                out.push(':');
                describe(&object[key], text, out);
                out.push(' ');
            }
            out.push('}');
        }
    }
}

fn spot_order() -> String {
    let keys = "symbol side type notional size ms_t price filled_notional filled_size margin_trading state order_id \
                order_type last_fill_time last_fill_price last_fill_count exec_type detail_id client_order_id \
                create_time update_time order_mode entrust_type order_state dealFee deal_fee_coin_name";
    let fields: String = keys.split_whitespace().map(|key| format!("{key}:s ")).collect();
    format!("{{data:[{{{fields}}}] table:s }}")
}

const BALANCE: &str =
    "{data:[{event_type:s event_time:s balance_details:[{ccy:s av_bal:s fz_bal:s }] }] table:s }";
const SPOT_TRADE: &str = "{data:[{ms_t:i price:s s_t:i side:s size:s symbol:s }] table:s }";
const SPOT_BOOK_TICKER: &str = "{data:[{ask_px:s ask_sz:s bid_px:s bid_sz:s ms_t:i symbol:s }] table:s }";
const SPOT_TICKER: &str = "{data:[{ask_px:s ask_sz:s base_volume_24h:s bid_px:s bid_sz:s fluctuation:s high_24h:s \
    last_price:s low_24h:s ms_t:i open_24h:s quote_volume_24h:s s_t:i symbol:s }] table:s }";
const SPOT_KLINE: &str = "{data:[{candle:[is] symbol:s }] table:s }";
const FUNDING: &str = "{data:{symbol:s fundingRate:s fundingTime:i nextFundingRate:s nextFundingTime:i \
    funding_upper_limit:s funding_lower_limit:s ts:i } group:s }";
const FUTURES_DEPTH: &str = "{data:{symbol:s way:i depths:[{price:s vol:s }] ms_t:i } group:s }";
const FUTURES_KLINE: &str = "{data:{symbol:s items:[{o:s h:s l:s c:s v:s ts:i }] } group:s }";
const FUTURES_ASSET: &str =
    "{group:s data:{currency:s available_balance:s position_deposit:s frozen_balance:s } }";
const POSITION: &str = "{group:s data:[{symbol:s hold_volume:s position_type:i open_type:i frozen_volume:s \
    close_volume:s hold_avg_price:s close_avg_price:s open_avg_price:s liquidate_price:s create_time:i \
    update_time:i position_mode:s }] }";
const NO_POSITION: &str = "{group:s data:[] }";
const FUTURES_TRADE: &str =
    "{data:[{trade_id:i symbol:s deal_price:s deal_vol:s way:i m:b created_at:s }] group:s }";
const FUTURES_BOOK_TICKER: &str =
    "{data:{symbol:s best_bid_price:s best_bid_vol:s best_ask_price:s best_ask_vol:s ms_t:i } group:s }";
const FUTURES_TICKER: &str = "{data:{symbol:s last_price:s volume_24:s range:s mark_price:s index_price:s \
    ask_price:s ask_vol:s bid_price:s bid_vol:s } group:s }";

fn futures_order(last_trade: &str) -> String {
    format!(
        "{{group:s data:[{{action:i order:{{order_id:s client_order_id:s price:s size:s symbol:s state:i side:i \
         type:s leverage:s open_type:s deal_avg_price:s deal_size:s create_time:i update_time:i plan_order_id:s \
         last_trade:{last_trade} trigger_price:s trigger_price_type:s execution_price:s activation_price_type:s \
         activation_price:s callback_rate:s position_mode:s }} }}] }}"
    )
}

/// A book's two sides, each with levels or without.
fn with_sides(level: &str, shape: impl Fn(&str) -> String) -> Vec<String> {
    let side = |name, is_full| format!("{name}:[{}] ", if is_full { level } else { "" });
    [(true, true), (true, false), (false, true), (false, false)]
        .map(|(asks, bids)| shape(&(side("asks", asks) + &side("bids", bids))))
        .into()
}

/// The shapes that a topic's pushes may have, and what names the topic in them.
fn expected(topic: &str) -> (Vec<String>, String) {
    let channel = topic.split_once(':').map_or(topic, |(channel, _)| channel);
    let shapes = match channel {
        "spot/depth/increase100" => with_sides("[s]", |sides| {
            format!("{{data:[{{{sides}ms_t:i symbol:s type:s version:i }}] table:s }}")
        }),
        depth if depth.starts_with("spot/depth") => {
            vec!["{data:[{asks:[[s]] bids:[[s]] ms_t:i symbol:s }] table:s }".into()]
        }
        kline if kline.starts_with("spot/kline") => vec![SPOT_KLINE.into()],
        depth if depth.starts_with("futures/depthIncrease") => with_sides("{price:s vol:s }", |sides| {
            format!("{{data:{{symbol:s {sides}ms_t:i version:i type:s }} group:s }}")
        }),
        depth if depth.starts_with("futures/depthAll") => {
            let level = "{price:s vol:s }";
            vec![format!(
                "{{data:{{symbol:s asks:[{level}] bids:[{level}] ms_t:i }} group:s }}"
            )]
        }
        depth if depth.starts_with("futures/depth") => vec![FUTURES_DEPTH.into()],
        kline if kline.contains("ineBin") => vec![FUTURES_KLINE.into()],
        "futures/fundingRate" => vec![FUNDING.into()],
        "spot/user/order" | "spot/user/orders" => vec![spot_order()],
        "spot/user/balance" => vec![BALANCE.into()],
        "spot/trade" => vec![SPOT_TRADE.into()],
        "spot/bookTicker" => vec![SPOT_BOOK_TICKER.into()],
        "spot/ticker" => vec![SPOT_TICKER.into()],
        "futures/order" => vec![
            futures_order("0"),
            futures_order("{lastTradeID:i fillQty:s fillPrice:s fee:s feeCcy:s }"),
        ],
        "futures/asset" => vec![FUTURES_ASSET.into()],
        "futures/position" => vec![POSITION.into(), NO_POSITION.into()],
        "futures/trade" => vec![FUTURES_TRADE.into()],
        "futures/bookticker" => vec![FUTURES_BOOK_TICKER.into()],
        "futures/ticker" => vec![FUTURES_TICKER.into()],
        other => panic!("{other} was not expected"),
    };
    let name = if channel.starts_with("spot/") {
        format!(r#""table":"{channel}"}}"#)
    } else {
        // Quirk 2: a ticker's group may have a suffix that nobody asked for.
        format!(
            r#""group":"{topic}{}"#,
            if channel == "futures/ticker" { "" } else { "\"" }
        )
    };
    (shapes, name)
}

/// Every topic that has pushes for the traded symbols.
fn pushing_topics() -> BTreeSet<String> {
    let symbols = |market| match market {
        Market::Spot => ["BTC_USDT", "ETH_USDT"].map(|symbol| Symbol::new(symbol).expect("a symbol")),
        Market::Futures => ["BTCUSDT", "ETHUSDT"].map(|symbol| Symbol::new(symbol).expect("a symbol")),
    };
    let mut topics = BTreeSet::from(["futures/asset:USDT".to_owned()]);
    for channel in Channel::all() {
        let is_silent = matches!(
            channel,
            Channel::FuturesAsset | Channel::FuturesV2DepthAll(..) | Channel::FuturesV2DepthIncrease(..)
        );
        if !is_silent {
            topics.extend(Topic::without_symbol(channel).map(|topic| topic.to_string()));
            let with_symbol = symbols(channel.market()).map(|symbol| Topic::with_symbol(channel, &symbol));
            topics.extend(with_symbol.into_iter().flatten().map(|topic| topic.to_string()));
        }
    }
    topics
}

#[test]
fn every_payload_has_its_keys_in_order_and_their_types() {
    let mut seen = BTreeSet::new();
    for environment in [Environment::Live, Environment::Demo] {
        for seed in 0..2 {
            let mut exchange = Exchange::builder(environment).seed(seed).build();
            let pushes: Vec<Push> = (0..50).flat_map(|_| exchange.step()).collect();
            for push in pushes {
                let (shapes, name) = expected(&push.topic);
                let shape = shape(&push.payload);
                assert!(
                    shapes.contains(&shape),
                    "seed {seed}, {}: {shape}\n{}",
                    push.topic,
                    push.payload
                );
                assert!(
                    push.payload.contains(&name),
                    "seed {seed}, {}: {}",
                    push.topic,
                    push.payload
                );
                seen.insert(push.topic);
            }
        }
    }
    assert_eq!(seen, pushing_topics());
}

/// Whatever is a number on the wire, in a string or not, is a plain decimal.
#[test]
fn every_number_is_a_plain_decimal() {
    let mut exchange = Exchange::builder(Environment::Live).seed(3).build();
    let texts = [
        "symbol",
        "side",
        "type",
        "exec_type",
        "client_order_id",
        "order_mode",
        "entrust_type",
        "order_state",
        "deal_fee_coin_name",
        "event_type",
        "ccy",
        "table",
        "group",
        "currency",
        "open_type",
        "plan_order_id",
        "feeCcy",
        "position_mode",
        "created_at",
        "trigger_price",
        "trigger_price_type",
        "execution_price",
        "activation_price_type",
        "activation_price",
        "callback_rate",
    ];
    let empty_allowed = ["notional", "detail_id"];
    for push in (0..40).flat_map(|_| exchange.step()) {
        let value: Value = serde_json::from_str(&push.payload).unwrap();
        let mut stack = vec![("", &value)];
        while let Some((key, value)) = stack.pop() {
            match value {
                Value::Object(object) => {
                    stack.extend(object.iter().map(|(key, value)| (key.as_str(), value)));
                }
                Value::Array(items) => stack.extend(items.iter().map(|item| (key, item))),
                Value::String(text) if !texts.contains(&key) => {
                    let digits = text.strip_prefix('-').unwrap_or(text);
                    let is_plain = digits.split('.').count() <= 2
                        && digits
                            .split('.')
                            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
                    let is_fine = is_plain || (text.is_empty() && empty_allowed.contains(&key));
                    assert!(is_fine, "{key} is {text:?} in {}", push.payload);
                }
                _ => {}
            }
        }
    }
}
