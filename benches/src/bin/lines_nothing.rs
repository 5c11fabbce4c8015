//! Counts lines of the standard input: what a program weighs before it decodes anything.

#![expect(clippy::print_stdout, reason = "the count is printed")]

use std::io::{BufRead, stdin};

fn main() {
    let mut input = stdin().lock();
    let (mut line, mut bytes) = (Vec::new(), 0);
    while input.read_until(b'\n', &mut line).expect("the input can be read") > 0 {
        bytes += line.len();
        line.clear();
    }
    println!("{bytes}");
}
