//! Documents become cited answers.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use e2e::fixtures;
use serde_json::{Value, json};

use crate::world::{
    Backend, World, branch, collection, conversation, deltas, on_each_backend, one, settled, text, upload,
};

const MARKDOWN: &str = "# Handbook\n\n## Passwords\n\nTo reset your password, open the settings page and choose \
    Reset password. A link is sent to your e-mail address.\n\n## Holidays\n\nThe office is closed on public holidays.\n";

on_each_backend!(documents_become_cited_answers);

async fn documents_become_cited_answers(backend: Backend) -> Result<()> {
    let world = World::start_with(backend, |builder| {
        builder.variable("BANYAN_EMBEDDINGS__MODEL", "openai/text-embedding-3-small")
    })
    .await?;
    let login = json!({ "login": "ada", "password": crate::world::PASSWORD });
    let signed_in = world.nobody()?.post("/api/v1/auth/login", &login).await?.expect(200)?;
    assert_eq!(signed_in["token_type"], "Bearer");
    let ada = world.nobody()?.with_token(text(&signed_in["access_token"])?);
    let docs = collection(&ada, "Documents").await?;

    let mut sources = BTreeMap::new();
    for page in fixtures::documents(8)? {
        let name = page.file_name().context("a page has a name")?.to_string_lossy().into_owned();
        sources.insert(upload(&ada, &docs, &name, &std::fs::read(&page)?).await?, name);
    }
    let manual = upload(&ada, &docs, "manual.pdf", &std::fs::read(fixtures::pdf()?)?).await?;
    sources.insert(manual.clone(), "manual.pdf".to_owned());
    let handbook = upload(&ada, &docs, "handbook.md", MARKDOWN.as_bytes()).await?;
    sources.insert(handbook.clone(), "handbook.md".to_owned());
    for (source, name) in &sources {
        let found = settled(&ada, source).await?;
        ensure!(found["status"] == "processed", "{name}: {found}");
        ensure!(found["error"].is_null() && found["version"] == 1, "{name}: {found}");
        ensure!(found["chunk_count"].as_u64() > Some(0), "{name}: {found}");
        ensure!(found["progress"]["done"] == found["progress"]["total"], "{name}: {found}");
    }

    for (query, wanted) in
        [("how do I reset my password", &handbook), ("block sorting compression of bzip2 with huffman coding", &manual)]
    {
        let found = ada.post("/api/v1/search", &json!({ "query": query })).await?.expect(200)?;
        let first = &found["items"][0];
        assert_eq!(first["source_id"], **wanted, "{query}: {first}");
        assert_eq!(first["filename"], *sources[wanted]);
        ensure!(first["start"].as_u64() < first["end"].as_u64(), "{first}");
    }
    let other = collection(&ada, "Other").await?;
    let nothing = json!({ "query": "reset my password", "collection_ids": [other] });
    assert_eq!(ada.post("/api/v1/search", &nothing).await?.expect(200)?["items"], json!([]));

    let chat = conversation(&ada, &json!({})).await?;
    let question = json!({ "content": "How do I reset my password?" });
    let mut stream = ada.post_stream(&format!("/api/v1/conversations/{chat}/messages"), &question).await?;
    let events = stream.rest().await?;
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    assert_eq!(ids, (1..=events.len() as u64).map(Some).collect::<Vec<_>>());
    assert_eq!(events.first().map(|event| event.name.as_str()), Some("turn.started"));
    assert_eq!(events.last().map(|event| event.name.as_str()), Some("turn.completed"));
    let started = one(&events, "turn.started")?;
    let passages = one(&events, "retrieval.completed")?;
    let citations: Vec<Value> =
        events.iter().filter(|event| event.name == "citation.added").map(e2e::Event::json).collect::<Result<_>>()?;
    let answer = deltas(&events)?;
    ensure!(!citations.is_empty(), "nothing is cited");
    for citation in &citations {
        let number = citation["index"].as_u64().context("no index")? as usize;
        let passage = &passages["items"][number - 1];
        assert_eq!(citation["chunk_id"], passage["chunk_id"]);
        let quote = text(&citation["quote"])?;
        ensure!(!quote.is_empty() && text(&passage["content"])?.contains(&quote), "{quote:?} is not in {passage}");
    }
    ensure!(citations.iter().any(|citation| citation["source_id"] == *handbook), "{answer}");
    ensure!(answer.contains("settings page"), "{answer}");

    let messages = branch(&ada, &chat).await?;
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0]["id"], started["user_message_id"]);
    assert_eq!(messages[1]["id"], started["assistant_message_id"]);
    assert_eq!(messages[1]["status"], "complete");
    assert_eq!(messages[1]["model"], "banyan/extractive");
    assert_eq!(messages[1]["cost"], "0.000000000");
    assert_eq!(crate::world::text_of(&messages[1]), answer);
    assert_eq!(messages[1]["citations"].as_array().map(Vec::len), Some(citations.len()));

    let silent = conversation(&ada, &json!({ "collection_ids": [] })).await?;
    let events = crate::world::say(&ada, &silent, &question).await?;
    ensure!(events.iter().all(|event| event.name != "citation.added"), "{events:?}");
    Ok(())
}
