//! What the benchmarks of the workspace share: messages, contestants, and a way to measure them in turns.
//!
//! [`messages`] makes up every kind of message from a seed. [`shapes`] are the structs that one would write for
//! serde. [`decode`], [`inflate`] and [`sign`] name the contestants and let them work; [`measure`] times them against
//! one another. How to run all of it, and what came out, is in `docs/BENCHMARKS.md`.

pub mod decode;
pub mod inflate;
pub mod measure;
pub mod messages;
pub mod shapes;
pub mod sign;
