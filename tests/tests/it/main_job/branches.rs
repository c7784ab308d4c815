//! Branches: edit, regenerate, switch, stop, and sums that always add up.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::Client;
use infra_providers::scripted::Script;
use serde_json::{Value, json};

use crate::world::{
    Backend, PRICED, UNPRICED, World, branch, conversation, on_each_backend, one, price, say, text, text_of,
};

on_each_backend!(branches_are_kept_and_their_sums_add_up, a_stop_keeps_the_text);

/// The sums of a conversation: total, on the path, off the path, overhead.
async fn sums(client: &Client, chat: &str) -> Result<[(u64, u64, String); 4]> {
    let usage = client.get(&format!("/api/v1/conversations/{chat}/usage")).await?.expect(200)?;
    let sum = |name: &str| -> Result<(u64, u64, String)> {
        let sum = &usage[name];
        let tokens = |field: &str| sum[field].as_u64().unwrap_or(u64::MAX);
        Ok((tokens("input_tokens"), tokens("output_tokens"), text(&sum["cost"])?))
    };
    let all = [sum("total")?, sum("on_path")?, sum("off_path")?, sum("overhead")?];
    ensure!(all[0].0 == all[1].0 + all[2].0 + all[3].0, "{usage}");
    ensure!(all[0].1 == all[1].1 + all[2].1 + all[3].1, "{usage}");
    let nano = |text: &str| text.replace('.', "").parse::<u64>();
    ensure!(nano(&all[0].2)? == nano(&all[1].2)? + nano(&all[2].2)? + nano(&all[3].2)?, "{usage}");
    Ok(all)
}

async fn branches_are_kept_and_their_sums_add_up(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let ada = world.admin()?;
    let chat = conversation(&ada, &json!({ "model": PRICED, "collection_ids": [] })).await?;
    let path = format!("/api/v1/conversations/{chat}/messages");

    world.upstream.push(Script::reply("one two three"));
    let first = say(&ada, &chat, &json!({ "content": "What is a branch?" })).await?;
    let done = one(&first, "turn.completed")?;
    let bill = world.upstream.bill();
    assert_eq!(bill[0].model, "gpt-4.1-mini");
    let cost = price(bill[0].input_tokens, 3);
    assert_eq!(done["usage"], json!({ "input_tokens": bill[0].input_tokens, "output_tokens": 3, "cost": cost }));
    let (question, answer) = (text(&done["message"]["parent_id"])?, text(&done["message"]["id"])?);

    // A second version of the question, and a second answer to the first.
    world.upstream.push(Script::reply("four five"));
    let edited = ada.post_stream(&format!("{path}/{question}/edit"), &json!({ "content": "What is a leaf?" })).await?;
    let edited = one(&{ edited }.rest().await?, "turn.completed")?;
    ensure!(text(&edited["message"]["parent_id"])? != question);
    let shown = branch(&ada, &chat).await?;
    assert_eq!((text_of(&shown[0]), text_of(&shown[1])), ("What is a leaf?".to_owned(), "four five".to_owned()));
    assert_eq!(shown[0]["siblings"]["index"], 1);
    assert_eq!(shown[0]["siblings"]["ids"], json!([question, shown[0]["id"]]));
    assert_eq!((&shown[0]["version"], shown[0]["edited_from_id"].as_str()), (&json!(2), Some(question.as_str())));

    let switched = ada.post(&format!("{path}/{question}/switch"), &json!({})).await?.expect(200)?;
    assert_eq!(switched["current_message_id"], *answer);
    world.upstream.push(Script::reply("six"));
    let again = ada.post_stream(&format!("{path}/{answer}/regenerate"), &json!({})).await?;
    let again = one(&{ again }.rest().await?, "turn.completed")?;
    assert_eq!(again["message"]["siblings"]["ids"], json!([answer, again["message"]["id"]]));
    let shown = branch(&ada, &chat).await?;
    assert_eq!(shown[0]["id"], *question);
    assert_eq!(text_of(&shown[1]), "six");

    // An answer of a model whose price nobody knows.
    world.upstream.push(Script::reply("seven eight"));
    let unpriced = say(&ada, &chat, &json!({ "content": "And then?", "model": UNPRICED })).await?;
    let unpriced = one(&unpriced, "turn.completed")?;
    assert_eq!(unpriced["usage"]["cost"], Value::Null);

    let bill = world.upstream.bill();
    let inputs: Vec<u64> = bill.iter().map(|charge| charge.input_tokens).collect();
    let [total, on_path, off_path, overhead] = sums(&ada, &chat).await?;
    assert_eq!(on_path, (inputs[2] + inputs[3], 1 + 2, price(inputs[2], 1)));
    assert_eq!(off_path, (inputs[0] + inputs[1], 3 + 2, price(inputs[0] + inputs[1], 5)));
    assert_eq!(overhead, (0, 0, price(0, 0)));
    assert_eq!(total, (inputs.iter().sum(), 8, price(inputs[0] + inputs[1] + inputs[2], 6)));

    let tree = ada.get(&format!("{path}?tree=true")).await?.expect(200)?;
    let seqs: Vec<i64> =
        tree["items"].as_array().into_iter().flatten().filter_map(|item| item["seq"].as_i64()).collect();
    assert_eq!(seqs.len(), 7);
    ensure!(seqs.is_sorted(), "{seqs:?}");
    assert_eq!(tree["current_message_id"], unpriced["message"]["id"]);

    let shown = ada.get(&format!("/api/v1/conversations/{chat}")).await?.expect(200)?;
    assert_eq!((&shown["input_tokens"], &shown["output_tokens"]), (&json!(total.0), &json!(8)));
    assert_eq!((&shown["cost"], &shown["cost_complete"]), (&json!(total.2), &json!(false)));
    let summary = ada.get("/api/v1/usage/summary?group_by=model").await?.expect(200)?;
    assert_eq!(summary["total"]["requests"], 4);
    assert_eq!(summary["total"]["input_tokens"], total.0);
    assert_eq!(summary["total"]["cost"], *total.2);
    assert_eq!(summary["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(world.usage_rows().await?, 4);
    world.server.client()?.get("/livez").await?.expect(200)?;
    assert_eq!(world.reconcile().await?, "0");
    Ok(())
}

async fn a_stop_keeps_the_text(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let ada = world.admin()?;
    let chat = conversation(&ada, &json!({ "model": PRICED, "collection_ids": [] })).await?;
    let words: Vec<String> = (0..600).map(|number| format!("word{number}")).collect();
    world.upstream.push(Script { chunk_delay: Duration::from_millis(100), ..Script::reply(words.join(" ")) });
    let path = format!("/api/v1/conversations/{chat}/messages");
    let mut stream = ada.post_stream(&path, &json!({ "content": "Count." })).await?;
    let mut events = stream.until("text.delta").await?;
    let id = text(&one(&events, "turn.started")?["stream_id"])?;
    ada.post(&format!("/api/v1/streams/{id}/stop"), &json!({})).await?.expect(204)?;
    events.extend(stream.rest().await?);
    let stopped = one(&events, "turn.stopped")?;
    assert_eq!(events.last().map(|event| event.name.as_str()), Some("turn.stopped"));
    assert_eq!(stopped["message"]["status"], "stopped");
    let kept = text_of(&stopped["message"]);
    ensure!(kept.starts_with("word0") && words.join(" ").starts_with(kept.trim_end()), "{kept}");
    assert_eq!(kept, crate::world::deltas(&events)?);
    assert_eq!(text_of(&branch(&ada, &chat).await?[1]), kept);
    world.wait_for_number("SELECT count(*) FROM usage_logs", 1).await?;

    // The conversation goes on.
    let next = say(&ada, &chat, &json!({ "content": "Go on." })).await?;
    one(&next, "turn.completed")?;
    Ok(())
}
