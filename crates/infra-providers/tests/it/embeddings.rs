//! Embeddings over the wire, right and wrong.

use std::time::Duration;

use domain::gateways::{Embedder, EmbeddingInput, EmbeddingPurpose::Document, GatewayErrorKind as Kind};
use infra_providers::{
    OpenAiEmbedder,
    scripted::{EmbeddingFault, EmbeddingScript, ScriptedServer, Verbatim},
};

use crate::{check, connect};

fn embedder(server: &ScriptedServer) -> OpenAiEmbedder {
    OpenAiEmbedder::new(connect(&server.base_url()), "scripted-embedding", None)
}

fn texts(texts: &[&str]) -> EmbeddingInput {
    EmbeddingInput::Texts(texts.iter().map(|text| (*text).to_owned()).collect())
}

fn cosine(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(one, other)| one * other).sum()
}

#[tokio::test]
async fn vectors_are_normalised_ordered_and_the_same_in_both_encodings() {
    let server = ScriptedServer::start().await.unwrap();
    let input = texts(&["owls hunt at night", "the night of the owls", "money and prices", "…"]);
    let by_base64 = embedder(&server).embed(&input, Document).await.unwrap();
    assert_eq!(server.requests()[0].body["encoding_format"], "base64");
    server.set_embeddings(EmbeddingScript { only_floats: true, ..EmbeddingScript::default() });
    let by_floats = embedder(&server).embed(&input, Document).await.unwrap();
    assert_eq!(by_base64.vectors.len(), 4);
    for (one, other) in by_base64.vectors.iter().zip(&by_floats.vectors) {
        assert!((cosine(one, one) - 1.0).abs() < 1e-5);
        assert!((cosine(one, other) - 1.0).abs() < 1e-5);
    }
    let [owls, night, money, _] = by_base64.vectors.as_slice() else { panic!("four vectors") };
    assert!(cosine(owls, night) > cosine(owls, money) + 0.3, "vectors are in the order of the texts");
    assert_eq!((by_base64.input_tokens, by_base64.is_estimated), (13, false));
}

#[tokio::test]
async fn who_asks_for_the_model_s_own_numbers_gets_them() {
    let server = ScriptedServer::start().await.unwrap();
    let told = |embedding: &str| {
        let body = format!(r#"{{"object":"list","data":[{{"index":0,"embedding":{embedding}}}],"model":"m"}}"#);
        EmbeddingScript { verbatim: Some(Verbatim::json(200, body)), ..EmbeddingScript::default() }
    };
    server.set_embeddings(told("[3.0,4.0]"));
    let embedder = embedder(&server);
    assert_eq!(embedder.embed_as_given(&texts(&["a"]), None).await.unwrap().vectors, [[3.0, 4.0]]);
    assert_eq!(embedder.embed(&texts(&["a"]), Document).await.unwrap().vectors, [[0.6, 0.8]]);
    server.set_embeddings(told("[1e39,1.0]"));
    check(&embedder.embed_as_given(&texts(&["a"]), Some(2)).await.unwrap_err(), Kind::Protocol);
}

#[tokio::test]
async fn the_first_answer_tells_the_dimension() {
    let server = ScriptedServer::start().await.unwrap();
    server.set_embeddings(EmbeddingScript { dimension: 48, ..EmbeddingScript::default() });
    let embedder = embedder(&server);
    assert_eq!(embedder.model().full_name(), "openai/scripted-embedding");
    assert_eq!(server.requests().len(), 0, "no call tells the model");
    for _ in 0..2 {
        assert_eq!(embedder.embed(&texts(&["a"]), Document).await.unwrap().vectors[0].len(), 48);
    }
    server.set_embeddings(EmbeddingScript { dimension: 49, ..EmbeddingScript::default() });
    let error = embedder.embed(&texts(&["a"]), Document).await.unwrap_err();
    check(&error, Kind::Protocol);
}

#[tokio::test]
async fn without_a_count_the_tokens_are_estimated() {
    let server = ScriptedServer::start().await.unwrap();
    server.set_embeddings(EmbeddingScript { tells_usage: false, ..EmbeddingScript::default() });
    let embedder = embedder(&server);
    let input = ["owls hunt at night", "x"];
    let found = embedder.embed(&texts(&input), Document).await.unwrap();
    let expected: u32 = input.iter().map(|text| embedder.count_tokens(text)).sum();
    assert_eq!((found.input_tokens, found.is_estimated), (u64::from(expected), true));
    let ids = EmbeddingInput::Tokens(vec![vec![100_000, 7], vec![9]]);
    let found = embedder.embed(&ids, Document).await.unwrap();
    assert_eq!((found.input_tokens, found.is_estimated), (3, true));
}

#[tokio::test]
async fn token_ids_are_passed_on_as_they_are() {
    let server = ScriptedServer::start().await.unwrap();
    let embedder = embedder(&server);
    let lists = vec![vec![9906, 1917], vec![0, u32::MAX, 9906]];
    let found = embedder.embed(&EmbeddingInput::Tokens(lists.clone()), Document).await.unwrap();
    assert_eq!(server.requests()[0].body["input"], serde_json::json!(lists));
    assert_eq!((found.vectors.len(), found.input_tokens, found.is_estimated), (2, 5, false));
    let reversed = lists.into_iter().rev().collect();
    let reversed = embedder.embed(&EmbeddingInput::Tokens(reversed), Document).await.unwrap();
    assert_eq!([&reversed.vectors[1], &reversed.vectors[0]], [&found.vectors[0], &found.vectors[1]]);
    assert_ne!(found.vectors[0], found.vectors[1]);
}

#[tokio::test]
async fn batches_are_bounded_and_nothing_costs_nothing() {
    let server = ScriptedServer::start().await.unwrap();
    let embedder = embedder(&server);
    let full = vec!["word"; embedder.max_batch()];
    assert_eq!(embedder.embed(&texts(&full), Document).await.unwrap().vectors.len(), full.len());
    let error = embedder.embed(&texts(&[full, vec!["one more"]].concat()), Document).await.unwrap_err();
    check(&error, Kind::InvalidRequest);
    assert!(embedder.embed(&texts(&[]), Document).await.unwrap().vectors.is_empty());
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_lying_or_failing_peer_is_told() {
    let server = ScriptedServer::start().await.unwrap();
    for (fault, kind, calls) in [
        (EmbeddingFault::TooFew, Kind::Protocol, 1),
        (EmbeddingFault::OtherLength, Kind::Protocol, 1),
        (EmbeddingFault::Zeros, Kind::Protocol, 1),
        (EmbeddingFault::BrokenBase64, Kind::Protocol, 1),
        (EmbeddingFault::OtherJson, Kind::Protocol, 1),
        (EmbeddingFault::Reset, Kind::Interrupted, 1),
        (EmbeddingFault::Status(401), Kind::Unauthorized, 1),
        (EmbeddingFault::Status(503), Kind::Failed, 3),
    ] {
        server.set_embeddings(EmbeddingScript { fault: Some(fault), ..EmbeddingScript::default() });
        let before = server.requests().len();
        let error = embedder(&server).embed(&texts(&["one", "two"]), Document).await.unwrap_err();
        check(&error, kind);
        assert_eq!(server.requests().len() - before, calls, "{fault:?}");
    }
    server.push_embeddings(EmbeddingScript { delay: Duration::from_secs(30), ..EmbeddingScript::default() });
    let error = embedder(&server).embed(&texts(&["one"]), Document).await.unwrap_err();
    check(&error, Kind::Timeout);
}

#[tokio::test]
async fn a_word_for_the_encoding_that_is_refused_is_left_out_from_then_on() {
    let server = ScriptedServer::start().await.unwrap();
    let refusal = r#"{"detail":[{"type":"extra_forbidden","loc":["body","encoding_format"],"msg":"Extra inputs are not permitted"}]}"#;
    let verbatim = Some(Verbatim::json(422, refusal));
    server.push_embeddings(EmbeddingScript { verbatim, ..EmbeddingScript::default() });
    let embedder = embedder(&server);
    for _ in 0..2 {
        assert_eq!(embedder.embed(&texts(&["one", "two"]), Document).await.unwrap().vectors.len(), 2);
    }
    let encodings: Vec<bool> =
        server.requests().iter().map(|request| request.body.get("encoding_format").is_some()).collect();
    assert_eq!(encodings, [true, false, false]);
}

#[tokio::test]
async fn lists_of_vectors_are_read_as_peers_write_them() {
    let server = ScriptedServer::start().await.unwrap();
    let listed = async |body: &str| {
        let verbatim = Some(Verbatim::json(200, body));
        server.push_embeddings(EmbeddingScript { verbatim, ..EmbeddingScript::default() });
        embedder(&server).embed(&texts(&["one"]), Document).await
    };
    let odd =
        r#"{"object":"list","data":[{"object":"embedding\ud83c","index":0,"embedding":[3.0,4.0]}],"usage":"none"}"#;
    let found = listed(odd).await.unwrap();
    assert!((found.vectors[0][1] - 0.8).abs() < 1e-6 && found.is_estimated);
    check(&listed(r#"{"data":[{"embedding":[NaN,1.0]}]}"#).await.unwrap_err(), Kind::Protocol);
    let error = listed(r#"{"error":{"message":"input is too long","code":400}}"#).await.unwrap_err();
    check(&error, Kind::InvalidRequest);
    assert!(error.message.ends_with(": input is too long"), "{}", error.message);
}
