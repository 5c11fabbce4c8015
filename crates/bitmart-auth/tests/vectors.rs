//! The signing vectors in `signing-vectors.json`: two published by the exchange, the others computed independently.

#![allow(clippy::unwrap_used, reason = "tests")]

use bitmart_auth::{Credentials, HmacSigner, LOGIN_PAYLOAD, Signer};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

fn vectors() -> Value {
    serde_json::from_str(include_str!("signing-vectors.json")).expect("the vectors are JSON")
}

fn text<'a>(vector: &'a Value, field: &str) -> &'a str {
    vector[field]
        .as_str()
        .unwrap_or_else(|| panic!("{} lacks {field}", vector["id"]))
}

#[test]
fn every_vector_signs_to_its_signature() {
    let vectors = vectors();
    let list = vectors["vectors"].as_array().unwrap();
    assert_eq!(list.len(), 29);
    for vector in list {
        let id = text(vector, "id");
        let credentials = Credentials::new(
            text(vector, "api_key"),
            text(vector, "secret"),
            text(vector, "memo"),
        )
        .unwrap();
        let signer = HmacSigner::new(credentials);
        let timestamp_ms: u64 = text(vector, "timestamp").parse().unwrap();
        let signature = match text(vector, "kind") {
            "ws-login" => {
                let payload = text(vector, "payload");
                assert!(
                    payload.ends_with(std::str::from_utf8(LOGIN_PAYLOAD).unwrap()),
                    "{id}"
                );
                signer.sign_login(timestamp_ms)
            }
            "rest" => signer.sign_rest(timestamp_ms, text(vector, "signed_string").as_bytes()),
            other => panic!("{id}: unknown kind {other}"),
        };
        assert_eq!(signature.unwrap().as_str(), text(vector, "signature"), "{id}");
    }
}

/// The raw vectors hold the `hmac` and `sha2` crates to RFC 4231.
#[test]
fn every_raw_hmac_vector_holds() {
    let vectors = vectors();
    let list = vectors["hmac_raw"].as_array().unwrap();
    assert_eq!(list.len(), 6);
    for vector in list {
        let mut mac = Hmac::<Sha256>::new_from_slice(&bytes(text(vector, "key_hex"))).unwrap();
        mac.update(&bytes(text(vector, "data_hex")));
        let mac: [u8; 32] = mac.finalize().into_bytes().into();
        assert_eq!(
            mac.as_slice(),
            bytes(text(vector, "hmac_sha256_hex")),
            "{}",
            text(vector, "id")
        );
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn nothing_secret_is_shown() {
    let signer = HmacSigner::new(Credentials::new("0123456789abcdef", "s3cr3t", "a-memo").unwrap());
    let signature = signer.sign_login(1).unwrap();
    let shown = format!("{signer:?} {signature:?}");
    for hidden in ["s3cr3t", "a-memo", signature.as_str(), "01234"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}
