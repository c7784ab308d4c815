//! Search: what is found, and by whom.

use app::knowledge::SearchRequest;
use domain::{
    access::{Actor, SystemRole},
    gateways::Topic,
    knowledge::{CollectionVisibility, RetrievalMode},
    usage::AgentType,
};
use infra_providers::scripted::{EmbeddingFault, EmbeddingScript, ScriptedServer};

use crate::support::{Bench, Choice, refusal, registry};

/// A search in all that the actor may read.
pub(crate) fn request(query: &str, mode: RetrievalMode) -> SearchRequest {
    SearchRequest { query: query.to_owned(), collections: None, limit: None, mode }
}

async fn files(bench: &Bench, actor: &Actor, query: &str) -> Vec<String> {
    let found = bench.app.knowledge().search(actor, request(query, RetrievalMode::Hybrid)).await.unwrap();
    let mut files: Vec<String> = found.items.into_iter().map(|item| item.filename).collect();
    files.sort_unstable();
    files
}

#[tokio::test]
async fn everybody_finds_what_it_may_read_and_nothing_else() {
    let bench = Bench::plain();
    bench.start();
    let (acme, other) = (bench.tenant("acme").await, bench.tenant("other").await);
    let ada = bench.user(&acme, "ada", SystemRole::User).await;
    let bob = bench.user(&acme, "bob", SystemRole::Viewer).await;
    let root = bench.user(&acme, "root", SystemRole::TenantAdmin).await;
    let eve = bench.user(&other, "eve", SystemRole::TenantAdmin).await;
    let private = bench.collection(&ada, "private", CollectionVisibility::Private).await;
    let shared = bench.collection(&ada, "shared", CollectionVisibility::Shared).await;
    let foreign = bench.collection(&eve, "foreign", CollectionVisibility::Shared).await;
    bench.ingest(&ada, &private, "private.md", "The banyan is secret.").await;
    bench.ingest(&ada, &shared, "shared.md", "The banyan is shared.").await;
    bench.ingest(&eve, &foreign, "foreign.md", "The banyan is foreign.").await;

    assert_eq!(files(&bench, &ada, "banyan").await, ["private.md", "shared.md"]);
    assert_eq!(files(&bench, &bob, "banyan").await, ["shared.md"]);
    assert_eq!(files(&bench, &root, "banyan").await, ["private.md", "shared.md"]);
    assert_eq!(files(&bench, &eve, "banyan").await, ["foreign.md"]);
    assert_eq!(files(&bench, &ada, "zeppelin").await, [] as [String; 0]);

    // What one may not read cannot be named either, and an answer rests on nothing more.
    for (actor, collection, allowed) in [
        (&ada, &private, true),
        (&bob, &private, false),
        (&bob, &shared, true),
        (&eve, &shared, false),
        (&ada, &foreign, false),
    ] {
        let named =
            SearchRequest { collections: Some(vec![collection.id]), ..request("banyan", RetrievalMode::Lexical) };
        let found = bench.app.knowledge().search(actor, named).await;
        match allowed {
            true => assert_eq!(found.unwrap().items.len(), 1),
            false => assert_eq!(refusal(found), "not_found"),
        }
        let read = bench.app.knowledge().collection(actor, collection.id).await;
        assert_eq!(read.is_ok(), allowed);
    }
    let carl = bench.user(&acme, "carl", SystemRole::User).await;
    let id = bench.conversation(&carl, "banyan/extractive").await.id;
    let answer = bench.ask(&carl, id, "What is the banyan?").await.parts.plain_text();
    assert!(answer.contains("shared") && !answer.contains("secret") && !answer.contains("foreign"), "{answer}");
}

#[tokio::test]
async fn modes_limits_and_blank_questions() {
    let server = ScriptedServer::start().await.unwrap();
    let embedder = crate::support::embedder(&server);
    let models = Some(registry(&server.base_url()));
    let bench = Bench::with(Choice { models, embedder: Some(embedder), ..Choice::default() });
    bench.start();
    let ada = bench.ada().await;
    let collection = bench.collection(&ada, "notes", CollectionVisibility::Private).await;
    bench.ingest(&ada, &collection, "fig.md", "The banyan is a fig tree.").await;
    bench.ingest(&ada, &collection, "oak.md", "The oak drops acorns.").await;
    domain::gateways::Wakeups::send(&bench.wakeups, Topic::Jobs).await;
    let before = bench.ledger(&ada).await.len();
    let knowledge = bench.app.knowledge();
    for (mode, paid) in [(RetrievalMode::Lexical, 0), (RetrievalMode::Vector, 1), (RetrievalMode::Hybrid, 2)] {
        let found = knowledge.search(&ada, request("acorns of the oak", mode)).await.unwrap();
        assert_eq!((found.items[0].filename.as_str(), found.mode), ("oak.md", mode));
        assert_eq!(bench.ledger_of(&ada, before + paid).await.len() - before, paid, "{mode:?}");
    }
    assert!(bench.ledger(&ada).await.iter().all(|row| row.agent_type == AgentType::Embedding && !row.is_estimated));
    let one = SearchRequest { limit: Some(1), ..request("tree", RetrievalMode::Vector) };
    assert_eq!(knowledge.search(&ada, one).await.unwrap().items.len(), 1);
    for (query, limit) in [("", None), (" \t", None), ("tree", Some(0)), ("tree", Some(51))] {
        let asked = SearchRequest { limit, ..request(query, RetrievalMode::Hybrid) };
        assert_eq!(refusal(knowledge.search(&ada, asked).await), "invalid", "{query:?} {limit:?}");
    }
    // Without the embedder words must do; who asked for vectors is told.
    server.set_embeddings(EmbeddingScript { fault: Some(EmbeddingFault::Status(400)), ..Default::default() });
    let found = knowledge.search(&ada, request("acorns", RetrievalMode::Hybrid)).await.unwrap();
    assert_eq!((found.items[0].filename.as_str(), found.mode), ("oak.md", RetrievalMode::Lexical));
    let refused = knowledge.search(&ada, request("acorns", RetrievalMode::Vector)).await;
    assert_eq!(refusal(refused), "upstream_invalid_request");
}

#[tokio::test]
async fn without_an_embedding_model_search_goes_by_words() {
    let bench = Bench::plain();
    bench.start();
    let ada = bench.ada().await;
    let collection = bench.collection(&ada, "notes", CollectionVisibility::Private).await;
    bench.ingest(&ada, &collection, "oak.md", "The oak drops acorns.").await;
    let found = bench.app.knowledge().search(&ada, request("acorns", RetrievalMode::Hybrid)).await.unwrap();
    assert_eq!((found.items.len(), found.mode), (1, RetrievalMode::Lexical));
    let refused = bench.app.knowledge().search(&ada, request("acorns", RetrievalMode::Vector)).await;
    assert_eq!(refusal(refused), "no_embedding_model");
    assert_eq!(bench.ledger(&ada).await, []);
}
