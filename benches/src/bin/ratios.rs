//! Measures everything against everything in turns, and prints it as Markdown, with what became of each goal. The
//! progress goes to the standard error.
//!
//! - `ratios` takes about a minute; `ratios "spot order" "futures trade"` measures these kinds alone.
//! - `ratios kinds` lists the kinds.
//! - `ratios read <kind> <venue|shuffled> <contestant> <count>` reads so many messages and does nothing else that grows
//!   with the number: two runs under callgrind tell the instructions per message, as `scripts/instructions` does.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the report is printed")]

use std::time::Duration;

use bitmart_benches::decode::Contestant;
use bitmart_benches::measure::{Plan, Turn, geometric_mean, maximum, medians, minimum};
use bitmart_benches::messages::{Case, Kind, Order};
use bitmart_benches::{inflate, sign};

const PLAN: Plan = Plan {
    rounds: 51,
    slice: Duration::from_millis(2),
};

/// Up to here a message counts as small, in bytes.
const SMALL_BYTES: usize = 1024;

/// What one kind of message took, in nanoseconds per message.
struct Row {
    kind: Kind,
    bytes: usize,
    predicted: f64,
    /// Replies have no second way.
    general: Option<f64>,
    serde_json: f64,
    serde_json_str: f64,
    simd_json: f64,
    sonic_rs: f64,
    floor: f64,
}

impl Row {
    fn measure(kind: Kind, order: Order) -> Self {
        eprintln!("{} ({} order)", kind.name(), order.name());
        let case = Case::new(kind, order);
        let contestants: Vec<Contestant> = Contestant::of(kind).collect();
        let mut turns: Vec<Turn<'_>> = contestants.iter().map(|one| one.turn(&case)).collect();
        let times = medians(&mut turns, PLAN);
        let find = |wanted| {
            let place = contestants.iter().position(|one| *one == wanted)?;
            times.get(place).copied()
        };
        let time = |wanted| find(wanted).unwrap_or(f64::NAN);
        Self {
            kind,
            bytes: case.mean_bytes(),
            predicted: time(Contestant::Predicted),
            general: find(Contestant::General),
            serde_json: time(Contestant::SerdeJsonSlice),
            serde_json_str: time(Contestant::SerdeJsonStr),
            simd_json: time(Contestant::SimdJson),
            sonic_rs: time(Contestant::SonicRs),
            floor: time(Contestant::Floor),
        }
    }

    fn print(&self) {
        let theirs = |time: f64| format!("{time:.0} ({:.1}×)", time / self.predicted);
        let general = self.general.map_or("–".to_owned(), |general| {
            format!("{general:.0} ({:.2}×)", self.serde_json / general)
        });
        println!(
            "| {} | {} | {:.0} | {} | {} | {} | {} | {general} | {:.0} ({:.1}) |",
            self.kind.name(),
            self.bytes,
            self.predicted,
            theirs(self.serde_json),
            theirs(self.serde_json_str),
            theirs(self.simd_json),
            theirs(self.sonic_rs),
            self.floor,
            self.predicted / self.floor,
        );
    }
}

/// A table of the rows, each printed as soon as it is there.
fn table(title: &str, kinds: impl Iterator<Item = Kind>, order: Order) -> Vec<Row> {
    println!("\n### {title}\n");
    println!(
        "| kind | bytes | ours, ns | serde_json from_slice | serde_json from_str | simd-json | sonic-rs \
         | general (× serde_json) | floor (ours ÷ floor) |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    kinds
        .map(|kind| {
            let row = Row::measure(kind, order);
            row.print();
            row
        })
        .collect()
}

/// One number that was to be reached, and whether it was.
struct Goal {
    text: String,
    value: f64,
    bound: f64,
    /// The value is to be no larger than the bound, instead of no smaller.
    is_upper: bool,
    /// Which kinds are beyond the bound, where each kind counts.
    missed: Vec<String>,
}

impl Goal {
    /// The mean of all kinds.
    fn mean(text: &str, rows: &[Row], ratio: impl Fn(&Row) -> f64, bound: f64) -> Self {
        Self {
            text: format!("{text}, geometric mean"),
            value: geometric_mean(&rows.iter().map(ratio).collect::<Vec<_>>()),
            bound,
            is_upper: false,
            missed: Vec::new(),
        }
    }

    /// Each kind by itself.
    fn each<'a>(
        text: &str,
        rows: impl Iterator<Item = &'a Row> + Clone,
        ratio: impl Fn(&Row) -> f64,
        bound: f64,
        is_upper: bool,
    ) -> Self {
        let ratios: Vec<f64> = rows.clone().map(&ratio).collect();
        let is_beyond = |ratio: f64| if is_upper { ratio > bound } else { ratio < bound };
        Self {
            text: format!("{text}, every kind"),
            value: if is_upper {
                maximum(&ratios)
            } else {
                minimum(&ratios)
            },
            bound,
            is_upper,
            missed: rows
                .filter(|row| is_beyond(ratio(row)))
                .map(|row| format!("{} {:.2}", row.kind.name(), ratio(row)))
                .collect(),
        }
    }

    fn print(&self) {
        let (sign, is_met) = if self.is_upper {
            ("≤", self.value <= self.bound)
        } else {
            ("≥", self.value >= self.bound)
        };
        println!(
            "| {} | {sign} {} | {:.2} | {} | {} |",
            self.text,
            self.bound,
            self.value,
            if is_met { "PASS" } else { "missed" },
            self.missed.join(", "),
        );
    }
}

fn decode_goals(venue: &[Row], shuffled: &[Row]) -> Vec<Goal> {
    let serde_json = |row: &Row| row.serde_json / row.predicted;
    let sonic_rs = |row: &Row| row.sonic_rs / row.predicted;
    let general = |row: &Row| row.serde_json / row.general.unwrap_or(f64::NAN);
    let floor = |row: &Row| row.predicted / row.floor;
    let small = venue.iter().filter(|row| row.bytes < SMALL_BYTES);
    vec![
        Goal::mean("venue order, times serde_json", venue, serde_json, 5.0),
        Goal::each(
            "venue order, times serde_json",
            venue.iter(),
            serde_json,
            3.5,
            false,
        ),
        Goal::mean("venue order, times sonic-rs", venue, sonic_rs, 3.5),
        Goal::mean("shuffled keys, times serde_json", shuffled, serde_json, 3.0),
        Goal::each(
            "shuffled keys, times serde_json",
            shuffled.iter(),
            serde_json,
            3.0,
            false,
        ),
        Goal::mean("general way, times serde_json", venue, general, 1.2),
        Goal::each("general way, times serde_json", venue.iter(), general, 1.2, false),
        Goal::each("messages below 1 KB, over the floor", small, floor, 8.0, true),
    ]
}

/// Prints what each contestant took, and how much longer than the first one.
fn contest(title: &str, names: &[&str], turns: &mut [Turn<'_>]) -> Vec<f64> {
    eprintln!("{title}");
    println!("\n### {title}\n\n| contestant | ns | times ours |\n|---|---|---|");
    let times = medians(turns, PLAN);
    let ratios: Vec<f64> = times.iter().map(|time| time / times[0]).collect();
    for ((name, time), ratio) in names.iter().zip(&times).zip(&ratios) {
        println!("| {name} | {time:.0} | {ratio:.2}× |");
    }
    ratios
}

fn inflate_ratios() -> Vec<f64> {
    let case = Case::new(Kind::SpotIncreaseSnapshot, Order::Venue);
    let frames = inflate::frames(&case);
    let packed = frames.iter().map(Vec::len).sum::<usize>() / frames.len();
    let names: Vec<&str> = inflate::Contestant::ALL.iter().map(|one| one.name()).collect();
    let mut turns: Vec<Turn<'_>> = inflate::Contestant::ALL
        .iter()
        .map(|one| one.turn(&frames))
        .collect();
    let title = format!("Unpacking {} bytes from {packed}", case.mean_bytes());
    contest(&title, &names, &mut turns)
}

fn sign_ratios() -> Vec<f64> {
    let names: Vec<&str> = sign::Contestant::ALL.iter().map(|one| one.name()).collect();
    let mut turns: Vec<Turn<'_>> = sign::Contestant::ALL.iter().map(|one| one.turn()).collect();
    contest("Signing a login", &names, &mut turns)
}

fn ratio_goal(text: &str, value: f64, bound: f64) -> Goal {
    Goal {
        text: text.into(),
        value,
        bound,
        is_upper: false,
        missed: Vec::new(),
    }
}

const USAGE: &str = "usage: ratios [<kind>...] | kinds | read <kind> <venue|shuffled> <contestant> <count>";

fn kind_named(name: &str) -> Kind {
    let kind = Kind::ALL.iter().find(|kind| kind.name() == name);
    *kind.expect(USAGE)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments.as_slice() {
        [] => measure_all(),
        ["kinds"] => Kind::ALL.iter().for_each(|kind| println!("{}", kind.name())),
        ["read", kind, order, contestant, count] => read(kind, order, contestant, count),
        ref names => {
            let kinds: Vec<Kind> = names.iter().map(|name| kind_named(name)).collect();
            table(
                "Keys in the exchange's order",
                kinds.iter().copied(),
                Order::Venue,
            );
            table("Keys shuffled", kinds.iter().copied(), Order::Shuffled);
        }
    }
}

fn read(kind: &str, order: &str, contestant: &str, count: &str) {
    let kind = kind_named(kind);
    let mut orders = [Order::Venue, Order::Shuffled].into_iter();
    let order = orders.find(|known| known.name() == order).expect(USAGE);
    let contestant = Contestant::of(kind)
        .find(|known| known.name() == contestant)
        .expect(USAGE);
    let count = count.parse().expect(USAGE);
    contestant.turn(&Case::new(kind, order))(count);
}

fn measure_all() {
    let venue = table(
        "Pushes, keys in the exchange's order",
        Kind::pushes(),
        Order::Venue,
    );
    let shuffled = table("Pushes, keys shuffled", Kind::pushes(), Order::Shuffled);
    let replies = table("Replies", Kind::replies(), Order::Venue);
    let inflate = inflate_ratios();
    let sign = sign_ratios();

    println!("\n### Goals\n\n| goal | bound | measured | | kinds beyond the bound |\n|---|---|---|---|---|");
    let mut goals = decode_goals(&venue, &shuffled);
    goals.push(ratio_goal(
        "unpacking, times `miniz_oxide` as in flate2, reused",
        inflate[1],
        1.3,
    ));
    goals.push(ratio_goal("signing, times the usual form", sign[1], 3.0));
    goals.iter().for_each(Goal::print);
    let ratios: Vec<f64> = replies.iter().map(|row| row.serde_json / row.predicted).collect();
    println!(
        "\nReplies have no goal of their own: {:.2}× `serde_json` in the geometric mean.",
        geometric_mean(&ratios),
    );
}
