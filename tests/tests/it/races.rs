//! Requests at the same moment: what may happen once happens once, and nothing is lost.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::{Client, Response};
use futures::future::try_join_all;
use infra_providers::scripted::Script;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Backend, UNPRICED, World, collection, conversation, on_each_backend, text, upload};

on_each_backend!(
    a_failed_source_is_queued_once,
    changes_of_a_profile_are_all_kept,
    a_user_runs_no_more_answers_than_may
);

/// Requests at once.
const MANY: usize = 6;
/// Rounds of what goes wrong by chance only.
const ROUNDS: usize = 8;

/// As if a worker had given the source up.
const GIVE_UP: &str = "
    UPDATE jobs SET state = 'dead';
    UPDATE sources SET status = 'processing' WHERE status = 'uploaded';
    UPDATE sources SET status = 'error' WHERE status = 'processing';
    UPDATE source_versions SET status = 'processing' WHERE status = 'uploaded';
    UPDATE source_versions SET status = 'error' WHERE status = 'processing';";

/// Sends the same request this many times at once, under these keys.
async fn at_once(client: &Client, path: &str, keys: Vec<String>) -> Result<Vec<Response>> {
    let send = |key: String| {
        let request = client.request(Method::POST, path).header("idempotency-key", key);
        async move { anyhow::Ok(tokio::spawn(Response::of(request)).await??) }
    };
    try_join_all(keys.into_iter().map(send)).await
}

async fn a_failed_source_is_queued_once(backend: Backend) -> Result<()> {
    let world = World::start_with(backend, |builder| builder.variable("BANYAN_LIMITS__INGEST_WORKERS", "0")).await?;
    let ada = world.admin()?;
    let docs = collection(&ada, "Documents").await?;
    let source = upload(&ada, &docs, "a.md", b"# A\n\nThe banyan is a fig.").await?;
    let path = format!("/api/v1/sources/{source}/retry");
    let live = "SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')";
    for round in 0..ROUNDS {
        world.run(GIVE_UP).await?;
        let keys = (0..MANY).map(|number| format!("{round}-{number}")).collect();
        let answers = at_once(&ada, &path, keys).await?;
        let (taken, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 202);
        for answer in &refused {
            let body = answer.expect(409)?;
            ensure!(body["code"] == "not_failed", "{body}");
            ensure!(text(&body["detail"])?.contains("queued or being processed already"), "{body}");
        }
        assert_eq!((taken.len(), world.number(live).await?), (1, 1));
    }
    // One request that was sent several times is one request: all get its answer.
    world.run(GIVE_UP).await?;
    let answers = at_once(&ada, &path, vec!["same".to_owned(); MANY]).await?;
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (202, &answers[0].body), "{}", answer.text());
    }
    assert_eq!(world.number(live).await?, 1);
    Ok(())
}

async fn changes_of_a_profile_are_all_kept(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let ada = world.admin()?;
    let fields = ["display_name", "first_name", "last_name"];
    for round in 0..ROUNDS {
        let change = |field: &str| {
            let (client, body) = (ada.clone(), json!({ field: format!("{field} {round}") }));
            async move { tokio::spawn(async move { client.patch("/api/v1/me", &body).await?.expect(200) }).await? }
        };
        try_join_all(fields.map(change)).await?;
        let found = ada.get("/api/v1/me").await?.expect(200)?;
        for field in fields {
            assert_eq!(found[field], Value::from(format!("{field} {round}")), "{found}");
        }
    }
    Ok(())
}

async fn a_user_runs_no_more_answers_than_may(backend: Backend) -> Result<()> {
    const MOST: usize = 2;
    let settings = |builder: e2e::Builder| builder.variable("BANYAN_LIMITS__RUNNING_PER_USER", MOST.to_string());
    let world = World::start_with(backend, settings).await?;
    let ada = world.admin()?;
    // Longer than the test looks.
    world.upstream.set_default(Script { first_delay: Duration::from_secs(60), ..Script::reply("late") });
    let mut chats = Vec::new();
    for _ in 0..MANY {
        chats.push(conversation(&ada, &json!({ "model": UNPRICED, "collection_ids": [] })).await?);
    }
    let send = |chat: String| {
        let path = format!("/api/v1/conversations/{chat}/messages");
        let request = ada.request(Method::POST, &path).json(&json!({ "content": "Hello?" }));
        async move { anyhow::Ok(tokio::spawn(Response::of(request)).await??) }
    };
    let answers = try_join_all(chats.into_iter().map(send)).await?;
    let (taken, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 202);
    for answer in &refused {
        let body = answer.expect(409)?;
        ensure!(body["code"] == "generation_active", "{body}");
    }
    assert_eq!(taken.len(), MOST);
    assert_eq!(world.number("SELECT count(*) FROM streams WHERE state = 'running'").await?, MOST as i64);
    Ok(())
}
