//! How the quickstart looks: one line for each thing that happens.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Instant;

use bitmart::proto::{
    FuturesOrder, FuturesPosition, Num, OrderAction, PositionSide, SpotOrder, SpotOrderState, Update,
};
use bitmart::{ConnectionId, Event, EventKind, GapCause, Lifecycle};
use bitmart_examples::short;

/// Writes the lines.
pub(crate) struct Screen {
    start: Instant,
    has_colours: bool,
    /// Repeated position pushes are told apart from changes.
    positions: RefCell<BTreeMap<String, String>>,
}

/// What there was, by kind.
#[derive(Default)]
pub(crate) struct Summary {
    updates: BTreeMap<&'static str, u32>,
    gaps_opened: u32,
    first_connects: u32,
    gaps_closed: u32,
    reconnects: u32,
    others: u32,
}

impl Screen {
    pub(crate) fn new() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "for the seconds at the beginning of a line"
        )]
        let start = Instant::now();
        Self {
            start,
            has_colours: std::io::stdout().is_terminal(),
            positions: RefCell::default(),
        }
    }

    fn line(&self, connection: &str, what: &str, text: &str) {
        let seconds = self.start.elapsed().as_secs_f64();
        let (on, off) = match what {
            _ if !self.has_colours => ("", ""),
            "order" | "balance" | "position" => ("", ""),
            "OPEN" | "LOGIN" | "TOPIC" | "READY" => ("\x1b[32m", "\x1b[0m"),
            "·" => ("\x1b[2m", "\x1b[0m"),
            _ => ("\x1b[1;33m", "\x1b[0m"),
        };
        println!("{seconds:6.2} s  {connection:<16} {on}{what:<9} {text}{off}");
    }

    pub(crate) fn note(&self, text: &str) {
        self.line("", "·", text);
    }

    /// Data: what happened to which order, which balance moved to what, what the position is now.
    pub(crate) fn update(&self, connection: ConnectionId, update: Update<'_>) {
        let connection = connection.to_string();
        match update {
            Update::SpotOrders { orders, .. } => {
                for order in orders {
                    self.line(&connection, "order", &spot_order(&order));
                }
            }
            Update::SpotBalances { changes, .. } => {
                for balance in changes.iter().flat_map(|change| change.details) {
                    let text = balance_text(balance.currency, balance.available, Some(balance.frozen));
                    self.line(&connection, "balance", &text);
                }
            }
            Update::FuturesOrders { orders, .. } => {
                for order in orders {
                    self.line(&connection, "order", &futures_order(&order));
                }
            }
            Update::FuturesPositions { positions, .. } => {
                for position in positions {
                    let text = position_text(&position);
                    let key = format!("{} {:?}", position.symbol, position.side);
                    let last = self.positions.borrow_mut().insert(key, text.clone());
                    if last.as_ref() != Some(&text) {
                        self.line(&connection, "position", &text);
                    }
                }
            }
            Update::FuturesAssets { assets, .. } => {
                for asset in assets {
                    let text = balance_text(asset.currency, asset.available_balance, asset.frozen_balance);
                    let deposit = asset.position_deposit.filter(|deposit| !deposit.is_zero());
                    let margin = deposit.map(|deposit| format!(", {} in positions", short(deposit)));
                    self.line(&connection, "balance", &(text + &margin.unwrap_or_default()));
                }
            }
            update => self.line(&connection, "data", update.topic()),
        }
    }

    /// What happens to a connection.
    pub(crate) fn lifecycle(&self, connection: ConnectionId, event: &Lifecycle) {
        let connection = connection.to_string();
        let (what, text) = match event {
            Lifecycle::Opened { .. } => ("OPEN", "the socket is open".into()),
            Lifecycle::Authenticated { .. } => ("LOGIN", "authenticated".into()),
            Lifecycle::Subscribed { topic, .. } => ("TOPIC", format!("subscribed to {topic}")),
            Lifecycle::SubscribeFailed { topic, reason, .. } => ("TOPIC", format!("no {topic}: {reason}")),
            Lifecycle::Ready { .. } => ("READY", "every topic is live".into()),
            Lifecycle::Closed { cause, .. } => ("CLOSE", cause.to_string()),
            Lifecycle::GapOpened(gap) if gap.cause == GapCause::FirstConnect => (
                "GAP",
                format!("opened: nothing is known yet of {} topics", gap.topics.len()),
            ),
            Lifecycle::GapOpened(gap) => {
                let since = gap.since.map(|since| since.to_string()).unwrap_or_default();
                (
                    "GAP",
                    format!(
                        "opened: {} topics may miss messages since {since}",
                        gap.topics.len()
                    ),
                )
            }
            Lifecycle::GapClosed(gap) if gap.failed.is_empty() => {
                let until = gap.until;
                (
                    "GAP",
                    format!("closed: {} topics are complete from {until} on", gap.topics.len()),
                )
            }
            Lifecycle::Reconnecting { attempt, delay_ms } => {
                ("RECONNECT", format!("attempt {attempt} in {delay_ms} ms"))
            }
            Lifecycle::Reconnected { .. } => ("OPEN", "reconnected".into()),
            Lifecycle::ConnectFailed { cause, .. } => ("FAILED", cause.to_string()),
            Lifecycle::AuthRejected { refusal } => (
                "REFUSED",
                format!("login refused for good: {refusal}. Check key, secret and memo"),
            ),
            event => ("EVENT", format!("{event:?}")),
        };
        self.line(&connection, what, &text);
    }

    pub(crate) fn summary(&self, summary: &Summary) {
        println!();
        println!("  messages              {}", summary.updates_text());
        println!("  reconnects            {}", summary.reconnects);
        println!(
            "  gaps                  {} opened ({} at the first connect), {} closed",
            summary.gaps_opened, summary.first_connects, summary.gaps_closed
        );
        println!("  unknown, unreadable   {}", summary.others);
    }
}

impl Summary {
    pub(crate) fn count(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Update(update) => {
                let kind = match update.text() {
                    text if text.contains("spot/user/order") => "spot orders",
                    text if text.contains("spot/user/balance") => "spot balances",
                    text if text.contains("futures/order") => "futures orders",
                    text if text.contains("futures/position") => "futures positions",
                    text if text.contains("futures/asset") => "futures assets",
                    _ => "other data",
                };
                *self.updates.entry(kind).or_default() += 1;
            }
            EventKind::Lifecycle(Lifecycle::GapOpened(gap)) => {
                self.gaps_opened += 1;
                self.first_connects += u32::from(gap.cause == GapCause::FirstConnect);
            }
            EventKind::Lifecycle(Lifecycle::GapClosed(_)) => self.gaps_closed += 1,
            EventKind::Lifecycle(Lifecycle::Reconnected { .. }) => self.reconnects += 1,
            EventKind::Lifecycle(_) | EventKind::Response(_) => {}
            _ => self.others += 1,
        }
    }

    fn updates_text(&self) -> String {
        let parts: Vec<String> = self
            .updates
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        parts.join(", ")
    }
}

fn spot_order(order: &SpotOrder<'_>) -> String {
    let side = order.side.map_or("?", |side| side.as_str());
    let size = match order.notional.filter(|notional| !notional.is_zero()) {
        Some(notional) => format!("{} for {}", order.symbol, short(notional)),
        None => format!("{} {}", short(order.size), order.symbol),
    };
    let head = format!(
        "{} {side} {size} at {}",
        short_id(order.order_id),
        price(order.price)
    );
    let fill = order
        .fill()
        .map(|fill| format!("{} at {}", short(fill.size), short(fill.price)));
    let fee = order
        .fee
        .map(|fee| format!(", fee {} {}", short(fee), order.fee_currency.unwrap_or("")));
    let tail = match order.state() {
        Some(SpotOrderState::New) => "accepted".into(),
        Some(SpotOrderState::PartiallyFilled) => {
            format!(
                "filled {}{}, {} in all",
                fill.unwrap_or_default(),
                fee.unwrap_or_default(),
                short(order.filled_size)
            )
        }
        Some(SpotOrderState::Filled) => {
            format!(
                "filled {}{}: complete",
                fill.unwrap_or_default(),
                fee.unwrap_or_default()
            )
        }
        Some(SpotOrderState::Canceled) => "canceled".into(),
        Some(SpotOrderState::PartiallyCanceled) => format!("canceled after {}", short(order.filled_size)),
        state => format!("{state:?}"),
    };
    format!("{head:<42} {tail}")
}

fn futures_order(order: &FuturesOrder<'_>) -> String {
    let side = if order.side.is_buy() { "buy" } else { "sell" };
    let effect = if order.side.is_reducing() { "close" } else { "open" };
    let head = format!(
        "{} {side} to {effect} {} {} at {}",
        short_id(order.order_id),
        order.size,
        order.symbol,
        price(order.price)
    );
    let fill = order
        .last_trade
        .map(|fill| format!("{} at {}", short(fill.size), short(fill.price)));
    let tail = if order.is_filled() {
        format!("filled {}: complete", fill.unwrap_or_default())
    } else if order.is_partly_canceled() {
        format!("canceled after {}", order.deal_size)
    } else if order.is_canceled() {
        "canceled".into()
    } else if order.action == OrderAction::MATCH {
        format!("filled {}, {} in all", fill.unwrap_or_default(), order.deal_size)
    } else {
        "accepted".into()
    };
    format!("{head:<42} {tail}")
}

fn position_text(position: &FuturesPosition<'_>) -> String {
    let side = match position.side {
        PositionSide::LONG => "long",
        PositionSide::SHORT => "short",
        _ => "?",
    };
    if position.hold_volume.is_zero() {
        return format!("{} {side}: closed", position.symbol);
    }
    let price = short(position.hold_avg_price);
    format!(
        "{} {side}: {} contracts at {price}",
        position.symbol, position.hold_volume
    )
}

fn balance_text(currency: &str, available: Num<'_>, frozen: Option<Num<'_>>) -> String {
    let frozen = frozen.filter(|frozen| !frozen.is_zero());
    let held = frozen
        .map(|frozen| format!(", {} in orders", short(frozen)))
        .unwrap_or_default();
    format!("{currency} {} free{held}", short(available))
}

/// The end of an order's id, enough to follow it by.
fn short_id(id: &str) -> String {
    format!("…{}", id.get(id.len().saturating_sub(4)..).unwrap_or(id))
}

/// A price; orders at market have none.
fn price(number: Option<Num<'_>>) -> String {
    match number.filter(|number| !number.is_zero()) {
        Some(number) => short(number).into(),
        None => "market".into(),
    }
}
