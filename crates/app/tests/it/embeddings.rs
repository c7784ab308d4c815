//! The OpenAI face's embeddings: what is on record, what is in the ledger, what is refused.

use app::openai::EmbeddingRequest;
use domain::{
    access::Scope,
    clock::Clock,
    gateways::EmbeddingInput,
    usage::{AgentType, ProviderCall},
};
use infra_providers::scripted::{EmbeddingFault, EmbeddingScript, ScriptedServer};

use crate::support::{Bench, Choice, GatedEmbedder, cost_of};

/// What is to be embedded by `openai/vectors`.
pub(crate) fn asked(input: EmbeddingInput) -> EmbeddingRequest {
    EmbeddingRequest { model: "openai/vectors".to_owned(), input, dimensions: None }
}

fn bench(embedder: std::sync::Arc<dyn domain::gateways::Embedder>) -> Bench {
    Bench::with(Choice { embedder: Some(embedder), ..Choice::default() })
}

/// Calls that are on record.
async fn recorded(bench: &Bench) -> Vec<ProviderCall> {
    let later = bench.clock.now() + chrono::TimeDelta::days(1);
    let scope = Scope::system("settle abandoned calls");
    bench.world.read(&scope, async |tx| tx.usage().abandoned_calls(later, 10).await).await
}

#[tokio::test]
async fn ids_are_on_record_before_a_call_and_in_the_ledger_after_it() {
    let (embedder, gate) = GatedEmbedder::new();
    let bench = bench(embedder);
    let ada = bench.ada().await;
    // More than the four inputs that this embedder takes at once.
    let lists = vec![vec![9906, 1917], vec![0], vec![1, 2, 3], vec![70_000], vec![5, 6, 7, 8, 9]];
    gate.close();
    let embedding = tokio::spawn({
        let (openai, ada, input) = (bench.app.openai(), ada.clone(), EmbeddingInput::Tokens(lists));
        async move { openai.embeddings(&ada, asked(input)).await.unwrap() }
    });
    gate.held().await;
    let calls: Vec<_> = recorded(&bench).await.iter().map(|c| (c.agent_type, c.estimated_input_tokens)).collect();
    assert_eq!(calls, [(AgentType::Embedding, 7)]);
    assert_eq!(bench.ledger(&ada).await, []);
    gate.open();
    let result = embedding.await.unwrap();
    assert_eq!((result.vectors.len(), result.input_tokens), (5, 12));
    assert_eq!(recorded(&bench).await, []);
    let rows = bench.ledger(&ada).await;
    let booked: Vec<_> = rows.iter().map(|row| (row.tokens.input_tokens, row.cost.unwrap().0)).collect();
    assert_eq!(booked, [(7, cost_of(7, 0)), (5, cost_of(5, 0))]);
    assert!(rows.iter().all(|row| row.user_id == Some(ada.user_id) && !row.is_estimated));
    bench.check_books().await;
}

#[tokio::test]
async fn input_out_of_bounds_is_refused_before_anything_is_spent() {
    let (embedder, gate) = GatedEmbedder::new();
    let bench = bench(embedder);
    let ada = bench.ada().await;
    let text = |text: &str| text.to_owned();
    for (input, code) in [
        (EmbeddingInput::Tokens(Vec::new()), "out_of_range"),
        (EmbeddingInput::Tokens(vec![vec![1], Vec::new()]), "out_of_range"),
        (EmbeddingInput::Tokens(vec![vec![1]; 2_049]), "out_of_range"),
        (EmbeddingInput::Texts(vec![text("x"), text("")]), "out_of_range"),
        // In the last batch, and one more than the window.
        (EmbeddingInput::Tokens([vec![vec![1]; 9], vec![vec![1; 513]]].concat()), "too_long"),
    ] {
        let error = bench.app.openai().embeddings(&ada, asked(input)).await.unwrap_err();
        assert_eq!((error.fields[0].field.as_str(), error.fields[0].code), ("input", code), "{error}");
    }
    assert_eq!((gate.begun(), bench.ledger(&ada).await), (0, Vec::new()));
    let longest = EmbeddingInput::Tokens(vec![vec![1; 512]; 2_048]);
    assert_eq!(bench.app.openai().embeddings(&ada, asked(longest)).await.unwrap().vectors.len(), 2_048);
}

#[tokio::test]
async fn what_the_provider_refuses_is_about_the_input_and_costs_nothing() {
    let server = ScriptedServer::start().await.unwrap();
    let bench = bench(crate::support::embedder(&server));
    let ada = bench.ada().await;
    let fault = Some(EmbeddingFault::Status(400));
    server.set_embeddings(EmbeddingScript { fault, ..EmbeddingScript::default() });
    let input = EmbeddingInput::Tokens(vec![vec![9_999_999]]);
    let error = bench.app.openai().embeddings(&ada, asked(input)).await.unwrap_err();
    assert_eq!((error.code, error.fields[0].field.as_str()), ("upstream_invalid_request", "input"), "{error}");
    assert_eq!((recorded(&bench).await, bench.ledger(&ada).await), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn vectors_are_of_the_length_that_was_asked_for_or_none() {
    let server = ScriptedServer::start().await.unwrap();
    let bench = bench(crate::support::embedder(&server));
    let ada = bench.ada().await;
    let of = |dimensions| {
        let input = EmbeddingInput::Texts(vec!["red rose".to_owned()]);
        let (openai, ada) = (bench.app.openai(), ada.clone());
        async move { openai.embeddings(&ada, EmbeddingRequest { dimensions, ..asked(input) }).await }
    };
    assert_eq!(of(None).await.unwrap().vectors[0].len(), 256);
    server.push_embeddings(EmbeddingScript { dimension: 128, ..EmbeddingScript::default() });
    assert_eq!(of(Some(128)).await.unwrap().vectors[0].len(), 128);
    let sent: Vec<_> = server.requests().iter().map(|request| request.body["dimensions"].as_u64()).collect();
    assert_eq!(sent, [None, Some(128)]);
    // One that asks for nothing gets the model's own length again.
    assert_eq!(of(None).await.unwrap().vectors[0].len(), 256);
    // The provider does not know the field, and is paid for what it made.
    let error = of(Some(64)).await.unwrap_err();
    assert_eq!((error.fields[0].field.as_str(), error.fields[0].code), ("dimensions", "not_supported"), "{error}");
    assert!(error.message.contains("256"), "{error}");
    assert_eq!(bench.ledger(&ada).await.len(), 4);
}

#[tokio::test]
async fn only_so_many_embeddings_run_at_once_also_of_callers_that_left() {
    let (embedder, gate) = GatedEmbedder::new();
    let settings = app::Settings { max_running_per_user: 1, ..app::Settings::default() };
    let bench = Bench::with(Choice { embedder: Some(embedder), settings, ..Choice::default() });
    let ada = bench.ada().await;
    let input = || EmbeddingInput::Texts(vec!["words".to_owned()]);
    gate.close();
    let left = tokio::spawn({
        let (openai, ada, input) = (bench.app.openai(), ada.clone(), input());
        async move { openai.embeddings(&ada, asked(input)).await }
    });
    gate.held().await;
    left.abort();
    let refused = bench.app.openai().embeddings(&ada, asked(input())).await;
    assert_eq!(crate::support::refusal(refused), "too_many_running");
    gate.open();
    // The call that nobody waits for ends, is booked, and gives its place back.
    bench.ledger_of(&ada, 1).await;
    crate::support::until("there is a place", async || {
        bench.app.openai().embeddings(&ada, asked(input())).await.is_ok()
    })
    .await;
}
