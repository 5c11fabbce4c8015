//! Values as the exchange writes them: other digits and other lengths each time.

use fastrand::Rng;

use super::json::{Json, array, object};

pub(super) const SPOT_SYMBOLS: &[&str] = &[
    "BTC_USDT",
    "ETH_USDT",
    "SOL_USDC",
    "1INCH_USDT",
    "BMX_ETH",
    "PEPE_USDT",
];
pub(super) const FUTURES_SYMBOLS: &[&str] = &[
    "BTCUSDT",
    "ETHUSDT",
    "SOLUSDT",
    "1000PEPEUSDT",
    "XAUTUSDT",
    "LINKUSDT",
];

pub(super) fn one_of<'a>(random: &mut Rng, words: &[&'a str]) -> &'a str {
    random.choice(words).copied().unwrap_or_default()
}

/// So many digits, the first of them no zero.
pub(super) fn digits(random: &mut Rng, count: usize) -> String {
    (0..count)
        .map(|at| char::from(random.u8(if at == 0 { b'1'..=b'9' } else { b'0'..=b'9' })))
        .collect()
}

/// One to `integer` digits, and exactly `fraction` behind the point.
pub(super) fn padded(random: &mut Rng, integer: usize, fraction: usize) -> String {
    let integer = random.usize(1..=integer);
    let mut text = digits(random, integer);
    text.push('.');
    (0..fraction).for_each(|_| text.push(char::from(random.u8(b'0'..=b'9'))));
    text
}

/// One to `integer` digits, and up to `fraction` behind the point, without zeros at the end.
pub(super) fn trimmed(random: &mut Rng, integer: usize, fraction: usize) -> String {
    let fraction = random.usize(0..=fraction);
    let text = padded(random, integer, fraction);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A small fraction of either sign.
pub(super) fn change(random: &mut Rng, fraction: usize) -> String {
    let sign = if random.bool() { "-" } else { "" };
    let zeros = "0".repeat(random.usize(1..=2));
    format!("{sign}0.{zeros}{}", digits(random, fraction - zeros.len()))
}

/// Some moment of Unix time, in milliseconds.
pub(super) fn time(random: &mut Rng) -> u64 {
    random.u64(1_771_200_000_000..1_795_000_000_000)
}

/// An id that the caller gave, of up to 32 characters.
pub(super) fn client_id(random: &mut Rng) -> String {
    let count = random.usize(4..=32);
    (0..count).map(|_| random.alphanumeric()).collect()
}

/// A book around one price: asks upwards, bids downwards, all with the same number of decimals.
pub(super) struct Book {
    decimals: usize,
    ask: u64,
    bid: u64,
    /// Spot pads prices and sizes with zeros; futures trim prices, and count contracts.
    is_spot: bool,
}

impl Book {
    pub(super) fn new(random: &mut Rng, is_spot: bool) -> Self {
        let decimals = random.usize(1..=5);
        let count = random.usize(decimals.max(4)..=7);
        let ask = digits(random, count).parse().unwrap_or(1);
        Self {
            decimals,
            ask: ask + 400,
            bid: ask + 399,
            is_spot,
        }
    }

    fn price(&self, ticks: u64) -> String {
        let unit = (0..self.decimals).fold(1, |unit, _| unit * 10);
        let text = format!("{}.{:0width$}", ticks / unit, ticks % unit, width = self.decimals);
        if self.is_spot {
            text
        } else {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }

    fn size(&self, random: &mut Rng) -> String {
        if self.is_spot {
            padded(random, 3, 5)
        } else {
            let count = random.usize(1..=5);
            digits(random, count)
        }
    }

    fn next(&mut self, random: &mut Rng, is_ask: bool) -> (String, String) {
        let step = random.u64(1..=4);
        let ticks = if is_ask {
            self.ask += step;
            self.ask
        } else {
            // It ends at the smallest price, and repeats it if need be.
            self.bid = self.bid.saturating_sub(step).max(1);
            self.bid
        };
        (self.price(ticks), self.size(random))
    }

    /// The next levels as arrays of two texts.
    pub(super) fn pairs(&mut self, random: &mut Rng, is_ask: bool, count: usize) -> Vec<Json> {
        (0..count)
            .map(|_| {
                let (price, size) = self.next(random, is_ask);
                array![price, size]
            })
            .collect()
    }

    /// The next levels as objects.
    pub(super) fn objects(&mut self, random: &mut Rng, is_ask: bool, count: usize) -> Vec<Json> {
        (0..count)
            .map(|_| {
                let (price, vol) = self.next(random, is_ask);
                object! { "price": price, "vol": vol }
            })
            .collect()
    }
}
