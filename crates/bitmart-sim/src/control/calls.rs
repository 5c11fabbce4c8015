//! What each request does, and its answer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bitmart_proto::Environment;
use serde_json::{Map, Value, json};
use tokio::task::yield_now;

use super::faults::{self, ENVIRONMENTS, MARKETS};
use super::help;
use super::query::{Query, Refused};
use super::request::Call;
use crate::counters::EndpointCounters;
use crate::exchange::{
    FUTURES_CURRENCIES, FUTURES_SYMBOLS, Intent, NewOrder, OrderId, SPOT_SYMBOLS, ScriptError,
};
use crate::fault::{BoardFull, FaultId, MAX_ARMED, MAX_ARMED_BYTES};
use crate::server::Hub;
use crate::venue::{Endpoint, Urls, Venue};

pub(super) const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// Ticks that one request may ask for. Each may wait a tenth of a second for a client that doesn't read.
const MAX_STEPS: u32 = 1_000;
/// Orders that can be named; placing one more forgets the oldest.
const MAX_ORDERS: usize = 4_096;

const INTENTS: [(&str, Intent); 6] = [
    ("buy", Intent::Buy),
    ("sell", Intent::Sell),
    ("open_long", Intent::OpenLong),
    ("close_short", Intent::CloseShort),
    ("close_long", Intent::CloseLong),
    ("open_short", Intent::OpenShort),
];

/// A request that was done.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) content_type: &'static str,
    pub(super) body: String,
}

/// Where requests are answered.
#[derive(Debug)]
pub(super) struct Desk {
    hub: Arc<Hub>,
    urls: Urls,
    /// Placed here and not canceled here, oldest first.
    orders: Mutex<VecDeque<OrderId>>,
}

impl Desk {
    pub(super) fn new(hub: Arc<Hub>, urls: Urls) -> Self {
        Self {
            hub,
            urls,
            orders: Mutex::default(),
        }
    }

    /// Does what a call asks for. Dropped between two steps, it makes no more.
    pub(super) async fn answer(&self, call: Call) -> Result<Answer, Refused> {
        let Call {
            method,
            path,
            mut query,
        } = call;
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let value = match (method.as_str(), path.as_slice()) {
            ("GET", []) => {
                query.finish()?;
                return Ok(Answer {
                    content_type: TEXT,
                    body: help::text(),
                });
            }
            ("GET", ["counters"]) => {
                query.finish()?;
                self.counters()
            }
            ("GET", ["urls"]) => {
                query.finish()?;
                by_endpoint(|endpoint| self.urls.of(endpoint).into())
            }
            ("POST", ["faults", name]) => {
                let fault = faults::make(name, &mut query)?;
                query.finish()?;
                match self.hub.inject(fault) {
                    Ok(id) => json!({ "fault": id.0 }),
                    Err(BoardFull { .. }) => return Err(too_many_faults()),
                }
            }
            ("DELETE", ["faults", id]) => {
                query.finish()?;
                self.clear(id)?
            }
            ("DELETE", ["faults"]) => {
                query.finish()?;
                self.hub.clear_all();
                json!({})
            }
            ("POST", ["step"]) => self.step(query).await?,
            ("POST", ["orders"]) => self.place(query)?,
            ("POST", ["orders", id, "fill"]) => self.fill(id, query)?,
            ("DELETE", ["orders", id]) => self.cancel(id, query)?,
            ("GET", ["balances"]) => self.balances(query)?,
            ("GET", ["assets"]) => self.assets(query)?,
            ("GET", ["positions"]) => self.positions(query)?,
            (_, path) => return Err(misdirected(path)),
        };
        Ok(Answer {
            content_type: JSON,
            body: value.to_string() + "\n",
        })
    }

    fn counters(&self) -> Value {
        let counters = self.hub.counters();
        let object = |counters: EndpointCounters| -> Value {
            let pairs = counters
                .iter()
                .map(|(name, count)| (name.to_owned(), count.into()));
            Value::Object(pairs.collect())
        };
        let mut value = by_endpoint(|Endpoint { venue, side }| {
            object(counters.of(venue.environment(), venue.market(), side))
        });
        value["total"] = object(counters.total());
        value
    }

    fn clear(&self, id: &str) -> Result<Value, Refused> {
        let known = match id.parse() {
            // Only as we write it: `+0` and `007` are nobody's number.
            Ok(number) if FaultId(number).to_string() == id && self.hub.clear(FaultId(number)) => {
                Some(number)
            }
            _ => None,
        };
        match known {
            Some(id) => Ok(json!({ "fault": id })),
            None => {
                let error = format!("there never was a fault {id}: POST /faults/KIND says the number");
                Err(Refused::new(404, error))
            }
        }
    }

    async fn step(&self, mut query: Query) -> Result<Value, Refused> {
        let count = query.read::<u32>("count", "a number of ticks")?.unwrap_or(1);
        query.finish()?;
        if !(1..=MAX_STEPS).contains(&count) {
            let error = format!("count={count} is not 1 to {MAX_STEPS}: for more, ask several times");
            return Err(Refused::new(400, error));
        }
        for _ in 0..count {
            self.hub.step_and_flush().await;
            // Without a client that has to be waited for, a step never pauses, and others want to run as well.
            yield_now().await;
        }
        Ok(json!({ "steps": count }))
    }

    fn place(&self, mut query: Query) -> Result<Value, Refused> {
        let environment = environment(&mut query)?;
        let key = self.account(&mut query)?;
        let market = query.choose("market", &MARKETS)?;
        let symbol = query.need("symbol")?;
        let intent = query
            .choose("intent", &INTENTS)?
            .ok_or_else(|| Refused::new(400, "intent is missing: add intent=buy, or another of GET /"))?;
        if market.is_some_and(|market| market != intent.market()) {
            return Err(Refused::new(400, "the intent belongs to the other market"));
        }
        let size = query.need("size")?;
        let mut order = match query.take("price") {
            Some(price) => NewOrder::limit(symbol, intent, price, size),
            None => NewOrder::market(symbol, intent, size),
        };
        if let Some(id) = query.take("client_order_id") {
            order = order.client_order_id(id);
        }
        query.finish()?;
        let id = self
            .hub
            .script(environment, |exchange| exchange.place_order(&key, &order))
            .map_err(unscripted)?;
        let mut orders = self.orders();
        if orders.len() >= MAX_ORDERS {
            orders.pop_front();
        }
        orders.push_back(id);
        Ok(json!({ "order": id.to_string() }))
    }

    fn fill(&self, id: &str, mut query: Query) -> Result<Value, Refused> {
        let order = self.order(id, &mut query)?;
        let (size, price) = (query.need("size")?, query.take("price"));
        query.finish()?;
        self.hub
            .script(order.environment, |exchange| {
                let pushes = match &price {
                    Some(price) => exchange.fill_at(order, &size, price),
                    None => exchange.fill(order, &size),
                };
                Ok(((), pushes?))
            })
            .map_err(unscripted)?;
        Ok(json!({ "order": id }))
    }

    fn cancel(&self, id: &str, mut query: Query) -> Result<Value, Refused> {
        let order = self.order(id, &mut query)?;
        query.finish()?;
        self.hub
            .script(order.environment, |exchange| Ok(((), exchange.cancel(order)?)))
            .map_err(unscripted)?;
        self.orders().retain(|other| *other != order);
        Ok(json!({ "order": id }))
    }

    fn orders(&self) -> MutexGuard<'_, VecDeque<OrderId>> {
        // Nothing panics while it is held.
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The order that the path names. Live and demo ids may be the same.
    fn order(&self, id: &str, query: &mut Query) -> Result<OrderId, Refused> {
        let environment = environment(query)?;
        let orders = self.orders();
        let found = orders
            .iter()
            .find(|order| order.environment == environment && order.to_string() == id);
        found.copied().ok_or_else(|| {
            let error = format!("no order {id} was placed with POST /orders in this environment");
            Refused::new(404, error)
        })
    }

    fn account(&self, query: &mut Query) -> Result<String, Refused> {
        let meant = query.take("account");
        let key = self.hub.account_key(meant.as_deref());
        key.ok_or_else(|| Refused::new(404, "no account of the simulator has this key"))
    }

    fn balances(&self, mut query: Query) -> Result<Value, Refused> {
        let key = self.account(&mut query)?;
        query.finish()?;
        let coins = SPOT_SYMBOLS.iter().flat_map(|symbol| symbol.split('_'));
        self.hub.inspect(Environment::Live, |exchange| {
            let mut balances = Map::new();
            for coin in coins {
                if let Some(balance) = exchange.spot_balance(&key, coin) {
                    let value = json!({
                        "available": balance.available.to_string(),
                        "frozen": balance.frozen.to_string(),
                    });
                    balances.insert(coin.to_owned(), value);
                }
            }
            Ok(balances.into())
        })
    }

    fn assets(&self, mut query: Query) -> Result<Value, Refused> {
        let environment = environment(&mut query)?;
        let key = self.account(&mut query)?;
        query.finish()?;
        self.hub.inspect(environment, |exchange| {
            let mut assets = Map::new();
            for currency in FUTURES_CURRENCIES {
                if let Some(asset) = exchange.futures_asset(&key, currency) {
                    let value = json!({
                        "available": asset.available.to_string(),
                        "position_deposit": asset.position_deposit.to_string(),
                        "frozen": asset.frozen.to_string(),
                    });
                    assets.insert(currency.to_owned(), value);
                }
            }
            Ok(assets.into())
        })
    }

    fn positions(&self, mut query: Query) -> Result<Value, Refused> {
        let environment = environment(&mut query)?;
        let key = self.account(&mut query)?;
        query.finish()?;
        self.hub.inspect(environment, |exchange| {
            let position = |symbol: &str| {
                let (long, short) = exchange.position(&key, symbol);
                (symbol.to_owned(), json!({ "long": long, "short": short }))
            };
            Ok(FUTURES_SYMBOLS
                .iter()
                .map(|symbol| position(symbol))
                .collect::<Map<_, _>>()
                .into())
        })
    }
}

fn environment(query: &mut Query) -> Result<Environment, Refused> {
    Ok(query
        .choose("environment", &ENVIRONMENTS)?
        .unwrap_or(Environment::Live))
}

/// An object for each environment, in it for each market, in it for each side.
fn by_endpoint(value_of: impl Fn(Endpoint) -> Value) -> Value {
    let mut value = json!({});
    for venue in Venue::ALL {
        let (environment, market) = match venue {
            Venue::LiveSpot => ("live", "spot"),
            Venue::LiveFutures => ("live", "futures"),
            Venue::DemoFutures => ("demo", "futures"),
        };
        for (name, side) in faults::SIDES {
            value[environment][market][name] = value_of(Endpoint { venue, side });
        }
    }
    value
}

fn too_many_faults() -> Refused {
    let error = format!(
        "{MAX_ARMED} faults are armed, or {MAX_ARMED_BYTES} bytes of them: take some back with DELETE /faults/ID"
    );
    Refused::new(409, error)
}

fn unscripted(error: ScriptError) -> Refused {
    let status = match error {
        ScriptError::UnknownAccount | ScriptError::UnknownOrder => 404,
        _ => 400,
    };
    Refused::new(status, error.to_string())
}

/// The path exists with another method, or not at all.
fn misdirected(path: &[&str]) -> Refused {
    let allow = match path {
        [] | ["counters" | "urls" | "balances" | "assets" | "positions"] => "GET",
        ["step" | "orders"] | ["orders", _, "fill"] => "POST",
        ["faults"] | ["orders", _] => "DELETE",
        ["faults", _] => "POST, DELETE",
        _ => return Refused::new(404, "there is no such call: GET / lists them"),
    };
    let mut refused = Refused::new(405, format!("this path takes {allow}: GET / lists the calls"));
    refused.allow = Some(allow);
    refused
}
