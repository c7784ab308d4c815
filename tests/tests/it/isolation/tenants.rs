//! Two tenants, and two users of one of them.

use std::collections::BTreeMap;

use anyhow::Result;
use e2e::{Client, Response};
use reqwest::Method;
use serde_json::{Value, json};

use super::operations::{Body, operations};
use crate::world::{Backend, PASSWORD, World, collection, conversation, one, say, settled, text, upload, user_body};

/// Words that only the victim's things hold.
pub(super) const CANARY: &str = "canary7f3a91";

/// The victim `ada` of the tenant Acme, and who is after her things.
pub(super) struct Tenants {
    pub(super) world: World,
    pub(super) ada: Client,
    /// The admin of another tenant.
    pub(super) bob: Client,
    /// A user of the same tenant.
    pub(super) carol: Client,
    /// Reads only, in the same tenant.
    pub(super) viewer: Client,
}

/// The ids of the victim's things, by the names of the API's parameters.
pub(super) struct Things {
    pub(super) collection_id: String,
    pub(super) source_id: String,
    pub(super) conversation_id: String,
    pub(super) message_id: String,
    pub(super) stream_id: String,
    pub(super) api_key_id: String,
    /// Of what no test needs by name: the list that a thing is in, and its id.
    others: BTreeMap<String, (String, String)>,
}

impl Tenants {
    pub(super) async fn start(backend: Backend) -> Result<Self> {
        let world = World::start(backend).await?;
        let password = world.server.folder().join("password");
        std::fs::write(&password, PASSWORD)?;
        world
            .banyan(&[
                "admin",
                "create",
                "--superadmin",
                "--email",
                "root@example.com",
                "--username",
                "root",
                "--password-file",
                &password.display().to_string(),
            ])
            .await?;
        let root = world.sign_in("root@example.com").await?;
        let tenant = root.post("/api/v1/tenants", &json!({ "name": "Other" })).await?.expect(201)?;
        let bob = user_body("bob", "tenant_admin");
        let made = root.request(Method::POST, "/api/v1/users").header("x-banyan-tenant", text(&tenant["slug"])?);
        Response::of(made.json(&bob)).await?.expect(201)?;
        let ada = world.admin()?;
        let bob = world.sign_in("bob@example.com").await?;
        let (carol, viewer) = (world.user("carol", "user").await?, world.user("victor", "viewer").await?);
        Ok(Self { world, ada, bob, carol, viewer })
    }

    /// Things of one user, private, with these words in all of them.
    pub(super) async fn things(&self, owner: &Client, words: &str) -> Result<Things> {
        let body = json!({ "name": format!("Secrets {words}"), "visibility": "private", "description": words });
        let collection_id = text(&owner.post("/api/v1/collections", &body).await?.expect(201)?["id"])?;
        let document = format!("# {words}\n\nThe secret word of the vault is {words}.\n");
        let source_id = upload(owner, &collection_id, &format!("{words}.md"), document.as_bytes()).await?;
        let found = settled(owner, &source_id).await?;
        anyhow::ensure!(found["status"] == "processed", "{found}");
        let body = json!({ "title": words, "system_prompt": words });
        let conversation_id = conversation(owner, &body).await?;
        let events = say(owner, &conversation_id, &json!({ "content": format!("What is {words}?") })).await?;
        let started = one(&events, "turn.started")?;
        let key = owner.post("/api/v1/me/api-keys", &json!({ "name": words })).await?.expect(201)?;
        let mut things = Things {
            collection_id,
            source_id,
            conversation_id,
            message_id: text(&started["user_message_id"])?,
            stream_id: text(&started["stream_id"])?,
            api_key_id: text(&key["id"])?,
            others: BTreeMap::new(),
        };
        things.add_others(owner).await?;
        Ok(things)
    }
}

impl Things {
    /// Makes one of every other thing that has a path of its own (`/things/{thing_id}`), by the document's example.
    async fn add_others(&mut self, owner: &Client) -> Result<()> {
        let operations = operations(owner).await?;
        for created in operations.iter().filter(|created| created.method == Method::POST && created.slots.is_empty()) {
            let is_below = |path: &str| path.strip_prefix(&created.path).is_some_and(|rest| rest.starts_with("/{"));
            let Some(one) = operations.iter().find(|one| is_below(&one.path)) else { continue };
            let (slot, Some(Body::Json(example))) = (&one.slots[0], &created.body) else { continue };
            if self.get(slot).is_some() {
                continue;
            }
            let made = owner.post(&created.path, example).await?;
            match made.status {
                201 => {
                    let id = text(&made.expect(201)?["id"])?;
                    self.others.insert(slot.clone(), (created.path.clone(), id));
                }
                // Who may not make one has none.
                403 => {}
                status => anyhow::bail!("{}: the document's example gives {status}: {}", created.path, made.text()),
            }
        }
        Ok(())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        Some(match name {
            "collection_id" => &self.collection_id,
            "source_id" => &self.source_id,
            "conversation_id" => &self.conversation_id,
            "message_id" => &self.message_id,
            "stream_id" => &self.stream_id,
            "api_key_id" => &self.api_key_id,
            _ => self.others.get(name).map(|(_, id)| id)?,
        })
    }

    /// Everything that their owner sees of them.
    pub(super) async fn seen(&self, owner: &Client) -> Result<Vec<Value>> {
        let chat = &self.conversation_id;
        let mut seen = Vec::new();
        for path in [
            format!("/api/v1/collections/{}", self.collection_id),
            format!("/api/v1/collections/{}/sources", self.collection_id),
            format!("/api/v1/sources/{}", self.source_id),
            format!("/api/v1/conversations/{chat}"),
            format!("/api/v1/conversations/{chat}/messages?tree=true"),
            format!("/api/v1/conversations/{chat}/usage"),
            "/api/v1/conversations".to_owned(),
            "/api/v1/me/api-keys".to_owned(),
        ] {
            seen.push(owner.get(&path).await?.expect(200)?);
        }
        for (list, id) in self.others.values() {
            let things = owner.get(list).await?.expect(200)?;
            anyhow::ensure!(things.to_string().contains(id), "{list}: {things}");
            seen.push(things);
        }
        Ok(seen)
    }
}

/// A document of the tenant that everybody in it may read.
pub(super) async fn shared(owner: &Client) -> Result<String> {
    let docs = collection(owner, "Shared").await?;
    let source = upload(owner, &docs, "open.md", b"# Open\n\nThe kitchen opens at nine.\n").await?;
    settled(owner, &source).await?;
    Ok(source)
}
