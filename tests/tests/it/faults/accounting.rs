//! F03, F04 and F05: each call of a model has exactly one row in the ledger.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::future::join_all;
use infra_providers::scripted::{Script, UsageMode};
use serde_json::json;

use crate::world::{Backend, PRICED, World, branch, conversation, on_each_backend, one, say};

on_each_backend!(
    f03_a_client_that_leaves_is_billed_once,
    f04_usage_is_counted_once_however_it_is_told,
    f05_a_crash_neither_loses_nor_doubles_a_row,
    f52_a_busy_writer_changes_nothing_of_what_a_completion_is_told,
);

/// How long another writer is in the way: longer than SQLite waits for one.
const HELD: Duration = Duration::from_secs(7);

/// Streams that are left by their clients.
const STREAMS: usize = 12;

const ROWS: &str = "SELECT count(*) FROM usage_logs";

async fn f03_a_client_that_leaves_is_billed_once(backend: Backend) -> Result<()> {
    let world =
        World::start_with(backend, |builder| builder.variable("BANYAN_LIMITS__RUNNING_PER_USER", "100")).await?;
    let ada = world.admin()?;
    let words: Vec<String> = (0..20).map(|number| format!("word{number}")).collect();
    world.upstream.set_default(Script { chunk_delay: Duration::from_millis(20), ..Script::reply(words.join(" ")) });
    let mut chats = Vec::new();
    for _ in 0..STREAMS {
        chats.push(conversation(&ada, &json!({ "model": PRICED, "collection_ids": [] })).await?);
    }
    let leaving = chats.iter().enumerate().map(|(number, chat)| {
        let (ada, path) = (ada.clone(), format!("/api/v1/conversations/{chat}/messages"));
        async move {
            let mut stream = ada.post_stream(&path, &json!({ "content": "Count." })).await?;
            for _ in 0..number % 12 {
                stream.next().await?;
            }
            anyhow::Ok(())
        }
    });
    join_all(leaving).await.into_iter().collect::<Result<()>>()?;
    world.wait_for_number(ROWS, STREAMS as i64).await?;
    let bill = world.upstream.bill();
    assert_eq!(bill.len(), STREAMS);
    let (input, output) = (sum_of(&world, "input_tokens").await?, sum_of(&world, "output_tokens").await?);
    assert_eq!(input, bill.iter().map(|charge| charge.input_tokens as i64).sum::<i64>());
    assert_eq!(output, bill.iter().map(|charge| charge.output_tokens as i64).sum::<i64>());
    for chat in &chats {
        let answer = branch(&ada, chat).await?.pop().context("no answer")?;
        assert_eq!(answer["status"], "complete", "who leaves does not cancel");
        ada.get(&format!("/api/v1/conversations/{chat}/stream")).await?.expect(204)?;
    }
    assert_eq!(world.number("SELECT count(DISTINCT request_id) FROM usage_logs").await?, STREAMS as i64);
    assert_eq!(world.reconcile().await?, "0");
    Ok(())
}

/// Completions whose settlement meets another writer: what their clients are told is what is booked.
async fn f52_a_busy_writer_changes_nothing_of_what_a_completion_is_told(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let ada = world.admin()?;
    let words: Vec<String> = (0..20).map(|number| format!("word{number}")).collect();
    world.upstream.set_default(Script { chunk_delay: Duration::from_millis(50), ..Script::reply(words.join(" ")) });
    let completion = |stream: bool| {
        json!({ "model": PRICED, "stream": stream, "stream_options": { "include_usage": true },
            "messages": [{ "role": "user", "content": "Count." }] })
    };
    let whole = tokio::spawn({
        let (ada, body) = (ada.clone(), completion(false));
        async move { ada.post("/v1/chat/completions", &body).await?.expect(200) }
    });
    let streamed = tokio::spawn({
        let (ada, body) = (ada.clone(), completion(true));
        async move {
            let (mut events, mut usage) = (ada.post_stream("/v1/chat/completions", &body).await?, None);
            while let Some(event) = events.next().await? {
                let chunk = serde_json::from_str::<serde_json::Value>(&event.data).unwrap_or_default();
                usage = chunk["usage"].as_object().cloned().or(usage);
            }
            usage.context("no usage was told")
        }
    });
    while world.upstream.requests().len() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let held = world.hold_writes().await?;
    tokio::time::sleep(HELD).await;
    drop(held);
    let whole = whole.await??;
    let streamed = streamed.await??;
    world.wait_for_number(ROWS, 2).await?;
    assert_eq!(world.number("SELECT count(*) FROM usage_logs WHERE is_estimated").await?, 0);
    for column in ["input_tokens", "output_tokens"] {
        let told = if column == "input_tokens" { "prompt_tokens" } else { "completion_tokens" };
        let counts = [&whole["usage"][told], &streamed[told]].map(|count| count.as_i64().unwrap_or(-1));
        assert_eq!(sum_of(&world, column).await?, counts.iter().sum::<i64>(), "{column}");
    }
    assert_eq!(world.reconcile().await?, "0");
    Ok(())
}

async fn sum_of(world: &World, column: &str) -> Result<i64> {
    world.number(&format!("SELECT coalesce(sum({column}), 0) FROM usage_logs")).await
}

async fn f04_usage_is_counted_once_however_it_is_told(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let ada = world.admin()?;
    let modes = [
        UsageMode::Right,
        UsageMode::WithFinish,
        UsageMode::Twice,
        UsageMode::AfterDone,
        UsageMode::Zero,
        UsageMode::None,
    ];
    for (number, usage) in modes.into_iter().enumerate() {
        let chat = conversation(&ada, &json!({ "model": PRICED, "collection_ids": [] })).await?;
        world.upstream.push(Script { usage, ..Script::reply("one two three four") });
        let before = (sum_of(&world, "input_tokens").await?, sum_of(&world, "output_tokens").await?);
        let done = one(&say(&ada, &chat, &json!({ "content": "Count to four." })).await?, "turn.completed")?;
        let estimated = world.number("SELECT count(*) FROM usage_logs WHERE is_estimated").await?;
        assert_eq!(world.usage_rows().await?, number as i64 + 1, "{usage:?}");
        let (input, output) =
            (sum_of(&world, "input_tokens").await? - before.0, sum_of(&world, "output_tokens").await? - before.1);
        let charge = world.upstream.bill().pop().context("nothing was billed")?;
        match usage {
            UsageMode::Right | UsageMode::WithFinish | UsageMode::Twice => {
                assert_eq!((input, output, estimated), (charge.input_tokens as i64, 4, 0), "{usage:?}");
            }
            // What comes behind the end may be read or not, but is not made up as known.
            UsageMode::AfterDone => {
                ensure!(estimated == 1 || (input, output) == (charge.input_tokens as i64, 4), "{input} {output}");
            }
            UsageMode::Zero => assert_eq!((input, output), (0, 0), "a zero stays a zero"),
            UsageMode::None | UsageMode::Lie(_) => {
                ensure!(estimated >= 1 && input > 0 && output > 0, "{input} {output} {estimated}");
            }
        }
        assert_eq!(
            (done["usage"]["input_tokens"].as_i64(), done["usage"]["output_tokens"].as_i64()),
            (Some(input), Some(output))
        );
    }
    assert_eq!(world.reconcile().await?, "0");
    Ok(())
}

/// When the server is killed.
#[derive(Debug, Clone, Copy)]
enum Instant {
    /// The provider has the request and says nothing yet.
    Arrived,
    /// The first piece of the answer is sent.
    Begun,
    /// The last piece is sent.
    Ended,
    /// The client has the whole answer.
    Answered,
}

async fn f05_a_crash_neither_loses_nor_doubles_a_row(backend: Backend) -> Result<()> {
    let mut world = World::start(backend).await?;
    let mut killed = Vec::new();
    for instant in [Instant::Arrived, Instant::Begun, Instant::Ended, Instant::Answered] {
        let chat = conversation(&world.admin()?, &json!({ "model": PRICED, "collection_ids": [] })).await?;
        let path = format!("/api/v1/conversations/{chat}/messages");
        let slow = Duration::from_millis(if matches!(instant, Instant::Arrived) { 5_000 } else { 20 });
        world.upstream.push(Script {
            first_delay: slow,
            chunk_delay: Duration::from_millis(20),
            ..Script::reply("one two three")
        });
        let before = *world.upstream.progress().borrow();
        let mut stream = world.admin()?.post_stream(&path, &json!({ "content": "Count." })).await?;
        match instant {
            Instant::Arrived => world.upstream.wait_for(|now| now.arrived > before.arrived).await,
            Instant::Begun => world.upstream.wait_for(|now| now.begun > before.begun).await,
            Instant::Ended => world.upstream.wait_for(|now| now.ended > before.ended).await,
            Instant::Answered => {
                one(&stream.rest().await?, "turn.completed")?;
            }
        }
        world.server.kill()?;
        drop(stream);
        world.server.restart().await?;
        killed.push((instant, chat));
    }
    // The leases of what the dead processes left run out side by side.
    world.wait_for_number("SELECT count(*) FROM messages WHERE status IN ('pending', 'streaming')", 0).await?;
    assert_eq!(world.usage_rows().await?, killed.len() as i64, "one row for each call, whenever its process died");
    assert_eq!(world.number("SELECT count(DISTINCT message_id) FROM usage_logs").await?, killed.len() as i64);
    for (instant, chat) in killed {
        let answer = branch(&world.admin()?, &chat).await?.pop().context("no answer")?;
        let counts = (answer["input_tokens"].as_u64(), answer["output_tokens"].as_u64());
        match (instant, answer["status"].as_str()) {
            (Instant::Ended | Instant::Answered, Some("complete")) => {
                let charge = world.upstream.bill().pop().context("no bill")?;
                assert_eq!(counts, (Some(charge.input_tokens), Some(3)), "{instant:?}");
            }
            (Instant::Arrived | Instant::Begun | Instant::Ended, Some("interrupted")) => {
                ensure!(counts.0.is_some_and(|tokens| tokens > 0), "{instant:?}: {answer}");
            }
            _ => anyhow::bail!("{instant:?}: {answer}"),
        }
    }
    assert_eq!(world.reconcile().await?, "0");
    Ok(())
}
