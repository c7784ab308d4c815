//! F01: the storm of cancellations, in its short form.

use std::time::Duration;

use storage_testkit::{
    Harness,
    storm::{StormSettings, storm},
};

use crate::{harness, system_clock};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f01_f02_a_storm_of_cancellations_loses_nothing_and_crosses_no_tenant() {
    let harness = harness(system_clock()).await;
    let settings = StormSettings { tasks: 32, duration: Duration::from_secs(6), seed: 1 };
    let report = storm(harness.store(), settings, None).await.unwrap();
    println!("{report:?}");
    assert!(report.cancelled > 100 && report.acknowledged > 100 && report.rows_read > 100, "too calm: {report:?}");
    assert_eq!((report.lost, report.foreign_rows, report.errors), (0, 0, 0), "{report:?}");
}
