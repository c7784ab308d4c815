//! Keeping searches after they were answered.

use std::sync::Arc;

use domain::{
    access::Scope,
    knowledge::{RetrievalHit, RetrievalRun},
    store::Priority,
};
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use crate::{App, Error, Result, unit_of_work::Uow, usage::Spent};

/// Most searches that are answered and not kept yet; further ones are kept before they are answered.
const MOST_WAITING: usize = 256;

/// The room for searches that wait to be kept.
pub(crate) struct SearchKeeper(Arc<Semaphore>);

impl Default for SearchKeeper {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST_WAITING)))
    }
}

/// A search that was answered, with what it found and cost.
pub(super) struct KeptSearch {
    pub(super) run: RetrievalRun,
    pub(super) hits: Vec<RetrievalHit>,
    pub(super) spent: Option<Spent>,
}

impl App {
    /// Keeps a search that nothing else will refer to, without the caller waiting for it.
    // What is written is a record for people and the price of an embedding; the answer depends on neither.
    // It is written by a task of the application, which a shutdown waits for. Should the process die
    // before, the record of the search is lost, and the money is not: the call is on record since before
    // it was made, and its lease runs out. Where the database takes no more, the tasks fill their room, and
    // who searches waits for the database again.
    pub(super) async fn keep_search(&self, scope: Scope, kept: KeptSearch) -> Result<()> {
        // What the embedding cost is paid already.
        let app = self.at(Priority::Settlement);
        let Ok(room) = Arc::clone(&self.parts.searches.0).try_acquire_owned() else {
            return app.write_search(&scope, &kept).await;
        };
        let keep = async move {
            if let Err(error) = app.write_search(&scope, &kept).await {
                tracing::warn!(search = %kept.run.id, error = ?error, "a search was answered and could not be kept");
            }
            drop(room);
        };
        self.parts.tasks.spawn(keep.in_current_span());
        Ok(())
    }

    async fn write_search(&self, scope: &Scope, kept: &KeptSearch) -> Result<()> {
        let keep = |tx: Uow| async move {
            tx.retrieval().insert_run(&kept.run, &kept.hits).await?;
            match &kept.spent {
                Some(spent) => self.settle_call(&tx, spent).await,
                None => Ok::<_, Error>(()),
            }
        };
        self.unaudited(scope, "the kept search is the record", keep).await
    }
}
