//! How calls grow with what is stored: a tenth of a large installation (that of 10,000 users after a year:
//! a million conversations, ten million messages, fifty million calls) beside a tenth and a hundredth of
//! itself. All are filled by SQL, then served and called by turns.

mod chunks;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use domain::clock::{Clock, SystemClock};
use e2e::{Client, Installation, installation::message, program};
use infra_providers::scripted::Script;
use serde_json::json;

use self::chunks::Chunks;
use super::{
    calls::{InTurn, answer, completion, streamed, whole},
    conversation::page,
    figures::{Figure, Goal},
    fill::{Conversations, Filler, conversation_id},
    sql::{Database, Dialect},
};

/// How much is filled.
struct Size {
    name: &'static str,
    conversations: i64,
    /// Calls in the ledger, those of the answers included.
    calls: i64,
    /// On PostgreSQL.
    chunks: i64,
}

/// From the smallest to the greatest, whose growth over the others is told.
const SIZES: [Size; 3] = [
    Size { name: "a hundredth", conversations: 1_000, calls: 50_000, chunks: 10_000 },
    Size { name: "a tenth", conversations: 10_000, calls: 500_000, chunks: 100_000 },
    Size { name: "filled", conversations: 100_000, calls: 5_000_000, chunks: 1_000_000 },
];
/// Conversations of a user. The admin, who calls, is one of them.
const OF_USER: i64 = 100;
/// Messages of the conversation `c.i`: 2, 4 … 18, 10 on average. Half of them are answers.
const LENGTH: &str = "(2 + 2 * (c.i % 9))";
const LONGEST: i64 = 18;

/// Blocks of calls; in each every kind is called in every size. One more before them is not counted.
const BLOCKS: usize = 10;
/// Calls of one kind in a block.
const CALLS: usize = 20;
/// How long the server is looked at to see whether it rests, the share of a processor that it may use then,
/// and how long that may take.
const LOOK: Duration = Duration::from_secs(3);
const AT_REST: f64 = 0.03;
const REST_LIMIT: Duration = Duration::from_secs(20 * 60);
const GIGABYTE: f64 = 1e9;

impl Size {
    /// Answers in all conversations, by [`LENGTH`].
    fn answers(&self) -> i64 {
        (1..=self.conversations).map(|number| 1 + number % 9).sum()
    }

    /// Those who own the conversations.
    const fn users(&self) -> i64 {
        self.conversations / OF_USER
    }
}

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    List,
    Open,
    Turn,
    Completion,
    Summary,
    Search,
}

impl Call {
    const ALL: [Self; 6] = [Self::List, Self::Open, Self::Turn, Self::Completion, Self::Summary, Self::Search];

    const fn name(self) -> &'static str {
        match self {
            Self::List => "list page",
            Self::Open => "open",
            Self::Turn => "turn",
            Self::Completion => "completion",
            Self::Summary => "summary of a month",
            Self::Search => "search",
        }
    }

    /// How many times longer it may take in the filled database than in another, which is named by its place
    /// in [`SIZES`]: than in the one of a tenth, and a search in a million chunks than in 10,000.
    const fn most(self) -> (f64, usize) {
        match self {
            Self::List | Self::Open | Self::Turn | Self::Completion => (1.5, 1),
            Self::Summary => (3.0, 1),
            Self::Search => (5.0, 0),
        }
    }
}

/// On PostgreSQL, with chunks.
pub(crate) async fn on_postgres() -> Result<Vec<Figure>> {
    measure(Installation::on_postgres).await
}

/// On SQLite, without.
pub(crate) async fn on_sqlite() -> Result<Vec<Figure>> {
    measure(Installation::on_sqlite).await
}

async fn measure(set_up: impl AsyncFn() -> Result<Installation>) -> Result<Vec<Figure>> {
    let (mut figures, mut installations) = (Vec::new(), Vec::new());
    for size in &SIZES {
        let mut installation = set_up().await?;
        installation.upstream.set_default(Script::reply(answer(64)));
        figures.extend(fill(&mut installation, size).await?);
        installations.push(installation);
    }
    let clients = installations.iter().map(Installation::client).collect::<Result<Vec<_>>>()?;
    let has_chunks = installations.iter().all(|installation| installation.database.is_some());
    let calls: Vec<Call> = Call::ALL.into_iter().filter(|call| has_chunks || *call != Call::Search).collect();
    let mut measured: Vec<[InTurn; SIZES.len()]> = calls.iter().map(|_| Default::default()).collect();
    for block in 0..=BLOCKS {
        for (&call, measured) in calls.iter().zip(&mut measured) {
            for (place, measured) in measured.iter_mut().enumerate() {
                let size = &SIZES[place];
                let made = InTurn::call(&installations[place], CALLS, async |number| {
                    make(call, &clients[place], size, block * CALLS + number).await
                });
                let made = made.await.with_context(|| format!("{}, {}", call.name(), size.name))?;
                if block > 0 {
                    measured.extend(made);
                }
            }
        }
    }
    figures.extend(calls.into_iter().zip(&measured).flat_map(|(call, measured)| growth(call, measured)));
    Ok(figures)
}

/// What a call took in each size, and how that grew up to the greatest.
fn growth(call: Call, measured: &[InTurn; SIZES.len()]) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (size, made) in SIZES.iter().zip(measured) {
        figures.extend(made.figures(&format!("{}, {}", call.name(), size.name), Goal::None));
    }
    let [others @ .., filled] = measured;
    for (place, other) in others.iter().enumerate() {
        let name = format!("{}: filled over {}", call.name(), SIZES[place].name);
        let (most, compared) = call.most();
        let goal = if place == compared { Goal::AtMost(most) } else { Goal::None };
        figures.push(Figure::new(format!("{name}, p50"), filled.median() / other.median(), "ratio", goal));
        figures.push(Figure::plain(format!("{name}, processor time"), filled.each() / other.each(), "ratio"));
    }
    figures
}

/// Fills one size. The server is away meanwhile.
async fn fill(installation: &mut Installation, size: &Size) -> Result<Vec<Figure>> {
    let start = Instant::now();
    installation.server.kill()?;
    let mut database = Database::open(installation).await?;
    let filler = Filler::new(installation, &mut database).await?;
    let is_smallest = size.conversations == SIZES[0].conversations;
    // What is written is the same in each size. So the smallest is written with every key, trigger and check
    // that the schema has, and its books are checked; the others are spared what that costs.
    let begin = begin(database.dialect(), is_smallest);
    database.run(begin).await?;
    let (users, answers) = (size.users(), size.answers());
    let conversations =
        Conversations { from: 1, to: size.conversations, length: LENGTH.to_owned(), longest: LONGEST, users };
    let statements =
        [filler.users(users), filler.conversations(&conversations), filler.calls(1, size.calls - answers, users)];
    for statement in &statements {
        database.run(statement).await?;
    }
    database.run("COMMIT").await?;
    let name = |figure: &str| format!("{}: {figure}", size.name);
    let mut figures = vec![
        Figure::plain(name("conversations"), size.conversations as f64, "rows"),
        Figure::plain(name("messages"), 2.0 * answers as f64, "rows"),
        Figure::plain(name("calls in the ledger"), size.calls as f64, "rows"),
        Figure::plain(name("filling them"), start.elapsed().as_secs_f64() / 60.0, "minutes"),
    ];
    if let Database::Postgres(connection) = &mut database {
        let Chunks { filling, indexing } = chunks::fill(connection, installation, begin, size.chunks).await?;
        figures.extend([
            Figure::plain(name("chunks"), size.chunks as f64, "rows"),
            Figure::plain(name("filling them and their vectors"), filling.as_secs_f64() / 60.0, "minutes"),
            Figure::plain(name("building their indexes"), indexing.as_secs_f64() / 60.0, "minutes"),
        ]);
    }
    for statement in end(database.dialect()) {
        database.run(statement).await?;
    }
    figures.push(Figure::plain(name("size"), database.size().await? / GIGABYTE, "GB"));
    println!("{}: filled in {:.1} minutes", size.name, start.elapsed().as_secs_f64() / 60.0);
    drop(database);
    if is_smallest {
        books(installation).await?;
    }
    installation.server.restart().await?;
    figures.push(Figure::plain(name("until the server rests after its start"), rest(installation).await?, "s"));
    Ok(figures)
}

/// Waits until the server has done what it does behind its start with what it finds; gives the seconds.
async fn rest(installation: &Installation) -> Result<f64> {
    let begun = Instant::now();
    while begun.elapsed() < REST_LIMIT {
        let meter = installation.meter()?;
        tokio::time::sleep(LOOK).await;
        let spent = meter.spent()?;
        if spent.server + spent.database < LOOK.mul_f64(AT_REST) {
            return Ok((begun.elapsed() - LOOK).as_secs_f64());
        }
    }
    bail!("the server still works {} minutes after its start", REST_LIMIT.as_secs() / 60)
}

const fn begin(dialect: Dialect, with_checks: bool) -> &'static str {
    match (dialect, with_checks) {
        (_, true) => "BEGIN",
        (Dialect::Postgres, false) => "BEGIN; SET LOCAL session_replication_role = replica",
        // Without a log of what was there before: all is made anew should the machine fail.
        (Dialect::Sqlite, false) => {
            "PRAGMA foreign_keys = OFF; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; \
             PRAGMA cache_size = -2000000; BEGIN"
        }
    }
}

/// What happens by itself within some minutes where rows come one by one.
const fn end(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Postgres => &["VACUUM (ANALYZE)", "CHECKPOINT"],
        Dialect::Sqlite => &["PRAGMA journal_mode = WAL"],
    }
}

/// Lets the program compare each conversation's totals with its rows of the ledger.
async fn books(installation: &Installation) -> Result<()> {
    let url = match &installation.database {
        Some(database) => database.url().to_owned(),
        None => format!("sqlite://{}", installation.sqlite_file().display()),
    };
    let found = program::run(&["usage", "reconcile"], &[("BANYAN_DATABASE_URL", &url)]).await?;
    ensure!(found.trim() == "0", "the books are wrong: {found}");
    Ok(())
}

/// The beginning of that day.
fn thirty_days_ago() -> String {
    (SystemClock.now() - Duration::from_secs(30 * 24 * 60 * 60)).format("%Y-%m-%dT00:00:00Z").to_string()
}

/// Makes the call of this number.
async fn make(call: Call, client: &Client, size: &Size, number: usize) -> Result<()> {
    // The admin's conversations, round and round.
    let conversation = (number as i64 % OF_USER + 1) * size.users();
    let path = format!("/api/v1/conversations/{}/messages", conversation_id(conversation));
    match call {
        Call::List => page(client, "/api/v1/conversations", None, (50, 50)).await.map(drop),
        Call::Open => {
            let open = client.get(&format!("{path}?limit=50")).await?.expect(200)?;
            let items = open["items"].as_array().map_or(0, Vec::len);
            ensure!(items >= 2, "{items} messages");
            Ok(())
        }
        Call::Turn => streamed(client, &path, &message("And then?")).await,
        Call::Completion => whole(client, &completion(false)).await,
        Call::Summary => {
            let summary =
                client.get(&format!("/api/v1/usage/summary?from={}", thirty_days_ago())).await?.expect(200)?;
            let requests = summary["total"]["requests"].as_i64().unwrap_or(0);
            ensure!(requests > size.calls / 14, "{requests} calls in a month of {}", size.calls);
            Ok(())
        }
        Call::Search => {
            let body = json!({ "query": chunks::question(number as u64), "mode": "hybrid" });
            let found = client.post("/api/v1/search", &body).await?.expect(200)?;
            let items = found["items"].as_array().map_or(0, Vec::len);
            ensure!(items > 0 && found["mode"] == "hybrid", "{items} passages by {}", found["mode"]);
            Ok(())
        }
    }
}
