//! What a decoded message must say, worked out the plain way: `serde_json`, tables of fields, and strings.

use bitmart_proto::{
    Balances, Decoder, FuturesAssets, FuturesOrders, FuturesPositions, Num, OpenType, SpotBalances,
    SpotOrders, TimeMs, Update,
};

use super::json::Json;

/// A message as rows of name and value. Absent values are left out.
#[derive(Debug, PartialEq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) rows: Vec<Vec<(&'static str, String)>>,
}

type Row = Vec<(&'static str, String)>;

#[derive(Clone, Copy)]
enum Kind {
    /// Must be there.
    Text,
    /// May be absent, empty or `-`.
    OptionalText,
    Decimal,
    Time,
    Code,
    Id,
    OpenType,
    Trimmed,
}

use Kind::{Code, Decimal, Id, OptionalText, Text, Time, Trimmed};

type Schema = &'static [(&'static str, Kind, &'static [&'static str])];

const SPOT_ORDER: Schema = &[
    ("symbol", Text, &["symbol"]),
    ("side", OptionalText, &["side"]),
    ("kind", OptionalText, &["type"]),
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
    ("exec_type", OptionalText, &["exec_type"]),
    ("detail_id", OptionalText, &["detail_id"]),
    ("client_order_id", OptionalText, &["client_order_id"]),
    ("create_time", Time, &["create_time"]),
    ("update_time", Time, &["update_time"]),
    ("order_mode", OptionalText, &["order_mode"]),
    ("entrust_type", OptionalText, &["entrust_type"]),
    ("order_state", OptionalText, &["order_state"]),
    ("fee", OptionalText, &["dealFee", "deal_fee"]),
    ("fee_currency", OptionalText, &["deal_fee_coin_name"]),
];

const BALANCE: Schema = &[
    ("currency", Text, &["ccy"]),
    ("available", Decimal, &["av_bal"]),
    ("frozen", Decimal, &["fz_bal"]),
];

const BALANCE_UPDATE: Schema = &[
    ("event_type", Trimmed, &["event_type"]),
    ("event_time", Time, &["event_time"]),
    ("account_type", OptionalText, &["account_type"]),
];

const FUTURES_ORDER: Schema = &[
    ("order_id", Text, &["order_id"]),
    ("client_order_id", OptionalText, &["client_order_id"]),
    ("price", OptionalText, &["price"]),
    ("size", Decimal, &["size"]),
    ("symbol", Text, &["symbol"]),
    ("state", Code, &["state"]),
    ("side", Code, &["side"]),
    ("kind", OptionalText, &["type"]),
    ("leverage", OptionalText, &["leverage"]),
    ("open_type", Kind::OpenType, &["open_type"]),
    ("deal_avg_price", OptionalText, &["deal_avg_price"]),
    ("deal_size", Decimal, &["deal_size"]),
    ("create_time", Time, &["create_time"]),
    ("update_time", Time, &["update_time"]),
    ("plan_order_id", OptionalText, &["plan_order_id"]),
    ("trigger_price", OptionalText, &["trigger_price"]),
    ("trigger_price_type", OptionalText, &["trigger_price_type"]),
    ("execution_price", OptionalText, &["execution_price"]),
    ("activation_price_type", OptionalText, &["activation_price_type"]),
    ("activation_price", OptionalText, &["activation_price"]),
    ("callback_rate", OptionalText, &["callback_rate"]),
    ("position_mode", OptionalText, &["position_mode"]),
];

const FUTURES_FILL: Schema = &[
    ("fill.trade_id", Id, &["lastTradeID"]),
    ("fill.size", OptionalText, &["fillQty"]),
    ("fill.price", OptionalText, &["fillPrice"]),
    ("fill.fee", OptionalText, &["fee"]),
    ("fill.fee_currency", OptionalText, &["feeCcy"]),
];

const FUTURES_POSITION: Schema = &[
    ("symbol", Text, &["symbol"]),
    ("hold_volume", Decimal, &["hold_volume"]),
    ("side", Code, &["position_type"]),
    ("open_type", Kind::OpenType, &["open_type"]),
    ("frozen_volume", OptionalText, &["frozen_volume"]),
    ("close_volume", OptionalText, &["close_volume"]),
    ("hold_avg_price", OptionalText, &["hold_avg_price"]),
    ("close_avg_price", OptionalText, &["close_avg_price"]),
    ("open_avg_price", OptionalText, &["open_avg_price"]),
    ("liquidate_price", OptionalText, &["liquidate_price"]),
    ("create_time", Time, &["create_time"]),
    ("update_time", Time, &["update_time"]),
    ("position_mode", OptionalText, &["position_mode"]),
];

const FUTURES_ASSET: Schema = &[
    ("currency", Text, &["currency"]),
    ("available_balance", Decimal, &["available_balance"]),
    ("position_deposit", OptionalText, &["position_deposit"]),
    ("frozen_balance", OptionalText, &["frozen_balance"]),
];

/// The message as the model reads it, `None` if it shouldn't decode.
pub(crate) fn expected(text: &[u8]) -> Option<Message> {
    let message = Json::parse(text)?;
    let topic = message.last(&["table", "group"])?.text()?.to_owned();
    let data = message.last(&["data"])?;
    let cut = topic.rsplit_once('@').map_or(topic.as_str(), |(head, tail)| {
        let digits = tail.strip_suffix("ms").unwrap_or("x");
        let is_speed = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_speed { head } else { &topic }
    });
    let channel = cut.split(':').next()?;
    let row: fn(&Json) -> Option<Row> = match channel {
        "spot/user/order" | "spot/user/orders" => |item| fields(item, SPOT_ORDER),
        "spot/user/balance" => |item| {
            let mut row = fields(item, BALANCE_UPDATE)?;
            for balance in items(item.last(&["balance_details"])?)? {
                row.extend(fields(balance, BALANCE)?);
            }
            Some(row)
        },
        "futures/order" => |item| {
            let order = item.last(&["order"])?;
            let mut row = fields(item, &[("action", Code, &["action"])])?;
            row.extend(fields(order, FUTURES_ORDER)?);
            if let Some(fill) = order.last(&["last_trade"]) {
                row.extend(fields(fill, FUTURES_FILL)?);
            }
            Some(row)
        },
        "futures/position" => |item| fields(item, FUTURES_POSITION),
        "futures/asset" => |item| fields(item, FUTURES_ASSET),
        _ => return Some(Message { topic, rows: vec![] }),
    };
    let rows = items(data)?.into_iter().map(row).collect::<Option<_>>()?;
    Some(Message { topic, rows })
}

fn items(data: &Json) -> Option<Vec<&Json>> {
    let items = match data {
        Json::Text(text) if text.is_empty() => vec![],
        Json::Array(items) => items.iter().collect(),
        Json::Object(_) => vec![data],
        _ => return None,
    };
    items
        .iter()
        .all(|item| matches!(item, Json::Object(_)))
        .then_some(items)
}

fn fields(object: &Json, schema: Schema) -> Option<Row> {
    let Json::Object(entries) = object else {
        return None;
    };
    // A known field of the wrong kind is an error even where a later one of its name would count.
    for (name, value) in entries.iter().filter(|(_, value)| *value != Json::Null) {
        if let Some((_, kind, _)) = schema.iter().find(|(_, _, names)| names.contains(&name.as_str())) {
            read(value, *kind)?;
        }
    }
    let mut row = Row::new();
    for (name, kind, names) in schema {
        let value = object.last(names);
        if value.is_none() && matches!(kind, Text | Decimal | Code | Id | Trimmed) {
            return None;
        }
        if let Some(value) = value.and_then(|value| read(value, *kind)).flatten() {
            row.push((name, value));
        }
    }
    Some(row)
}

/// Outer `None`: the wrong kind. Inner `None`: as good as absent.
fn read(value: &Json, kind: Kind) -> Option<Option<String>> {
    let integer = |value: &Json, range: std::ops::RangeInclusive<i128>| match value {
        Json::Integer(number) if range.contains(number) => Some(*number),
        Json::Text(text) if !text.starts_with('+') => {
            text.parse().ok().filter(|number| range.contains(number))
        }
        _ => None,
    };
    let (signed, unsigned) = (i64::MIN.into()..=i64::MAX.into(), 0..=u64::MAX.into());
    let is_minus = value.text().is_some_and(|text| text.starts_with('-'));
    Some(match kind {
        Text => Some(value.text()?.to_owned()),
        Trimmed => Some(value.text()?.trim_ascii().to_owned()),
        OptionalText => Some(value.text()?)
            .filter(|text| !["", "-"].contains(text))
            .map(str::to_owned),
        Decimal => Some(value.text().filter(|text| Num::new(text).is_number())?.to_owned()),
        Time if ["", "-"].contains(&value.text().unwrap_or("x")) => None,
        Time if is_minus => return None,
        Time => Some(integer(value, unsigned)?)
            .filter(|time| *time != 0)
            .map(|time| time.to_string()),
        Id if is_minus => return None,
        Id => Some(integer(value, unsigned)?.to_string()),
        Code => Some(integer(value, signed)?.to_string()),
        Kind::OpenType => match (value, integer(value, signed.clone())) {
            (_, Some(1)) => Some("isolated".to_owned()),
            (_, Some(2)) => Some("cross".to_owned()),
            (Json::Integer(_), Some(code)) => Some(code.to_string()),
            (Json::Text(_), _) => return read(value, OptionalText).map(|text| text.map(fold_open_type)),
            _ => return None,
        },
    })
}

fn fold_open_type(text: String) -> String {
    match text.to_ascii_lowercase().as_str() {
        word @ ("isolated" | "cross") => word.to_owned(),
        _ => text,
    }
}

/// The message as our decoder reads it.
pub(crate) fn decoded(decoder: &mut Decoder, text: &[u8]) -> Option<Message> {
    let update = decoder.decode(text).ok()?;
    let topic = update.topic().to_owned();
    let rows = match update {
        Update::SpotOrders { orders, .. } => spot_orders(orders),
        Update::SpotBalances { changes, .. } => spot_balances(changes),
        Update::FuturesOrders { orders, .. } => futures_orders(orders),
        Update::FuturesPositions { positions, .. } => futures_positions(positions),
        Update::FuturesAssets { assets, .. } => futures_assets(assets),
        Update::Raw(raw) => {
            assert_eq!(raw.text.as_bytes(), text);
            vec![]
        }
        other => panic!("the model doesn't know {other:?}"),
    };
    Some(Message { topic, rows })
}

/// Collects what is there. Words are compared by what they were read from: see `word`.
macro_rules! row {
    ($item:ident: $( $name:literal = $value:expr; )*) => {{
        let mut row = Row::new();
        $( if let Some(value) = Shown::shown(&$value) { row.push(($name, value)); } )*
        row
    }};
}

trait Shown {
    fn shown(&self) -> Option<String>;
}

impl Shown for &str {
    fn shown(&self) -> Option<String> {
        Some((*self).to_owned())
    }
}

impl Shown for Num<'_> {
    fn shown(&self) -> Option<String> {
        Some(self.as_str().to_owned())
    }
}

impl Shown for TimeMs {
    fn shown(&self) -> Option<String> {
        Some(self.as_millis().to_string())
    }
}

impl Shown for i64 {
    fn shown(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Shown for u64 {
    fn shown(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Shown for OpenType<'_> {
    fn shown(&self) -> Option<String> {
        Some(match self {
            OpenType::Isolated => "isolated".to_owned(),
            OpenType::Cross => "cross".to_owned(),
            OpenType::Unknown(word) => (*word).to_owned(),
            OpenType::UnknownCode(code) => code.to_string(),
            other => panic!("the model doesn't know {other:?}"),
        })
    }
}

impl<T: Shown> Shown for Option<T> {
    fn shown(&self) -> Option<String> {
        self.as_ref().and_then(Shown::shown)
    }
}

fn spot_orders(orders: SpotOrders<'_>) -> Vec<Row> {
    orders
        .iter()
        .map(|o| {
            row! { o:
                "symbol" = o.symbol;
                "side" = o.side.map(|word| word.as_str());
                "kind" = o.kind.map(|word| word.as_str());
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
                "exec_type" = o.exec_type.map(|word| word.as_str());
                "detail_id" = o.detail_id;
                "client_order_id" = o.client_order_id;
                "create_time" = o.create_time;
                "update_time" = o.update_time;
                "order_mode" = o.order_mode.map(|word| word.as_str());
                "entrust_type" = o.entrust_type.map(|word| word.as_str());
                "order_state" = o.order_state.map(|word| word.as_str());
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
                "event_type" = c.event_type.as_str();
                "event_time" = c.event_time;
                "account_type" = c.account_type.map(|word| word.as_str());
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
                "kind" = o.kind.map(|word| word.as_str());
                "leverage" = o.leverage;
                "open_type" = o.open_type;
                "deal_avg_price" = o.deal_avg_price;
                "deal_size" = o.deal_size;
                "create_time" = o.create_time;
                "update_time" = o.update_time;
                "plan_order_id" = o.plan_order_id;
                "trigger_price" = o.trigger_price;
                "trigger_price_type" = o.trigger_price_type.map(|word| word.as_str());
                "execution_price" = o.execution_price;
                "activation_price_type" = o.activation_price_type.map(|word| word.as_str());
                "activation_price" = o.activation_price;
                "callback_rate" = o.callback_rate;
                "position_mode" = o.position_mode.map(|word| word.as_str());
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
                "position_mode" = p.position_mode.map(|word| word.as_str());
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
