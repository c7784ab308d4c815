//! S46, S71: what users and tenants may have, exceeded by many requests at the same moment.

use anyhow::{Result, ensure};
use e2e::{Builder, Client, Response};
use serde_json::{Value, json};

use crate::world::{Backend, World, collection, on_each_backend, text};

on_each_backend!(
    s46_files_fit_to_the_byte_and_what_is_refused_leaves_nothing,
    s71_of_two_hundred_at_once_ten_are_let_in,
    s71_of_many_files_at_once_as_many_as_fit_are_let_in
);

/// Sends these at once; gives the answers of those that were let in, and of those that were not.
async fn at_once<F>(number: usize, send: impl Fn(usize) -> F) -> Result<(Vec<Response>, Vec<Response>)>
where
    F: Future<Output = Result<Response>> + Send + 'static,
{
    let sent: Vec<_> = (0..number).map(|number| tokio::spawn(send(number))).collect();
    let mut answers = Vec::new();
    for (number, answer) in sent.into_iter().enumerate() {
        let mut answer = answer.await??;
        // A database that is busy with the others is to be asked again.
        while answer.status == 503 {
            answer = send(number).await?;
        }
        answers.push(answer);
    }
    Ok(answers.into_iter().partition(|answer| answer.status < 300))
}

fn ensure_exceeded(answer: &Response, status: u16, quota: &str, holder: &str, most: u64) -> Result<()> {
    let body = answer.expect(status)?;
    let told = json!([body["code"], body["quota"], body["holder"], body["most"]]);
    ensure!(told == json!(["quota_exceeded", quota, holder, most]), "{body}");
    Ok(())
}

/// Uploads a file of this many bytes, like no other of another number.
fn upload(
    client: &Client,
    collection: &str,
    number: usize,
    bytes: usize,
) -> impl Future<Output = Result<Response>> + use<> {
    let (client, path) = (client.clone(), format!("/api/v1/collections/{collection}/sources"));
    let content = format!("{number:04}").repeat(bytes / 4).into_bytes();
    async move { client.upload(&path, &format!("{number}.md"), "text/markdown", content).await }
}

async fn s46_files_fit_to_the_byte_and_what_is_refused_leaves_nothing(backend: Backend) -> Result<()> {
    let settings = |builder: Builder| {
        builder
            .variable("BANYAN_LIMITS__INGEST_WORKERS", "0")
            .variable("BANYAN_LIMITS__FILE_BYTES_PER_USER", "3500")
            .variable("BANYAN_LIMITS__FILE_BYTES_PER_TENANT", "5000")
            .variable("BANYAN_LIMITS__FILES_PER_USER", "4")
    };
    let world = World::start_with(backend, settings).await?;
    let ada = world.admin()?;
    let bob = world.user("bob", "user").await?;
    let docs = collection(&ada, "Documents").await?;
    let own = collection(&bob, "Own").await?;
    let (taken, refused) = at_once(12, |number| upload(&ada, &docs, number, 1_000)).await?;
    assert_eq!(taken.len(), 3);
    for answer in &refused {
        ensure_exceeded(answer, 413, "file_bytes", "user", 3_500)?;
    }
    let (taken, refused) = at_once(12, |number| upload(&bob, &own, number, 1_000)).await?;
    assert_eq!(taken.len(), 2);
    for answer in &refused {
        ensure_exceeded(answer, 413, "file_bytes", "tenant", 5_000)?;
    }
    let kept = || anyhow::Ok(files_below(&world.server.folder().join("data/files"))?);
    assert_eq!((world.number("SELECT SUM(size_bytes) FROM sources").await?, kept()?), (5_000, 5));
    // An upload that is refused for something else has taken nothing: what it would have is free.
    world.run("DELETE FROM sources WHERE user_id = (SELECT id FROM users WHERE username = 'bob')").await?;
    for _ in 0..4 {
        let path = format!("/api/v1/collections/{docs}/sources");
        let picture = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        ada.upload(&path, "picture.md", "image/png", picture).await?.expect(415)?;
    }
    upload(&ada, &docs, 99, 500).await?.expect(202)?;
    let over = upload(&ada, &docs, 98, 4).await?;
    ensure_exceeded(&over, 429, "files", "user", 4)?;
    Ok(())
}

fn files_below(folder: &std::path::Path) -> std::io::Result<usize> {
    let mut files = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        files += if path.is_dir() { files_below(&path)? } else { 1 };
    }
    Ok(files)
}

async fn s71_of_two_hundred_at_once_ten_are_let_in(backend: Backend) -> Result<()> {
    const MOST: u64 = 10;
    let kinds = ["api_keys", "collections", "conversations"];
    let settings = |builder: Builder| {
        kinds.iter().fold(builder, |builder, kind| {
            builder.variable(&format!("BANYAN_LIMITS__{}_PER_USER", kind.to_uppercase()), MOST.to_string())
        })
    };
    let world = World::start_with(backend, settings).await?;
    let ada = world.admin()?;
    let paths = ["/api/v1/me/api-keys", "/api/v1/collections", "/api/v1/conversations"];
    let bodies = [json!({ "name": "k" }), json!({ "name": "c" }), json!({ "title": "t" })];
    for ((kind, path), body) in kinds.into_iter().zip(paths).zip(&bodies) {
        let (taken, refused) = at_once(200, |_| {
            let (client, body) = (ada.clone(), body.clone());
            async move { client.post(path, &body).await }
        })
        .await?;
        assert_eq!(taken.len() as u64, MOST, "{kind}");
        for answer in &refused {
            ensure_exceeded(answer, 429, kind, "user", MOST)?;
        }
        let rows = world.number(&format!("SELECT count(*) FROM {kind}")).await?;
        assert_eq!(rows, MOST as i64, "{kind}");
    }
    // A completion that is to be kept asks for a place too, in the words of its face.
    let kept = json!({ "model": "banyan/extractive", "store": true,
        "messages": [{ "role": "user", "content": "Hello?" }] });
    let refused = ada.post("/v1/chat/completions", &kept).await?.expect(429)?;
    ensure!(refused["error"]["code"] == "quota_exceeded", "{refused}");
    // Room that is made is taken again.
    let keys: Value = ada.get("/api/v1/me/api-keys").await?.expect(200)?;
    let path = format!("/api/v1/me/api-keys/{}", text(&keys["items"][0]["id"])?);
    ada.delete(&path).await?.expect(204)?;
    ada.post("/api/v1/me/api-keys", &bodies[0]).await?.expect(201)?;
    Ok(())
}

async fn s71_of_many_files_at_once_as_many_as_fit_are_let_in(backend: Backend) -> Result<()> {
    const MOST: u64 = 10;
    let settings = |builder: Builder| {
        builder
            .variable("BANYAN_LIMITS__INGEST_WORKERS", "0")
            .variable("BANYAN_LIMITS__FILES_PER_USER", MOST.to_string())
    };
    let world = World::start_with(backend, settings).await?;
    let ada = world.admin()?;
    let docs = collection(&ada, "Documents").await?;
    // The room is looked at before each comes, when most of them are on their way, and again when it has come.
    let (taken, refused) = at_once(60, |number| upload(&ada, &docs, number, 40_000)).await?;
    assert_eq!(taken.len() as u64, MOST);
    for answer in &refused {
        ensure_exceeded(answer, 429, "files", "user", MOST)?;
    }
    assert_eq!(world.number("SELECT count(*) FROM sources").await?, MOST as i64);
    assert_eq!(files_below(&world.server.folder().join("data/files"))? as u64, MOST);
    Ok(())
}
