//! Messages of known kinds that nobody has seen: by the model's tables, with values of every sort in every field.

use super::choices::Choices;
use super::private::{
    BALANCE, BALANCE_UPDATE, FUTURES_ACTION, FUTURES_ASSET, FUTURES_FILL, FUTURES_ORDER, FUTURES_POSITION,
    SPOT_ORDER,
};
use super::public::{
    BOOK, BOOK_SIDE, BOOK_UPDATE, CANDLE, FUTURES_BOOK_TICKER, FUTURES_CANDLE, FUTURES_FUNDING_RATE,
    FUTURES_TICKER, FUTURES_TRADE, LEVEL, SPOT_BOOK_TICKER, SPOT_KLINE, SPOT_TICKER, SPOT_TRADE,
};
use super::{Kind, Schema};

/// Keys and values as they stand in the message.
type Fields = Vec<(String, String)>;

/// The kinds of message, each with a topic of it.
pub(crate) const TOPICS: &[&str] = &[
    "spot/user/order",
    "spot/user/orders",
    "spot/user/balance",
    "spot/ticker",
    "spot/bookTicker",
    "spot/kline1m",
    "spot/depth20",
    "spot/depth/increase100",
    "spot/trade",
    "futures/order",
    "futures/position",
    "futures/asset:USDT",
    "futures/ticker:ETHUSDT@100ms",
    "futures/bookticker:ETHUSDT",
    "futures/fundingRate:ETHUSDT",
    "futures/depth20:ETHUSDT@100ms",
    "futures/depthAll5:ETHUSDT",
    "futures/depthIncrease50:ETHUSDT",
    "futures/v2/depthAll20:ETHUSDT@200ms",
    "futures/v2/depthIncrease20:ETHUSDT",
    "futures/trade:ETHUSDT",
    "futures/klineBin1m:ETHUSDT",
    "futures/markPriceKlineBin1H:ETHUSDT",
];

/// A message of the topic. How strange it is, differs from one to the next: the odds that a value is an odd one, and
/// that a field is missing, are drawn first.
pub(crate) fn message(topic: &str, choices: &mut Choices) -> String {
    let oddity = *choices.pick(&[0, 0, 2, 10, 40]);
    let mut generator = Generator { choices, oddity };
    let count = *generator.choices.pick(&[0, 1, 1, 1, 1, 2, 3, 12]);
    let items: Vec<String> = (0..count).map(|_| generator.item(topic)).collect();
    let data = match items.as_slice() {
        [] if generator.is_odd() => "\"\"".to_owned(),
        [item] if generator.choices.once_in(2) => item.clone(),
        _ => format!("[{}]", items.join(",")),
    };
    let key = if topic.starts_with("spot") {
        "table"
    } else {
        "group"
    };
    if generator.choices.once_in(2) {
        format!(r#"{{"{key}":"{topic}","data":{data}}}"#)
    } else {
        format!(r#"{{"data":{data},"{key}":"{topic}"}}"#)
    }
}

struct Generator<'c> {
    choices: &'c mut Choices,
    /// Of a hundred values so many are odd.
    oddity: usize,
}

impl Generator<'_> {
    fn is_odd(&mut self) -> bool {
        self.choices.below(100) < self.oddity
    }

    fn item(&mut self, topic: &str) -> String {
        let channel = topic.split([':', '@']).next().unwrap_or_default();
        let schema = match channel {
            "spot/user/order" | "spot/user/orders" => SPOT_ORDER,
            "spot/ticker" => SPOT_TICKER,
            "spot/bookTicker" => SPOT_BOOK_TICKER,
            "spot/trade" => SPOT_TRADE,
            "futures/position" => FUTURES_POSITION,
            "futures/asset" => FUTURES_ASSET,
            "futures/ticker" => FUTURES_TICKER,
            "futures/bookticker" => FUTURES_BOOK_TICKER,
            "futures/fundingRate" => FUTURES_FUNDING_RATE,
            "futures/trade" => FUTURES_TRADE,
            _ => return self.nested(channel),
        };
        let fields = self.fields(schema);
        self.object(fields)
    }

    /// An item that holds more than plain values.
    fn nested(&mut self, channel: &str) -> String {
        let mut fields;
        match channel {
            "spot/user/balance" => {
                fields = self.fields(BALANCE_UPDATE);
                let details = self.list(|generator| {
                    let fields = generator.fields(BALANCE);
                    generator.object(fields)
                });
                fields.push(("balance_details".to_owned(), details));
            }
            "futures/order" => {
                fields = self.fields(FUTURES_ACTION);
                let mut order = self.fields(FUTURES_ORDER);
                let fill = match self.choices.below(3) {
                    0 => "null".to_owned(),
                    _ => {
                        let fill = self.fields(FUTURES_FILL);
                        self.object(fill)
                    }
                };
                order.insert(order.len().min(14), ("last_trade".to_owned(), fill));
                let order = self.object(order);
                fields.push(("order".to_owned(), order));
            }
            "spot/kline1m" => {
                fields = self.fields(SPOT_KLINE);
                let candle = self.array(CANDLE);
                fields.insert(0, ("candle".to_owned(), candle));
            }
            "futures/depth20" => {
                fields = self.fields(BOOK_SIDE);
                let levels = self.list(Self::level);
                fields.insert(fields.len().min(2), ("depths".to_owned(), levels));
            }
            "futures/klineBin1m" | "futures/markPriceKlineBin1H" => {
                if self.is_odd() {
                    fields = self.fields(FUTURES_CANDLE);
                } else {
                    fields = Fields::new();
                    let items = self.list(|generator| {
                        let fields = generator.fields(FUTURES_CANDLE);
                        generator.object(fields)
                    });
                    fields.push(("items".to_owned(), items));
                }
                let symbol = self.value(Kind::Text);
                fields.insert(0, ("symbol".to_owned(), symbol));
            }
            _ => {
                let is_update = channel.contains("ncrease");
                fields = self.fields(if is_update { BOOK_UPDATE } else { BOOK });
                for side in ["bids", "asks"] {
                    let levels = self.list(Self::level);
                    fields.insert(0, (side.to_owned(), levels));
                }
            }
        }
        self.object(fields)
    }

    fn level(&mut self) -> String {
        if self.choices.once_in(2) {
            self.array(LEVEL)
        } else {
            let fields = self.fields(LEVEL);
            self.object(fields)
        }
    }

    /// The fields of a schema, some of them missing.
    fn fields(&mut self, schema: Schema) -> Fields {
        let mut fields = Fields::new();
        for (_, kind, names) in schema {
            let is_missing = self.is_odd() && (!kind.is_required() || self.choices.once_in(8));
            if !is_missing {
                let name = if self.is_odd() {
                    self.choices.pick(names)
                } else {
                    names[0]
                };
                fields.push((name.to_owned(), self.value(*kind)));
            }
        }
        fields
    }

    fn object(&mut self, mut fields: Fields) -> String {
        if self.is_odd() {
            let unknown = match self.choices.below(4) {
                0 => "[{}]".to_owned(),
                1 => self.integer(),
                2 => self.text(),
                _ => "true".to_owned(),
            };
            let at = self.choices.below(fields.len() + 1);
            fields.insert(at, ("unknown".to_owned(), unknown));
        }
        if self.is_odd() && !fields.is_empty() {
            // A field comes twice, perhaps with another value.
            let (mut name, mut value) = self.choices.pick(&fields).clone();
            if self.choices.once_in(2) {
                value = self.text();
            } else if self.choices.once_in(3) {
                name = self.choices.pick(&fields).0.clone();
            }
            let at = self.choices.below(fields.len() + 1);
            fields.insert(at, (name, value));
        }
        if self.choices.once_in(4) {
            self.choices.shuffle(&mut fields);
        }
        let fields: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        format!("{{{}}}", fields.join(","))
    }

    /// The values of a schema without their names, perhaps one too many or too few.
    fn array(&mut self, schema: Schema) -> String {
        let mut cells: Vec<String> = schema.iter().map(|(_, kind, _)| self.value(*kind)).collect();
        if self.is_odd() {
            match self.choices.below(3) {
                0 => drop(cells.pop()),
                1 => cells.push(self.text()),
                _ => cells.push("[null,{}]".to_owned()),
            }
        }
        format!("[{}]", cells.join(","))
    }

    fn list(&mut self, mut element: impl FnMut(&mut Self) -> String) -> String {
        let count = *self.choices.pick(&[0, 1, 1, 2, 3, 20]);
        let elements: Vec<String> = (0..count).map(|_| element(self)).collect();
        match elements.as_slice() {
            [] if self.is_odd() => "\"\"".to_owned(),
            [element] if self.is_odd() => element.clone(),
            _ => format!("[{}]", elements.join(",")),
        }
    }

    fn value(&mut self, kind: Kind) -> String {
        if self.is_odd() {
            return match self.choices.below(6) {
                0 => (*self.choices.pick(&["null", "true", "[]", "{}", "\"\"", "\"-\""])).to_owned(),
                1 => self.integer(),
                2 => self.decimal(),
                _ => self.odd(kind),
            };
        }
        let number = self.choices.number();
        match kind {
            Kind::Text => format!("\"SYM{}_USDT\"", number % 1000),
            Kind::OptionalText => match number % 5 {
                0 => "\"\"".to_owned(),
                1 => "\"-\"".to_owned(),
                2 => format!("\"text {number}\""),
                _ => plain_decimal(number),
            },
            Kind::Word => {
                (*self
                    .choices
                    .pick(&["\"buy\"", "\"SELL\"", "\"limit\"", "\"filled\"", "\"news\""]))
                .to_owned()
            }
            Kind::ExecType => (*self.choices.pick(&["\"M\"", "\"T\"", "\"maker\"", "\"\""])).to_owned(),
            Kind::TrimmedWord => {
                (*self
                    .choices
                    .pick(&["\"update\"", "\"snapshot\"", "\"ACCOUNT_TRANSFER  \""]))
                .to_owned()
            }
            Kind::Decimal => plain_decimal(number),
            Kind::Time => format!("{}", 1_771_200_000_000 + number % 1_000_000_000),
            Kind::Seconds | Kind::OpenTime => format!("{}", 1_771_200_000 + number % 1_000_000),
            Kind::Id => format!("{}", number >> (1 + number % 60)),
            Kind::Code | Kind::OptionalCode => format!("{}", number % 12),
            Kind::Bool => format!("{}", number.is_multiple_of(2)),
            Kind::OpenType => {
                (*self
                    .choices
                    .pick(&["1", "2", "\"isolated\"", "\"cross\"", "\"Cross\"", "3"]))
                .to_owned()
            }
        }
    }

    /// A value that may well be of the kind, and is written as it seldom is.
    fn odd(&mut self, kind: Kind) -> String {
        match kind {
            Kind::Decimal => self.decimal(),
            Kind::Time | Kind::Seconds | Kind::OpenTime | Kind::Id => self.integer(),
            Kind::Code | Kind::OptionalCode | Kind::Bool => self.integer(),
            Kind::OpenType if self.choices.once_in(2) => self.integer(),
            Kind::OptionalText if self.choices.once_in(2) => self.decimal(),
            _ => self.text(),
        }
    }

    /// An integer, alone or in a string; some are none, or too large.
    fn integer(&mut self) -> String {
        let number = self.choices.number();
        let digits = match self.choices.below(5) {
            0 => (*self.choices.pick(&[
                "18446744073709551615",
                "18446744073709551616",
                "9223372036854775807",
                "9223372036854775808",
                "-9223372036854775808",
                "-9223372036854775809",
                "18446744073709551",
                "18446744073709552",
                "0",
            ]))
            .to_owned(),
            1 => (*self.choices.pick(&[
                "-1", "-7", "1.0", "7.5", "1e3", "1E+2", "01", "007", "+1", "1.", "-", "0x1", "1_0", "00",
                "7 ", " 7",
            ]))
            .to_owned(),
            // Of every length, since eight, sixteen and nineteen digits are bounds.
            _ => {
                let length = 1 + self.choices.below(20);
                let digits = format!("{}{:020}", 1 + number % 9, self.choices.number());
                digits[..length].to_owned()
            }
        };
        if self.choices.once_in(2) {
            format!("\"{digits}\"")
        } else {
            digits
        }
    }

    /// A decimal in a string; some are none, and some are long.
    fn decimal(&mut self) -> String {
        if self.choices.once_in(3) {
            let length = *self.choices.pick(&[14, 15, 16, 17, 30, 31, 32, 33, 48, 70]);
            let mut digits: Vec<u8> = (0..length).map(|_| b'0' + self.choices.below(10) as u8).collect();
            for _ in 0..*self.choices.pick(&[0, 1, 1, 2]) {
                let at = self.choices.below(length);
                digits[at] = *self.choices.pick(b"....e-x,");
            }
            return format!("\"{}\"", String::from_utf8_lossy(&digits));
        }
        let text = self.choices.pick(&[
            "0",
            "0.000",
            "0E-10",
            "0e0",
            ".5",
            "5.",
            ".",
            "",
            "-",
            "-1.5",
            "+2",
            "-.5",
            "1e5",
            "1E+5",
            "1e",
            "e5",
            "007",
            "1..2",
            "1.2.3",
            "NaN",
            "Infinity",
            "Market price",
            "1 ",
            " 1",
            "٣",
            "1,5",
            "1_000",
            "0x10",
            "--1",
        ]);
        format!("\"{text}\"")
    }

    /// A string of a length about those at which the reading changes; some have escapes, and some are no string.
    fn text(&mut self) -> String {
        let length = *self
            .choices
            .pick(&[0, 1, 2, 14, 15, 16, 17, 31, 32, 33, 47, 48, 49, 100]);
        let fillers = [
            "a", "é", "€", "🦀", " ", "\u{7f}", "\u{80}", "/", "}", "]", ",", ":",
        ];
        let mut text = String::new();
        let filler = if self.choices.once_in(2) {
            "a"
        } else {
            self.choices.pick(&fillers)
        };
        while text.len() + filler.len() <= length {
            text.push_str(filler);
        }
        while text.len() < length {
            text.push('b');
        }
        if self.choices.once_in(4) {
            let end = self.choices.pick(&[
                "\\\"",
                "\\\\",
                "\\/",
                "\\u0041",
                "\\u00e9",
                "\\ud83e\\udd80",
                "\\ud83e",
                "\\x",
                "\t",
                "\u{0}",
                "\u{1f}",
                "\\",
                "\"",
            ]);
            if self.choices.once_in(2) {
                text.push_str(end);
            } else {
                text.insert_str(0, end);
            }
        }
        format!("\"{text}\"")
    }
}

fn plain_decimal(number: u64) -> String {
    let decimals = number % 9;
    let whole = number >> (20 + number % 40);
    match decimals {
        0 => format!("\"{whole}\""),
        _ => format!(
            "\"{whole}.{:0width$}\"",
            number % 10_u64.pow(decimals as u32),
            width = decimals as usize
        ),
    }
}
