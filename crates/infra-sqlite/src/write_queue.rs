//! The write queue: one connection, one transaction at a time, commits that share a flush.
//!
//! SQLite has one writer, and a commit with `synchronous=FULL` waits for the disk: some hundred a
//! second. So transactions that wait for each other share a flush:
//!
//! - The write queue is a fair lock around the only writing connection, and a bounded number is let into
//!   it, by kind of work and in turn among tenants. Whoever holds the lock works in a SAVEPOINT inside one `BEGIN IMMEDIATE`, which the first of a group opens.
//! - `commit` leaves a receipt, passes the queue on, and wakes the flusher. The savepoint is released with
//!   the next statement of the write queue, which is the next one's SAVEPOINT or the COMMIT.
//! - The flusher is a task that queues for the same lock. When its turn comes, everybody who waited
//!   before it has worked: it says COMMIT once and then answers all receipts. The group is thus
//!   exactly those who were waiting already; a lone writer waits for nobody.
//! - `commit` returns only after that COMMIT. If it fails, everyone in the group is told so, and
//!   nothing of the group was written.
//! - A transaction that is dropped (or cancelled) leaves its savepoint's number in the write queue. The
//!   next one to get the lock rolls that savepoint back first; dropping wakes the flusher, so that
//!   a group never waits for a next writer.
//! - Some errors (a full disk, an I/O error) end the whole SQLite transaction. After any failed
//!   statement its unit of work is poisoned, so nothing runs outside a transaction, and rolling
//!   back to a savepoint that is gone shows that the group is lost.
//!
//! - A transaction may ask for less: that its commit outlives the process, and not a power cut. A group
//!   that such a one opens is not flushed (`synchronous=NORMAL`), and ends before one that wants more
//!   begins; the flush of the next group carries it to the disk.
//! - A key that is checked only at COMMIT (DEFERRABLE INITIALLY DEFERRED) can make a whole group fail
//!   for one of it. A group of one is told so; of a larger one nobody knows who it was, so all are
//!   told to try again, and the next ones commit alone.
//!
//! The steps that change what is open (BEGIN, SAVEPOINT, COMMIT, ROLLBACK) run in tasks of their own,
//! which a caller's cancellation cannot cut in half.

use std::{fmt, sync::Arc, time::Duration};

use domain::{
    ids::TenantId,
    store::{Priority, StoreError},
};
use infra_sql::{Admission, Admitted};
use sqlx::{AssertSqlSafe, ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::{
    sync::{Mutex, Notify, OwnedMutexGuard, oneshot},
    task::JoinHandle,
    time::timeout,
};

/// Most transactions in the write queue: the one at work, and those of its group that wait. Who enters it next
/// is for [`Admission`] to say.
const MOST_QUEUED: usize = 32;

/// What a commit outlives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// The death of this process: it waits for no disk.
    Process,
    /// A power cut.
    Disk,
}

/// Why the write queue could not do its work.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum WriteQueueError {
    /// The write queue was not free in time.
    #[error("the writer was not free within {0:?}")]
    Busy(Duration),
    /// Nor was a place in it.
    #[error(transparent)]
    NotAdmitted(Arc<StoreError>),
    /// The group of transactions could not be committed; nothing of it was written.
    #[error("the transaction could not be committed: {0}")]
    Lost(Arc<sqlx::Error>),
    /// Another transaction of the group may have been at fault; nothing of the group was written.
    #[error("the transaction was rolled back with others that it shared a flush with; try it again")]
    LostWithOthers,
    /// The process is stopping.
    #[error("the store is closing")]
    Closing,
    /// SQLite refused a step of the write queue itself.
    #[error("the writer failed: {0}")]
    Sqlite(Arc<sqlx::Error>),
}

impl From<sqlx::Error> for WriteQueueError {
    fn from(error: sqlx::Error) -> Self {
        Self::Sqlite(Arc::new(error))
    }
}

type Receipt = oneshot::Sender<Result<(), WriteQueueError>>;

/// What the lock guards: the connection and what is open on it.
struct Writer {
    options: SqliteConnectOptions,
    /// Absent after a failure that left its state unknown, until the next transaction reconnects.
    connection: Option<SqliteConnection>,
    /// BEGIN was said, COMMIT or ROLLBACK not yet.
    is_open: bool,
    /// What the connection's commits outlive; `None`: that is not known.
    durability: Option<Durability>,
    /// The savepoint of the transaction in the write queue, or of one that was dropped in it.
    savepoint: Option<u64>,
    /// The savepoint of a transaction that has joined the group, to be released.
    joined: Option<u64>,
    last_savepoint: u64,
    receipts: Vec<Receipt>,
    /// So many of the next transactions commit alone.
    alone: usize,
}

impl Writer {
    async fn connection(&mut self) -> Result<&mut SqliteConnection, sqlx::Error> {
        match &mut self.connection {
            Some(connection) => Ok(connection),
            slot => Ok(slot.insert(self.options.connect().await?)),
        }
    }

    async fn say(&mut self, sql: impl Into<String>) -> Result<(), sqlx::Error> {
        let connection = self.connection().await?;
        sqlx::raw_sql(AssertSqlSafe(sql.into())).execute(connection).await?;
        Ok(())
    }

    /// Opens a savepoint for a new transaction, in a new group where none is open that it may join.
    async fn start(&mut self, wanted: Durability) -> Result<(), WriteQueueError> {
        self.undo_dropped().await;
        if self.is_open && wanted == Durability::Disk && self.durability != Some(wanted) {
            self.finish_group().await;
        }
        self.last_savepoint += 1;
        let number = self.last_savepoint;
        if self.is_open {
            let release = self.joined.take().map(|joined| format!("RELEASE unit_{joined}; ")).unwrap_or_default();
            self.say(format!("{release}SAVEPOINT unit_{number}")).await?;
        } else {
            // Set first: should the second statement fail, the group is ended by the flusher.
            self.is_open = true;
            let pragma = match wanted {
                _ if self.durability == Some(wanted) => "",
                Durability::Process => "PRAGMA synchronous = NORMAL; ",
                Durability::Disk => "PRAGMA synchronous = FULL; ",
            };
            self.durability = None;
            if let Err(error) = self.say(format!("{pragma}BEGIN IMMEDIATE; SAVEPOINT unit_{number}")).await {
                let cause = WriteQueueError::from(error);
                self.lose_group(&cause).await;
                return Err(cause);
            }
            self.durability = Some(wanted);
        }
        self.savepoint = Some(number);
        Ok(())
    }

    /// Adds the present transaction to the group.
    async fn join(&mut self, receipt: Receipt) -> Result<(), WriteQueueError> {
        let Some(number) = self.savepoint.take() else { return Err(WriteQueueError::Closing) };
        self.joined = Some(number);
        self.receipts.push(receipt);
        if self.alone > 0 {
            self.alone -= 1;
            self.finish_group().await;
        }
        Ok(())
    }

    /// Undoes the transaction that was left in the write queue, if there is one.
    async fn undo_dropped(&mut self) {
        let Some(number) = self.savepoint.take() else { return };
        if let Err(error) = self.say(format!("ROLLBACK TO unit_{number}; RELEASE unit_{number}")).await {
            // An earlier error, such as a full disk, ended the whole SQLite transaction.
            tracing::error!(%error, "a transaction of the queue had ended before its time");
            self.lose_group(&WriteQueueError::LostWithOthers).await;
        }
    }

    /// Makes the group durable and tells everyone in it.
    async fn finish_group(&mut self) {
        self.undo_dropped().await;
        if !self.is_open {
            return;
        }
        let end = if self.receipts.is_empty() { "ROLLBACK" } else { "COMMIT" };
        match self.say(end).await {
            Ok(()) => {
                self.is_open = false;
                self.joined = None;
                for receipt in self.receipts.drain(..) {
                    // Whoever has gone away does not hear that it was written.
                    let _ = receipt.send(Ok(()));
                }
            }
            Err(error) if is_foreign_key(&error) && self.receipts.len() > 1 => {
                self.alone = self.receipts.len() * 2;
                self.lose_group(&WriteQueueError::LostWithOthers).await;
            }
            Err(error) => self.lose_group(&WriteQueueError::Lost(Arc::new(error))).await,
        }
    }

    /// Rolls the group back and tells everyone in it why.
    async fn lose_group(&mut self, cause: &WriteQueueError) {
        tracing::error!(error = %cause, transactions = self.receipts.len(), "a group of transactions was rolled back");
        if let Err(error) = self.say("ROLLBACK").await
            && !error.to_string().contains("no transaction is active")
        {
            tracing::error!(%error, "the writer is reconnected");
            self.connection = None;
            self.durability = None;
        }
        self.is_open = false;
        self.savepoint = None;
        self.joined = None;
        for receipt in self.receipts.drain(..) {
            let _ = receipt.send(Err(cause.clone()));
        }
    }
}

/// Whether a deferred foreign key failed (SQLITE_CONSTRAINT_FOREIGNKEY).
fn is_foreign_key(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == "787")
}

/// The write queue. Cloned handles of it live in open transactions.
pub(crate) struct WriteQueue {
    writer: Arc<Mutex<Writer>>,
    flush: Arc<Notify>,
    flusher: JoinHandle<()>,
    admission: Admission,
    wait: Duration,
}

impl fmt::Debug for WriteQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteQueue").finish_non_exhaustive()
    }
}

impl Drop for WriteQueue {
    fn drop(&mut self) {
        // Open transactions hold the write queue, so none is left that waits for the flusher.
        self.flusher.abort();
    }
}

impl WriteQueue {
    /// Opens the write queue. Each transaction waits at most `wait` for its turn.
    pub(crate) async fn open(options: SqliteConnectOptions, wait: Duration) -> Result<Self, sqlx::Error> {
        let connection = Some(options.connect().await?);
        let writer = Arc::new(Mutex::new(Writer {
            options,
            connection,
            is_open: false,
            durability: None,
            savepoint: None,
            joined: None,
            last_savepoint: 0,
            receipts: Vec::new(),
            alone: 0,
        }));
        let flush = Arc::new(Notify::new());
        let flusher = tokio::spawn({
            let (writer, flush) = (Arc::clone(&writer), Arc::clone(&flush));
            async move {
                loop {
                    flush.notified().await;
                    writer.lock().await.finish_group().await;
                }
            }
        });
        let admission = Admission::new("writer", MOST_QUEUED, wait);
        Ok(Self { writer, flush, flusher, admission, wait })
    }

    /// Waits for the write queue and opens a transaction in it.
    pub(crate) async fn begin(
        self: &Arc<Self>,
        tenant: Option<TenantId>,
        priority: Priority,
        wanted: Durability,
    ) -> Result<QueuedTx, WriteQueueError> {
        let admitted = self.admission.enter(tenant, priority).await;
        let admitted = admitted.map_err(|error| WriteQueueError::NotAdmitted(Arc::new(error)))?;
        let writer = timeout(self.wait, Arc::clone(&self.writer).lock_owned())
            .await
            .map_err(|_| WriteQueueError::Busy(self.wait))?;
        let mut turn = QueuedTx { writer: Some(writer), admitted: Some(admitted), queue: Arc::clone(self) };
        let started = tokio::spawn(async move {
            match &mut turn.writer {
                Some(writer) => writer.start(wanted).await.map(|()| turn),
                None => Err(WriteQueueError::Closing),
            }
        });
        started.await.map_err(|_| WriteQueueError::Closing)?
    }
}

/// A transaction that holds the write queue. Dropping it undoes it.
pub(crate) struct QueuedTx {
    writer: Option<OwnedMutexGuard<Writer>>,
    /// Until it is somebody else's turn.
    admitted: Option<Admitted>,
    queue: Arc<WriteQueue>,
}

impl QueuedTx {
    /// The connection, to run statements of this transaction.
    pub(crate) async fn connection(&mut self) -> Result<&mut SqliteConnection, sqlx::Error> {
        match &mut self.writer {
            Some(writer) => writer.connection().await,
            None => Err(sqlx::Error::WorkerCrashed),
        }
    }

    /// Makes the transaction durable, with others that waited for the write queue. Being cancelled does
    /// not stop it.
    pub(crate) async fn commit(mut self) -> Result<(), WriteQueueError> {
        let committed = tokio::spawn(async move {
            let (receipt, answer) = oneshot::channel();
            if let Some(mut writer) = self.writer.take() {
                let joined = writer.join(receipt).await;
                drop(writer);
                self.admitted = None;
                self.queue.flush.notify_one();
                joined?;
            }
            answer.await.map_err(|_| WriteQueueError::Closing)?
        });
        committed.await.map_err(|_| WriteQueueError::Closing)?
    }

    /// Undoes the transaction, and returns when that is done.
    pub(crate) async fn rollback(mut self) {
        if let Some(mut writer) = self.writer.take() {
            let queue = Arc::clone(&self.queue);
            let undone = tokio::spawn(async move {
                writer.undo_dropped().await;
                drop(writer);
                queue.flush.notify_one();
            });
            // A task that dies with its runtime leaves the savepoint to the next one in the write queue.
            let _ = undone.await;
        }
    }
}

impl Drop for QueuedTx {
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            drop(writer);
            self.queue.flush.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Row;

    use super::*;

    /// Pages of the file in the tests of a full disk: 256 KiB.
    const PAGES: &str = "64";

    async fn queue(folder: &tempfile::TempDir) -> Arc<WriteQueue> {
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("queue.db"))
            .create_if_missing(true)
            .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
            .pragma("max_page_count", PAGES);
        let queue = Arc::new(WriteQueue::open(options, Duration::from_secs(10)).await.unwrap());
        let mut turn = begin(&queue, Durability::Disk).await.unwrap();
        say(&mut turn, "CREATE TABLE t (name TEXT, filling BLOB)").await.unwrap();
        turn.commit().await.unwrap();
        queue
    }

    async fn begin(queue: &Arc<WriteQueue>, wanted: Durability) -> Result<QueuedTx, WriteQueueError> {
        queue.begin(None, Priority::Request, wanted).await
    }

    async fn say(turn: &mut QueuedTx, sql: &'static str) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(sql).execute(turn.connection().await?).await.map(drop)
    }

    async fn names(queue: &Arc<WriteQueue>) -> Vec<String> {
        let mut turn = begin(queue, Durability::Disk).await.unwrap();
        let connection = turn.connection().await.unwrap();
        let rows = sqlx::raw_sql("SELECT name FROM t ORDER BY name").fetch_all(connection).await.unwrap();
        turn.rollback().await;
        rows.iter().map(|row| row.get(0)).collect()
    }

    #[tokio::test]
    async fn a_full_disk_is_told_to_all_whom_it_meets_and_the_lane_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let queue = queue(&folder).await;
        let mut first = begin(&queue, Durability::Disk).await.unwrap();
        say(&mut first, "INSERT INTO t VALUES ('first', NULL)").await.unwrap();
        // It waits for the write queue before the flusher does, so it joins the first one's group.
        let second = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move {
                let mut turn = begin(&queue, Durability::Disk).await.unwrap();
                let failed = say(&mut turn, "INSERT INTO t VALUES ('second', zeroblob(1000000))").await.unwrap_err();
                drop(turn);
                failed.to_string()
            }
        });
        tokio::task::yield_now().await;
        let first = first.commit().await;
        assert!(second.await.unwrap().contains("full"));
        assert!(matches!(first, Err(WriteQueueError::LostWithOthers)), "SQLite ended its transaction too: {first:?}");
        assert_eq!(names(&queue).await, Vec::<String>::new());

        let mut third = begin(&queue, Durability::Disk).await.unwrap();
        say(&mut third, "INSERT INTO t VALUES ('third', NULL)").await.unwrap();
        third.commit().await.unwrap();
        assert_eq!(names(&queue).await, ["third"]);
    }

    #[tokio::test]
    async fn those_who_wait_share_one_commit() {
        let folder = tempfile::tempdir().unwrap();
        let queue = queue(&folder).await;
        let holder = begin(&queue, Durability::Disk).await.unwrap();
        let waiting: Vec<_> = (0..20)
            .map(|_| {
                let queue = Arc::clone(&queue);
                tokio::spawn(async move {
                    let mut turn = begin(&queue, Durability::Disk).await.unwrap();
                    say(&mut turn, "INSERT INTO t VALUES ('one of many', NULL)").await.unwrap();
                    // One before which a COMMIT stood would have begun a new group.
                    let number = turn.writer.as_ref().unwrap().receipts.len();
                    turn.commit().await.unwrap();
                    number
                })
            })
            .collect();
        tokio::task::yield_now().await;
        holder.rollback().await;
        let mut numbers = Vec::new();
        for task in waiting {
            numbers.push(task.await.unwrap());
        }
        assert_eq!(numbers, (0..20).collect::<Vec<_>>());
        assert_eq!(names(&queue).await.len(), 20);
    }

    /// What SQLite says of the flushes of this transaction's connection: 1 NORMAL, 2 FULL.
    async fn synchronous(turn: &mut QueuedTx) -> i64 {
        let connection = turn.connection().await.unwrap();
        sqlx::raw_sql("PRAGMA synchronous").fetch_one(connection).await.unwrap().get(0)
    }

    #[tokio::test]
    async fn one_that_wants_the_disk_shares_no_group_with_one_that_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let queue = queue(&folder).await;
        let mut hasty = begin(&queue, Durability::Process).await.unwrap();
        say(&mut hasty, "INSERT INTO t VALUES ('hasty', NULL)").await.unwrap();
        assert_eq!(synchronous(&mut hasty).await, 1);
        // It waits for the write queue before the flusher does.
        let careful = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move {
                let mut turn = begin(&queue, Durability::Disk).await.unwrap();
                assert_eq!(turn.writer.as_ref().unwrap().receipts.len(), 0, "it is the first of its group");
                assert_eq!(synchronous(&mut turn).await, 2);
                say(&mut turn, "INSERT INTO t VALUES ('careful', NULL)").await.unwrap();
                turn
            }
        });
        tokio::task::yield_now().await;
        hasty.commit().await.unwrap();
        careful.await.unwrap().rollback().await;
        assert_eq!(names(&queue).await, ["hasty"]);
    }

    #[tokio::test]
    async fn one_that_wants_less_joins_a_group_that_gets_more() {
        let folder = tempfile::tempdir().unwrap();
        let queue = queue(&folder).await;
        let careful = begin(&queue, Durability::Disk).await.unwrap();
        let hasty = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move {
                let mut turn = begin(&queue, Durability::Process).await.unwrap();
                (synchronous(&mut turn).await, turn.writer.as_ref().unwrap().receipts.len())
            }
        });
        tokio::task::yield_now().await;
        careful.commit().await.unwrap();
        assert_eq!(hasty.await.unwrap(), (2, 1));
    }
}
