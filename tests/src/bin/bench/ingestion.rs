//! Files from upload to searchable, with an embedder that answers at once.

use std::{
    collections::HashSet,
    ops::Range,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use e2e::{Client, Installation, installation::id_of, processor::resident, text::document};
use serde_json::json;
use sqlx::PgConnection;

use super::figures::{Figure, Goal};

/// Files of each half; memory is looked at after both.
const FILES: u64 = 250;
/// Files before that are not counted: connections and statistics of the database fill.
const WARM_UP: u64 = 40;
/// Bytes of a file.
const BYTES: usize = 15 * 1024;
/// Uploads at once.
const UPLOADERS: u64 = 8;
/// How long a half may take.
const LIMIT: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(20);
/// Files a second that are wanted.
const WANTED: f64 = 50.0;
/// Growth of the server's memory between the halves that counts as flat, in MB.
const FLAT: f64 = 16.0;

/// Measures on PostgreSQL.
pub(crate) async fn measure() -> Result<Vec<Figure>> {
    let installation = Installation::on_postgres().await?;
    let client = installation.client()?;
    let collection = client.post("/api/v1/collections", &json!({ "name": "Files" })).await?.expect(201)?;
    let path = format!("/api/v1/collections/{}/sources", id_of(&collection)?);
    let mut database = installation.postgres()?.superuser().await?;
    let process = installation.server.process_id()?;

    ingest(&client, &path, &mut database, 0..WARM_UP).await?;
    installation.analyze().await?;
    let first = ingest(&client, &path, &mut database, WARM_UP..WARM_UP + FILES).await?;
    let before = resident(process)?;
    let second = ingest(&client, &path, &mut database, WARM_UP + FILES..WARM_UP + 2 * FILES).await?;
    let after = resident(process)?;

    let chunks: i64 = sqlx::query_scalar("SELECT count(*) FROM chunks").fetch_one(&mut database).await?;
    let vectors: i64 = sqlx::query_scalar("SELECT count(*) FROM chunk_embeddings").fetch_one(&mut database).await?;
    let mut sent = 0_usize;
    let mut distinct = HashSet::new();
    for request in installation.upstream.requests() {
        for input in request.body["input"].as_array().into_iter().flatten() {
            sent += 1;
            distinct.insert(input.as_str().context("an input is no text")?.to_owned());
        }
    }
    ensure!(distinct.len() == sent, "{} chunks were embedded again", sent - distinct.len());
    Ok(vec![
        Figure::new("files from upload to searchable, first half", FILES as f64 / first, "1/s", Goal::AtLeast(WANTED)),
        Figure::new(
            "files from upload to searchable, second half",
            FILES as f64 / second,
            "1/s",
            Goal::AtLeast(WANTED),
        ),
        Figure::plain("chunks a file", chunks as f64 / (WARM_UP + 2 * FILES) as f64, "chunks"),
        Figure::plain("calls of the embedder", installation.upstream.requests().len() as f64, "calls"),
        Figure::new(
            "texts embedded, less chunks stored",
            (sent as i64 - chunks).abs() as f64,
            "texts",
            Goal::AtMost(0.0),
        ),
        Figure::new(
            "vectors stored, less chunks stored",
            (vectors - chunks).abs() as f64,
            "vectors",
            Goal::AtMost(0.0),
        ),
        Figure::plain("server's memory after the first half", before, "MB"),
        Figure::new("its growth in the second half", after - before, "MB", Goal::AtMost(FLAT)),
    ])
}

/// Uploads files and waits until all are searchable; gives the seconds.
async fn ingest(client: &Client, path: &str, database: &mut PgConnection, files: Range<u64>) -> Result<f64> {
    let start = Instant::now();
    let uploads = (0..UPLOADERS).map(|uploader| {
        let (client, path, files) = (client.clone(), path.to_owned(), files.clone());
        tokio::spawn(async move {
            for number in files.filter(|number| number % UPLOADERS == uploader) {
                let file = document(number, BYTES).into_bytes();
                client.upload(&path, &format!("file-{number}.md"), "text/markdown", file).await?.expect(202)?;
            }
            anyhow::Ok(())
        })
    });
    for upload in uploads.collect::<Vec<_>>() {
        upload.await??;
    }
    let wanted = i64::try_from(files.end)?;
    loop {
        let count = "SELECT count(*) FILTER (WHERE status = 'processed'), count(*) FILTER (WHERE status = 'error') FROM sources";
        let (done, failed): (i64, i64) = sqlx::query_as(count).fetch_one(&mut *database).await?;
        ensure!(failed == 0, "{failed} files could not be ingested");
        if done == wanted {
            return Ok(start.elapsed().as_secs_f64());
        }
        if start.elapsed() > LIMIT {
            bail!("only {done} of {wanted} files became searchable");
        }
        tokio::time::sleep(POLL).await;
    }
}
