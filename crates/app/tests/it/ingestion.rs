//! From an uploaded file to what can be found, step by step, through every failure.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use app::{Settings, knowledge::PlainParser};
use async_trait::async_trait;
use bytes::Bytes;
use chrono::TimeDelta;
use domain::{
    access::{Actor, Scope, SystemRole},
    admin::{Job, JobState, job::MAX_ATTEMPTS},
    clock::Clock,
    gateways::{
        BlobKey, BlobStore, ByteStream, DocumentParser, Embedder, EmbeddingInput, EmbeddingModel, EmbeddingPurpose,
        Embeddings, GatewayError, ParseError, ParseErrorKind, ParsedDocument, Topic,
    },
    ids::{IdGen, SourceId},
    knowledge::{CollectionVisibility, ProcessingStatus, RetrievalMode},
    usage::AgentType,
};
use futures::{StreamExt, TryStreamExt, stream};
use infra_providers::scripted::{EmbeddingFault, EmbeddingScript, ScriptedServer};

use crate::support::{Bench, Choice, GatedEmbedder, done, refusal, registry, tenant_of, until};

/// Sections that do not fit into one chunk together.
fn document(sections: usize) -> String {
    let section = |number| {
        let sentence = format!("Paragraph {number} tells of the tree number{number} and of its leaves. ");
        format!("# Tree {number}\n\n{}\n\n", sentence.repeat(30))
    };
    (0..sections).map(section).collect()
}

/// Reads text, counts how often, and refuses while it is told to.
#[derive(Default)]
struct CountingParser {
    parsed: AtomicUsize,
    refuses: AtomicBool,
}

#[async_trait]
impl DocumentParser for CountingParser {
    fn detect(&self, head: &Bytes, filename: &str) -> Result<&'static str, ParseError> {
        PlainParser.detect(head, filename)
    }

    async fn parse(&self, mime_type: &str, content: ByteStream) -> Result<ParsedDocument, ParseError> {
        self.parsed.fetch_add(1, SeqCst);
        if self.refuses.load(SeqCst) {
            return Err(ParseError::new(ParseErrorKind::Encrypted, "the file needs a password; upload it without one"));
        }
        PlainParser.parse(mime_type, content).await
    }
}

async fn job(bench: &Bench, actor: &Actor, source: SourceId) -> Job {
    let scope = Scope::system_in(tenant_of(actor));
    bench.world.read(&scope, async |tx| tx.jobs().find_by_source(source).await).await.unwrap()
}

async fn until_job(bench: &Bench, actor: &Actor, source: SourceId, state: JobState) -> Job {
    domain::gateways::Wakeups::send(&bench.wakeups, Topic::Jobs).await;
    until("the job is as it should be", async || job(bench, actor, source).await.state == state).await;
    job(bench, actor, source).await
}

/// Chunks of the newest version, and how many of them have a vector.
async fn counts(bench: &Bench, actor: &Actor, source: SourceId) -> (u64, u64, u64) {
    let scope = Scope::system_in(tenant_of(actor));
    bench
        .world
        .read(&scope, async |tx| {
            let version = tx.sources().latest_version(source).await?.unwrap();
            let chunks = tx.chunks().count(version.id).await?;
            Ok((version.chunk_count, chunks, tx.chunk_index().count(version.id, "openai/vectors").await?))
        })
        .await
}

#[tokio::test]
async fn a_file_becomes_chunks_with_vectors_once_and_its_cost_is_known() {
    let server = ScriptedServer::start().await.unwrap();
    let embedder = crate::support::embedder(&server);
    let models = Some(registry(&server.base_url()));
    let bench = Bench::with(Choice { models, embedder: Some(embedder), ..Choice::default() });
    bench.start();
    let ada = bench.ada().await;
    let collection = bench.collection(&ada, "trees", CollectionVisibility::Private).await;
    let uploaded = bench.upload(&ada, &collection, "trees.md", document(40)).await.unwrap();
    assert_eq!(uploaded.source.status, ProcessingStatus::Uploaded);
    until_job(&bench, &ada, uploaded.source.id, JobState::Done).await;

    let view = bench.app.knowledge().source(&ada, uploaded.source.id).await.unwrap();
    assert_eq!((view.source.status, view.progress.step.as_str()), (ProcessingStatus::Processed, "done"));
    let version = view.version.unwrap();
    assert_eq!(view.source.current_version_id, Some(version.id));
    assert_eq!(version.character_count, document(40).chars().count() as u64);
    assert_eq!((version.embedding_model.as_deref(), version.embedding_dimension), (Some("openai/vectors"), Some(256)));
    let (chunks, stored, vectors) = counts(&bench, &ada, uploaded.source.id).await;
    assert!(chunks > 32, "more than one batch: {chunks}");
    assert_eq!((stored, vectors), (chunks, chunks));
    let collection = bench.app.knowledge().collection(&ada, collection.id).await.unwrap();
    assert_eq!(collection.chunk_count, chunks);

    let rows = bench.ledger(&ada).await;
    let charged: Vec<u64> = server.bill().iter().map(|charge| charge.input_tokens).collect();
    let accounted: Vec<u64> = rows.iter().map(|row| row.tokens.input_tokens).collect();
    assert_eq!(accounted, charged);
    assert!(rows.iter().all(|row| row.agent_type == AgentType::Embedding && row.user_id == Some(ada.user_id)));
    assert_eq!(bench.audited(&ada, "source_published").await, 1);
}

#[tokio::test]
async fn what_a_parser_refuses_is_final_until_it_is_retried() {
    let parser = Arc::new(CountingParser::default());
    let bench = Bench::with(Choice { parser: Some(parser.clone()), ..Choice::default() });
    bench.start();
    let ada = bench.ada().await;
    let collection = bench.collection(&ada, "trees", CollectionVisibility::Private).await;
    parser.refuses.store(true, SeqCst);
    let source = bench.upload(&ada, &collection, "a.md", "# A\n\nThe banyan is a fig.").await.unwrap().source.id;
    let dead = until_job(&bench, &ada, source, JobState::Dead).await;
    assert_eq!((dead.attempts, parser.parsed.load(SeqCst)), (1, 1));
    let view = bench.app.knowledge().source(&ada, source).await.unwrap();
    let sentence = "the file needs a password; upload it without one";
    assert_eq!((view.source.status, view.source.error.as_deref()), (ProcessingStatus::Error, Some(sentence)));
    assert_eq!((view.progress.step.as_str(), view.version.unwrap().error.as_deref()), ("error", Some(sentence)));
    assert_eq!(bench.audited(&ada, "source_failed").await, 1);

    parser.refuses.store(false, SeqCst);
    bench.clock.advance(TimeDelta::seconds(1));
    done(bench.app.knowledge().retry(&ada, source, None).await.unwrap());
    until_job(&bench, &ada, source, JobState::Done).await;
    let view = bench.app.knowledge().source(&ada, source).await.unwrap();
    assert_eq!((view.source.status, view.source.error), (ProcessingStatus::Processed, None));
    assert_eq!(refusal(bench.app.knowledge().retry(&ada, source, None).await), "not_failed");
}

#[tokio::test]
async fn a_retry_is_caused_by_who_asks_for_it() {
    let parser = Arc::new(CountingParser::default());
    let bench = Bench::with(Choice { parser: Some(parser.clone()), ..Choice::default() });
    bench.start();
    let acme = bench.tenant("acme").await;
    let ada = bench.user(&acme, "ada", SystemRole::User).await;
    let admin = bench.user(&acme, "admin", SystemRole::TenantAdmin).await;
    let collection = bench.collection(&ada, "trees", CollectionVisibility::Private).await;
    parser.refuses.store(true, SeqCst);
    let source = bench.upload(&ada, &collection, "a.md", "# A\n\nThe banyan is a fig.").await.unwrap().source.id;
    assert_eq!(until_job(&bench, &ada, source, JobState::Dead).await.user_id, Some(ada.user_id));
    parser.refuses.store(false, SeqCst);
    bench.clock.advance(TimeDelta::seconds(1));
    done(bench.app.knowledge().retry(&admin, source, None).await.unwrap());
    assert_eq!(until_job(&bench, &ada, source, JobState::Done).await.user_id, Some(admin.user_id));
}

#[tokio::test]
async fn an_embedder_that_fails_is_tried_again_ever_later_and_then_given_up() {
    let server = ScriptedServer::start().await.unwrap();
    let embedder = crate::support::embedder(&server);
    let parser = Arc::new(CountingParser::default());
    let bench = Bench::with(Choice {
        models: Some(registry(&server.base_url())),
        embedder: Some(embedder),
        parser: Some(parser.clone()),
        settings: Settings { ingest_workers: 1, ..Settings::default() },
        ..Choice::default()
    });
    bench.start();
    let ada = bench.ada().await;
    let collection = bench.collection(&ada, "trees", CollectionVisibility::Private).await;
    // Slow enough for the call to be put on record.
    let delay = Duration::from_millis(30);
    let failing = EmbeddingScript { fault: Some(EmbeddingFault::Status(500)), delay, ..EmbeddingScript::default() };
    server.set_embeddings(failing);
    let source = bench.upload(&ada, &collection, "a.md", document(40)).await.unwrap().source.id;
    for attempt in 1..MAX_ATTEMPTS {
        domain::gateways::Wakeups::send(&bench.wakeups, Topic::Jobs).await;
        until("the attempt has failed", async || {
            let job = job(&bench, &ada, source).await;
            (job.attempts, job.state) == (attempt, JobState::Queued)
        })
        .await;
        let waiting = job(&bench, &ada, source).await;
        assert_eq!(waiting.run_at - bench.clock.now(), TimeDelta::seconds(1 << attempt), "attempt {attempt}");
        assert!(waiting.error.is_some());
        bench.clock.advance(TimeDelta::seconds(1 << attempt));
    }
    let dead = until_job(&bench, &ada, source, JobState::Dead).await;
    assert_eq!((dead.attempts, parser.parsed.load(SeqCst)), (MAX_ATTEMPTS, 1));
    let view = bench.app.knowledge().source(&ada, source).await.unwrap();
    assert_eq!(view.source.status, ProcessingStatus::Error);
    assert!(view.source.error.unwrap().contains("openai"));
    let (chunks, stored, vectors) = counts(&bench, &ada, source).await;
    assert!(chunks > 32 && stored == chunks && vectors == 0);

    server.set_embeddings(EmbeddingScript::default());
    done(bench.app.knowledge().retry(&ada, source, None).await.unwrap());
    until_job(&bench, &ada, source, JobState::Done).await;
    assert_eq!(counts(&bench, &ada, source).await, (chunks, chunks, chunks));
    assert_eq!(parser.parsed.load(SeqCst), 1);
    let collection = bench.app.knowledge().collection(&ada, collection.id).await.unwrap();
    assert_eq!(collection.chunk_count, chunks);
    // A provider that refuses does not charge, and nobody makes up a charge for it later.
    bench.recover_after_leases().await;
    let accounted: u64 = bench.ledger(&ada).await.iter().map(|row| row.tokens.total()).sum();
    let charged: u64 = server.bill().iter().map(|charge| charge.input_tokens).sum();
    assert_eq!(accounted, charged);
}

#[tokio::test]
async fn a_killed_worker_is_followed_by_one_that_goes_on_where_it_was() {
    let (embedder, gate) = GatedEmbedder::new();
    let parser = Arc::new(CountingParser::default());
    let settings = Settings { ingest_workers: 1, ..Settings::default() };
    let choice =
        Choice { embedder: Some(embedder.clone()), parser: Some(parser.clone()), settings, ..Choice::default() };
    let bench = Bench::with(choice);
    let ada = bench.ada().await;
    let collection = bench.collection(&ada, "trees", CollectionVisibility::Private).await;
    gate.allow(2);
    let source = bench.upload(&ada, &collection, "a.md", document(12)).await.unwrap().source.id;
    let process = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let app = bench.app.clone();
    process.spawn(async move { app.start_background() });
    gate.held().await;
    let (chunks, stored, vectors) = counts(&bench, &ada, source).await;
    assert!(chunks >= 12 && stored == chunks, "{chunks} chunks");
    assert_eq!(vectors, 8, "two batches are paid and kept");
    tokio::task::spawn_blocking(move || process.shutdown_timeout(Duration::from_secs(30))).await.unwrap();

    gate.open();
    bench.clock.advance(TimeDelta::seconds(21));
    let (next, _) = bench.instance(Some(embedder), Settings { ingest_workers: 1, ..Settings::default() });
    next.start_background();
    let ended = until_job(&bench, &ada, source, JobState::Done).await;
    assert_eq!((ended.attempts, ended.fence), (2, 2));
    assert_eq!(counts(&bench, &ada, source).await, (chunks, chunks, chunks));
    assert_eq!(parser.parsed.load(SeqCst), 1);
    let batches = chunks.div_ceil(4) as usize;
    assert_eq!(gate.begun(), batches + 1, "one batch was asked for twice");
    bench.recover_after_leases().await;
    let rows = bench.ledger(&ada).await;
    assert!((batches..=batches + 1).contains(&rows.len()), "{} rows for {batches} batches", rows.len());
    assert_eq!(rows.iter().filter(|row| !row.is_estimated).count(), batches);
    assert_eq!(bench.audited(&ada, "source_published").await, 1);
    assert!(next.shutdown(Duration::from_secs(30)).await);
}

/// Panics at the first text that it is to count.
struct PanickingOnce {
    inner: Arc<GatedEmbedder>,
    has_panicked: AtomicBool,
}

#[async_trait]
impl Embedder for PanickingOnce {
    fn model(&self) -> &EmbeddingModel {
        self.inner.model()
    }

    async fn embed(&self, input: &EmbeddingInput, purpose: EmbeddingPurpose) -> Result<Embeddings, GatewayError> {
        self.inner.embed(input, purpose).await
    }

    fn count_tokens(&self, text: &str) -> u32 {
        assert!(self.has_panicked.swap(true, SeqCst), "the first count fails");
        self.inner.count_tokens(text)
    }

    fn max_batch(&self) -> usize {
        self.inner.max_batch()
    }
}

#[tokio::test]
async fn a_try_that_ends_while_cutting_a_large_text_is_followed_by_one_that_does_not_parse_again() {
    let embedder = Arc::new(PanickingOnce { inner: GatedEmbedder::new().0, has_panicked: AtomicBool::new(false) });
    let parser = Arc::new(CountingParser::default());
    let choice = Choice { embedder: Some(embedder), parser: Some(parser.clone()), ..Choice::default() };
    let bench = Bench::with(choice);
    bench.start();
    let ada = bench.ada().await;
    let collection = bench.collection(&ada, "trees", CollectionVisibility::Private).await;
    let source = bench.upload(&ada, &collection, "a.md", document(60)).await.unwrap().source.id;
    until("the first try has failed", async || {
        let job = job(&bench, &ada, source).await;
        (job.attempts, job.state) == (1, JobState::Queued)
    })
    .await;
    let (chunks, stored, _) = counts(&bench, &ada, source).await;
    assert_eq!((chunks, stored, parser.parsed.load(SeqCst)), (0, 0, 1));

    bench.clock.advance(TimeDelta::seconds(2));
    until_job(&bench, &ada, source, JobState::Done).await;
    let (chunks, stored, vectors) = counts(&bench, &ada, source).await;
    assert!(chunks >= 60 && (stored, vectors) == (chunks, chunks), "{chunks} chunks");
    assert_eq!(parser.parsed.load(SeqCst), 1);
    let version = bench.app.knowledge().source(&ada, source).await.unwrap().version.unwrap();
    assert_eq!(version.character_count, document(60).chars().count() as u64);
}

#[tokio::test]
async fn a_file_that_kills_every_worker_is_given_up() {
    let bench = Bench::plain();
    let ada = bench.ada().await;
    let collection = bench.collection(&ada, "trees", CollectionVisibility::Private).await;
    let source = bench.upload(&ada, &collection, "a.md", "# A\n\nThe banyan is a fig.").await.unwrap().source.id;
    let scope = Scope::system("claim a job");
    for _ in 0..MAX_ATTEMPTS {
        // A process claims it, and dies of it.
        let now = bench.clock.now();
        let end = now + TimeDelta::seconds(20);
        let claimed = bench.world.write(&scope, async |tx| tx.jobs().claim(now, end).await).await;
        assert!(claimed.is_some());
        bench.clock.advance(TimeDelta::seconds(21));
    }
    bench.start();
    until_job(&bench, &ada, source, JobState::Dead).await;
    let view = bench.app.knowledge().source(&ada, source).await.unwrap();
    assert_eq!(view.source.status, ProcessingStatus::Error);
    assert!(view.source.error.unwrap().contains("the server stopped"));
    // Somebody who believes in it may try again.
    done(bench.app.knowledge().retry(&ada, source, None).await.unwrap());
    until_job(&bench, &ada, source, JobState::Done).await;
}

#[tokio::test]
async fn an_answer_quotes_the_document_that_it_rests_on() {
    let bench = Bench::plain();
    bench.start();
    let ada = bench.ada().await;
    let collection = bench.collection(&ada, "trees", CollectionVisibility::Private).await;
    let text = "# Figs\n\nThe banyan strangles its host.\n\n# Oaks\n\nThe oak drops acorns in autumn.";
    bench.ingest(&ada, &collection, "trees.md", text).await;
    let id = bench.conversation(&ada, "banyan/extractive").await.id;
    let answer = bench.ask(&ada, id, "What does the oak drop in autumn?").await;
    assert!(answer.parts.plain_text().contains("“The oak drops acorns in autumn.” ["));
    let view = bench.app.conversations().message(&ada, id, answer.id).await.unwrap();
    let citation = &view.citations[0].citation;
    assert_eq!((citation.filename.as_str(), citation.quote.as_str()), ("trees.md", "The oak drops acorns in autumn."));
    let quoted: String = text
        .chars()
        .skip(citation.quote_start as usize)
        .take((citation.quote_end - citation.quote_start) as usize)
        .collect();
    assert_eq!(quoted, citation.quote);
    let found = bench.app.knowledge().search(&ada, crate::search::request("acorns", RetrievalMode::Lexical)).await;
    assert_eq!(found.unwrap().items[0].heading.as_deref(), Some("Oaks"));
}

/// Ingests a file of which an earlier try kept this text; returns the text that can be found then, how
/// often the file was parsed, and the text that is kept now.
async fn with_kept_text(kept: &'static [u8]) -> (String, usize, Vec<u8>) {
    let parser = Arc::new(CountingParser::default());
    let bench = Bench::with(Choice { parser: Some(parser.clone()), ..Choice::default() });
    let ada = bench.ada().await;
    let collection = bench.collection(&ada, "trees", CollectionVisibility::Private).await;
    let source = bench.upload(&ada, &collection, "a.md", "# Oaks\n\nThe oak drops acorns.").await.unwrap().source;
    let key = BlobKey::new(source.tenant_id, bench.ids.random());
    bench.blobs.put(&key, stream::once(async move { Ok(Bytes::from_static(kept)) }).boxed()).await.unwrap();
    let scope = Scope::system_in(source.tenant_id);
    bench
        .world
        .write(&scope, async |tx| {
            let mut version = tx.sources().latest_version(source.id).await?.unwrap();
            version.text_storage_key = Some(key);
            tx.sources().update_version(&version).await
        })
        .await;
    bench.start();
    until_job(&bench, &ada, source.id, JobState::Done).await;
    let (text, key) = bench
        .world
        .read(&scope, async |tx| {
            let version = tx.sources().latest_version(source.id).await?.unwrap();
            let chunks = tx.chunks().of_version(version.id, 0, 9).await?;
            let text: Vec<String> = chunks.into_iter().map(|chunk| chunk.content).collect();
            Ok((text.join(" "), version.text_storage_key.unwrap()))
        })
        .await;
    let pieces: Vec<Bytes> = bench.blobs.get(&key).await.unwrap().try_collect().await.unwrap();
    (text, parser.parsed.load(SeqCst), pieces.concat())
}

#[tokio::test]
async fn a_text_that_an_earlier_version_kept_is_used() {
    let today = include_bytes!("../../../../tests/stored_json/parsed_document_v1.json");
    let older = include_bytes!("../../../../tests/stored_json/parsed_document_without_version.json");
    for kept in [&today[..], &older[..]] {
        let (text, parsed, left) = with_kept_text(kept).await;
        assert!(text.contains("The banyan strangles its host.") && parsed == 0, "{text}");
        assert_eq!(left, kept);
    }
}

#[tokio::test]
async fn a_text_that_cannot_be_read_is_parsed_again() {
    let newer = include_bytes!("../../../../tests/stored_json/parsed_document_newer.json");
    for kept in [&newer[..], b"{\"version\":1,\"text\":\"Fi"] {
        let (text, parsed, left) = with_kept_text(kept).await;
        assert!(text.contains("The oak drops acorns.") && !text.contains("Figs") && parsed == 1, "{text}");
        assert!(left.starts_with(b"{\"version\":1,"), "{}", String::from_utf8_lossy(&left));
    }
}
