//! Reading conversations: pages of the list, pages of long branches, and a branch that goes into a prompt.

use anyhow::{Context, Result, ensure};
use e2e::{Client, Installation, installation::message};
use infra_providers::scripted::Script;

use super::{
    calls::{InTurn, answer, streamed, timed},
    figures::{Figure, Goal, Times},
    fill::{Conversations, Filler, conversation_id},
    sql::Database,
};

/// Messages of the branches whose first pages are compared, how often each is read, and how much longer the
/// long one may take.
const LENGTHS: [i64; 2] = [100, 10_000];
const ROUNDS: usize = 200;
const MOST: f64 = 3.0;
/// Messages of a branch that is opened, the pages of all of it, and how often it is.
const OPENED: i64 = 500;
const PAGES: [(usize, usize); 3] = [(200, 200), (200, 200), (200, 100)];
const OPENINGS: usize = 500;
/// Milliseconds of processor time for its newest page, and for all of it.
const NEWEST: f64 = 1.0;
const WHOLE: f64 = 6.0;
/// Messages above a question: as many as go into a prompt at most, and few. So many conversations are asked.
const ABOVE: [i64; 2] = [400, 2];
const ASKED: i64 = 100;
/// Conversations of the list, besides.
const LISTED: i64 = 2_000;
/// Items of a page.
const PAGE: usize = 50;

/// On PostgreSQL.
pub(crate) async fn on_postgres() -> Result<Vec<Figure>> {
    measure(&Installation::on_postgres().await?).await
}

/// On SQLite.
pub(crate) async fn on_sqlite() -> Result<Vec<Figure>> {
    measure(&Installation::on_sqlite().await?).await
}

async fn measure(installation: &Installation) -> Result<Vec<Figure>> {
    installation.upstream.set_default(Script::reply(answer(64)));
    let first = fill(installation).await?;
    installation.analyze().await?;
    let client = installation.client()?;
    let (client, path) = (&client, |number: i64| format!("/api/v1/conversations/{}/messages", conversation_id(number)));
    let mut figures = list(installation, client).await?;
    figures.extend(open(installation, client, &path(first.opened)).await?);
    let mut times: [Times; _] = Default::default();
    for _ in 0..ROUNDS {
        for (offset, times) in (0..).zip(&mut times) {
            times.add(
                timed(async { page(client, &path(first.compared + offset), None, (PAGE, PAGE)).await.map(drop) })
                    .await?,
            );
        }
    }
    let [short, long] = times.map(|times| times.median());
    figures.extend([
        Figure::plain(format!("newest {PAGE} of {} messages, p50", LENGTHS[0]), short, "ms"),
        Figure::plain(format!("newest {PAGE} of {} messages, p50", LENGTHS[1]), long, "ms"),
        Figure::new("the long one over the short one", long / short, "ratio", Goal::AtMost(MOST)),
    ]);
    let mut each = Vec::new();
    for (kind, above) in (0..).zip(ABOVE) {
        let asked = InTurn::call(installation, ASKED as usize, async |round| {
            streamed(client, &path(first.asked + kind * ASKED + round as i64), &message("And then?")).await
        });
        let asked = asked.await?;
        figures.extend(asked.figures(&format!("turn at the end of {above} messages"), Goal::None));
        each.push(asked.each());
    }
    let added = each[0] - each[1];
    let name = format!("processor time that {} messages in the prompt add to a turn", ABOVE[0] - ABOVE[1]);
    figures.push(Figure::plain(name, added, "ms"));
    Ok(figures)
}

/// Numbers of the first conversation of each sort.
struct First {
    compared: i64,
    opened: i64,
    asked: i64,
}

async fn fill(installation: &Installation) -> Result<First> {
    let mut database = Database::open(installation).await?;
    let filler = Filler::new(installation, &mut database).await?;
    let mut next = 1;
    let mut statements = String::from("BEGIN;");
    let mut add = |count: i64, length: i64| {
        let from = next;
        next += count;
        let wanted = Conversations { from, to: next - 1, length: length.to_string(), longest: length, users: 1 };
        statements += &filler.conversations(&wanted);
        from
    };
    add(LISTED, 2);
    let compared = add(1, LENGTHS[0]);
    add(1, LENGTHS[1]);
    let opened = add(1, OPENED);
    let asked = add(ASKED, ABOVE[0]);
    add(ASKED, ABOVE[1]);
    statements += "COMMIT";
    database.run(&statements).await?;
    Ok(First { compared, opened, asked })
}

/// The first page of the list, and one far behind it.
async fn list(installation: &Installation, client: &Client) -> Result<Vec<Figure>> {
    const LIST: &str = "/api/v1/conversations";
    let mut cursor = None;
    for _ in 0..LISTED as usize / PAGE / 2 {
        cursor = page(client, LIST, cursor.as_deref(), (PAGE, PAGE)).await?;
    }
    let mut figures = Vec::new();
    for (name, cursor) in [("first", None), ("a middle", cursor)] {
        let read = InTurn::call(installation, OPENINGS, async |_| {
            page(client, LIST, cursor.as_deref(), (PAGE, PAGE)).await.map(drop)
        });
        figures.extend(read.await?.figures(&format!("{name} page of the list of conversations"), Goal::None));
    }
    Ok(figures)
}

/// The newest messages of a branch, and all of it.
async fn open(installation: &Installation, client: &Client, path: &str) -> Result<Vec<Figure>> {
    let newest =
        InTurn::call(installation, OPENINGS, async |_| page(client, path, None, (PAGE, PAGE)).await.map(drop)).await?;
    let whole = InTurn::call(installation, OPENINGS / PAGES.len(), async |_| {
        let mut cursor = None;
        for sizes in PAGES {
            cursor = page(client, path, cursor.as_deref(), sizes).await?;
        }
        ensure!(cursor.is_none(), "there is more than {} pages", PAGES.len());
        Ok(())
    });
    let name = format!("all {OPENED} messages in {} pages", PAGES.len());
    let newest = newest.figures(&format!("newest {PAGE} of {OPENED} messages"), Goal::AtMost(NEWEST));
    Ok(newest.into_iter().chain(whole.await?.figures(&name, Goal::AtMost(WHOLE))).collect())
}

/// Reads a page of at most so many items, which must have so many; gives the cursor of the next.
pub(super) async fn page(
    client: &Client,
    path: &str,
    cursor: Option<&str>,
    (limit, wanted): (usize, usize),
) -> Result<Option<String>> {
    let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
    let page = client.get(&format!("{path}?limit={limit}{cursor}")).await?.expect(200)?;
    let items = page["items"].as_array().context("the page has no items")?;
    ensure!(items.len() == wanted, "{} items instead of {wanted}", items.len());
    Ok(page["next_cursor"].as_str().map(str::to_owned))
}
