//! Decodes every line of the standard input with `serde_json`, to be weighed.

#![expect(clippy::print_stdout, reason = "the count is printed")]

use std::io::{BufRead, stdin};

use bitmart_benches::decode::read_one;

fn main() {
    let mut input = stdin().lock();
    let (mut line, mut decoded) = (Vec::new(), 0);
    while input.read_until(b'\n', &mut line).expect("the input can be read") > 0 {
        decoded += usize::from(read_one(line.trim_ascii()));
        line.clear();
    }
    println!("{decoded}");
}
