//! What differs from folder to folder, proved on a tiny network.

use std::{path::Path, sync::Arc, time::Duration};

use domain::gateways::{Embedder, EmbeddingInput, EmbeddingPurpose, GatewayErrorKind};
use infra_embeddings::{LoadError, LocalEmbedder};
use safetensors::Dtype;
use serde_json::{Value, json};

use crate::{
    oracle,
    tiny::{Shape, Tiny, config, ids, write},
};

const WORDS: &[&str] = &["tree", "root", "fig", "rain", "stone", "river"];

fn load(tiny: &Tiny) -> LocalEmbedder {
    LocalEmbedder::load(&tiny.path(), None).unwrap()
}

/// The first `count` of the words in turn.
fn words(count: usize) -> Vec<&'static str> {
    WORDS.iter().cycle().copied().take(count).collect()
}

async fn embed(model: &LocalEmbedder, text: &str, purpose: EmbeddingPurpose) -> Vec<f32> {
    model.embed(&EmbeddingInput::Texts(vec![text.to_owned()]), purpose).await.unwrap().vectors.remove(0)
}

#[track_caller]
fn assert_near(vector: &[f32], expected: &[f64]) {
    assert_eq!(vector.len(), expected.len());
    for (got, expected) in vector.iter().zip(expected) {
        assert!((f64::from(*got) - expected).abs() < 2e-5, "{vector:?} is not {expected:?}");
    }
}

#[tokio::test]
async fn texts_of_every_length_have_the_vectors_of_the_plain_network() {
    let tiny = write(&Shape::default());
    let model = load(&tiny);
    for length in 0..=62 {
        let words = words(length);
        let vector = embed(&model, &words.join(" "), EmbeddingPurpose::Document).await;
        assert_near(&vector, &oracle::embed(&tiny.tensors, &ids(&words), true));
    }
}

#[tokio::test]
async fn a_batch_has_the_vectors_of_its_texts_in_order() {
    let tiny = write(&Shape::default());
    let model = load(&tiny);
    let lengths: Vec<usize> = (0..model.max_batch()).map(|i| i * 7 % 23).collect();
    let texts: Vec<String> = lengths.iter().map(|length| words(*length).join(" ")).collect();
    let embeddings = model.embed(&EmbeddingInput::Texts(texts.clone()), EmbeddingPurpose::Document).await.unwrap();
    assert_eq!(embeddings.input_tokens, lengths.iter().map(|length| *length as u64 + 2).sum::<u64>());
    for (text, vector) in texts.iter().zip(&embeddings.vectors) {
        assert_eq!(*vector, embed(&model, text, EmbeddingPurpose::Document).await);
    }
    let nothing = model.embed(&EmbeddingInput::Texts(Vec::new()), EmbeddingPurpose::Document).await.unwrap();
    assert_eq!((nothing.vectors.len(), nothing.input_tokens), (0, 0));
    let too_many = EmbeddingInput::Texts(vec![String::new(); model.max_batch() + 1]);
    let error = model.embed(&too_many, EmbeddingPurpose::Document).await.unwrap_err();
    assert_eq!(error.kind, GatewayErrorKind::InvalidRequest);
}

#[tokio::test]
async fn pooling_is_what_the_folder_says_in_old_and_new_words() {
    let cases = [
        (json!({ "pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false }), false),
        (json!({ "pooling_mode": "cls", "include_prompt": true }), false),
        (json!({ "pooling_mode": "mean" }), true),
        (json!({ "pooling_mode": ["mean"] }), true),
    ];
    for (pooling, is_mean) in cases {
        let tiny = write(&Shape { pooling, ..Shape::default() });
        let vector = embed(&load(&tiny), "tree root fig", EmbeddingPurpose::Document).await;
        assert_near(&vector, &oracle::embed(&tiny.tensors, &ids(&["tree", "root", "fig"]), is_mean));
    }
}

#[tokio::test]
async fn weights_may_be_halves_and_carry_a_prefix() {
    for (dtype, prefix) in [(Dtype::F16, ""), (Dtype::BF16, ""), (Dtype::F32, "bert.")] {
        let tiny = write(&Shape { dtype, prefix, ..Shape::default() });
        let vector = embed(&load(&tiny), "wind leaf", EmbeddingPurpose::Document).await;
        assert_near(&vector, &oracle::embed(&tiny.tensors, &ids(&["wind", "leaf"]), true));
    }
}

#[tokio::test]
async fn questions_and_passages_carry_the_prompts_of_the_folder() {
    let prompts = json!({ "prompts": { "query": "query: ", "passage": "passage: " } });
    let tiny = write(&Shape { prompts, ..Shape::default() });
    let model = load(&tiny);
    for (purpose, prompt) in [(EmbeddingPurpose::Query, "query"), (EmbeddingPurpose::Document, "passage")] {
        let vector = embed(&model, "fig", purpose).await;
        assert_near(&vector, &oracle::embed(&tiny.tensors, &ids(&[prompt, ":", "fig"]), true));
    }
    assert_eq!(model.count_tokens("fig"), 5);

    let prompts = json!({ "prompts": { "all": "tree " }, "default_prompt_name": "all" });
    let tiny = write(&Shape { prompts, ..Shape::default() });
    let vector = embed(&load(&tiny), "fig", EmbeddingPurpose::Query).await;
    assert_near(&vector, &oracle::embed(&tiny.tensors, &ids(&["tree", "fig"]), true));
}

#[tokio::test]
async fn upper_case_counts_unless_the_folder_says_otherwise() {
    let tiny = write(&Shape { lower_case: true, ..Shape::default() });
    let vector = embed(&load(&tiny), "TREE Root", EmbeddingPurpose::Document).await;
    assert_near(&vector, &oracle::embed(&tiny.tensors, &ids(&["tree", "root"]), true));
}

#[tokio::test]
async fn the_window_holds_special_tokens_and_prompt() {
    let prompts = json!({ "prompts": { "query": "query: " } });
    let tiny = write(&Shape { prompts, ..Shape::default() });
    let model = load(&tiny);
    assert_eq!(model.model().max_tokens, 64);
    let longest = words(62).join(" ");
    assert_eq!(model.count_tokens(&longest), 64);
    embed(&model, &longest, EmbeddingPurpose::Document).await;
    let error = model.embed(&EmbeddingInput::Texts(vec![longest]), EmbeddingPurpose::Query).await.unwrap_err();
    assert_eq!(error.kind, GatewayErrorKind::InvalidRequest);
    assert!(error.message.contains("66 tokens"), "{}", error.message);
}

#[tokio::test]
async fn batches_that_nobody_waits_for_give_their_turn_back() {
    let model = Arc::new(load(&write(&Shape::default())));
    let texts = EmbeddingInput::Texts(vec![words(60).join(" "); model.max_batch()]);
    for _ in 0..50 {
        let (model, texts) = (Arc::clone(&model), texts.clone());
        let batch = tokio::spawn(async move { model.embed(&texts, EmbeddingPurpose::Document).await });
        tokio::task::yield_now().await;
        batch.abort();
    }
    let last = tokio::time::timeout(Duration::from_secs(60), model.embed(&texts, EmbeddingPurpose::Document)).await;
    assert_eq!(last.expect("a turn was lost").unwrap().vectors.len(), texts.count());
}

#[track_caller]
fn refused(folder: &Path) -> (LoadError, String) {
    match LocalEmbedder::load(folder, None) {
        Ok(_) => panic!("the folder was loaded"),
        Err(error) => {
            let message = error.to_string();
            (error, message)
        }
    }
}

#[test]
fn other_architectures_name_the_endpoint_as_the_way() {
    let with = |key: &str, value: Value| {
        let mut config = config();
        config[key] = value;
        ("config.json", config)
    };
    let modules: Vec<Value> = ["Transformer", "Pooling", "Dense"]
        .iter()
        .map(|kind| json!({ "path": "", "type": format!("sentence_transformers.models.{kind}") }))
        .collect();
    let cases = [
        with("model_type", json!("nomic_bert")),
        with("model_type", Value::Null),
        with("position_embedding_type", json!("relative_key")),
        with("hidden_act", json!("relu")),
        with("num_attention_heads", json!(4)),
        with("num_hidden_layers", json!(0)),
        ("1_Pooling/config.json", json!({ "pooling_mode": "lasttoken" })),
        ("1_Pooling/config.json", json!({ "pooling_mode": ["mean", "cls"] })),
        ("1_Pooling/config.json", json!({ "pooling_mode": "mean", "include_prompt": false })),
        ("modules.json", Value::Array(modules)),
    ];
    for (file, content) in cases {
        let tiny = write(&Shape::default());
        tiny.write_json(file, &content);
        let (error, message) = refused(&tiny.path());
        assert!(matches!(error, LoadError::Unsupported { .. }), "{file} {content}: {message}");
        assert!(message.contains("BANYAN_EMBEDDINGS__BASE_URL"), "{message}");
    }
}

#[test]
fn missing_and_damaged_files_are_named() {
    for file in ["modules.json", "config.json", "tokenizer.json", "model.safetensors"] {
        let tiny = write(&Shape::default());
        std::fs::write(tiny.path().join(file), "{").unwrap();
        let (error, message) = refused(&tiny.path());
        assert!(matches!(error, LoadError::Damaged { .. }) && message.contains(file), "{message}");
        std::fs::remove_file(tiny.path().join(file)).unwrap();
        let (error, message) = refused(&tiny.path());
        assert!(matches!(error, LoadError::Unreadable { .. }) && message.contains(file), "{message}");
    }
    let tiny = write(&Shape::default());
    let mut larger = config();
    larger["intermediate_size"] = json!(32);
    tiny.write_json("config.json", &larger);
    let (error, message) = refused(&tiny.path());
    assert!(matches!(error, LoadError::Damaged { .. }) && message.contains("intermediate.dense"), "{message}");
}
