//! What the tests work with: an application over a watched store, models, people.

mod embedder;
mod model;
mod store;

use std::{sync::Arc, time::Duration};

use app::{App, AppBuilder, Outcome, Settings, identity::ServerSecret, knowledge::NewSource};
use bytes::Bytes;
use domain::{
    access::{Actor, Credential, Scope, SystemRole},
    admin::AuditLog,
    clock::Clock,
    conversations::{Conversation, Message, Parts, StreamEvent, TurnEvent},
    gateways::{ChatModels, DocumentParser, Embedder, Topic, Wakeups},
    ids::{ConversationId, IdGen, MessageId, StreamId, TenantId},
    knowledge::{Collection, CollectionVisibility},
    money::PicoUsdPerToken,
    page::PageRequest,
    tenancy::Tenant,
    usage::{ModelPrice, UsageFilter, UsageLog},
};
use futures::{StreamExt, stream};
use infra_memory::{MemoryBlobStore, MemoryStore, MemoryWakeups};
use infra_providers::{
    OpenAiConnection, OpenAiEmbedder, Provider, ProviderRegistry, ProviderSettings, Timeouts, scripted::ScriptedServer,
};
use storage_testkit::{ManualClock, SeededIds, World};
use url::Url;

pub(crate) use embedder::{Gate, GatedEmbedder};
pub(crate) use model::{Answering, ManualModels};
pub(crate) use store::WatchedStore;

/// The model of the scripted server.
pub(crate) const MODEL: &str = "openai/scripted";
/// Prices at which every call has a fraction of a nano-USD to round.
pub(crate) const INPUT_PRICE: i64 = 2_500_001;
pub(crate) const OUTPUT_PRICE: i64 = 10_000_007;
/// The secret of all instances.
pub(crate) const SECRET: &[u8] = b"hX2v8PqLw0ZtN5rKd7BfYc1GmJ4sUe9A";
/// Longest wait for what must come; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// An application under test.
pub(crate) struct Bench {
    pub(crate) app: App,
    pub(crate) store: Arc<WatchedStore>,
    pub(crate) memory: MemoryStore,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) ids: Arc<SeededIds>,
    pub(crate) blobs: Arc<MemoryBlobStore>,
    pub(crate) wakeups: MemoryWakeups,
    pub(crate) world: World,
    models: Arc<dyn ChatModels>,
}

/// The parts that a test chooses.
#[derive(Default)]
pub(crate) struct Choice {
    pub(crate) models: Option<Arc<dyn ChatModels>>,
    pub(crate) embedder: Option<Arc<dyn Embedder>>,
    pub(crate) parser: Option<Arc<dyn DocumentParser>>,
    pub(crate) prices: Option<Vec<ModelPrice>>,
    pub(crate) settings: Settings,
}

impl Bench {
    /// An application with these models alone.
    pub(crate) fn with_models(models: Arc<dyn ChatModels>) -> Self {
        Self::with(Choice { models: Some(models), ..Choice::default() })
    }

    /// An application whose model is the server's, over the wire.
    pub(crate) fn over_wire(server: &ScriptedServer) -> Self {
        Self::with_models(registry(&server.base_url()))
    }

    /// An application with no model but the extractive one.
    pub(crate) fn plain() -> Self {
        Self::with(Choice::default())
    }

    pub(crate) fn with(parts: Choice) -> Self {
        let clock = Arc::new(ManualClock::default());
        let shared_clock: Arc<dyn Clock> = clock.clone();
        let prices = parts.prices.unwrap_or_else(|| vec![price("scripted"), price("vectors")]);
        let memory = MemoryStore::with_prices(Arc::clone(&shared_clock), prices);
        let store = Arc::new(WatchedStore::new(memory.clone()));
        let blobs = Arc::new(MemoryBlobStore::new(shared_clock));
        let wakeups = MemoryWakeups::default();
        let ids = Arc::new(SeededIds::new(1));
        let models = parts.models.unwrap_or_else(|| registry_of(&ProviderSettings::default()));
        let mut builder = AppBuilder::new(store.clone(), models.clone(), blobs.clone(), Arc::new(wakeups.clone()))
            .clock_and_ids(clock.clone(), ids.clone())
            .secret(ServerSecret::new(SECRET).unwrap())
            .settings(parts.settings);
        if let Some(embedder) = parts.embedder {
            builder = builder.embedder(embedder);
        }
        if let Some(parser) = parts.parser {
            builder = builder.parser(parser);
        }
        let world = World::new(Arc::new(memory.clone()));
        Self { app: builder.build(), store, memory, clock, ids, blobs, wakeups, world, models }
    }

    /// A further instance over the same data, that knows nothing of what runs in the first.
    pub(crate) fn instance(&self, embedder: Option<Arc<dyn Embedder>>, settings: Settings) -> (App, Arc<WatchedStore>) {
        let store = Arc::new(WatchedStore::new(self.memory.clone()));
        let wakeups = Arc::new(self.wakeups.clone());
        let mut builder = AppBuilder::new(store.clone(), self.models.clone(), self.blobs.clone(), wakeups)
            .clock_and_ids(self.clock.clone(), self.ids.clone())
            .secret(ServerSecret::new(SECRET).unwrap())
            .settings(settings);
        if let Some(embedder) = embedder {
            builder = builder.embedder(embedder);
        }
        (builder.build(), store)
    }

    /// Lets a further instance recover what others left, once, whose leases have run out.
    pub(crate) async fn recover(&self) {
        let (app, store) = self.instance(None, Settings { ingest_workers: 0, ..Settings::default() });
        app.start_background();
        until("the recovery", async || store.begun("settle abandoned calls")).await;
        assert!(app.shutdown(PATIENCE).await);
    }

    /// Lets leases run out, and recovers.
    pub(crate) async fn recover_after_leases(&self) {
        self.clock.advance(chrono::TimeDelta::seconds(21));
        self.recover().await;
    }

    /// Starts ingestion.
    pub(crate) fn start(&self) {
        self.app.start_background();
    }

    /// Adds a tenant.
    pub(crate) async fn tenant(&self, slug: &str) -> Tenant {
        self.world.tenant(slug).await
    }

    /// Adds a user of a tenant and returns an actor with the rights of the role.
    pub(crate) async fn user(&self, tenant: &Tenant, name: &str, role: SystemRole) -> Actor {
        let user = self.world.user(tenant, name).await;
        Actor {
            user_id: user.id,
            tenant_id: Some(tenant.id),
            is_superadmin: false,
            is_tenant_admin: role == SystemRole::TenantAdmin,
            permissions: role.permissions(),
            credential: Credential::Embedded,
            ip_address: None,
            user_agent: None,
        }
    }

    /// Adds a tenant with one user.
    pub(crate) async fn ada(&self) -> Actor {
        let acme = self.tenant("acme").await;
        self.user(&acme, "ada", SystemRole::User).await
    }

    /// Begins a conversation with a model.
    pub(crate) async fn conversation(&self, actor: &Actor, model: &str) -> Conversation {
        let new = app::conversations::NewConversation { model: Some(model.to_owned()), ..Default::default() };
        done(self.app.conversations().create(actor, new, None).await.unwrap())
    }

    /// Sends a question under the head.
    pub(crate) async fn send(&self, actor: &Actor, id: ConversationId, text: &str) -> app::conversations::OpenedTurn {
        done(self.app.conversations().send(actor, id, message(text), None).await.unwrap())
    }

    /// Sends a question and waits for its answer.
    pub(crate) async fn ask(&self, actor: &Actor, id: ConversationId, text: &str) -> Message {
        let opened = self.send(actor, id, text).await;
        self.events(actor, opened.answers[0].1).await;
        self.message(actor, id, opened.answers[0].0).await
    }

    /// All events of a stream, to its end.
    pub(crate) async fn events(&self, actor: &Actor, id: StreamId) -> Vec<StreamEvent> {
        events_of(&self.app, actor, id, 0).await
    }

    pub(crate) async fn message(&self, actor: &Actor, id: ConversationId, message: MessageId) -> Message {
        self.app.conversations().message(actor, id, message).await.unwrap().message
    }

    /// The rows of the ledger of a tenant, oldest first.
    pub(crate) async fn ledger(&self, actor: &Actor) -> Vec<UsageLog> {
        let scope = Scope::system_in(tenant_of(actor));
        let mut rows = self.world.read(&scope, async |tx| tx.usage().list(UsageFilter::default(), 1_000).await).await;
        rows.sort_by_key(|row| row.id);
        rows
    }

    /// The same, once it has so many rows: a search is written down after it was answered.
    pub(crate) async fn ledger_of(&self, actor: &Actor, rows: usize) -> Vec<UsageLog> {
        let begun = std::time::Instant::now();
        loop {
            let ledger = self.ledger(actor).await;
            if ledger.len() >= rows || begun.elapsed() > PATIENCE {
                return ledger;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What the audit log of a tenant says was done.
    pub(crate) async fn audit(&self, tenant: TenantId) -> Vec<AuditLog> {
        let page = PageRequest::new(Some(200), None);
        self.world.read(&Scope::system_in(tenant), async |tx| Ok(tx.audit().list(page).await?.items)).await
    }

    /// How often the audit log says that this was done.
    pub(crate) async fn audited(&self, actor: &Actor, action: &str) -> usize {
        self.audit(tenant_of(actor)).await.iter().filter(|row| row.action == action).count()
    }

    /// Fails unless the books of all conversations agree with the ledger.
    pub(crate) async fn check_books(&self) {
        assert_eq!(app::usage::discrepancies_of(&self.app).await.unwrap(), []);
    }

    /// A collection of an actor.
    pub(crate) async fn collection(&self, actor: &Actor, name: &str, visibility: CollectionVisibility) -> Collection {
        let new =
            app::knowledge::NewCollection { name: name.to_owned(), visibility: Some(visibility), ..Default::default() };
        done(self.app.knowledge().create_collection(actor, new, None).await.unwrap())
    }

    /// Uploads a file.
    pub(crate) async fn upload(
        &self,
        actor: &Actor,
        collection: &Collection,
        filename: &str,
        content: impl Into<Bytes>,
    ) -> app::Result<app::knowledge::UploadedSource> {
        let content = content.into();
        let pieces: Vec<_> = content.chunks(1_000).map(Bytes::copy_from_slice).map(Ok).collect();
        let new =
            NewSource { filename: filename.to_owned(), content: stream::iter(pieces).boxed(), may_be_repeated: false };
        let staged = self.app.knowledge().stage(actor, collection.id, new).await?;
        Ok(done(self.app.knowledge().add_source(actor, staged, Default::default(), None).await?))
    }

    /// Uploads a file and waits until it can be found.
    pub(crate) async fn ingest(&self, actor: &Actor, collection: &Collection, filename: &str, text: &str) {
        let uploaded = self.upload(actor, collection, filename, text.to_owned()).await.unwrap();
        self.wakeups.send(Topic::Jobs).await;
        until("the source is processed", async || {
            let view = self.app.knowledge().source(actor, uploaded.source.id).await.unwrap();
            assert_eq!(view.source.error, None);
            view.progress.step == "done"
        })
        .await;
    }
}

/// The price of a model of the scripted server.
pub(crate) fn price(model: &str) -> ModelPrice {
    ModelPrice {
        id: SeededIds::new(model.len() as u64).random().into(),
        provider: "openai".to_owned(),
        model: model.to_owned(),
        input: PicoUsdPerToken(INPUT_PRICE),
        cached_input: None,
        output: PicoUsdPerToken(OUTPUT_PRICE),
        valid_from: chrono::DateTime::UNIX_EPOCH,
        valid_to: None,
        source: "a test".to_owned(),
    }
}

/// The exact cost in nano-USD, worked out apart from the code under test: half to even.
pub(crate) fn cost_of(input_tokens: u64, output_tokens: u64) -> i64 {
    let pico =
        i128::from(input_tokens) * i128::from(INPUT_PRICE) + i128::from(output_tokens) * i128::from(OUTPUT_PRICE);
    let (nano, rest) = (pico / 1000, pico % 1000);
    let up = rest > 500 || (rest == 500 && nano % 2 == 1);
    i64::try_from(nano + i128::from(up)).unwrap()
}

/// The providers with the scripted server as `openai`.
pub(crate) fn registry(url: &Url) -> Arc<dyn ChatModels> {
    let openai = Provider { timeouts: timeouts(), ..Provider::new("openai", url.clone()) };
    registry_of(&ProviderSettings { providers: vec![openai], ..ProviderSettings::default() })
}

fn registry_of(settings: &ProviderSettings) -> Arc<dyn ChatModels> {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    Arc::new(ProviderRegistry::new(settings, &clock).unwrap())
}

/// Retries come soon, but not before a call under way is on record.
fn timeouts() -> Timeouts {
    Timeouts { retry: Duration::from_millis(40), ..Timeouts::default() }
}

/// The server's embedding model `openai/vectors`.
pub(crate) fn embedder(server: &ScriptedServer) -> Arc<dyn Embedder> {
    let url = server.base_url();
    let provider = Provider { timeouts: timeouts(), ..Provider::new("openai", url) };
    let connection = OpenAiConnection::open(&provider, Arc::new(ManualClock::default())).unwrap();
    Arc::new(OpenAiEmbedder::new(Arc::new(connection), "vectors", None))
}

pub(crate) fn tenant_of(actor: &Actor) -> TenantId {
    actor.tenant_id.unwrap()
}

/// A text message under the head.
pub(crate) fn message(text: &str) -> app::conversations::NewMessage {
    app::conversations::NewMessage { parts: Parts::text(text), ..Default::default() }
}

/// The value of what was done now.
#[track_caller]
pub(crate) fn done<T: std::fmt::Debug>(outcome: Outcome<T>) -> T {
    match outcome {
        Outcome::Done(value) => value,
        Outcome::Replayed(_) => panic!("it was done before"),
    }
}

/// The code of the error that must come.
#[track_caller]
pub(crate) fn refusal<T>(outcome: app::Result<T>) -> &'static str {
    match outcome {
        Ok(_) => panic!("it should be refused"),
        Err(error) => error.code,
    }
}

/// All events of a stream behind a number, to its end.
pub(crate) async fn events_of(app: &App, actor: &Actor, id: StreamId, after: i64) -> Vec<StreamEvent> {
    let mut following = app.conversations().follow(actor, id, after).await.unwrap();
    let all = async {
        let mut events = Vec::new();
        while let Some(followed) = following.next().await.unwrap() {
            events.push(followed.event);
            if let Some(told) = followed.message {
                let (conversation, answer) = (told.message.conversation_id, told.message.id);
                let stored = app.conversations().message(actor, conversation, answer).await.unwrap();
                assert_eq!(*told, stored, "the last event brings the answer as it is stored");
            }
        }
        events
    };
    tokio::time::timeout(PATIENCE, all).await.expect("the stream ends")
}

/// The text that events tell.
pub(crate) fn text_of(events: &[StreamEvent]) -> String {
    let piece = |event: &StreamEvent| match &event.event {
        TurnEvent::TextDelta { text } => Some(text.clone()),
        _ => None,
    };
    events.iter().filter_map(piece).collect()
}

/// Waits until something holds; a failing test waits a minute.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{what} does not come"));
}
