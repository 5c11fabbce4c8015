//! The client's upgrade, reader and writer before Autobahn's cases: an echo, and the table of what was made of it.
//!
//! `scripts/autobahn/run` runs it; `docs/AUTOBAHN.md` says what it found.

mod echo;
mod report;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

type Failure = Box<dyn Error + Send + Sync>;

const USAGE: &str = "autobahn echo production|raised ADDRESS\n\
                     autobahn table REPORT-OF-PRODUCTION REPORT-OF-RAISED DOCUMENT";

/// How the echo is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// With the reader's own bounds, answering what one read has brought together, like the client.
    Production,
    /// With bounds as high as the cases want, answering frame by frame.
    Raised,
}

impl Way {
    const ALL: [Self; 2] = [Self::Production, Self::Raised];

    fn name(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Raised => "raised",
        }
    }
}

#[expect(clippy::print_stderr, reason = "whoever runs it has to be told")]
fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args[..] {
        ["echo", way, address] if Way::ALL.iter().any(|known| known.name() == way) => {
            let way = Way::ALL.into_iter().find(|known| known.name() == way);
            echo::run(way.expect("one of them was found"), address)
        }
        ["table", production, raised, document] => {
            report::write([Path::new(production), Path::new(raised)], Path::new(document))
        }
        _ => Err(USAGE.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
