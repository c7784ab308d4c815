//! Search at a size where the graph answers.

use storage_testkit::{Harness, World, recall};

use crate::harness;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_tenants_and_narrow_rights_find_what_an_exact_scan_finds() {
    let harness = harness().await;
    // More than the 10,000 chunks up to which everything is compared.
    let settings = recall::RecallSettings { chunks: 12_000, dimension: 384, questions: 20, seed: 7 };
    let report = recall::measure(&World::new(harness.store()), settings).await;
    println!("{report:?}");
    report.assert_at_least(0.95);
    harness.close().await;
}
