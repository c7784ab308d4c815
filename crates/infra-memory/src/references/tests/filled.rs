//! A state in which every reference of the schema is in use.

use std::sync::Arc;

use domain::{
    admin::{AuditLog, Job, JobState},
    conversations::{Conversation, Message, Stream},
    identity::{ApiKey, RefreshToken, Session, User, UserRole},
    knowledge::{Chunk, Citation, Collection, CollectionVisibility, RetrievalHit, RetrievalMode, RetrievalRun, Source},
    store::Store,
    tenancy::Tenant,
    usage::{AgentType, ModelPrice, ProviderCall, UsageDay, UsageLog, UsageTotals},
};
use serde_json::json;
use storage_testkit::{Fixtures, Harness, matrix, run};

use crate::{
    conversations::{ChosenCollection, StoredEvent},
    knowledge::{Posting, StoredHits, StoredVector},
    state::State,
    store::MemoryStore,
    table::Row,
    usage::rows::{LateUsage, UsageFold},
};

/// What a user has that another's rows can refer to.
#[derive(Clone)]
pub(super) struct Things {
    pub(super) user: User,
    pub(super) key: ApiKey,
    pub(super) private: Collection,
    pub(super) shared: Collection,
    /// In the shared collection.
    pub(super) source: Source,
    /// In the shared collection of the other, but for the user's own eyes.
    pub(super) narrowed: Source,
    pub(super) chunk: Chunk,
    pub(super) conversation: Conversation,
    pub(super) answer: Message,
}

/// A state with two users of one tenant, the second of whom refers to what the first has wherever that
/// is possible, a user of another tenant, and a superadmin; beside a plain row of every type in tenants of their own.
pub(super) fn filled() -> (State, Things, Things) {
    let (make, mut state) = one_of_each();
    let make = make.as_ref();
    add(&mut state, price(make));
    let (acme, other) = (make.tenant("acme"), make.tenant("other"));
    add(&mut state, acme.clone());
    add(&mut state, other.clone());
    let ada = add_user(&mut state, make, &acme, "ada", None);
    let bob = add_user(&mut state, make, &acme, "bob", Some(&ada));
    add_user(&mut state, make, &other, "eve", None);
    let root = make.user(None, "root");
    add(&mut state, root.clone());
    add_session(&mut state, make, &root);
    assert!(std::mem::take(&mut state.deferred).iter().all(|holds| holds(&state)));
    (state, ada, bob)
}

/// A state with a row of every subject of the contract, so that none is missing.
fn one_of_each() -> (Arc<Fixtures>, State) {
    struct Fresh(MemoryStore);

    impl Harness for Fresh {
        fn store(&self) -> Arc<dyn Store> {
            Arc::new(self.0.clone())
        }
    }

    let store = MemoryStore::default();
    let mut make = Arc::default();
    run(
        async |_| Fresh(store.clone()),
        async |world| {
            matrix::add_one_of_each(&world).await;
            make = world.make;
        },
    );
    (make, store.state())
}

fn add<R: Row>(state: &mut State, row: R) {
    state.insert(row).unwrap_or_else(|error| panic!("{}: {error}", R::TABLE));
}

fn price(make: &Fixtures) -> ModelPrice {
    ModelPrice {
        id: make.id(),
        provider: "openai".to_owned(),
        model: "gpt".to_owned(),
        input: domain::money::PicoUsdPerToken(1),
        cached_input: None,
        output: domain::money::PicoUsdPerToken(1),
        valid_from: make.now(),
        valid_to: None,
        source: "here".to_owned(),
    }
}

fn add_session(state: &mut State, make: &Fixtures, user: &User) {
    let session: Session = make.session(user);
    let token: RefreshToken = make.refresh_token(&session);
    add(state, session);
    add(state, token);
}

fn add_user(state: &mut State, make: &Fixtures, tenant: &Tenant, name: &str, other: Option<&Things>) -> Things {
    let user = make.user(Some(tenant.id), name);
    let key = make.api_key(&user);
    add(state, user.clone());
    add(state, key.clone());
    add_session(state, make, &user);
    let role = make.role(tenant.id, name);
    add(state, role.clone());
    let assigned_by = Some(other.map_or(user.id, |other| other.user.id));
    add(state, UserRole { assigned_by, ..make.assignment(&user, &role) });
    let mut things = add_knowledge(state, make, user, key, other);
    add_conversation(state, make, &mut things, other);
    add_records(state, make, &things, other.unwrap_or(&things.clone()));
    things
}

fn add_knowledge(state: &mut State, make: &Fixtures, user: User, key: ApiKey, other: Option<&Things>) -> Things {
    let private = make.collection(&user);
    let shared = Collection { visibility: CollectionVisibility::Shared, ..make.collection(&user) };
    let below = Collection { parent_id: Some(private.id), ..make.collection(&user) };
    let theirs = other.map_or(&shared, |other| &other.shared);
    let narrowed =
        Source { user_id: Some(user.id), visibility: Some(CollectionVisibility::Private), ..make.source(theirs) };
    let mut source = make.source(&shared);
    let version = make.version(&source, 1);
    source.current_version_id = Some(version.id);
    let chunk = make.chunk(&version, 0, "red apples");
    let (tenant_id, chunk_id) = (chunk.tenant_id, chunk.id);
    let (model, vector) = ("test/model".to_owned(), Arc::from([1.0].as_slice()));
    for collection in [&private, &shared, &below] {
        add(state, collection.clone());
    }
    add(state, narrowed.clone());
    add(state, source.clone());
    add(state, make.source(&private));
    add(state, version.clone());
    add(state, chunk.clone());
    add(state, StoredVector { tenant_id, source_version_id: version.id, chunk_id, model, vector });
    add(state, Posting { tenant_id, word: "apples".to_owned(), chunk_id, count: 1 });
    let conversation = make.conversation(&user);
    let answer = make.question(&conversation, None, 1);
    Things { user, key, private, shared, source, narrowed, chunk, conversation, answer }
}

/// A conversation that is a fork of the other's, with words of the other's in it.
fn add_conversation(state: &mut State, make: &Fixtures, things: &mut Things, other: Option<&Things>) {
    let them = other.unwrap_or(things).clone();
    let mut question = make.question(&things.conversation, None, 1);
    let answer = make.answer(&things.conversation, &question, 2);
    let again = Message { regenerated_from_id: Some(answer.id), ..make.answer(&things.conversation, &question, 3) };
    let edited = Message { edited_from_id: Some(question.id), ..make.question(&things.conversation, None, 4) };
    question.active_child_id = Some(answer.id);
    question.user_id = Some(them.user.id);
    question.forked_from_id = other.map(|other| other.answer.id);
    things.conversation.current_message_id = Some(answer.id);
    things.conversation.forked_from_conversation_id = other.map(|other| other.conversation.id);
    things.answer = answer.clone();
    add(state, things.conversation.clone());
    let Conversation { id: conversation_id, tenant_id, .. } = things.conversation;
    add(state, ChosenCollection { tenant_id, conversation_id, collection_id: them.private.id });
    for message in [question, answer, again, edited] {
        add(state, message);
    }
    let stream = Stream { api_key_id: Some(them.key.id), ..make.stream(&things.answer, &things.user) };
    add(state, stream.clone());
    for event in make.events([1, 2]) {
        add(state, StoredEvent { tenant_id, stream_id: stream.id, event });
    }
}

/// What records of acts refer to.
fn add_records(state: &mut State, make: &Fixtures, things: &Things, other: &Things) {
    let tenant_id = things.conversation.tenant_id;
    let run = RetrievalRun {
        id: make.id(),
        tenant_id,
        user_id: Some(things.user.id),
        conversation_id: Some(other.conversation.id),
        message_id: Some(other.answer.id),
        query: "apples".to_owned(),
        mode: RetrievalMode::Hybrid,
        parameters: json!({}),
        embedding_model: None,
        duration_ms: 1,
        created_at: make.now(),
    };
    let hit = RetrievalHit {
        chunk_id: other.chunk.id,
        rank: 1,
        score: 1.0,
        vector_rank: None,
        vector_score: None,
        lexical_rank: None,
        lexical_score: None,
        is_used: true,
    };
    add(state, run.clone());
    add(state, StoredHits { tenant_id, retrieval_run_id: run.id, hits: vec![hit] });
    let citation: Citation = make.citation(&things.answer, &other.chunk, 1);
    add(state, citation);
    let price_id = state.model_prices.iter().next().map(|price| price.id);
    let (api_key_id, conversation_id, message_id) =
        (Some(other.key.id), Some(other.conversation.id), Some(other.answer.id));
    let row = UsageLog { api_key_id, conversation_id, message_id, price_id, ..make.usage(&things.user) };
    let correction = UsageLog { corrects_id: Some(row.id), ..make.usage(&other.user) };
    let (log_id, requested_at) = (row.id, row.requested_at);
    add(state, row);
    add(state, correction);
    add(state, LateUsage { tenant_id, log_id, requested_at });
    if state.usage_folds.get(&tenant_id).is_none() {
        add(state, UsageFold { tenant_id, closed_before: requested_at, folded_before: None });
    }
    add(
        state,
        UsageDay {
            tenant_id,
            day: requested_at,
            number: 1 + i64::try_from(state.usage_daily.len()).unwrap(),
            user_id: Some(things.user.id),
            agent_type: AgentType::Chat,
            provider: "openai".to_owned(),
            model: "gpt".to_owned(),
            totals: UsageTotals::default(),
        },
    );
    add(state, ProviderCall { api_key_id, conversation_id, message_id, ..make.call(&things.user) });
    add(state, AuditLog { superadmin_id: Some(other.user.id), ..make.audit(&things.user) });
    let mut job = make.job(&things.source);
    job.user_id = Some(other.user.id);
    add(state, job);
    // A source has one live job at a time.
    add(state, Job { state: JobState::Done, ..make.job(&other.narrowed) });
    add(state, make.idempotency(&things.user, "key"));
}
