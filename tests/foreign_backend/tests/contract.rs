//! The contract of storage, as far as this backend goes.

use std::sync::Arc;

use domain::{
    access::Scope,
    clock::Clock,
    store::{Mode, Store, StoreError},
};
use foreign_backend::MapStore;
use storage_testkit::{Harness, World};

struct Map(MapStore);

impl Harness for Map {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.0.clone())
    }
}

/// No command here needs the time of the suite: those on tenants and users name theirs.
async fn harness(_: Arc<dyn Clock>) -> Map {
    Map(MapStore::default())
}

storage_testkit::contract_tests!(harness; tenants, users);

#[test]
fn what_is_not_kept_says_so() {
    storage_testkit::run(harness, async |world: World| {
        let tx = world.begin(&Scope::system("a foreign backend"), Mode::Read).await;
        let found = tx.jobs().get(world.make.id()).await;
        assert!(matches!(found, Err(StoreError::Unsupported(_))), "{found:?}");
    });
}
