//! Search by vector with the right to read, against the index alone.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use domain::{
    access::{Reach, Scope, TenantScope},
    clock::SystemClock,
    gateways::Readable,
    ids::{TenantId, UserId},
    store::{Mode, Store},
};
use e2e::Database;
use infra_postgres::{PostgresOptions, PostgresStore};
use sqlx::{Executor, PgConnection, Row};
use storage_testkit::{
    World,
    recall::{self, RecallReport, RecallSettings},
};
use uuid::Uuid;

use super::figures::{Figure, Goal, Times};

const CHUNKS: usize = 100_000;
const DIMENSION: usize = 384;
/// Questions of each reader whose answers are compared with an exact scan's.
const QUESTIONS: usize = 50;
/// Questions that are timed.
const ROUNDS: usize = 300;
const WARM_UP: usize = 50;
/// After a search, whose connection goes back to the pool by itself: it must not run beside the floor.
const PAUSE: Duration = Duration::from_millis(3);
const RECALL: f64 = 0.95;
const MOST: f64 = 1.5;

/// Measures on PostgreSQL.
pub(crate) async fn measure() -> Result<Vec<Figure>> {
    let database = Database::create().await?;
    let postgres =
        PostgresStore::connect(&database.url().into(), &PostgresOptions::default(), Arc::new(SystemClock)).await?;
    let candidates: String =
        sqlx::query_scalar("SHOW hnsw.ef_search").fetch_one(&mut *postgres.app_pool().get().await?).await?;
    let store: Arc<dyn Store> = Arc::new(postgres);
    let mut admin = database.superuser().await?;
    // Built at once the graph takes a fraction of the time that it takes row by row.
    admin.execute("DROP INDEX ix_chunk_embeddings_384_hnsw").await?;
    let settings = RecallSettings { chunks: CHUNKS, dimension: DIMENSION, questions: QUESTIONS, seed: 7 };
    let mut built = Ok(());
    let (filling, mut graph) = (Instant::now(), 0.0);
    let report = recall::measure(&World::new(Arc::clone(&store)), settings, async || {
        println!("stored {CHUNKS} chunks in {:.0} s", filling.elapsed().as_secs_f64());
        let start = Instant::now();
        built = build(&mut admin).await;
        graph = start.elapsed().as_secs_f64();
    })
    .await;
    built?;
    let RecallReport { large_tenant, narrow_rights, small_tenant, foreign, missing } = report;
    // The floor finds as much as the search: it walks the graph with as many candidates. By pgvector's
    // own 40 it would be faster because its recall is lower.
    sqlx::query("SELECT set_config('hnsw.ef_search', $1, false)").bind(candidates).execute(&mut admin).await?;
    let (allowed, bare) = time(store.as_ref(), &mut admin).await?;
    Ok(vec![
        Figure::plain("building the graph", graph, "s"),
        Figure::plain("bare query of the index, p50", bare, "ms"),
        Figure::plain("search of the store with the right to read, p50", allowed, "ms"),
        Figure::new("with the right to read over bare, p50", allowed / bare, "ratio", Goal::AtMost(MOST)),
        Figure::new("recall@10, who may read all", large_tenant, "share", Goal::AtLeast(RECALL)),
        Figure::new("recall@10, who may read a seventh", narrow_rights, "share", Goal::AtLeast(RECALL)),
        Figure::new("recall@10, a tenant with 0.1 % of the chunks", small_tenant, "share", Goal::AtLeast(RECALL)),
        Figure::new("hits that the reader may not read", foreign as f64, "hits", Goal::AtMost(0.0)),
        Figure::new("hits missing from short answers", missing as f64, "hits", Goal::AtMost(0.0)),
    ])
}

async fn build(admin: &mut PgConnection) -> Result<()> {
    admin.execute("SET maintenance_work_mem = '512MB'; SET max_parallel_maintenance_workers = 0").await?;
    let graph = "CREATE INDEX ix_chunk_embeddings_384_hnsw ON chunk_embeddings_384 \
        USING hnsw ((embedding::halfvec(384)) halfvec_cosine_ops)";
    admin.execute(graph).await?;
    admin.execute("ANALYZE").await?;
    Ok(())
}

/// Medians of the store's search by the large tenant's owner, and of the bare query, in milliseconds.
async fn time(store: &dyn Store, admin: &mut PgConnection) -> Result<(f64, f64)> {
    let user = sqlx::query("SELECT id, tenant_id FROM users WHERE username = 'ada'").fetch_one(&mut *admin).await?;
    let (user, tenant): (Uuid, Uuid) = (user.get(0), user.get(1));
    let scope = Scope::Tenant(TenantScope::new(TenantId(tenant), Some(UserId(user)), Reach::Visible));
    let questions = questions(admin, tenant).await?;
    let readable = Readable { collections: None };
    let bare =
        "SELECT chunk_id FROM chunk_embeddings_384 ORDER BY embedding::halfvec(384) <=> $1::halfvec(384) LIMIT 10";
    let (mut ours, mut bares) = (Times::default(), Times::default());
    for (round, (text, vector)) in questions.iter().cycle().take(ROUNDS + WARM_UP).enumerate() {
        let start = Instant::now();
        let tx = store.begin(&scope, Mode::Read).await?;
        let hits = tx.chunk_index().nearest("test/clustered", vector, &readable, 10).await?;
        tx.commit().await?;
        let took = start.elapsed();
        ensure!(hits.len() == 10, "{} hits instead of 10", hits.len());
        tokio::time::sleep(PAUSE).await;
        let start = Instant::now();
        let rows = sqlx::query(bare).bind(text).fetch_all(&mut *admin).await?;
        ensure!(rows.len() == 10, "{} rows instead of 10", rows.len());
        if round >= WARM_UP {
            ours.add(took);
            bares.add(start.elapsed());
        }
    }
    Ok((ours.median(), bares.median()))
}

/// Vectors to ask for: the means of two stored ones, as text and as numbers.
async fn questions(admin: &mut PgConnection, tenant: Uuid) -> Result<Vec<(String, Vec<f32>)>> {
    let sample = "SELECT embedding::text FROM chunk_embeddings_384 WHERE tenant_id = $1 ORDER BY chunk_id LIMIT 200";
    let rows = sqlx::query(sample).bind(tenant).fetch_all(admin).await?;
    let parse = |row: &sqlx::postgres::PgRow| -> Result<Vec<f32>> {
        let text: String = row.get(0);
        text.trim_matches(['[', ']']).split(',').map(|number| Ok(number.parse()?)).collect()
    };
    let vectors: Vec<Vec<f32>> = rows.iter().map(parse).collect::<Result<_>>().context("a stored vector")?;
    let pairs = vectors.chunks_exact(2).map(|pair| {
        let mean: Vec<f32> = pair[0].iter().zip(&pair[1]).map(|(a, b)| (a + b) / 2.0).collect();
        let numbers: Vec<String> = mean.iter().map(f32::to_string).collect();
        (format!("[{}]", numbers.join(",")), mean)
    });
    Ok(pairs.collect())
}
