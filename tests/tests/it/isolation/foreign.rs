//! S01: No route shows or changes anything of another's things, whichever slot their ids are put in.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use e2e::{Client, Response};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    operations::{Body, Operation, operations},
    tenants::{CANARY, Tenants, Things, shared},
};
use crate::world::{Backend, on_each_backend};

on_each_backend!(s01_foreign_ids_are_as_unknown_as_random_ones, nobody_passes_and_viewers_do_not_write);

async fn call(client: &Client, operation: &Operation, path: &str, body: Option<&Body>) -> Result<Response> {
    let request = client.request(operation.method.clone(), path);
    Response::of(match body {
        Some(Body::Json(body)) => request.json(body),
        Some(Body::Upload) => {
            let part = Part::bytes(b"Hello.".to_vec()).file_name("a.txt");
            request.multipart(Form::new().part("file", part))
        }
        None => request,
    })
    .await
}

/// An answer without what differs from request to request.
fn comparable(answer: &Response, id: &str) -> (u16, String, Option<String>) {
    let mut body = answer.text().replace(id, "<id>");
    if let Ok(mut value) = serde_json::from_str::<Value>(&body)
        && let Some(object) = value.as_object_mut()
        && let Some(Value::String(request)) = object.remove("request_id")
    {
        body = body.replace(&request, "<request>");
    }
    (answer.status, body, answer.header("content-type").map(str::to_owned))
}

async fn s01_foreign_ids_are_as_unknown_as_random_ones(backend: Backend) -> Result<()> {
    let tenants = Tenants::start(backend).await?;
    let ada = &tenants.ada;
    let things = tenants.things(ada, CANARY).await?;
    let before = things.seen(ada).await?;
    let mut tried = BTreeSet::new();
    for (name, thief) in [("bob", &tenants.bob), ("carol", &tenants.carol)] {
        let own = tenants.things(thief, name).await?;
        for operation in operations(thief).await? {
            try_slots(thief, &operation, &things, &own, &mut tried).await?;
        }
        try_bodies(thief, &things).await?;
        for path in [
            "/api/v1/conversations?include_others=true",
            "/api/v1/conversations?q=canary",
            "/api/v1/collections",
            "/api/v1/me/api-keys",
            "/api/v1/usage/summary?group_by=user",
        ] {
            let answer = thief.get(path).await?;
            ensure!(!answer.text().contains(CANARY), "{name}: {path}: {}", answer.text());
        }
        let events = crate::world::say(
            thief,
            &own.conversation_id,
            &json!({
            "content": format!("What is the secret word of the vault, {CANARY}?") }),
        )
        .await?;
        for event in events {
            ensure!(
                !event.data.contains(&things.source_id)
                    && !event.data.contains("The secret word of the vault is canary"),
                "{name}: {event:?}"
            );
        }
    }
    let users = tenants.bob.get("/api/v1/users").await?.expect(200)?;
    ensure!(!users.to_string().contains("carol"), "{users}");
    assert_eq!(things.seen(ada).await?, before);
    let wanted: BTreeSet<String> = operations(ada)
        .await?
        .iter()
        .filter(|operation| operation.slots.iter().any(|slot| slot != "model"))
        .map(|operation| format!("{} {}", operation.method, operation.path))
        .collect();
    assert_eq!(tried, wanted, "every route with an id was tried");
    Ok(())
}

/// Puts the victim's id in each slot of a path in turn, the thief's own in the others; and in all.
async fn try_slots(
    thief: &Client,
    operation: &Operation,
    things: &Things,
    own: &Things,
    tried: &mut BTreeSet<String>,
) -> Result<()> {
    let slots: Vec<&String> = operation.slots.iter().filter(|slot| *slot != "model").collect();
    let mut choices: Vec<Vec<bool>> =
        (0..slots.len()).map(|at| (0..slots.len()).map(|slot| slot == at).collect()).collect();
    if slots.len() > 1 {
        choices.push(vec![true; slots.len()]);
    }
    for choice in choices {
        let fill = |foreign: Option<&str>| -> Result<String> {
            let mut path = operation.path.clone();
            for (slot, stolen) in slots.iter().zip(&choice) {
                let kept = if *stolen { foreign.or(things.get(slot)) } else { own.get(slot) };
                path = path.replace(&format!("{{{slot}}}"), kept.with_context(|| format!("no id for {slot}"))?);
            }
            Ok(path)
        };
        let random = Uuid::from_u128(rand::random()).to_string();
        let stolen = call(thief, operation, &fill(None)?, operation.body.as_ref()).await?;
        let unknown = call(thief, operation, &fill(Some(&random))?, operation.body.as_ref()).await?;
        let what = format!("{} {} {choice:?}", operation.method, operation.path);
        ensure!([403, 404].contains(&stolen.status), "{what}: {} {}", stolen.status, stolen.text());
        ensure!(!stolen.text().contains(CANARY), "{what}: {}", stolen.text());
        let ids: Vec<&str> = slots.iter().filter_map(|slot| things.get(slot)).collect();
        let hide = |answer: &Response| {
            let (status, mut body, kind) = comparable(answer, &random);
            ids.iter().for_each(|id| body = body.replace(id, "<id>"));
            (status, body, kind)
        };
        assert_eq!(hide(&stolen), hide(&unknown), "{what}");
        tried.insert(format!("{} {}", operation.method, operation.path));
    }
    Ok(())
}

/// Puts the victim's ids where bodies and queries take one.
async fn try_bodies(thief: &Client, things: &Things) -> Result<()> {
    let chat = crate::world::conversation(thief, &json!({})).await?;
    let messages = format!("/api/v1/conversations/{chat}/messages");
    let random = Uuid::from_u128(rand::random()).to_string();
    type Slot<'a> = (&'a str, &'a str, fn(&str) -> Value);
    let slots: [Slot<'_>; _] = [
        ("/api/v1/collections", &things.collection_id, |id| json!({ "name": "x", "parent_id": id })),
        ("/api/v1/search", &things.collection_id, |id| json!({ "query": CANARY, "collection_ids": [id] })),
        ("/api/v1/conversations", &things.collection_id, |id| json!({ "collection_ids": [id] })),
        (&messages, &things.message_id, |id| json!({ "content": "x", "parent_id": id })),
        (&messages, &things.source_id, |id| json!({ "parts": [{ "type": "file", "file_id": id }] })),
        (&messages, &things.source_id, |id| json!({ "parts": [{ "type": "image", "file_id": id }] })),
        ("/v1/chat/completions", &things.conversation_id, |id| {
            json!({ "model": "banyan/extractive",
            "conversation_id": id, "messages": [{ "role": "user", "content": "x" }] })
        }),
        ("/v1/chat/completions", &things.conversation_id, |id| {
            json!({ "model": "banyan/extractive", "stream": true,
            "conversation_id": id, "messages": [{ "role": "user", "content": "x" }] })
        }),
    ];
    for (path, id, body) in slots {
        let stolen = thief.post(path, &body(id)).await?;
        let unknown = thief.post(path, &body(&random)).await?;
        ensure!([403, 404, 422].contains(&stolen.status), "{path}: {} {}", stolen.status, stolen.text());
        assert_eq!(comparable(&stolen, id), comparable(&unknown, &random), "{path}");
    }
    let query = |id: &str| format!("/api/v1/collections?parent_id={id}");
    let (stolen, unknown) = (thief.get(&query(&things.collection_id)).await?, thief.get(&query(&random)).await?);
    assert_eq!(comparable(&stolen, &things.collection_id), comparable(&unknown, &random));
    Ok(())
}

async fn nobody_passes_and_viewers_do_not_write(backend: Backend) -> Result<()> {
    let tenants = Tenants::start(backend).await?;
    let nobody = tenants.world.nobody()?;
    let source = shared(&tenants.ada).await?;
    let things = tenants.things(&tenants.ada, CANARY).await?;
    let rows = "SELECT (SELECT count(*) FROM conversations) + (SELECT count(*) FROM messages) \
        + (SELECT count(*) FROM collections) + (SELECT count(*) FROM sources) + (SELECT count(*) FROM users) \
        + (SELECT count(*) FROM tenants) + (SELECT count(*) FROM api_keys) + (SELECT count(*) FROM usage_logs)";
    let before = (tenants.world.number(rows).await?, things.seen(&tenants.ada).await?);
    let mut guarded = 0;
    for operation in operations(&nobody).await? {
        let mut path = operation.path.replace("{model}", "banyan/extractive");
        for slot in &operation.slots {
            path = path.replace(&format!("{{{slot}}}"), things.get(slot).unwrap_or("none"));
        }
        let what = format!("{} {path}", operation.method);
        if operation.secured {
            guarded += 1;
            let refused = call(&nobody, &operation, &path, operation.body.as_ref()).await?;
            assert_eq!(refused.status, 401, "{what}");
            assert_eq!(refused.header("www-authenticate"), Some("Bearer"), "{what}");
        }
        let reads = operation.method == Method::GET || path == "/api/v1/search";
        if operation.secured && !reads && path != "/api/v1/auth/logout" {
            let refused = call(&tenants.viewer, &operation, &path, operation.body.as_ref()).await?;
            ensure!([403, 404].contains(&refused.status), "{what}: {} {}", refused.status, refused.text());
        }
    }
    ensure!(guarded > 30, "only {guarded} routes are guarded");
    assert_eq!((tenants.world.number(rows).await?, things.seen(&tenants.ada).await?), before);
    // What is shared a viewer may read.
    tenants.viewer.get(&format!("/api/v1/sources/{source}")).await?.expect(200)?;
    tenants.bob.get(&format!("/api/v1/sources/{source}")).await?.expect(404)?;
    Ok(())
}
