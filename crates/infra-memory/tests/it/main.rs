//! The contract of storage, kept by the in-memory backend.

mod parts;

use std::sync::Arc;

use async_trait::async_trait;
use domain::{clock::Clock, store::Store};
use infra_memory::MemoryStore;
use storage_testkit::Harness;

struct Memory(MemoryStore);

#[async_trait]
impl Harness for Memory {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.0.clone())
    }
}

async fn harness(clock: Arc<dyn Clock>) -> Memory {
    Memory(MemoryStore::new(clock))
}

storage_testkit::contract_tests!(harness);
