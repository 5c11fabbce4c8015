//! The list of calls, for people: `GET /`.

use std::fmt::Write;

use super::faults::KINDS;

const CALLS: &str = "\
The control endpoint of bitmart-sim. Parameters go in the query, percent-encoded; answers are JSON on one line.
Below, U is this page's address, such as U=http://127.0.0.1:8080

What happened, and where to connect:
  curl \"$U/counters\"
  curl \"$U/urls\"

What an account has (account=KEY; without it, the first account; environment=live or demo):
  curl \"$U/balances?account=bitmart-sim-example-key\"                      spot
  curl \"$U/assets?environment=demo\"                                       futures
  curl \"$U/positions\"                                                     futures, in contracts

Ticks by hand, for a simulator that was started with --manual (1 to 1000):
  curl -X POST \"$U/step?count=4\"

Orders (intents: buy, sell; open_long, close_long, open_short, close_short; without a price, a market order):
  curl -X POST \"$U/orders?symbol=BTC_USDT&intent=buy&price=80000&size=0.01\"
       further parameters: account, environment, market, client_order_id; answers {\"order\":\"ID\"}
  curl -X POST \"$U/orders/ID/fill?size=0.004\"                             or at a better price: &price=79990
  curl -X DELETE \"$U/orders/ID\"
       for an order of the demo, both take environment=demo as well

What is left of a fault is taken back by its number, or all of them at once:
  curl -X DELETE \"$U/faults/7\"
  curl -X DELETE \"$U/faults\"

Faults; each answers {\"fault\":7}. Where: environment=live|demo, market=spot|futures, side=public|private,
topic=T, connection=N (counted on its endpoint, from 1). How often: times=N, or forever=true; once by default.
";

/// Columns of the widest example but one; what it does begins behind it.
const EXAMPLE_COLUMNS: usize = 78;

pub(super) fn text() -> String {
    let mut text = CALLS.to_owned();
    for kind in KINDS {
        let mark = if kind.example.is_empty() { "" } else { "?" };
        let example = format!("curl -X POST \"$U/faults/{}{mark}{}\"", kind.name, kind.example);
        writeln!(text, "  {example:<EXAMPLE_COLUMNS$}  {}", kind.does).expect("a String takes every write");
    }
    text
}
