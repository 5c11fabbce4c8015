//! What a server may answer to an upgrade, and what becomes of it.

#![allow(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

mod server;

use bitmart_ws::connect::{
    ConnectConfig, ConnectError, ConnectErrorKind, Connected, Endpoint, MAX_REFUSAL_BODY_BYTES, Retry, Step,
    UpgradeFault, connect,
};
use bitmart_ws::{Clock, TokioClock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use server::{PipeDial, accept_for, header, lawful_answer, read_request, write_and_hold};

fn endpoint() -> Endpoint {
    "ws://127.0.0.1:9/api?protocol=1.1".parse().unwrap()
}

/// Connects to a server that answers what `answer` makes of the request, then holds the line.
async fn connect_to(
    answer: impl Fn(&str) -> Vec<u8> + Clone + Send + Sync + 'static,
) -> Result<Connected, ConnectError> {
    let dial = PipeDial::new(move |mut pipe| {
        let answer = answer.clone();
        async move {
            let request = read_request(&mut pipe).await;
            write_and_hold(&mut pipe, &answer(&request)).await;
        }
    });
    connect(
        &endpoint(),
        &ConnectConfig::new().with_dial(dial),
        &mut fastrand::Rng::with_seed(1),
    )
    .await
}

/// A 101 with some headers of its own in the place of the usual ones. `{accept}` is the right one.
async fn connect_to_101(headers: &'static str) -> Result<Connected, ConnectError> {
    connect_to(move |request| {
        let headers = headers.replace("{accept}", &accept_for(request));
        format!("HTTP/1.1 101 Switching Protocols\r\n{headers}\r\n\r\n").into_bytes()
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_lawful_answer_connects_and_tells_the_time() {
    let connected = connect_to(|request| lawful_answer(request).into_bytes())
        .await
        .unwrap();
    assert_eq!(connected.server_date_ms, Some(784_111_777_000));
    assert_eq!(connected.address, "127.0.0.1:9".parse().unwrap());
    assert!(connected.leftover.is_empty() && !connected.stream.is_tls());
}

#[tokio::test(start_paused = true)]
async fn the_request_is_that_of_the_rfc_and_its_key_follows_from_the_seed() {
    let keys = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    for seed in [1, 1, 2] {
        let kept = keys.clone();
        let dial = PipeDial::new(move |mut pipe| {
            let kept = kept.clone();
            async move {
                let request = read_request(&mut pipe).await;
                assert!(
                    request.starts_with("GET /api?protocol=1.1 HTTP/1.1\r\n"),
                    "{request}"
                );
                assert_eq!(header(&request, "host"), Some("127.0.0.1:9"));
                assert_eq!(header(&request, "upgrade"), Some("websocket"));
                assert_eq!(header(&request, "connection"), Some("Upgrade"));
                assert_eq!(header(&request, "sec-websocket-version"), Some("13"));
                assert_eq!(header(&request, "sec-websocket-extensions"), None);
                kept.lock()
                    .unwrap()
                    .push(header(&request, "sec-websocket-key").unwrap().to_owned());
                write_and_hold(&mut pipe, lawful_answer(&request).as_bytes()).await;
            }
        });
        let config = ConnectConfig::new().with_dial(dial);
        connect(&endpoint(), &config, &mut fastrand::Rng::with_seed(seed))
            .await
            .unwrap();
    }
    let keys = keys.lock().unwrap();
    assert_eq!(keys.len(), 3);
    assert!(
        keys[0] == keys[1] && keys[1] != keys[2] && keys[0].len() == 24,
        "{keys:?}"
    );
}

/// Failure mode 9: `Connection: keep-alive, Upgrade` is as good as `Upgrade`.
#[tokio::test(start_paused = true)]
async fn token_lists_in_any_case_are_accepted() {
    for headers in [
        "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: {accept}",
        "Upgrade: WebSocket\r\nConnection: upgrade,keep-alive\r\nSec-WebSocket-Accept: {accept}",
        "upgrade: WEBSOCKET\r\nconnection: keep-alive\r\nconnection:UPGRADE\r\n\
         sec-websocket-accept:  {accept}  ",
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\nContent-Length: 0",
    ] {
        let connected = connect_to_101(headers)
            .await
            .unwrap_or_else(|error| panic!("{headers}: {error}"));
        assert_eq!(connected.server_date_ms, None);
    }
}

/// Failure mode 9: a wrong accept, and what was never asked for.
#[tokio::test(start_paused = true)]
async fn a_101_that_is_not_ours_is_refused() {
    let cases = [
        (
            "Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}",
            UpgradeFault::NotUpgraded,
        ),
        (
            "Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}",
            UpgradeFault::NotUpgraded,
        ),
        (
            "Upgrade: websocket\r\nSec-WebSocket-Accept: {accept}",
            UpgradeFault::NotUpgraded,
        ),
        (
            "Upgrade: websocket\r\nConnection: upgrades, close\r\nSec-WebSocket-Accept: {accept}",
            UpgradeFault::NotUpgraded,
        ),
        (
            "Upgrade: websocket\r\nConnection: Upgrade",
            UpgradeFault::WrongAccept,
        ),
        (
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            UpgradeFault::WrongAccept,
        ),
        (
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}=",
            UpgradeFault::WrongAccept,
        ),
        (
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\
             Sec-WebSocket-Accept: x",
            UpgradeFault::WrongAccept,
        ),
        (
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\
             Sec-WebSocket-Extensions: permessage-deflate",
            UpgradeFault::UnrequestedExtension,
        ),
        (
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\
             Sec-WebSocket-Protocol: chat",
            UpgradeFault::UnrequestedProtocol,
        ),
    ];
    for (headers, fault) in cases {
        let error = connect_to_101(headers).await.unwrap_err();
        assert_eq!(error.kind(), ConnectErrorKind::Upgrade(fault), "{headers}");
        assert_eq!(
            (error.step(), error.retry()),
            (Step::Upgrade, Retry::Slow),
            "{headers}"
        );
        assert!(
            error
                .to_string()
                .starts_with("127.0.0.1:9 did not answer as a WebSocket server"),
            "{error}"
        );
    }
}

/// Failure mode 10.
#[tokio::test(start_paused = true)]
async fn not_a_byte_behind_the_101_is_lost_wherever_it_is_cut() {
    let behind = b"\x81\x05first\x81\x06second";
    let one = lawful_answer("").len() + behind.len();
    for cut in 0..=one {
        let dial = PipeDial::new(move |mut pipe| async move {
            let request = read_request(&mut pipe).await;
            let bytes = [lawful_answer(&request).as_bytes(), behind].concat();
            let (now, later) = bytes.split_at(cut);
            pipe.write_all(now).await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            pipe.write_all(later).await.unwrap();
        });
        let config = ConnectConfig::new().with_dial(dial);
        let mut connected = connect(&endpoint(), &config, &mut fastrand::Rng::with_seed(1))
            .await
            .unwrap();
        let mut bytes = connected.leftover.to_vec();
        connected.stream.read_to_end(&mut bytes).await.unwrap();
        assert_eq!(bytes, behind, "cut at {cut}");
        if cut == one {
            assert_eq!(connected.leftover, &behind[..], "it came with the answer");
        }
    }
}

/// Failure mode 10: also when it is a burst.
#[tokio::test(start_paused = true)]
async fn a_burst_behind_the_101_is_bounded_in_memory_and_still_whole() {
    let burst = vec![b'x'; 500_000];
    let sent = burst.clone();
    let mut connected = connect_to(move |request| [lawful_answer(request).as_bytes(), &sent].concat())
        .await
        .unwrap();
    assert!(connected.leftover.len() <= bitmart_ws::frame::READ_BUFFER_BYTES);
    let mut bytes = connected.leftover.to_vec();
    bytes.resize(burst.len(), 0);
    connected
        .stream
        .read_exact(&mut bytes[connected.leftover.len()..])
        .await
        .unwrap();
    assert!(bytes == burst);
}

#[tokio::test(start_paused = true)]
async fn refusals_tell_their_status_body_and_patience() {
    let cases: [(&'static str, u16, Retry, &str); 9] = [
        (
            "401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
            401,
            Retry::Slow,
            "serves this machine's IP",
        ),
        (
            "403 Forbidden\r\nContent-Length: 9\r\n\r\nIP banned",
            403,
            Retry::Slow,
            "\"IP banned\"",
        ),
        (
            "404 Not Found\r\nContent-Length: 0\r\n\r\n",
            404,
            Retry::Slow,
            "its path",
        ),
        (
            "429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nslow",
            429,
            Retry::After { ms: 7_000 },
            "7000 ms of patience",
        ),
        (
            "429 Too Many Requests\r\nContent-Length: 0\r\n\r\n",
            429,
            Retry::Slow,
            "too many connections",
        ),
        (
            "302 Found\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n\r\n",
            302,
            Retry::Slow,
            "\"https://evil.example/\"",
        ),
        (
            "503 Unavailable\r\nRetry-After: nonsense\r\nContent-Length: 0\r\n\r\n",
            503,
            Retry::Normal,
            "in trouble",
        ),
        (
            "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n<html>\r\n7\r\n</html>\r\n0\r\n\r\n",
            200,
            Retry::Slow,
            "\"<html></html>\"",
        ),
        (
            "204 No Content\r\n\r\n",
            204,
            Retry::Slow,
            "a web page rather than a WebSocket",
        ),
    ];
    for (answer, expected_status, retry, text) in cases {
        let error = connect_to(move |_| format!("HTTP/1.1 {answer}").into_bytes())
            .await
            .unwrap_err();
        assert_eq!(
            error.kind(),
            ConnectErrorKind::Refused {
                status: expected_status
            },
            "{answer}"
        );
        assert_eq!(error.retry(), retry, "{answer}");
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_body_of_a_refusal_is_bounded_in_size_and_time() {
    let clock = TokioClock::starting_at(0);
    let endless = connect_to(|_| {
        let mut answer = b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n\xff".to_vec();
        answer.extend([b'x'; 200_000]);
        answer
    });
    let Err(ConnectError::UpgradeRefused { body, .. }) = endless.await else {
        panic!("refused")
    };
    assert_eq!(body.chars().count(), MAX_REFUSAL_BODY_BYTES);
    assert!(body.starts_with('\u{fffd}'));
    assert_eq!(clock.now_ns(), 0);

    let halting = connect_to(|_| b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nhalf".to_vec());
    let Err(ConnectError::UpgradeRefused { body, .. }) = halting.await else {
        panic!("refused")
    };
    assert_eq!(body, "half");
    assert!(clock.now_ns() <= 1_002_000_000, "{}", clock.now_ns());
}

#[tokio::test(start_paused = true)]
async fn what_is_not_http_is_named_so() {
    let many: String = (0..100).map(|n| format!("X-{n}: {n}\r\n")).collect();
    let long = format!(
        "HTTP/1.1 101 Switching Protocols\r\nX: {}\r\n\r\n",
        "x".repeat(20_000)
    );
    let unending = format!("HTTP/1.1 101 Switching Protocols\r\nX: {}", "x".repeat(100_000));
    for answer in [
        "SSH-2.0-OpenSSH_9.6\r\n".to_owned(),
        "\u{15}\u{3}\u{1}\u{0}\u{2}\u{2}\u{28}".to_owned(), // a TLS alert
        "HTTP/1.1 abc Nonsense\r\n\r\n".to_owned(),
        format!("HTTP/1.1 101 Switching Protocols\r\n{many}\r\n"),
        long,
        unending,
    ] {
        let shown = answer.chars().take(40).collect::<String>();
        let error = connect_to(move |_| answer.clone().into_bytes())
            .await
            .unwrap_err();
        assert_eq!(
            error.kind(),
            ConnectErrorKind::Upgrade(UpgradeFault::NotHttp),
            "{shown}: {error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_before_the_answer_is_a_broken_connection() {
    for partial in [
        "",
        "HTTP/1.1 101 Swi",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n",
    ] {
        let dial = PipeDial::new(move |mut pipe| async move {
            read_request(&mut pipe).await;
            pipe.write_all(partial.as_bytes()).await.unwrap();
        });
        let config = ConnectConfig::new().with_dial(dial);
        let error = connect(&endpoint(), &config, &mut fastrand::Rng::with_seed(1))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ConnectErrorKind::Broken, "{partial:?}: {error}");
        assert_eq!((error.step(), error.retry()), (Step::Upgrade, Retry::Normal));
    }
}

#[tokio::test(start_paused = true)]
async fn interim_answers_are_skipped() {
    let connected = connect_to(|request| {
        let hints = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
        format!("{hints}{}", lawful_answer(request)).into_bytes()
    });
    assert!(connected.await.is_ok());
}
