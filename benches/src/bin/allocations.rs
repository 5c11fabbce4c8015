//! Counts what each contestant allocates per message once its buffers have grown, and prints it as Markdown.
//!
//! A program of its own, for counting takes an allocator that would slow down those who allocate.

#![expect(clippy::print_stdout, reason = "the report is printed")]

use allocation_counter::measure;
use bitmart_benches::decode::Contestant;
use bitmart_benches::measure::Turn;
use bitmart_benches::messages::{Case, Kind, Order, VARIANTS};
use bitmart_benches::{inflate, sign};

const CONTESTANTS: [Contestant; 6] = [
    Contestant::Predicted,
    Contestant::General,
    Contestant::SerdeJsonSlice,
    Contestant::SerdeJsonStr,
    Contestant::SimdJson,
    Contestant::SonicRs,
];

/// Allocations and bytes allocated per piece of work, in the mean over all variants.
fn used(mut turn: Turn<'_>) -> String {
    turn(VARIANTS);
    let used = measure(|| turn(VARIANTS));
    let per_message = |total: u64| total as f64 / VARIANTS as f64;
    match used.count_total {
        0 => "0".into(),
        count => format!(
            "{:.1} ({:.0} B)",
            per_message(count),
            per_message(used.bytes_total)
        ),
    }
}

fn main() {
    println!("| kind | {} |", CONTESTANTS.map(Contestant::name).join(" | "));
    println!("|---|---|---|---|---|---|---|");
    for &kind in Kind::ALL {
        let case = Case::new(kind, Order::Venue);
        let cells = CONTESTANTS.map(|contestant| {
            if Contestant::of(kind).any(|reads| reads == contestant) {
                used(contestant.turn(&case))
            } else {
                "–".into()
            }
        });
        println!("| {} | {} |", kind.name(), cells.join(" | "));
    }

    println!("\n| unpacking, signing | |\n|---|---|");
    let frames = inflate::frames(&Case::new(Kind::SpotIncreaseSnapshot, Order::Venue));
    for contestant in inflate::Contestant::ALL {
        println!(
            "| unpacking: {} | {} |",
            contestant.name(),
            used(contestant.turn(&frames))
        );
    }
    for contestant in sign::Contestant::ALL {
        println!("| signing: {} | {} |", contestant.name(), used(contestant.turn()));
    }
}
