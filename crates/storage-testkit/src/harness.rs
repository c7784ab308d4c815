//! How a backend lends itself to the suite.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{clock::Clock, store::Store};

use crate::{ManualClock, World};

/// A backend under test, with one fresh, empty, migrated database. It lives as long as one case.
#[async_trait]
pub trait Harness: Send + Sync + Sized {
    /// The store.
    fn store(&self) -> Arc<dyn Store>;

    /// Removes what the case has left behind.
    async fn close(self) {}
}

/// Runs one case on a runtime of its own with two workers, so that tasks are really concurrent.
///
/// The store is made with the suite's clock, which stands still until a case moves it: so a case can
/// say which time a column must show.
pub fn run<H: Harness>(make: impl AsyncFnOnce(Arc<dyn Clock>) -> H, case: impl AsyncFnOnce(World)) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be built");
    runtime.block_on(async {
        let clock = Arc::new(ManualClock::default());
        let harness = make(Arc::clone(&clock) as Arc<dyn Clock>).await;
        case(World::with_clock(harness.store(), clock)).await;
        harness.close().await;
    });
}
