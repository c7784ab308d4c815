//! Background work: ingestion, recovery of what dead processes left, sweeps, daily sums, shutdown.

use std::{future::Future, sync::atomic::Ordering, time::Duration};

use bytes::Bytes;
use chrono::TimeDelta;
use domain::{
    access::Scope,
    clock::Timestamp,
    gateways::{BlobError, BlobKey, Topic},
    ids::TenantId,
    page::PageRequest,
    store::Priority,
};
use futures::StreamExt;
use tokio::time::timeout;
use uuid::Uuid;

use crate::{App, ErrorKind, Result, audit::Act, unit_of_work::Uow};

/// How often expired leases are looked for. With the lease itself (20 s) it keeps the promise that
/// nothing stays unfinished for more than 30 s after a crash.
const RECONCILE_INTERVAL: Duration = Duration::from_secs(5);
/// How often forgotten things are swept.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10 * 60);
/// How often it is looked which ledgers are to be folded into daily sums, which is by the hour.
const FOLD_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// How often it is looked whether a disk that was full has room again.
const ROOM_INTERVAL: Duration = Duration::from_secs(5);
/// Room that there must be then.
const ROOM_BYTES: usize = 1024 * 1024;
/// How often counted acts are looked for whose minute has ended.
const COUNTED_INTERVAL: Duration = Duration::from_secs(10);
/// How often the gauges of what waits are set.
const MEASURE_INTERVAL: Duration = Duration::from_secs(10);
/// Expired things that are removed at once.
const SWEEP_BATCH: u32 = 1_000;
/// A file that no row names is removed when it is older: an upload in progress is younger.
const ORPHAN_AGE_SECONDS: u64 = 60 * 60;
/// Time that settling and giving back may take after everything was told to stop.
const HALT_GRACE: Duration = Duration::from_secs(5);

impl App {
    /// Starts the background work of this process. It ends with [`App::shutdown`].
    pub fn start_background(&self) {
        let background = self.at(Priority::Background);
        for _ in 0..self.parts.settings.ingest_workers {
            let app = background.clone();
            self.parts.tasks.spawn(async move { app.work().await });
        }
        // What providers were paid for, and what would otherwise stay unfinished.
        self.at(Priority::Settlement).every(RECONCILE_INTERVAL, "reconcile", |app| async move {
            app.start_flusher();
            app.reconcile_streams().await?;
            app.reconcile_calls().await?;
            Ok(())
        });
        background.every(SWEEP_INTERVAL, "sweep", |app| async move { app.sweep().await });
        background.every(FOLD_INTERVAL, "fold", |app| async move { app.fold_usage().await });
        background.every(ROOM_INTERVAL, "room", |app| async move { app.look_for_room().await });
        background.every(COUNTED_INTERVAL, "counted", |app| async move { app.write_counted(app.now()).await });
        background.every(MEASURE_INTERVAL, "measure", |app| async move { app.measure().await });
        let app = self.clone();
        self.parts.tasks.spawn(async move { app.forget_actors().await });
    }

    /// Stops: nothing new begins, what runs may end within `grace`, then it is told to; returns
    /// whether everything ended by itself.
    pub async fn shutdown(&self, grace: Duration) -> bool {
        self.parts.shutdown.cancel();
        self.parts.tasks.close();
        let drained = timeout(grace, self.parts.tasks.wait()).await.is_ok();
        if !drained {
            tracing::warn!(streams = self.parts.live.len(), "ending what still runs");
            self.parts.halt.cancel();
            if timeout(HALT_GRACE, self.parts.tasks.wait()).await.is_err() {
                tracing::error!("some work did not end; the next start recovers it");
            }
        }
        // Those of the minutes that run, too.
        if let Err(error) = self.write_counted(Timestamp::MAX_UTC).await {
            tracing::error!(error = ?error, "acts that were counted could not be put on record");
        }
        drained
    }

    /// Tells everything that still runs to end now.
    pub fn halt(&self) {
        self.parts.halt.cancel();
    }

    /// Does `work` now and then every `interval`, until shutdown; failures are logged.
    fn every<F: Future<Output = Result<()>> + Send>(
        &self,
        interval: Duration,
        name: &'static str,
        work: impl Fn(Self) -> F + Send + 'static,
    ) {
        let app = self.clone();
        self.parts.tasks.spawn(async move {
            while !app.parts.shutdown.is_cancelled() {
                if let Err(error) = work(app.clone()).await {
                    tracing::warn!(work = name, error = ?error, "background work failed; it is done again later");
                }
                tokio::select! {
                    () = tokio::time::sleep(interval) => {}
                    () = app.parts.shutdown.cancelled() => {}
                }
            }
        });
    }

    /// Drops cached actors whose rights have changed.
    async fn forget_actors(&self) {
        let mut wakeups = self.parts.wakeups.subscribe();
        loop {
            let woken = tokio::select! {
                woken = wakeups.next() => woken,
                () = self.parts.shutdown.cancelled() => return,
            };
            match woken {
                Some(Topic::Access(user)) => self.parts.actors.forget(user.into()),
                Some(Topic::Flush(id)) => {
                    if let Some(live) = self.parts.live.get(id.into()) {
                        live.place.hurry();
                    }
                }
                Some(Topic::Jobs | Topic::Stream(_)) => {}
                None => return,
            }
        }
    }

    /// Where the disk was full, tries whether there is room: for a file of some size, as a small row finds room between
    /// others, and for a row that says so. The server is told to be unready meanwhile, so maybe nobody else tries.
    async fn look_for_room(&self) -> Result<()> {
        if !self.parts.is_full.load(Ordering::Relaxed) {
            return Ok(());
        }
        if !self.has_room().await? {
            return Ok(());
        }
        let resumed = |_| std::future::ready(Ok(((), Act::on("storage_resumed", "installation", Uuid::nil()))));
        match self.change_in(&Scope::system("writing goes on"), None, resumed).await {
            Err(error) if error.kind == ErrorKind::StorageFull => Ok(()),
            Err(error) => Err(error),
            Ok(()) => {
                tracing::info!("there is room on the disk again");
                self.parts.is_full.store(false, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    /// Whether a file of some size finds room.
    async fn has_room(&self) -> Result<bool> {
        let key = BlobKey::new(TenantId(Uuid::nil()), self.parts.ids.random());
        let probe = futures::stream::once(async { Ok(Bytes::from_static(&[0; ROOM_BYTES])) });
        let put = self.parts.blobs.put(&key, probe.boxed()).await;
        self.parts.blobs.remove(&key).await?;
        match put {
            Err(BlobError::Full(_)) => Ok(false),
            put => Ok(put.map(|_| true)?),
        }
    }

    /// A file found no room: whether nothing else does, or it was a large one.
    pub(crate) async fn look_whether_full(&self) {
        if !self.has_room().await.unwrap_or(true) {
            self.note_full("there is no room for files");
        }
    }

    /// Removes the events of streams that ended long ago. Messages hold what was said.
    async fn sweep_events(&self) -> Result<()> {
        let scope = Scope::system("remove events of ended streams");
        let kept = TimeDelta::from_std(self.parts.settings.events_kept).unwrap_or(TimeDelta::MAX);
        let Some(ended_before) = self.now().checked_sub_signed(kept) else { return Ok(()) };
        loop {
            let remove = |tx: Uow| async move { Ok(tx.streams().remove_events(ended_before, SWEEP_BATCH).await?) };
            let removed = self.unaudited(&scope, "the answer stays, in its message", remove).await?;
            if removed < u64::from(SWEEP_BATCH) || self.parts.shutdown.is_cancelled() {
                return Ok(());
            }
        }
    }

    async fn sweep(&self) -> Result<()> {
        let scope = Scope::system("remove expired idempotency keys");
        let remove = |tx: Uow| async move { Ok(tx.idempotency().remove_expired(tx.now(), SWEEP_BATCH).await?) };
        self.unaudited(&scope, "a kept answer ends by its own date", remove).await?;
        self.sweep_events().await?;
        let mut page = PageRequest::default();
        loop {
            let scope = Scope::system("sweep files that no row names");
            let tenants = self.query_in(&scope, async |tx| Ok(tx.tenants().list(page).await?)).await?;
            for tenant in &tenants.items {
                self.sweep_files(tenant.id).await?;
            }
            match tenants.next {
                Some(cursor) => page.cursor = Some(cursor),
                None => return Ok(()),
            }
        }
    }

    async fn sweep_files(&self, tenant: TenantId) -> Result<()> {
        let old: Vec<_> = self
            .parts
            .blobs
            .list(tenant)
            .await?
            .into_iter()
            .filter(|(_, age)| *age > ORPHAN_AGE_SECONDS)
            .map(|(key, _)| key)
            .collect();
        for keys in old.chunks(SWEEP_BATCH as usize) {
            let find = async |tx: &Uow| Ok(tx.sources().unnamed_files(keys).await?);
            let orphans = self.query_in(&Scope::system_in(tenant), find).await?;
            for key in &orphans {
                tracing::info!(file = %key, "removing a file that no row names");
                self.parts.blobs.remove(key).await?;
            }
        }
        Ok(())
    }
}
