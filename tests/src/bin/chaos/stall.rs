//! F13: PostgreSQL stands still for a while, with every connection open.

use std::{
    fs,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use e2e::{Client, Installation, installation::CHAT_MODEL, processor::resident};
use serde_json::json;
use tokio::{sync::Mutex, task::JoinSet, time::sleep};

use super::verdict::Verdict;

const CLIENTS: usize = 32;
/// How long it stands still.
const STALL: Duration = Duration::from_secs(20);
/// Requests that begin this long behind the last of the stall find a database that works.
const RECOVERY: Duration = Duration::from_secs(2);
/// At most from a request to its refusal: the wait for a connection, and what two cores are late.
const REFUSED: Duration = Duration::from_secs(3);
const BEFORE: Duration = Duration::from_secs(5);
const AFTER: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);
/// Megabytes that the server may grow by.
const GROWTH: f64 = 32.0;
/// Connections that a server has: their requests were under way.
const CONNECTIONS: usize = 16;

/// A request, by when it began.
struct Asked {
    begun: Instant,
    took: Duration,
    /// `None`: the connection broke.
    status: Option<u16>,
}

/// What all clients saw.
type Seen = Arc<Mutex<Vec<Asked>>>;

pub(crate) async fn run() -> Result<Verdict> {
    let installation = Installation::on_postgres().await?;
    let client = installation.client()?;
    let process = installation.server.process_id()?;
    let seen = Seen::default();
    let mut asking = JoinSet::new();
    let end = Instant::now() + BEFORE + STALL + AFTER;
    for _ in 0..CLIENTS {
        asking.spawn(ask(client.clone(), end, Arc::clone(&seen)));
    }
    sleep(BEFORE).await;
    let (processes, before) = (processes_of(&installation).await?, resident(process)?);
    let standing_still = StandingStill::begin(processes)?;
    let stalled = Instant::now();
    let (mut alive, mut ready) = (0, 0);
    let mut looked = 0;
    while stalled.elapsed() < STALL {
        alive += usize::from(client.get("/livez").await?.status == 200);
        ready += usize::from(stalled.elapsed() > RECOVERY && client.get("/readyz").await?.status == 200);
        looked += 1;
        sleep(Duration::from_millis(500)).await;
    }
    let grown = resident(process)? - before;
    drop(standing_still);
    let resumed = Instant::now();
    asking.join_all().await.into_iter().collect::<Result<()>>()?;
    let ready_again = client.get("/readyz").await?.status;

    let seen = seen.lock().await;
    let while_stalled = |asked: &&Asked| asked.begun > stalled && asked.begun < resumed - REFUSED;
    let hung = seen.iter().filter(while_stalled).filter(|asked| asked.took > REFUSED).count();
    let refused = seen.iter().filter(while_stalled).filter(|asked| asked.status == Some(503)).count();
    let other = seen
        .iter()
        .filter(while_stalled)
        .filter(|asked| asked.status != Some(503) && asked.begun + asked.took < resumed)
        .count();
    let after: Vec<_> = seen.iter().filter(|asked| asked.begun > resumed + RECOVERY).collect();
    let failed_after = after.iter().filter(|asked| !matches!(asked.status, Some(200))).count();
    Ok(Verdict::default()
        .at_least("requests refused with 503", refused, 20)
        .at_most("requests that waited longer than 3 s for it", hung, CONNECTIONS)
        .must_be("requests that ended otherwise meanwhile", other, 0)
        .must_be("times it was not alive", looked - alive, 0)
        .must_be("times it was ready behind the first 2 s", ready, 0)
        .at_most("MB that the server grew", grown.round(), GROWTH)
        .must_be("ready again", ready_again, 200)
        .at_least("requests that began 2 s after it went on", after.len(), 50)
        .must_be("of them failed", failed_after, 0))
}

/// Half of the requests are completions, which the ledger takes, half read a list.
async fn ask(client: Client, end: Instant, seen: Seen) -> Result<()> {
    let question = json!({ "model": CHAT_MODEL, "messages": [{ "role": "user", "content": "Tell me more." }] });
    for number in 0_u64.. {
        let begun = Instant::now();
        if begun > end {
            break;
        }
        let answer = if number.is_multiple_of(2) {
            client.post("/v1/chat/completions", &question).await
        } else {
            client.get("/api/v1/conversations?limit=10").await
        };
        let status = answer.ok().map(|answer| answer.status);
        seen.lock().await.push(Asked { begun, took: begun.elapsed(), status });
        sleep(PAUSE).await;
    }
    Ok(())
}

/// The processes that serve the database, and their parent, which takes connections.
async fn processes_of(installation: &Installation) -> Result<Vec<String>> {
    let database = installation.postgres()?;
    let mut connection = database.superuser().await?;
    let serving = "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()";
    let mut serving: Vec<i32> = sqlx::query_scalar(serving).bind(database.name()).fetch_all(&mut connection).await?;
    let own: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut connection).await?;
    let stat = fs::read_to_string(format!("/proc/{own}/stat")).context("PostgreSQL does not run on this machine")?;
    let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)).context("no parent")?;
    serving.insert(0, parent.parse()?);
    Ok(serving.iter().map(ToString::to_string).collect())
}

/// Processes that stand still until this is dropped: nothing that comes behind it, the removal of the database before
/// all, would ever end.
struct StandingStill(Vec<String>);

impl StandingStill {
    fn begin(processes: Vec<String>) -> Result<Self> {
        let still = Self(processes);
        still.signal("-STOP")?;
        Ok(still)
    }

    /// One of them may have come to its end meanwhile; that the others heard it shows in what is refused.
    fn signal(&self, which: &str) -> Result<()> {
        Command::new("kill").arg(which).args(&self.0).status().map(drop).context("there is no 'kill'")
    }
}

impl Drop for StandingStill {
    fn drop(&mut self) {
        if let Err(error) = self.signal("-CONT") {
            eprintln!("PostgreSQL stands still: {error:#}");
        }
    }
}
