//! Reads one kind of message so many times with one contestant, and does nothing else that grows with the number: two
//! runs under callgrind tell the instructions per message. `scripts/instructions` does that for all of them.

#![expect(clippy::print_stdout, reason = "the names are printed for the script")]

use bitmart_benches::decode::Contestant;
use bitmart_benches::messages::{Case, Kind, Order};

const USAGE: &str =
    "usage: instructions <kind> <venue|shuffled> <contestant> <count>, or none of them to list kinds";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments.as_slice() {
        [] => {
            for kind in Kind::ALL {
                println!("{}", kind.name());
            }
        }
        [kind, order, contestant, count] => {
            let kind = Kind::ALL.iter().find(|known| known.name() == kind).expect(USAGE);
            let order = [Order::Venue, Order::Shuffled]
                .into_iter()
                .find(|known| known.name() == order)
                .expect(USAGE);
            let contestant = Contestant::of(*kind)
                .find(|known| known.name() == contestant)
                .expect(USAGE);
            let count = count.parse().expect(USAGE);
            let case = Case::new(*kind, order);
            contestant.turn(&case)(count);
        }
        _ => panic!("{USAGE}"),
    }
}
