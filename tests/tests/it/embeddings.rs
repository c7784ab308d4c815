//! Token ids in place of texts, as OpenAI's clients send them.

use anyhow::{Context, Result, ensure};
use e2e::{Client, fixtures};
use infra_providers::scripted::{EmbeddingFault, EmbeddingScript};
use serde_json::{Value, json};

use crate::world::{Backend, World, on_each_backend, text};

on_each_backend!(token_ids_are_passed_on_and_accounted_for);

const WIRE: &str = "openai/text-embedding-3-small";

async fn embed(client: &Client, model: &str, input: Value) -> Result<Value> {
    client.post("/v1/embeddings", &json!({ "model": model, "input": input })).await?.expect(200)
}

/// The sentence with which an input is refused, in OpenAI's shape.
async fn refused(client: &Client, model: &str, input: Value) -> Result<String> {
    let answer = client.post("/v1/embeddings", &json!({ "model": model, "input": input })).await?.expect(400)?;
    let error = &answer["error"];
    assert_eq!((&error["type"], &error["param"]), (&json!("invalid_request_error"), &json!("input")), "{error}");
    text(&error["message"])
}

async fn token_ids_are_passed_on_and_accounted_for(backend: Backend) -> Result<()> {
    let world = World::start_with(backend, |builder| builder.variable("BANYAN_EMBEDDINGS__MODEL", WIRE)).await?;
    let ada = world.admin()?;
    let lists = json!([[9906, 1917], [0, 100_000, 7]]);
    let several = embed(&ada, WIRE, lists.clone()).await?;
    assert_eq!(several["usage"], json!({ "prompt_tokens": 5, "total_tokens": 5 }));
    let one = embed(&ada, WIRE, json!([9906, 1917])).await?;
    assert_eq!(one["usage"]["prompt_tokens"], 2);
    assert_eq!(one["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(one["data"][0]["embedding"], several["data"][0]["embedding"]);
    let sent = || world.upstream.requests().iter().map(|request| request.body["input"].clone()).collect::<Vec<_>>();
    assert_eq!(sent(), [lists, json!([[9906, 1917]])]);

    let too_long = refused(&ada, WIRE, json!([[7], vec![7; 8_192]])).await?;
    ensure!(too_long.contains("8192 token ids at index 1") && too_long.contains("at most 8191"), "{too_long}");
    let too_many = refused(&ada, WIRE, json!(vec![[7]; 2_049])).await?;
    ensure!(too_many.contains("2048"), "{too_many}");
    assert_eq!(sent().len(), 2, "what is out of bounds is not sent");
    let fault = Some(EmbeddingFault::Status(400));
    world.upstream.set_embeddings(EmbeddingScript { fault, ..EmbeddingScript::default() });
    refused(&ada, WIRE, json!([9_999_999])).await?;

    assert_eq!(world.usage_rows().await?, 2);
    assert_eq!(world.number("SELECT sum(input_tokens) FROM usage_logs WHERE cost_nano_usd > 0").await?, 7);
    assert_eq!(world.number("SELECT count(*) FROM provider_calls").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_model_in_the_process_reads_ids_of_its_own_tokenizer() -> Result<()> {
    let folder = fixtures::embedding_model()?;
    let model = folder.file_name().context("the folder has no name")?.to_string_lossy();
    let model = format!("local/{model}");
    let path = folder.display().to_string();
    let settings = |builder: e2e::Builder| builder.variable("BANYAN_EMBEDDINGS__PATH", &path);
    let world = World::start_with(Backend::Sqlite, settings).await?;
    let ada = world.admin()?;

    let of_text = embed(&ada, &model, json!("hello world")).await?;
    assert_eq!(of_text["usage"]["prompt_tokens"], 4);
    // The words alone, and with [CLS] and [SEP].
    for ids in [json!([7592, 2088]), json!([101, 7592, 2088, 102])] {
        assert_eq!(embed(&ada, &model, ids).await?, of_text);
    }
    assert_eq!(world.usage_rows().await?, 3);
    // tiktoken's ids of a longer vocabulary; as many as the window without [CLS] and [SEP]; more than the window.
    for (ids, part) in [(vec![9906, 30_522], "30522"), (vec![7592; 256], "258 tokens"), (vec![7592; 257], "257 token")]
    {
        let said = refused(&ada, &model, json!([[7592], ids])).await?;
        ensure!(said.contains(part) && said.contains("ids of this model's own tokenizer"), "{said}");
    }
    assert_eq!(world.usage_rows().await?, 3);
    Ok(())
}
