//! Forged, malformed and misused tokens (attacks S29, S30, S31).

use app::{
    App, Settings,
    identity::{RequestContext, ServerSecret},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::clock::Clock;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    set_up::installation,
    support::{Bench, SECRET},
};

const HEADER: &str = r#"{"typ":"JWT","alg":"HS256"}"#;

fn mac(key: &[u8], message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// The key of access tokens, derived as the server does it.
fn access_key() -> Vec<u8> {
    mac(SECRET, "banyan access token v1")
}

fn encode(text: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

/// A token of any header and payload, rightly signed with a key.
fn signed(header: &str, payload: &str, key: &[u8]) -> String {
    let message = format!("{}.{}", encode(header), encode(payload));
    format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac(key, &message)))
}

fn payload_of(token: &str) -> Value {
    let payload = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

async fn code(app: &App, token: &str) -> Option<&'static str> {
    app.identity().authenticate(token, &RequestContext::default()).await.err().map(|error| error.code)
}

/// A bench, a token that works, and its claims.
async fn signed_in() -> (Bench, String, String, Value) {
    let bench = Bench::plain();
    let set_up = bench.app.identity().set_up_on_host(installation("ada")).await.unwrap().signed_in;
    let claims = payload_of(&set_up.access_token);
    let again = signed(HEADER, &claims.to_string(), &access_key());
    // The forger of these tests forges well: what it makes out of true claims is taken.
    assert_eq!(code(&bench.app, &again).await, None);
    (bench, set_up.access_token, set_up.refresh_token, claims)
}

#[tokio::test]
async fn s29_only_the_one_header_and_key_are_taken() {
    let (bench, token, _, claims) = signed_in().await;
    let payload = claims.to_string();
    let (head, body, signature) = {
        let mut parts = token.split('.');
        (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap())
    };
    let mut forged = vec![
        format!("{}.{body}.", encode(r#"{"typ":"JWT","alg":"none"}"#)),
        format!("{}.{body}.{signature}", encode(r#"{"typ":"JWT","alg":"none"}"#)),
        format!("{}.{body}.", encode(r#"{"alg":"nOnE"}"#)),
        format!("{head}.{body}."),
        format!("{head}.{body}"),
        format!("{head}.{body}.{}", &signature[1..]),
        format!("{head}.{body}.{signature}.{signature}"),
        format!("{head}.{}.{signature}", encode(&payload.replace("banyan-api", "banyan-apj"))),
        format!("{head}..{signature}"),
        format!(" {token}"),
        format!("{token}="),
        String::new(),
        ".".repeat(10),
        "x".repeat(100_000),
    ];
    for header in [
        r#"{"alg":"HS256","typ":"JWT"}"#,
        r#"{"typ":"JWT","alg":"HS512"}"#,
        r#"{"typ":"JWT","alg":"RS256"}"#,
        r#"{"typ":"JWT","alg":"HS256","kid":"../../dev/null"}"#,
        r#"{"typ":"JWT","alg":"HS256","kid":"' union select 'k"}"#,
        r#"{"typ":"JWT","alg":"HS256","jku":"https://example.com/k"}"#,
        r#"{"typ":"JWT","alg":"HS256","jwk":{"kty":"oct","k":"AA"}}"#,
        r#"{"typ":"JWT","alg":"HS256","x5u":"https://example.com/k"}"#,
        r#"{"typ":"JWT","alg":"HS256","crit":["exp"]}"#,
        "{}",
        "",
    ] {
        forged.push(signed(header, &payload, &access_key()));
    }
    for key in [&b""[..], b"secret", SECRET, &mac(SECRET, "banyan refresh token v1"), &[0; 32]] {
        forged.push(signed(HEADER, &payload, key));
    }
    for token in &forged {
        assert_eq!(code(&bench.app, token).await, Some("unauthenticated"), "{token:.200}");
    }
    assert_eq!(code(&bench.app, &token).await, None);
}

#[tokio::test]
async fn s30_every_claim_is_required_and_typed() {
    let (bench, _, _, claims) = signed_in().await;
    let now = bench.clock.now().timestamp();
    let mut payloads: Vec<String> = Vec::new();
    for name in ["iss", "aud", "typ", "sub", "tid", "sid", "ver", "iat", "nbf", "exp"] {
        let mut without = claims.clone();
        without.as_object_mut().unwrap().remove(name);
        payloads.push(without.to_string());
        let true_value = claims[name].to_string();
        // The same claim twice, in both orders with another value.
        let text = claims.to_string();
        for twice in [format!("\"{name}\":{true_value}"), format!("\"{name}\":null"), format!("\"{name}\":1")] {
            payloads.push(text.replacen('{', &format!("{{{twice},"), 1));
            payloads.push(format!("{},{twice}}}", &text[..text.len() - 1]));
        }
        for wrong in [json!(null), json!([]), json!({}), json!(true), json!("x"), json!(-1), json!(1.5)] {
            let mut changed = claims.clone();
            changed[name] = wrong;
            payloads.push(changed.to_string());
        }
    }
    for name in ["iat", "nbf", "exp"] {
        let number = claims[name].as_i64().unwrap();
        for wrong in [
            json!(number.to_string()),
            json!(number as f64),
            json!(-number),
            json!(u64::MAX),
            json!("9999"),
            json!(1e300),
        ] {
            // An expiry far ahead is an honest number, if it is one that fits.
            let mut changed = claims.clone();
            changed[name] = wrong;
            payloads.push(changed.to_string());
        }
        let text =
            claims.to_string().replace(&format!("\"{name}\":{number}"), &format!("\"{name}\":1{}", "0".repeat(40)));
        payloads.push(text);
    }
    for (name, wrong) in [("nbf", now + 61), ("iat", now + 61), ("exp", now), ("exp", now - 1), ("exp", 0)] {
        let mut changed = claims.clone();
        changed[name] = json!(wrong);
        payloads.push(changed.to_string());
    }
    let mut more = claims.clone();
    more["role"] = json!("tenant_admin");
    payloads.push(more.to_string());
    payloads.extend(["", "null", "[]", "{}", "\"x\""].map(str::to_owned));
    assert!(payloads.len() > 150);
    for payload in &payloads {
        let token = signed(HEADER, payload, &access_key());
        assert_eq!(code(&bench.app, &token).await, Some("unauthenticated"), "{payload}");
    }
}

#[tokio::test]
async fn a_clock_that_goes_back_by_a_minute_ends_no_token() {
    let (bench, _, _, claims) = signed_in().await;
    let now = bench.clock.now().timestamp();
    for (ahead, refusal) in [(60, None), (61, Some("unauthenticated"))] {
        let mut changed = claims.clone();
        (changed["iat"], changed["nbf"]) = (json!(now + ahead), json!(now + ahead));
        let token = signed(HEADER, &changed.to_string(), &access_key());
        assert_eq!(code(&bench.app, &token).await, refusal, "{ahead}");
    }
}

#[tokio::test]
async fn s31_tokens_work_for_one_thing_one_audience_and_one_installation() {
    let (bench, access, refresh, claims) = signed_in().await;
    let other_user = bench.world.user(&bench.tenant("other").await, "eve").await;
    for (name, wrong) in [
        ("typ", json!("refresh")),
        ("typ", json!("reset")),
        ("aud", json!("another-api")),
        ("aud", json!(["banyan-api"])),
        ("iss", json!("another")),
        ("sub", json!(other_user.id)),
        ("tid", json!(other_user.tenant_id)),
        ("tid", Value::Null),
        ("sid", json!(uuid::Uuid::max())),
        ("ver", json!(2)),
        ("ver", json!(0)),
    ] {
        let mut changed = claims.clone();
        changed[name] = wrong.clone();
        let token = signed(HEADER, &changed.to_string(), &access_key());
        // A fresh instance has no memory to answer from.
        let (fresh, _) = bench.instance(None, Settings::default());
        assert_eq!(code(&fresh, &token).await, Some("unauthenticated"), "{name} {wrong}");
    }
    let identity = bench.app.identity();
    assert_eq!(code(&bench.app, &refresh).await, Some("unauthenticated"));
    assert_eq!(identity.refresh(&access).await.unwrap_err().code, "unauthenticated");
    for wrong in ["", "byr_", "byr_x", &refresh[4..], &refresh.to_uppercase()] {
        assert_eq!(identity.refresh(wrong).await.unwrap_err().code, "unauthenticated");
    }
    // Another installation, over the same data even, has another secret.
    let foreign = app::AppBuilder::new(
        bench.store.clone(),
        std::sync::Arc::new(infra_providers::ProviderRegistry::default()),
        bench.blobs.clone(),
        std::sync::Arc::new(bench.wakeups.clone()),
    )
    .clock_and_ids(bench.clock.clone(), bench.ids.clone())
    .secret(ServerSecret::new(b"Qd7BfYc1GmJ4sUe9AhX2v8PqLw0ZtN5r").unwrap())
    .build();
    assert_eq!(code(&foreign, &access).await, Some("unauthenticated"));
}
