//! Search at a size where the codes in memory answer.

use storage_testkit::{Harness, World, recall};

use crate::{harness, system_clock};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_tenants_and_narrow_rights_find_what_an_exact_scan_finds() {
    let harness = harness(system_clock()).await;
    // The shared seventh of it is more than the chunks that are compared in the table.
    let settings = recall::RecallSettings { chunks: 15_000, dimension: 384, questions: 20, seed: 7 };
    let report = recall::measure(&World::new(harness.store()), settings, async || ()).await;
    println!("{report:?}");
    report.assert_at_least(0.95);
}
