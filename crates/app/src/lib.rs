//! The use cases of Banyan. Embed this crate to have conversations, retrieval and accounting in
//! your own service; the HTTP API stands on the same functions.
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//!
//! use app::{AppBuilder, conversations::NewMessage};
//! use domain::conversations::Parts;
//! use infra_memory::{MemoryBlobStore, MemoryStore, MemoryWakeups};
//! use infra_providers::ProviderRegistry;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Storage, models (with no provider set, answers are quotations), files, wake-ups.
//! let (store, models) = (Arc::new(MemoryStore::default()), Arc::new(ProviderRegistry::default()));
//! let (blobs, wakeups) = (Arc::new(MemoryBlobStore::default()), Arc::new(MemoryWakeups::default()));
//! let app = AppBuilder::new(store, models, blobs, wakeups).build();
//! app.start_background();
//!
//! // The host signs its people in itself, and acts as them.
//! let ada = app.identity().set_up_embedded("Acme", "ada@example.com", "ada").await?;
//! let conversation = app.conversations().create(&ada, Default::default(), None).await?.into_done()?;
//! let question = NewMessage { parts: Parts::text("What is a banyan?"), ..NewMessage::default() };
//! let opened = app.conversations().send(&ada, conversation.id, question, None).await?.into_done()?;
//!
//! // The answer is written in the background; its stream ends with the message as it is stored.
//! let (_, stream) = opened.answers[0];
//! let mut events = app.conversations().follow(&ada, stream, 0).await?;
//! let mut answer = None;
//! while let Some(followed) = events.next().await? {
//!     answer = followed.message.or(answer);
//! }
//! assert!(!answer.ok_or("a turn ends with its answer")?.message.parts.plain_text().is_empty());
//! app.shutdown(Duration::from_secs(5)).await;
//! # Ok(())
//! # }
//! ```
//!
//! Each context is a struct: `app.conversations().send(…)`. A use case
//! authorises, acts in one unit of work, writes its audit row in the same one, and returns domain
//! values. What writes goes on when its caller gives up waiting. `examples/embed.rs` goes from a
//! document to a cited answer.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use domain::{
    access::Policy,
    clock::{Clock, SystemClock, Timestamp},
    gateways::{BlobStore, ChatModels, DocumentParser, Embedder, Wakeups},
    ids::{IdGen, RandomIds},
    store::{Priority, Store},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub mod audit;
pub mod background;
mod circuit_breaker;
pub mod conversations;
pub mod error;
mod faults;
pub mod idempotency;
pub mod identity;
pub mod knowledge;
mod measure;
pub mod openai;
pub mod quotas;
pub mod settings;
pub mod tenancy;
mod unit_of_work;
pub mod usage;

pub use error::{Error, ErrorKind, Result};
pub use idempotency::{Idempotent, Outcome};
pub use settings::Settings;

/// The application: everything a use case needs. Cheap to clone.
#[derive(Clone)]
pub struct App {
    parts: Arc<Parts>,
    /// The kind of work that its units of work belong to.
    priority: Priority,
}

struct Parts {
    store: Arc<dyn Store>,
    models: Arc<dyn ChatModels>,
    embedder: Option<Arc<dyn Embedder>>,
    blobs: Arc<dyn BlobStore>,
    parser: Arc<dyn DocumentParser>,
    wakeups: Arc<dyn Wakeups>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGen>,
    settings: Settings,
    policy: Policy,
    keys: identity::Keys,
    passwords: identity::Passwords,
    actors: identity::ActorCache,
    live: conversations::LiveStreams,
    flusher: conversations::Flusher,
    searches: knowledge::SearchKeeper,
    running_calls: openai::RunningCalls,
    circuits: circuit_breaker::CircuitBreakers,
    unread_calls: openai::UnreadCalls,
    counted: audit::CountedActs,
    tasks: TaskTracker,
    /// The last that was written found no room.
    is_full: AtomicBool,
    /// Nothing new begins.
    shutdown: CancellationToken,
    /// What still runs ends at once.
    halt: CancellationToken,
}

/// Puts an [`App`] together.
pub struct AppBuilder {
    store: Arc<dyn Store>,
    models: Arc<dyn ChatModels>,
    blobs: Arc<dyn BlobStore>,
    wakeups: Arc<dyn Wakeups>,
    embedder: Option<Arc<dyn Embedder>>,
    parser: Option<Arc<dyn DocumentParser>>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGen>,
    settings: Settings,
    secret: Option<identity::ServerSecret>,
}

impl AppBuilder {
    /// The parts that every application needs.
    pub fn new(
        store: Arc<dyn Store>,
        models: Arc<dyn ChatModels>,
        blobs: Arc<dyn BlobStore>,
        wakeups: Arc<dyn Wakeups>,
    ) -> Self {
        Self {
            store,
            models,
            blobs,
            wakeups,
            embedder: None,
            parser: None,
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
            settings: Settings::default(),
            secret: None,
        }
    }

    /// Searches by meaning too; without an embedder search goes by words alone.
    #[must_use]
    pub fn embedder(mut self, embedder: Arc<dyn Embedder>) -> Self {
        self.embedder = Some(embedder);
        self
    }

    /// Reads documents with this parser; without one, plain text and Markdown.
    #[must_use]
    pub fn parser(mut self, parser: Arc<dyn DocumentParser>) -> Self {
        self.parser = Some(parser);
        self
    }

    /// Takes time and ids from elsewhere (tests).
    #[must_use]
    pub fn clock_and_ids(mut self, clock: Arc<dyn Clock>, ids: Arc<dyn IdGen>) -> Self {
        self.clock = clock;
        self.ids = ids;
        self
    }

    /// Bounds and choices.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// The secret that tokens hang on. Instances that share a database share it; without one it is
    /// made at random, and tokens end with the process.
    #[must_use]
    pub fn secret(mut self, secret: identity::ServerSecret) -> Self {
        self.secret = Some(secret);
        self
    }

    /// The application. Background work begins with [`App::start_background`].
    #[must_use]
    pub fn build(self) -> App {
        let secret = self.secret.unwrap_or_else(|| identity::ServerSecret::random(self.ids.as_ref()));
        App {
            parts: Arc::new(Parts {
                store: self.store,
                models: self.models,
                embedder: self.embedder,
                blobs: self.blobs,
                parser: self.parser.unwrap_or_else(|| Arc::new(knowledge::PlainParser)),
                wakeups: self.wakeups,
                clock: self.clock,
                ids: self.ids,
                settings: self.settings,
                policy: Policy,
                keys: identity::Keys::derive(&secret),
                passwords: identity::Passwords::new(),
                actors: identity::ActorCache::new(),
                live: conversations::LiveStreams::default(),
                flusher: conversations::Flusher::default(),
                searches: knowledge::SearchKeeper::default(),
                running_calls: openai::RunningCalls::default(),
                circuits: circuit_breaker::CircuitBreakers::default(),
                unread_calls: openai::UnreadCalls::default(),
                counted: audit::CountedActs::default(),
                tasks: TaskTracker::new(),
                is_full: AtomicBool::new(false),
                shutdown: CancellationToken::new(),
                halt: CancellationToken::new(),
            }),
            priority: Priority::Request,
        }
    }
}

impl App {
    /// Setup, sign-in, users, API keys.
    #[must_use]
    pub fn identity(&self) -> identity::Identity {
        identity::Identity { app: self.clone() }
    }

    /// Tenants.
    #[must_use]
    pub fn tenancy(&self) -> tenancy::Tenancy {
        tenancy::Tenancy { app: self.clone() }
    }

    /// Conversations, turns and their streams.
    #[must_use]
    pub fn conversations(&self) -> conversations::Conversations {
        conversations::Conversations { app: self.clone() }
    }

    /// Collections, sources, search.
    #[must_use]
    pub fn knowledge(&self) -> knowledge::Knowledge {
        knowledge::Knowledge { app: self.clone() }
    }

    /// The ledger.
    #[must_use]
    pub fn usage(&self) -> usage::Usage {
        usage::Usage { app: self.clone() }
    }

    /// The OpenAI face: models, chat completions, embeddings.
    #[must_use]
    pub fn openai(&self) -> openai::OpenAi {
        openai::OpenAi { app: self.clone() }
    }

    /// The bounds and choices in force.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.parts.settings
    }

    /// What the storage backend can do.
    #[must_use]
    pub fn capabilities(&self) -> domain::store::Capabilities {
        self.parts.store.capabilities()
    }

    /// Whether the database answers and the application is not shutting down.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`].
    pub async fn ready(&self) -> Result<()> {
        if self.parts.shutdown.is_cancelled() {
            return Err(Error::new(ErrorKind::Unavailable, "shutting_down", "the server is shutting down"));
        }
        if self.parts.is_full.load(Ordering::Relaxed) {
            let message = "there is no room on the disk; what is there can be read, and writing goes on once there is";
            return Err(Error::new(ErrorKind::Unavailable, "storage_full", message));
        }
        Ok(self.parts.store.ping().await?)
    }

    /// Notes that there is no room for what was to be written. That there is again is found out by
    /// [`App::look_for_room`]: what needs none is written all the while.
    fn note_full(&self, why: &str) {
        if !self.parts.is_full.swap(true, Ordering::Relaxed) {
            tracing::error!(why, "the disk is full");
        }
    }

    fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// The same application, whose units of work are of another kind.
    fn at(&self, priority: Priority) -> Self {
        Self { parts: Arc::clone(&self.parts), priority }
    }
}
