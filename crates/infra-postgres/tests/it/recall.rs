//! Search at a size where the graph answers, or the codes in memory.

use storage_testkit::{Harness, World, recall};

use crate::{
    PostgresHarness,
    database::{run, system_clock},
    harness, harness_without_memory,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_tenants_and_narrow_rights_find_by_the_graph_what_an_exact_scan_finds() {
    find_what_an_exact_scan_finds(harness_without_memory(system_clock()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_tenants_and_narrow_rights_find_in_memory_what_an_exact_scan_finds() {
    find_what_an_exact_scan_finds(harness(system_clock()).await).await;
}

async fn find_what_an_exact_scan_finds(harness: PostgresHarness) {
    let settings = recall::RecallSettings { chunks: 12_000, dimension: 384, questions: 20, seed: 7 };
    // Built at once the graph takes a tenth of the time that it takes row by row.
    let mut admin = harness.database.superuser().await;
    run(&mut admin, "DROP INDEX ix_chunk_embeddings_384_hnsw").await;
    let report = recall::measure(&World::new(harness.store()), settings, async || {
        let graph = "CREATE INDEX ON chunk_embeddings_384 USING hnsw ((embedding::halfvec(384)) halfvec_cosine_ops)";
        run(&mut admin, graph).await;
        run(&mut admin, "ANALYZE").await;
    })
    .await;
    println!("{report:?}");
    report.assert_at_least(0.95);
    harness.close().await;
}
