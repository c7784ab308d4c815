//! F07: an ingestion that is killed again and again ends as one that was left alone.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use e2e::{Installation, installation::id_of, text::document};
use infra_providers::scripted::EmbeddingScript;
use serde_json::json;
use sqlx::PgConnection;

use super::{random::Random, verdict::Verdict};

/// Rounds of documents; the first is left alone.
const ROUNDS: usize = 4;
const DOCUMENTS: u64 = 100;
const BYTES: usize = 15 * 1024;
/// Kills of a round.
const KILLS: usize = 2;
/// When after the last upload, or the last start, the server is killed.
const LIFE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(900));
/// After this at the latest the work of a dead process goes on.
const RESUMED: Duration = Duration::from_secs(30);
const LIMIT: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(50);
/// Documents that are worked on at once: each may have one batch under way when it is killed.
const WORKERS: usize = 4;

pub(crate) async fn run(mut random: Random) -> Result<Verdict> {
    let workers = WORKERS.to_string();
    let mut installation =
        Installation::on_postgres_with(|builder| builder.variable("BANYAN_LIMITS__INGEST_WORKERS", workers)).await?;
    // Not at once, so that kills meet the step that costs money.
    let script = EmbeddingScript {
        dimension: e2e::installation::DIMENSION,
        delay: Duration::from_millis(20),
        ..EmbeddingScript::default()
    };
    installation.upstream.set_embeddings(script);
    let mut database = installation.postgres()?.superuser().await?;
    let mut clean = BTreeMap::new();
    let (mut differing, mut slowest, mut unready) = (0, Duration::ZERO, 0);
    for round in 0..ROUNDS {
        let client = installation.client()?;
        let name = json!({ "name": format!("Round {round}") });
        let collection = id_of(&client.post("/api/v1/collections", &name).await?.expect(201)?)?;
        let path = format!("/api/v1/collections/{collection}/sources");
        for number in 0..DOCUMENTS {
            let file = document(number, BYTES).into_bytes();
            client.upload(&path, &format!("{number}.md"), "text/markdown", file).await?.expect(202)?;
        }
        if round > 0 {
            for _ in 0..KILLS {
                tokio::time::sleep(random.between(LIFE.0, LIFE.1)).await;
                // Only work that is under way can be hurt.
                unready += ready(&mut database, &collection).await?.1;
                installation.server.kill()?;
                installation.server.restart().await?;
            }
        }
        let start = Instant::now();
        let mut last_step = start;
        let mut before = ready(&mut database, &collection).await?.0;
        loop {
            let (done, left) = ready(&mut database, &collection).await?;
            if done != before {
                slowest = slowest.max(last_step.elapsed());
                (before, last_step) = (done, Instant::now());
            }
            if left == 0 {
                break;
            }
            if start.elapsed() > LIMIT {
                bail!("{left} documents of round {round} are not searchable after {} s", LIMIT.as_secs());
            }
            tokio::time::sleep(POLL).await;
        }
        let found = fingerprints(&mut database, &collection).await?;
        if round == 0 {
            clean = found;
        } else {
            differing += clean.iter().filter(|(name, print)| found.get(*name) != Some(*print)).count();
        }
    }
    ensure!(clean.len() as u64 == DOCUMENTS, "the clean round has {} documents", clean.len());
    let scattered =
        "SELECT count(*) FROM (SELECT 1 FROM chunks GROUP BY source_version_id, ordinal HAVING count(*) > 1) d";
    let duplicates: i64 = sqlx::query_scalar(scattered).fetch_one(&mut database).await?;
    let bare =
        "SELECT count(*) FROM chunks c WHERE NOT EXISTS (SELECT 1 FROM chunk_embeddings e WHERE e.chunk_id = c.id)";
    let bare: i64 = sqlx::query_scalar(bare).fetch_one(&mut database).await?;
    let chunks: i64 = sqlx::query_scalar("SELECT count(*) FROM chunks").fetch_one(&mut database).await?;
    let (paid, largest) = embedded(&installation)?;
    let kills = (ROUNDS - 1) * KILLS;
    Ok(Verdict::default()
        .count("documents", DOCUMENTS as usize * ROUNDS)
        .count("kills", kills)
        .at_least("documents under way at a kill", unready, 1)
        .must_be("documents other than in the clean round", differing, 0)
        .must_be("chunks twice", duplicates, 0)
        .must_be("chunks without a vector", bare, 0)
        .count("chunks", chunks)
        .at_most("embedded again", paid - chunks, i64::try_from(kills * WORKERS * largest)?)
        .at_most("ms without progress", slowest.as_millis(), RESUMED.as_millis()))
}

/// Documents of a collection that are searchable, and that are not yet.
async fn ready(database: &mut PgConnection, collection: &str) -> Result<(i64, i64)> {
    let count = "SELECT count(*) FILTER (WHERE status = 'processed'), count(*) FILTER (WHERE status <> 'processed') \
        FROM sources WHERE collection_id = $1::uuid";
    Ok(sqlx::query_as(count).bind(collection).fetch_one(database).await?)
}

/// A hash of the chunks of each document that are found.
async fn fingerprints(database: &mut PgConnection, collection: &str) -> Result<BTreeMap<String, String>> {
    let sql = "SELECT s.filename, md5(string_agg(c.ordinal || ':' || c.start_offset || ':' || c.content, '|' ORDER BY c.ordinal, c.id)) \
        FROM sources s JOIN chunks c ON c.source_version_id = s.current_version_id \
        WHERE s.collection_id = $1::uuid GROUP BY 1";
    let rows: Vec<(String, String)> = sqlx::query_as(sql).bind(collection).fetch_all(database).await?;
    Ok(rows.into_iter().collect::<HashMap<_, _>>().into_iter().collect())
}

/// Texts that were embedded, and those of the largest batch.
fn embedded(installation: &Installation) -> Result<(i64, usize)> {
    let (mut sum, mut largest) = (0, 0);
    for request in installation.upstream.requests() {
        let inputs = request.body["input"].as_array().context("the input is no list")?.len();
        sum += inputs;
        largest = largest.max(inputs);
    }
    Ok((i64::try_from(sum)?, largest))
}
