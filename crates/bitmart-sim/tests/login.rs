//! Logins: what is accepted, what is refused with which words, and what follows.

mod support;

use bitmart_proto::{Environment, Market, Side};
use bitmart_sim::{Account, Simulator};
use serde_json::json;
use support::{Client, Seen, futures_login, login_args, now_ms, quiet, spot_login};

const WINDOW_MS: u64 = 60_000;

#[tokio::test]
async fn a_login_over_tls_and_a_ping() {
    let sim = Simulator::builder().start().await.unwrap();
    for market in Market::ALL {
        let mut client = Client::logged_in(&sim, market, &Account::example()).await;
        match market {
            Market::Spot => assert_eq!(client.ask("ping").await, "pong"),
            Market::Futures => {
                let pong = client.ask(r#"{"action":"ping"}"#).await;
                assert!(pong.starts_with(r#"{"group":"System","data":"pong+"#), "{pong}");
                assert_eq!(
                    pong.len(),
                    r#"{"group":"System","data":"pong+"}"#.len() + 36,
                    "{pong}"
                );
            }
        }
    }
    let total = sim.counters().total();
    assert_eq!((total.connections, total.logins_ok, total.pings), (2, 2, 2));
    sim.shutdown().await;
}

#[tokio::test]
async fn one_key_logs_in_to_the_demo_as_well() {
    let sim = quiet().start().await.unwrap();
    let mut client = Client::connect_in(&sim, Environment::Demo, Market::Futures, Side::Private).await;
    client.log_in(Market::Futures, &Account::example()).await;
    assert_eq!(
        sim.counters()
            .of(Environment::Demo, Market::Futures, Side::Private)
            .logins_ok,
        1
    );
    assert_eq!(
        sim.counters()
            .of(Environment::Live, Market::Futures, Side::Private)
            .logins_ok,
        0
    );
}

/// Clients send the timestamp as a string or as a number; both are in use.
#[tokio::test]
async fn the_timestamp_may_be_a_number() {
    let sim = quiet().start().await.unwrap();
    let now = now_ms();
    let [key, _, signature] = login_args(&Account::example(), now);
    let mut spot = Client::connect(&sim, Market::Spot, Side::Private).await;
    let request = json!({ "op": "login", "args": [key, now, signature] }).to_string();
    assert_eq!(spot.ask(&request).await, r#"{"event":"login"}"#);
    let mut futures = Client::connect(&sim, Market::Futures, Side::Private).await;
    // Keys in another case were seen to work, too.
    let request = json!({ "Action": "access", "Args": [key, now, signature, "web"] }).to_string();
    assert_eq!(
        futures.ask(&request).await,
        r#"{"action":"access","success":true}"#
    );
}

#[tokio::test]
async fn a_refused_spot_login_has_its_code_and_ends_the_connection() {
    let sim = quiet().start().await.unwrap();
    let [key, now, signature] = login_args(&Account::example(), now_ms());
    let old_ms = now_ms() - WINDOW_MS - 5_000;
    let [_, old, old_signature] = login_args(&Account::example(), old_ms);
    let wrong = "0".repeat(64);
    for (args, code) in [
        (json!(["", now, signature]), "91001"),
        (json!(["nobody", now, signature]), "91002"),
        (json!([key, now, ""]), "91010"),
        (json!([key, now, wrong]), "91011"),
        (json!([key, now, signature.to_uppercase()]), "91011"),
        (json!([key, "", signature]), "91021"),
        (json!([key, old, old_signature]), "91022"),
        (json!([key, 0, signature]), "91022"),
        (json!([key, "now", signature]), "91023"),
        (json!([key, format!("0{now}"), signature]), "91023"),
        (json!([key, -1, signature]), "91023"),
        (json!([key, now]), "90003"),
        (json!([key, true, signature]), "90003"),
        (json!("no array"), "90003"),
    ] {
        let mut client = Client::connect(&sim, Market::Spot, Side::Private).await;
        client
            .send(&json!({ "op": "login", "args": args }).to_string())
            .await;
        let answer = client.json().await;
        assert_eq!(answer["event"], "login", "{args}");
        assert_eq!(answer["errorCode"], code, "{args}");
        assert!(answer["errorMessage"].is_string(), "{args}");
        assert_eq!(client.next().await, Seen::Close(1000, String::new()), "{args}");
    }
    let counters = sim.counters().of(Environment::Live, Market::Spot, Side::Private);
    assert_eq!((counters.logins_ok, counters.logins_refused), (0, 14));
}

#[tokio::test]
async fn a_refused_futures_login_has_words_and_ends_the_connection() {
    let sim = quiet().start().await.unwrap();
    let account = Account::new("880000aaaabbbbcccc", "wrong", "memo");
    let mut client = Client::connect(&sim, Market::Futures, Side::Private).await;
    let answer = client.ask(&futures_login(&account)).await;
    let expected = r#"{"action":"access","success":false,"error":"access failed: openapi auth: apiKey 880000aaa**** failed: openapi auth failed"}"#;
    assert_eq!(answer, expected);
    assert_eq!(client.next().await, Seen::Close(1000, String::new()));
}

/// The clock that a login is held against is the exchange's own, and it shows in the `Date` of the upgrade.
#[tokio::test]
async fn a_skewed_exchange_refuses_the_right_time_and_says_its_own() {
    let sim = quiet()
        .clock_skew_ms(-120_000)
        .wall_clock(|| 1_700_000_000_000)
        .start()
        .await
        .unwrap();
    let mut client = Client::connect(&sim, Market::Spot, Side::Private).await;
    assert!(
        client.head.contains("Date: Tue, 14 Nov 2023 22:11:20 GMT\r\n"),
        "{}",
        client.head
    );
    let login = |timestamp_ms| {
        json!({ "op": "login", "args": login_args(&Account::example(), timestamp_ms) }).to_string()
    };
    assert!(client.ask(&login(1_700_000_000_000)).await.contains("91022"));
    for timestamp_ms in [1_699_999_880_000 - WINDOW_MS, 1_699_999_880_000 + WINDOW_MS] {
        let mut client = Client::connect(&sim, Market::Spot, Side::Private).await;
        assert_eq!(client.ask(&login(timestamp_ms)).await, r#"{"event":"login"}"#);
    }
}

#[tokio::test]
async fn a_second_login_is_91005_on_spot_and_nothing_ends() {
    let sim = quiet().start().await.unwrap();
    let account = Account::example();
    let mut client = Client::logged_in(&sim, Market::Spot, &account).await;
    let answer = client.ask(&spot_login(&account)).await;
    assert_eq!(
        answer,
        r#"{"event":"login","errorCode":"91005","errorMessage":"Already logged in"}"#
    );
    assert_eq!(client.ask("ping").await, "pong");
    let mut client = Client::logged_in(&sim, Market::Futures, &account).await;
    assert_eq!(
        client.ask(&futures_login(&account)).await,
        r#"{"action":"access","success":true}"#
    );
}

/// The public path knows no login: nothing documents one there.
#[tokio::test]
async fn there_is_no_login_on_the_public_path() {
    let sim = quiet().start().await.unwrap();
    let account = Account::example();
    let mut client = Client::connect(&sim, Market::Spot, Side::Public).await;
    assert!(client.ask(&spot_login(&account)).await.contains("90002"));
    let mut client = Client::connect(&sim, Market::Futures, Side::Public).await;
    assert!(
        client
            .ask(&futures_login(&account))
            .await
            .contains("Invalid action [access]")
    );
}

#[tokio::test]
async fn accounts_can_be_several_and_must_be_different() {
    let (a, b) = (
        Account::new("a", "secret a", "memo a"),
        Account::new("b", "secret b", ""),
    );
    let sim = quiet()
        .account(a.clone())
        .account(b.clone())
        .start()
        .await
        .unwrap();
    for account in [&a, &b] {
        Client::logged_in(&sim, Market::Spot, account).await;
    }
    let mut client = Client::connect(&sim, Market::Spot, Side::Private).await;
    assert!(
        client
            .ask(&spot_login(&Account::example()))
            .await
            .contains("91002")
    );
    let error = quiet().account(a.clone()).account(a).start().await.unwrap_err();
    assert_eq!(error.to_string(), "two accounts have the same key");
    let error = quiet()
        .account(Account::new("", "s", "m"))
        .start()
        .await
        .unwrap_err();
    assert!(error.to_string().contains("key is empty"), "{error}");
}

#[test]
fn an_account_shows_no_secret() {
    let shown = format!(
        "{:?}",
        Account::new("0123456789abcdef", "s3cr3t-value", "memo-value")
    );
    assert_eq!(shown, r#"Account { key: "0123…", .. }"#);
}
