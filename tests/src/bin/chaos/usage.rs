//! F04: usage is counted once, however the provider reports it.

use std::sync::Arc;

use anyhow::{Result, ensure};
use e2e::{
    Client, Installation,
    installation::{conversation, message},
};
use infra_providers::scripted::{Script, UsageMode};
use tokio::{sync::Semaphore, task::JoinSet};

use super::{random::Random, verdict::Verdict};

/// Turns of each way of telling.
const TURNS: usize = 200;
const AT_ONCE: usize = 16;
const WORDS: &str = "one two three four five six";

/// Rows, those that are estimated, those without a token, tokens written in the others.
type Books = (i64, i64, i64, i64);

pub(crate) async fn run(mut random: Random) -> Result<Verdict> {
    let installation = Installation::on_postgres().await?;
    let client = installation.client()?;
    let modes = [
        ("right", UsageMode::Right),
        ("with the end", UsageMode::WithFinish),
        ("twice", UsageMode::Twice),
        ("after the end", UsageMode::AfterDone),
        ("as nothing", UsageMode::Zero),
        ("not at all", UsageMode::None),
    ];
    let words = WORDS.split_whitespace().count() as i64;
    let turns = i64::try_from(TURNS)?;
    let mut database = installation.postgres()?.superuser().await?;
    let mut before: Books = (0, 0, 0, 0);
    let mut verdict = Verdict::default();
    for (name, usage) in modes {
        let delay = std::time::Duration::from_millis(random.below(3));
        installation.upstream.set_default(Script { usage, chunk_delay: delay, ..Script::reply(WORDS) });
        ask(&client).await?;
        let books: Books = sqlx::query_as(
            "SELECT count(*), count(*) FILTER (WHERE is_estimated), count(*) FILTER (WHERE total_tokens = 0), \
               coalesce(sum(output_tokens) FILTER (WHERE NOT is_estimated), 0)::int8 FROM usage_logs",
        )
        .fetch_one(&mut database)
        .await?;
        let (rows, estimated, zero, counted) =
            (books.0 - before.0, books.1 - before.1, books.2 - before.2, books.3 - before.3);
        before = books;
        verdict = verdict.must_be(&format!("rows of usage told {name}"), rows, turns);
        verdict = match usage {
            UsageMode::Right | UsageMode::WithFinish | UsageMode::Twice => {
                verdict.must_be("estimated", estimated, 0).must_be("tokens counted", counted, turns * words)
            }
            // What comes behind the end may be read or not, but is not made up as known.
            UsageMode::AfterDone => {
                verdict.must_be("tokens counted or estimated", counted + estimated * words, turns * words)
            }
            UsageMode::Zero => verdict.must_be("zeros", zero, turns).must_be("estimated", estimated, 0),
            UsageMode::None | UsageMode::Lie(_) => verdict.must_be("estimated", estimated, turns),
        };
    }
    let doubled = "SELECT count(*) - count(DISTINCT request_id) FROM usage_logs";
    let doubled: i64 = sqlx::query_scalar(doubled).fetch_one(&mut database).await?;
    Ok(verdict.must_be("calls with two rows", doubled, 0))
}

/// Asks as often as is wanted, some at once, each in a conversation of its own.
async fn ask(client: &Client) -> Result<()> {
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    let mut asking = JoinSet::new();
    for number in 0..TURNS {
        let (client, gate) = (client.clone(), Arc::clone(&gate));
        asking.spawn(async move {
            let _turn = gate.acquire_owned().await?;
            let path = format!("/api/v1/conversations/{}/messages", conversation(&client).await?);
            let events = client.post_stream(&path, &message(&format!("question {number}"))).await?.rest().await?;
            ensure!(events.last().is_some_and(|event| event.name == "turn.completed"), "a turn was not completed");
            anyhow::Ok(())
        });
    }
    asking.join_all().await.into_iter().collect()
}
