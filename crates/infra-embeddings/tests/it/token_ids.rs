//! Token ids in place of texts, proved on a tiny network.

use domain::gateways::{Embedder, EmbeddingInput, EmbeddingPurpose, GatewayError, GatewayErrorKind};
use infra_embeddings::LocalEmbedder;
use serde_json::json;

use crate::tiny::{Shape, ids, write};

const TEXTS: &[&str] = &["tree root fig", "rain", "stone river wind leaf branch"];

fn load(shape: &Shape) -> LocalEmbedder {
    LocalEmbedder::load(&write(shape).path(), None).unwrap()
}

/// The ids of a text with the special tokens around them, as the model's tokenizer gives them.
fn tokens(text: &str) -> Vec<u32> {
    let words: Vec<&str> = text.split(' ').collect();
    ids(&words).into_iter().map(|id| u32::try_from(id).unwrap()).collect()
}

fn refused(result: Result<domain::gateways::Embeddings, GatewayError>, part: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind, GatewayErrorKind::InvalidRequest);
    for part in [part, "send the text, or ids of this model's own tokenizer"] {
        assert!(error.message.contains(part), "{}", error.message);
    }
}

#[tokio::test]
async fn ids_have_the_vectors_of_the_texts_they_were_made_from() {
    let model = load(&Shape::default());
    let texts = EmbeddingInput::Texts(TEXTS.iter().map(|text| (*text).to_owned()).collect());
    let expected = model.embed(&texts, EmbeddingPurpose::Document).await.unwrap();
    let framed: Vec<_> = TEXTS.iter().copied().map(tokens).collect();
    let bare = framed.iter().map(|ids| ids[1..ids.len() - 1].to_vec()).collect();
    for ids in [framed, bare] {
        for purpose in [EmbeddingPurpose::Document, EmbeddingPurpose::Query] {
            let found = model.embed(&EmbeddingInput::Tokens(ids.clone()), purpose).await.unwrap();
            assert_eq!(found, expected, "{ids:?}");
        }
    }
}

#[tokio::test]
async fn no_prompt_is_put_before_ids() {
    let model = load(&Shape { prompts: json!({ "prompts": { "passage": "passage: " } }), ..Shape::default() });
    let embed = async |input| model.embed(&input, EmbeddingPurpose::Document).await.unwrap();
    let text = embed(EmbeddingInput::Texts(vec!["fig".to_owned()])).await;
    assert_ne!(embed(EmbeddingInput::Tokens(vec![tokens("fig")])).await.vectors, text.vectors);
    assert_eq!(embed(EmbeddingInput::Tokens(vec![tokens("passage : fig")])).await, text);
}

#[tokio::test]
async fn ids_that_the_model_cannot_read_are_refused() {
    let model = load(&Shape::default());
    let embed = async |ids: Vec<u32>| {
        let input = EmbeddingInput::Tokens(vec![tokens("tree"), ids]);
        model.embed(&input, EmbeddingPurpose::Document).await
    };
    // The vocabulary has 16 tokens, and the window 64.
    refused(embed(vec![7, 16, 15]).await, "the id 16;");
    refused(embed(vec![u32::MAX]).await, "the id 4294967295;");
    refused(embed(vec![7; 63]).await, "65 tokens");
    assert_eq!(embed(vec![7; 62]).await.unwrap().input_tokens, 3 + 64);
}
