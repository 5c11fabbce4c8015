//! The rules on licences, sources and bans, against packages of our own making.
#![allow(clippy::unwrap_used, reason = "tests")]

use bitmart_supply::graph::Graph;
use bitmart_supply::list;
use bitmart_supply::rules::Rules;
use bitmart_supply::tree::Findings;
use serde_json::{Value, json};

const REGISTRY: &str = "registry+https://example.org/index";
const RULES: &str = r#"
[advisories]
[licenses]
allow = ["MIT", "ISC"]
exceptions = [{ allow = ["Unicode-3.0"], crate = "letters" }]
[bans]
wildcards = "deny"
deny = [{ crate = "openssl-sys", reason = "not that" }, { crate = "worm@1.2", reason = "it bites" }]
skip = [{ crate = "twice@1", reason = "somebody asks for it" }]
[sources]
unknown-registry = "deny"
unknown-git = "warn"
allow-registry = ["https://example.org/index"]
"#;

struct World {
    packages: Vec<Value>,
    nodes: Vec<Value>,
}

impl World {
    /// One package of ours, and those without which the rules would have nothing to do.
    fn new(dependencies: Value) -> Self {
        let mut world = Self {
            packages: vec![json!({
                "id": "ours", "name": "bitmart-ours", "version": "0.1.0", "license": "MIT", "source": null,
                "publish": null, "dependencies": dependencies,
            })],
            nodes: Vec::new(),
        };
        world.add(
            "letters",
            "1.0.0",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            REGISTRY,
        );
        world.add("certain", "1.0.0", "ISC", REGISTRY);
        world.add("twice", "1.5.0", "MIT/Apache-2.0", REGISTRY);
        world.add("twice", "2.0.0", "MIT", REGISTRY);
        world
    }

    fn add(&mut self, name: &str, version: &str, license: &str, source: &str) {
        self.packages.push(json!({
            "id": format!("{name}@{version}"), "name": name, "version": version, "license": license,
            "source": source, "publish": null, "dependencies": [],
        }));
    }

    fn graph(&self) -> Graph {
        let deps: Vec<Value> = self.packages[1..]
            .iter()
            .map(|it| json!({ "pkg": it["id"] }))
            .collect();
        let mut nodes = self.nodes.clone();
        nodes.push(json!({ "id": "ours", "deps": deps }));
        let metadata = json!({
            "packages": self.packages, "workspace_members": ["ours"], "resolve": { "nodes": nodes },
        });
        Graph::parse(&metadata.to_string()).unwrap()
    }

    fn findings(&self) -> Findings {
        Findings::new(&self.graph(), &Rules::parse(RULES).unwrap())
    }
}

fn with(name: &str, version: &str, license: &str, source: &str) -> Findings {
    let mut world = World::new(json!([]));
    world.add(name, version, license, source);
    world.findings()
}

#[test]
fn what_keeps_the_rules_is_passed() {
    let findings = World::new(json!([])).findings();
    assert_eq!(findings, Findings::default());
}

#[test]
fn a_licence_is_allowed_if_one_way_of_reading_it_is() {
    for license in [
        "MIT OR GPL-3.0-only",
        "GPL-2.0-only/MIT",
        "ISC AND (MIT OR BSL-1.0)",
    ] {
        assert_eq!(
            with("any", "1.0.0", license, REGISTRY),
            Findings::default(),
            "{license}"
        );
    }
    for license in [
        "GPL-3.0-only",
        "MIT AND GPL-3.0-only",
        "Unicode-3.0",
        "MIT AND Unicode-3.0",
        "Mine",
        "",
    ] {
        let violations = with("any", "1.0.0", license, REGISTRY).violations;
        assert_eq!(violations.len(), 1, "{license}: {violations:?}");
        assert!(violations[0].starts_with("any 1.0.0"), "{violations:?}");
    }
    let mut world = World::new(json!([]));
    world.add("mute", "1.0.0", "", REGISTRY);
    world.packages.last_mut().unwrap()["license"] = Value::Null;
    assert_eq!(world.findings().violations, ["mute 1.0.0 names no licence"]);
}

/// The list is exactly what is in use.
#[test]
fn a_licence_that_nobody_has_may_not_be_allowed() {
    let mut world = World::new(json!([]));
    world
        .packages
        .retain(|package| package["name"] != "certain" && package["name"] != "letters");
    let violations = world.findings().violations;
    assert_eq!(
        violations,
        [
            "deny.toml allows ISC, and no package has it",
            "deny.toml makes an exception for letters, which is not there"
        ]
    );
}

#[test]
fn packages_come_from_the_registry_that_is_allowed() {
    let elsewhere = with("any", "1.0.0", "MIT", "registry+https://example.org/other");
    assert_eq!(
        elsewhere.violations,
        ["any 1.0.0 comes from registry+https://example.org/other"]
    );
    let git = with(
        "any",
        "1.0.0",
        "MIT",
        "git+https://example.org/any?branch=main#0123",
    );
    assert!(git.violations.is_empty() && git.warnings.len() == 1, "{git:?}");
}

#[test]
fn what_is_banned_is_found() {
    let openssl = with("openssl-sys", "0.9.1", "MIT", REGISTRY);
    assert_eq!(openssl.violations, ["openssl-sys 0.9.1 is banned: not that"]);
    assert_eq!(with("worm", "1.2.7", "MIT", REGISTRY).violations.len(), 1);
    assert_eq!(with("worm", "1.3.0", "MIT", REGISTRY), Findings::default());
}

#[test]
fn what_is_there_twice_needs_an_excuse() {
    let again = with("certain", "2.0.0", "ISC", REGISTRY);
    assert_eq!(again.warnings, ["certain is there more than once: 1.0.0, 2.0.0"]);
    let thrice = with("twice", "3.0.0", "MIT", REGISTRY);
    assert_eq!(thrice.warnings, ["twice is there more than once: 2.0.0, 3.0.0"]);
    let mut world = World::new(json!([]));
    world.packages.retain(|package| package["version"] != "1.5.0");
    assert_eq!(
        world.findings().warnings,
        ["deny.toml excuses twice@1, which is there once at most"]
    );
}

#[test]
fn any_version_is_asked_for_only_by_a_path_that_nobody_else_reads() {
    let findings = |kind: Value, path: Value, publish: Value| {
        let mut world =
            World::new(json!([{ "name": "any", "req": "*", "kind": kind, "path": path, "source": null }]));
        world.packages[0]["publish"] = publish;
        world.findings().violations
    };
    let wrong = ["bitmart-ours takes any version of any"];
    assert_eq!(findings(Value::Null, Value::Null, Value::Null), wrong);
    assert_eq!(findings(json!("dev"), Value::Null, json!([])), wrong);
    assert_eq!(findings(Value::Null, json!("../any"), Value::Null), wrong);
    assert!(findings(json!("dev"), json!("../any"), Value::Null).is_empty());
    assert!(findings(Value::Null, json!("../any"), json!([])).is_empty());
}

#[test]
fn the_list_of_dependencies_is_held_against_the_graph() {
    let asks =
        |name: &str, kind: Value| json!({ "name": name, "req": "^1", "kind": kind, "source": REGISTRY });
    let world = World::new(json!([
        asks("certain", Value::Null),
        asks("letters", json!("dev"))
    ]));
    let right = "| crate | version |\n|---|---|\n\
        | `certain` | 1.0.0 | ISC | ours | why | else | none |\n\
        | `letters` | 1.0.0 | (MIT OR Apache-2.0) AND Unicode-3.0 | dev: ours | why | else | none |\n";
    let check = |document: &str| list::check(document, &world.graph());
    assert!(check(right).is_empty(), "{:?}", check(right));
    for (from, to, words) in [
        (
            "| `certain` | 1.0.0",
            "| certain | 1.0.0",
            "missing: | `certain` | 1.0.0 | ISC | ours |",
        ),
        (
            "`certain` | 1.0.0",
            "`certain` | 1.0.1",
            "it should begin with: | `certain` | 1.0.0 | ISC | ours |",
        ),
        (
            "ISC",
            "MIT",
            "it should begin with: | `certain` | 1.0.0 | ISC | ours |",
        ),
        ("| dev: ours", "| ours", "it should begin with: | `letters`"),
        ("ours | why", "ours | ", "certain has an empty cell"),
    ] {
        let wrong = check(&right.replacen(from, to, 1));
        assert_eq!(wrong.len(), 1, "{from}: {wrong:?}");
        assert!(wrong[0].starts_with(words), "{from}: {wrong:?}");
    }
    let surplus = format!("{right}| `gone` | 1.0.0 | MIT | ours | why | else | none |\n");
    assert_eq!(check(&surplus), ["gone is listed, and no package asks for it"]);
    let twice = format!("{right}{}\n", right.lines().nth(2).unwrap());
    assert_eq!(check(&twice), ["certain is listed twice"]);
}
