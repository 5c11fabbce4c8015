//! What the server of the cases says of the client, as a table.
//!
//! Whatever isn't plainly in order needs a reason here; a case without one makes the run fail.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::{Failure, Way};

const BEGIN: &str = "<!-- begin results -->";
const END: &str = "<!-- end results -->";

/// How many cases there are without those of compression.
const CASES: usize = 301;

/// The groups of cases, by the first part of their names.
const GROUPS: [(u32, &str); 9] = [
    (1, "framing"),
    (2, "pings and pongs"),
    (3, "reserved bits"),
    (4, "opcodes"),
    (5, "fragmentation"),
    (6, "UTF-8"),
    (7, "closing"),
    (9, "limits and performance"),
    (10, "automatic fragmentation"),
];

/// Cases that aren't plainly in order, and why.
struct Reason {
    ways: &'static [Way],
    /// Names of cases, and beginnings of names that end with a dot.
    cases: &'static [&'static str],
    verdict: &'static str,
    /// The code that the client must have closed with.
    code: u64,
    text: &'static str,
}

const REASONS: [Reason; 5] = [
    Reason {
        ways: &[Way::Production],
        cases: &["2.10", "2.11"],
        verdict: "FAILED",
        code: 1000,
        text: "Ten pings without a pause; 2.11 sends them in pieces of one byte. Of pings that are read together, only the \
               latest is answered, so that a flood of them costs one pong: RFC 6455 allows it in section 5.5.3, and the \
               cases themselves say that what they want is not required. Which pings are read together is a matter of \
               timing, and so 2.11 passes in some runs only.",
    },
    Reason {
        ways: &[Way::Production],
        cases: &[
            "9.1.4", "9.1.5", "9.1.6", "9.2.4", "9.2.5", "9.2.6", "9.3.", "9.4.",
        ],
        verdict: "FAILED",
        code: 1009,
        text: "Messages of 4 MiB and more, whole or in fragments. The client's bound is 1 MiB (`MAX_MESSAGE_BYTES`), which \
               is over a hundred times a book of 150 levels; 9.3.1 and 9.4.1, in fragments of 64 \
               bytes, meet the bound of 4,096 fragments (`MAX_FRAGMENTS`) first. What is over a bound is refused with 1009 \
               as soon as its header says so, and the server of the cases counts that as failed. With the bounds raised, \
               all of these are in order.",
    },
    Reason {
        ways: &Way::ALL,
        cases: &["6.4."],
        verdict: "NON-STRICT",
        code: 1007,
        text: "A text message that is invalid early, and whose rest comes a second later. The reader checks a message when \
               it is whole, and so refuses it with the right code (1007) but not before its last byte. To fail at the \
               first bad byte is what the cases would like; RFC 6455 doesn't ask for it (section 8.1).",
    },
    Reason {
        ways: &Way::ALL,
        cases: &["7.1.6"],
        verdict: "INFORMATIONAL",
        code: 1000,
        text: "A message of 256 KiB, a close frame and a ping, all at once. RFC 6455 leaves open whether the message is \
               still answered. It is, and then the close frame; the ping behind it is ignored, as it should be.",
    },
    Reason {
        ways: &Way::ALL,
        cases: &["7.13.1", "7.13.2"],
        verdict: "INFORMATIONAL",
        code: 1002,
        text: "Close codes 5000 and 65535, which RFC 6455 doesn't define. The reader refuses them with 1002.",
    },
];

impl Reason {
    fn is_about(&self, case: &str) -> bool {
        self.cases
            .iter()
            .any(|name| *name == case || name.ends_with('.') && case.starts_with(name))
    }
}

/// What was made of one case.
struct Outcome {
    verdict: String,
    close_verdict: String,
    code: Option<u64>,
}

impl Outcome {
    fn is_ok(&self) -> bool {
        self.verdict == "OK" && self.close_verdict == "OK"
    }
}

/// The outcomes, by the number of the group and the name of the case.
type Outcomes = BTreeMap<(u32, String), Outcome>;

/// Puts the table between the document's markers.
pub(crate) fn write(reports: [&Path; 2], document: &Path) -> Result<(), Failure> {
    let mut all = Vec::new();
    for (way, folder) in Way::ALL.into_iter().zip(reports) {
        all.push((way, read(way, folder)?));
    }
    let results = results(&all)?;
    let text = fs::read_to_string(document)?;
    let parts = text.split_once(BEGIN).zip(text.split_once(END));
    let Some(((head, _), (_, tail))) = parts else {
        return Err(format!("{} needs {BEGIN} and {END}", document.display()).into());
    };
    fs::write(document, format!("{head}{BEGIN}\n{results}{END}{tail}"))?;
    Ok(())
}

fn read(way: Way, folder: &Path) -> Result<Outcomes, Failure> {
    let index: Value = serde_json::from_slice(&fs::read(folder.join("index.json"))?)?;
    let cases = index[way.name()]
        .as_object()
        .ok_or("the report has none of our cases")?;
    let outcomes: Outcomes = cases
        .iter()
        .map(|(name, case)| {
            let group = name.split('.').next().and_then(|number| number.parse().ok());
            let verdict = |key| case[key].as_str().unwrap_or("none").to_owned();
            let outcome = Outcome {
                verdict: verdict("behavior"),
                close_verdict: verdict("behaviorClose"),
                code: case["remoteCloseCode"].as_u64(),
            };
            ((group.unwrap_or(0), name.clone()), outcome)
        })
        .collect();
    match outcomes.len() {
        CASES => Ok(outcomes),
        count => Err(format!("{count} cases of {CASES} were run").into()),
    }
}

fn results(all: &[(Way, Outcomes)]) -> Result<String, Failure> {
    let mut out = format!(
        "{}, `kosoku` {}, `bitmart-ws` {}.\n",
        variable("DATE")?,
        variable("KOSOKU")?,
        env!("CARGO_PKG_VERSION")
    );
    for (way, outcomes) in all {
        out += match way {
            Way::Production => "\n### As in production\n\n",
            Way::Raised => "\n### With the bounds raised, frame by frame\n\n",
        };
        out += "| group | cases | OK | NON-STRICT | INFORMATIONAL | failed |\n|---|---|---|---|---|---|\n";
        let row = |out: &mut String, title: &str, outcomes: &[&Outcome]| {
            let ok = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
            let of = |verdict| {
                outcomes
                    .iter()
                    .filter(|outcome| outcome.verdict == verdict)
                    .count()
            };
            let (strict, informational) = (of("NON-STRICT"), of("INFORMATIONAL"));
            let count = outcomes.len();
            let failed = count - ok - strict - informational;
            writeln!(
                out,
                "| {title} | {count} | {ok} | {strict} | {informational} | {failed} |"
            )
        };
        for (group, title) in GROUPS {
            let of_group: Vec<&Outcome> = outcomes
                .iter()
                .filter(|((number, _), _)| *number == group)
                .map(|(_, outcome)| outcome)
                .collect();
            row(&mut out, &format!("{group} {title}"), &of_group)?;
        }
        row(&mut out, "all", &outcomes.values().collect::<Vec<_>>())?;
    }
    out += "\n### What is not plainly OK\n\n| cases | where | verdict | closed with | why |\n|---|---|---|---|---|\n";
    for reason in &REASONS {
        let names = judge(reason, all)?;
        if names.is_empty() {
            continue;
        }
        let ways: Vec<&str> = reason.ways.iter().map(|way| way.name()).collect();
        writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            names.join(", "),
            ways.join(", "),
            reason.verdict,
            reason.code,
            reason.text
        )?;
    }
    for (way, outcomes) in all {
        for ((_, case), outcome) in outcomes {
            let has_reason = REASONS
                .iter()
                .any(|reason| reason.is_about(case) && reason.ways.contains(way));
            if !outcome.is_ok() && !has_reason {
                return Err(
                    format!("{case}, {}: {}, for no known reason", way.name(), outcome.verdict).into(),
                );
            }
        }
    }
    Ok(out)
}

/// The cases that a reason is about and that are not plainly in order, if all of them went as it says.
fn judge<'a>(reason: &Reason, all: &'a [(Way, Outcomes)]) -> Result<Vec<&'a str>, Failure> {
    let mut names = Vec::new();
    for (way, outcomes) in all.iter().filter(|(way, _)| reason.ways.contains(way)) {
        names.clear();
        let is_meant = |case: &str, outcome: &Outcome| reason.is_about(case) && !outcome.is_ok();
        for ((_, case), outcome) in outcomes
            .iter()
            .filter(|((_, case), outcome)| is_meant(case, outcome))
        {
            if outcome.verdict != reason.verdict || outcome.code != Some(reason.code) {
                let (verdict, code) = (&outcome.verdict, outcome.code);
                return Err(format!("{case}, {}: {verdict}, closed with {code:?}", way.name()).into());
            }
            names.push(case.as_str());
        }
    }
    Ok(names)
}

/// What the script says about the run.
fn variable(name: &str) -> Result<String, Failure> {
    let value = std::env::var_os(name).and_then(|value| value.into_string().ok());
    value.ok_or_else(|| format!("{name} is not set").into())
}
