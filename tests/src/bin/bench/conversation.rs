//! Opening a long conversation: its first page must cost what a short one's costs.

use std::{sync::Arc, time::Instant};

use anyhow::{Context, Result, ensure};
use domain::{
    access::Scope,
    clock::SystemClock,
    conversations::{HeadMove, MessageStatus, Parts},
    ids::{TenantId, UserId},
    store::{Mode, Store},
};
use e2e::{Client, Installation};
use infra_postgres::{PostgresOptions, PostgresStore};
use storage_testkit::Fixtures;
use uuid::Uuid;

use super::figures::{Figure, Goal, Times};

/// Messages on the branches that are compared.
const LENGTHS: &[i64] = &[100, 10_000];
/// Messages that are added at once.
const BATCH: usize = 500;
/// How often each is opened.
const ROUNDS: usize = 200;
/// How much longer the long one may take.
const MOST: f64 = 3.0;

/// Measures on PostgreSQL.
pub(crate) async fn measure() -> Result<Vec<Figure>> {
    let installation = Installation::on_postgres().await?;
    let options = PostgresOptions::default();
    let url = installation.postgres()?.url();
    let store = PostgresStore::connect(url, &options, Arc::new(SystemClock)).await?;
    let make = Fixtures::default();
    let [short, long] =
        [fill(&store, &make, &installation, LENGTHS[0]).await?, fill(&store, &make, &installation, LENGTHS[1]).await?];
    let client = installation.client()?;
    let mut times: [Times; _] = Default::default();
    for _ in 0..ROUNDS {
        for (path, times) in [&short, &long].into_iter().zip(&mut times) {
            let start = Instant::now();
            open(&client, path).await?;
            times.add(start.elapsed());
        }
    }
    let [short, long] = times.map(|times| times.median());
    Ok(vec![
        Figure::plain(format!("first page of {} messages, p50", LENGTHS[0]), short, "ms"),
        Figure::plain(format!("first page of {} messages, p50", LENGTHS[1]), long, "ms"),
        Figure::new("the long one over the short one", long / short, "ratio", Goal::AtMost(MOST)),
    ])
}

async fn open(client: &Client, path: &str) -> Result<()> {
    let page = client.get(path).await?.expect(200)?;
    let items = page["items"].as_array().context("the page has no items")?;
    ensure!(items.len() == 50 && page["next_cursor"].is_string(), "not a full first page: {} items", items.len());
    Ok(())
}

/// Adds a conversation of this many messages in a row; gives the path of its messages.
async fn fill(store: &PostgresStore, make: &Fixtures, installation: &Installation, length: i64) -> Result<String> {
    let id = |field: &str| -> Result<Uuid> {
        let text = installation.admin[field]["id"].as_str().with_context(|| format!("setup named no {field}"))?;
        Ok(Uuid::parse_str(text)?)
    };
    let tenant = TenantId(id("tenant")?);
    let mut user = make.user(Some(tenant), "admin");
    user.id = UserId(id("user")?);
    let conversation = make.conversation(&user);
    let mut chain = make.chain(&conversation, length);
    let children: Vec<_> = chain.iter().skip(1).map(|message| message.id).collect();
    for (index, message) in chain.iter_mut().enumerate() {
        message.status = MessageStatus::Complete;
        message.parts = Parts::text("some forty words of an ordinary message ".repeat(6));
        // Within a batch only: a child of the next one is not there yet.
        message.active_child_id = children.get(index).copied().filter(|_| (index + 1) % BATCH != 0);
    }
    let scope = Scope::system_in(tenant);
    let tx = store.begin(&scope, Mode::Write).await?;
    tx.conversations().insert(&conversation).await?;
    for batch in chain.chunks(BATCH) {
        tx.messages().insert(batch).await?;
    }
    let last = chain.last().context("the conversation is empty")?.id;
    tx.messages().activate_path(last).await?;
    let head = HeadMove {
        current_message_id: Some(last),
        head_version: 1,
        next_seq: length + 1,
        message_count: length,
        at: make.now(),
    };
    tx.conversations().move_head(conversation.id, &head).await?;
    tx.commit().await?;
    Ok(format!("/api/v1/conversations/{}/messages?limit=50", conversation.id.0))
}
