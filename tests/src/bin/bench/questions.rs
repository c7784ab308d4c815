//! Search through HTTP over the Python manual, by questions that people asked: its FAQ's own.
//!
//! The embedder is scripted: its vectors say which words a text holds. What is found by them is worth
//! nothing beside a real model's; how long it takes is the same.

use std::{
    collections::BTreeSet,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use e2e::{Client, Installation, fixtures, installation::id_of, processor::Meter};
use serde_json::{Value, json};

use super::figures::{Figure, Goal, Times};

/// Pages that are uploaded at most, in the order of their paths.
const PAGES: usize = 500;
/// Those are lists of links, or all other pages again.
const NO_PAGES: &[&str] = &["contents", "download", "genindex", "py-modindex", "search"];
/// Uploads at once.
const UPLOADERS: usize = 4;
/// How long it may take until all is searchable.
const INGESTION: Duration = Duration::from_secs(900);
const POLL: Duration = Duration::from_millis(200);
/// Words of a question.
const WORDS: std::ops::RangeInclusive<usize> = 5..=12;
/// Characters of a long question.
const LONG: usize = 300;
/// Searches of each kind that are timed.
const ROUNDS: usize = 400;
/// Searches before.
const WARM_UP: usize = 130;
/// What is written after an answer has this long before the processor time is read.
const REST: Duration = Duration::from_millis(500);
/// At most, for a hybrid search, in milliseconds.
const P50: f64 = 4.0;
const PROCESSOR: f64 = 4.0;

/// Measures on PostgreSQL.
pub(crate) async fn on_postgres() -> Result<Vec<Figure>> {
    measure(Installation::on_postgres().await?).await
}

/// Measures on SQLite.
pub(crate) async fn on_sqlite() -> Result<Vec<Figure>> {
    measure(Installation::on_sqlite().await?).await
}

/// A question, and the heading and file that answer it.
struct Question {
    text: String,
    filename: String,
}

async fn measure(installation: Installation) -> Result<Vec<Figure>> {
    let client = installation.client()?;
    let collection = client.post("/api/v1/collections", &json!({ "name": "Manual" })).await?.expect(201)?;
    let path = format!("/api/v1/collections/{}", id_of(&collection)?);
    let questions = questions()?;
    let chunks = upload(&client, &path).await?;
    installation.analyze().await?;
    let mut figures = vec![
        Figure::plain("chunks", chunks as f64, "chunks"),
        Figure::plain("questions of 5 to 12 words", questions.len() as f64, "questions"),
    ];
    let short: Vec<String> = questions.iter().map(|question| question.text.clone()).collect();
    for mode in ["hybrid", "lexical", "vector"] {
        let [found, gain] = quality(&client, &questions, mode).await?;
        figures.push(Figure::plain(format!("{mode}: the FAQ's own answer is among ten"), found, "share"));
        figures.push(Figure::plain(format!("{mode}: nDCG@10 of that answer"), gain, "share"));
        let Cost { times, processor } = cost(&installation, &client, &short, mode).await?;
        let goal = |most| if mode == "hybrid" { Goal::AtMost(most) } else { Goal::None };
        figures.push(Figure::new(format!("{mode}: search, p50"), times.median(), "ms", goal(P50)));
        figures.push(Figure::plain(format!("{mode}: search, p99"), times.quantile(0.99), "ms"));
        let name = format!("{mode}: processor time of a search, server");
        figures.push(Figure::plain(name, processor[0], "ms"));
        let name = format!("{mode}: processor time of a search, server and database");
        figures.push(Figure::new(name, processor[0] + processor[1], "ms", goal(PROCESSOR)));
    }
    let long: Vec<String> = long(&short);
    let Cost { times, processor } = cost(&installation, &client, &long, "hybrid").await?;
    figures.push(Figure::plain(format!("hybrid, {LONG} characters: search, p50"), times.median(), "ms"));
    let name = format!("hybrid, {LONG} characters: processor time, server and database");
    figures.push(Figure::plain(name, processor[0] + processor[1], "ms"));
    Ok(figures)
}

/// The pages of the manual.
fn pages() -> Result<Vec<std::path::PathBuf>> {
    let mut pages = fixtures::documents(PAGES)?;
    let stem = |page: &Path| page.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
    pages.retain(|page| !NO_PAGES.iter().any(|no| stem(page).starts_with(no)));
    Ok(pages)
}

/// A page's name, with that of its folder before it.
fn name_of(page: &Path) -> String {
    let parts: Vec<_> = page.iter().rev().take(2).map(|part| part.to_string_lossy()).collect();
    parts.iter().rev().map(AsRef::as_ref).collect::<Vec<_>>().join("-")
}

/// The questions of the FAQ.
fn questions() -> Result<Vec<Question>> {
    let mut questions = Vec::new();
    for page in pages()?.iter().filter(|page| page.parent().is_some_and(|folder| folder.ends_with("faq"))) {
        let text = std::fs::read_to_string(page)?;
        for level in ["h2", "h3"] {
            for part in text.split(&format!("<{level}>")).skip(1) {
                let heading = part.split("<a class=\"headerlink\"").next().unwrap_or_default();
                let text = plain(heading);
                if WORDS.contains(&text.split_whitespace().count()) {
                    questions.push(Question { text, filename: name_of(page) });
                }
            }
        }
    }
    ensure!(questions.len() >= 50, "there are {} questions; the Python manual is needed", questions.len());
    Ok(questions)
}

/// The text of a heading without its tags.
fn plain(html: &str) -> String {
    let text: String = html.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text)).collect();
    let text = text.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Questions one after the other, cut at [`LONG`] characters.
fn long(questions: &[String]) -> Vec<String> {
    let all = |start: usize| questions.iter().cycle().skip(start).take(12).cloned().collect::<Vec<_>>().join(" ");
    (0..questions.len()).map(|start| all(start).chars().take(LONG).collect()).collect()
}

/// Uploads the manual and waits until it is searchable; gives the number of chunks.
async fn upload(client: &Client, collection: &str) -> Result<u64> {
    let pages = pages()?;
    let uploads = (0..UPLOADERS).map(|uploader| {
        let (client, path) = (client.clone(), format!("{collection}/sources"));
        let own: Vec<_> = pages.iter().skip(uploader).step_by(UPLOADERS).cloned().collect();
        tokio::spawn(async move {
            let mut ids = Vec::new();
            for page in own {
                let content = std::fs::read(&page)?;
                let answer = client.upload(&path, &name_of(&page), "text/html", content).await?;
                // Two pages of the same content are one source.
                if answer.status != 409 {
                    ids.push(id_of(&answer.expect(202)?["source"])?);
                }
            }
            anyhow::Ok(ids)
        })
    });
    let mut waiting = BTreeSet::new();
    for upload in uploads.collect::<Vec<_>>() {
        waiting.extend(upload.await??);
    }
    let start = Instant::now();
    while let Some(id) = waiting.first().cloned() {
        let source = client.get(&format!("/api/v1/sources/{id}")).await?.expect(200)?;
        match source["status"].as_str() {
            Some("processed") => drop(waiting.remove(&id)),
            Some("error") => bail!("a page could not be ingested: {source}"),
            _ if start.elapsed() > INGESTION => bail!("{} pages are not searchable yet", waiting.len()),
            _ => tokio::time::sleep(POLL).await,
        }
    }
    let collection = client.get(collection).await?.expect(200)?;
    collection["chunk_count"].as_u64().context("the collection has no number of chunks")
}

async fn search(client: &Client, question: &str, mode: &str, limit: u32) -> Result<Vec<Value>> {
    let body = json!({ "query": question, "mode": mode, "limit": limit });
    let found = client.post("/api/v1/search", &body).await?.expect(200)?;
    Ok(found["items"].as_array().context("no items")?.clone())
}

/// How often the answer of the FAQ is among the first ten, and the nDCG@10 with the first chunk of it as
/// the only relevant one.
async fn quality(client: &Client, questions: &[Question], mode: &str) -> Result<[f64; 2]> {
    let (mut found, mut gain) = (0.0, 0.0);
    for question in questions {
        let items = search(client, &question.text, mode, 10).await?;
        let answers = |item: &Value| {
            item["filename"] == question.filename.as_str()
                && item["heading"].as_str().is_some_and(|heading| heading.contains(&question.text))
        };
        if let Some(rank) = items.iter().position(answers) {
            found += 1.0;
            gain += 1.0 / (rank as f64 + 2.0).log2();
        }
    }
    let count = questions.len() as f64;
    Ok([found / count, gain / count])
}

/// What searches cost.
struct Cost {
    times: Times,
    /// Milliseconds of a search, of the server and of PostgreSQL.
    processor: [f64; 2],
}

async fn cost(installation: &Installation, client: &Client, questions: &[String], mode: &str) -> Result<Cost> {
    let server = installation.server.process_id()?;
    let database = installation.database.as_ref().map(|database| database.name());
    let begin = || Meter::start(server, database);
    let mut times = Times::default();
    let mut meter = begin()?;
    for (round, question) in questions.iter().cycle().take(WARM_UP + ROUNDS).enumerate() {
        if round == WARM_UP {
            tokio::time::sleep(REST).await;
            meter = begin()?;
        }
        let start = Instant::now();
        search(client, question, mode, 10).await?;
        if round >= WARM_UP {
            times.add(start.elapsed());
        }
    }
    tokio::time::sleep(REST).await;
    let spent = meter.spent()?;
    let of = |time: Duration| time.as_secs_f64() * 1e3 / ROUNDS as f64;
    Ok(Cost { times, processor: [of(spent.server), of(spent.database)] })
}
