//! Rows whose JSON an earlier program wrote, or a later one, read through the repositories. The tests
//! of both SQL backends take this file in; what is stored is written past the repositories.

use domain::{
    access::{Permission, PermissionSet, Scope, SystemRole},
    admin::JobKind,
    conversations::{Part, Parts, TurnEvent},
    gateways::AnswerExtra,
    identity::{ApiKey, Role},
    knowledge::ChunkingSettings,
    money::Money,
    page::PageRequest,
    usage::{TokenUsage, UsageFilter},
};
use serde_json::{Map, Value, json};
use storage_testkit::{Cast, World, add_stream, scopes};
use uuid::Uuid;

/// The fixture of this name.
macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!($name, ".json")).trim_end()
    };
}

/// The database of a store, past its repositories.
pub(crate) trait Database {
    /// Runs a statement as one whom nothing stops.
    async fn run(&self, sql: String);

    /// The literal of bytes in hexadecimal.
    fn bytes(&self, hex: &str) -> String;

    /// Puts JSON into a column (`table.column`) of all rows.
    async fn put(&self, column: &str, json: &str) {
        let (table, column) = column.split_once('.').unwrap();
        self.run(format!("UPDATE {table} SET {column} = {}", quoted(json))).await;
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn value(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128((4 << 76) | (8 << 60) | number)
}

/// The roles of a user of any version: a system role grants what this program says, whatever its row
/// holds; a tenant's own grants the names that this program knows.
pub(crate) async fn roles_are_read(world: World, database: impl Database) {
    let cast = world.cast().await;
    let (scope, tenant) = (scopes::system(&cast.ada), cast.ada.tenant_id.unwrap());
    let editor = world.make.role(tenant, "editor");
    let user = Role { is_system: true, ..world.make.role(tenant, SystemRole::User.as_str()) };
    world
        .write(&scope, async |tx| {
            for role in [&editor, &user] {
                tx.roles().insert(role).await?;
                tx.roles().assign(&world.make.assignment(&cast.ada, role)).await?;
            }
            Ok(())
        })
        .await;
    let within = |names: &[Permission]| names.iter().copied().collect::<PermissionSet>();
    use Permission as P;
    #[rustfmt::skip] // as many as there were then
    let then = [
        P::UsersRead, P::UsersWrite, P::ProfileRead, P::ProfileWrite, P::ApiKeysRead, P::ApiKeysWrite,
        P::ConversationsRead, P::ConversationsWrite, P::KnowledgeRead, P::KnowledgeWrite, P::ModelsUse, P::UsageRead,
        P::AuditRead,
    ];
    let cases = [
        (fixture!("role_permissions_v1"), within(&then)),
        (fixture!("role_permissions_newer"), within(&[Permission::ProfileRead, Permission::KnowledgeWrite])),
        ("[\"profile:read\"]", within(&[Permission::ProfileRead])),
        ("[\"rockets:launch\"]", within(&[])),
        ("[]", within(&[])),
    ];
    for (stored, own) in cases {
        database.put("roles.permissions", stored).await;
        let found = world.read(&scope, async |tx| tx.roles().of_user(cast.ada.id).await).await;
        let rights: Vec<_> = found.iter().map(|role| (role.name.as_str(), role.rights())).collect();
        assert_eq!(rights, [("editor", own.clone()), ("user", SystemRole::User.permissions())], "{stored}");
        let found = world.read(&scope, async |tx| tx.roles().find_by_name("editor").await).await;
        assert_eq!(found.map(|role| role.rights()), Some(own), "{stored}");
    }
}

/// What the scopes of a key allow. A key of which no name is known may do nothing: it is never the key
/// of somebody who may do everything.
pub(crate) async fn scopes_of_keys_are_read(world: World, database: impl Database) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let key = ApiKey { scopes: Some([Permission::ProfileRead].into()), ..world.make.api_key(&cast.ada) };
    world.write(&scope, async |tx| tx.api_keys().insert(&key).await).await;
    let cases = [
        (fixture!("api_key_scopes_v1"), vec![Permission::ConversationsRead, Permission::ModelsUse]),
        (fixture!("api_key_scopes_newer"), vec![Permission::ModelsUse]),
        (fixture!("api_key_scopes_newer_only"), vec![]),
    ];
    for (stored, granted) in cases {
        database.put("api_keys.scopes", stored).await;
        let granted: Option<PermissionSet> = Some(granted.into_iter().collect());
        let found = world.read(&scope, async |tx| tx.api_keys().get(key.id).await).await.unwrap();
        assert_eq!(found.scopes, granted, "{stored}");
        let listed = world.read(&scope, async |tx| tx.api_keys().list(PageRequest::default()).await).await;
        assert_eq!(listed.items[0].scopes, granted, "{stored}");
    }
    database.run("UPDATE api_keys SET scopes = NULL".to_owned()).await;
    let found = world.read(&scope, async |tx| tx.api_keys().get(key.id).await).await.unwrap();
    assert_eq!(found.scopes, None);
}

/// Collections, sources, their versions and chunks.
pub(crate) async fn knowledge_is_read(world: World, database: impl Database) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let source = world.source(&cast.ada).await;
    let version = world.make.version(&source, 1);
    let chunk = world.make.chunk(&version, 0, "growing trees");
    world
        .write(&scope, async |tx| {
            tx.sources().insert_version(&version).await?;
            tx.chunks().insert(std::slice::from_ref(&chunk)).await
        })
        .await;
    database.put("collections.chunking", fixture!("chunking_v1")).await;
    database.put("source_versions.chunking", fixture!("chunking_v1")).await;
    database.put("sources.metadata", fixture!("metadata_v1")).await;
    database.put("chunks.heading_path", fixture!("heading_path_v1")).await;
    let chunking = ChunkingSettings { target_tokens: 400, max_tokens: 600, overlap_tokens: 50 };
    world
        .read(&scope, async |tx| {
            assert_eq!(tx.collections().get(source.collection_id).await?.unwrap().chunking, chunking);
            assert_eq!(tx.sources().version(version.id).await?.unwrap().chunking, chunking);
            assert_eq!(tx.sources().get(source.id).await?.unwrap().metadata, value(fixture!("metadata_v1")));
            let chunks = tx.chunks().get_many(&[chunk.id]).await?;
            assert_eq!(chunks[0].heading_path, ["Forestry", "The \"strangler\" figs – Würgefeigen"]);
            Ok(())
        })
        .await;
}

/// Conversations, messages and the events of their streams.
pub(crate) async fn conversations_are_read(world: World, database: impl Database) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let conversation = world.make.conversation(&cast.ada);
    let chain = world.make.chain(&conversation, 2);
    let stream = world.make.stream(&chain[1], &cast.ada);
    world
        .write(&scope, async |tx| {
            tx.conversations().insert(&conversation).await?;
            tx.messages().insert(&chain).await?;
            add_stream(tx, &stream, &world.make.events(1..=1)).await
        })
        .await;
    let whole = TokenUsage { input_tokens: 120, cached_input_tokens: 100, output_tokens: 30, reasoning_tokens: 20 };
    let plain = TokenUsage { input_tokens: 120, output_tokens: 30, ..TokenUsage::default() };
    for (stored, tokens) in [(fixture!("last_context_v1"), whole), (fixture!("last_context_without_details"), plain)] {
        database.put("conversations.last_context", stored).await;
        let found = world.read(&scope, async |tx| tx.conversations().get(conversation.id).await).await.unwrap();
        assert_eq!(found.last_context, Some(tokens));
    }

    database.put("messages.parts", fixture!("message_parts_v1")).await;
    database.put("messages.attachments", fixture!("message_attachments_v1")).await;
    database.put("messages.error", fixture!("message_error_v1")).await;
    database.put("messages.metadata", fixture!("metadata_v1")).await;
    let found = world.read(&scope, async |tx| tx.messages().get(chain[1].id).await).await.unwrap();
    assert_eq!(found.parts, parts());
    assert_eq!(Value::Array(found.attachments), value(fixture!("message_attachments_v1")));
    assert_eq!(found.error, Some(value(fixture!("message_error_v1"))));
    assert_eq!(found.metadata, value(fixture!("metadata_v1")));

    let told = [fixture!("turn_events_v1"), fixture!("turn_events_v1_details")].map(value);
    let mut costs = Vec::new();
    for event in told.iter().flat_map(|events| events.as_array().unwrap()) {
        database.put("stream_events.data", &event.to_string()).await;
        let found = world.read(&scope, async |tx| tx.streams().events(stream.id, 0, 9).await).await;
        assert_eq!(event["type"], found[0].event.name());
        if let TurnEvent::TurnCompleted { usage, cost, .. } = found[0].event {
            costs.push((usage, cost));
        }
    }
    let oldest = TokenUsage { input_tokens: 1, output_tokens: 2, ..TokenUsage::default() };
    assert_eq!(costs, [(oldest, Some(Money(20))), (whole, None)]);
    // What was appended together is a list since the second form.
    database.put("stream_events.data", fixture!("turn_events_v2")).await;
    let found = world.read(&scope, async |tx| tx.streams().events(stream.id, 0, 9).await).await;
    let pieces: Vec<&str> = found
        .iter()
        .filter_map(|event| match &event.event {
            TurnEvent::TextDelta { text } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!((found.len(), found[5].number), (6, 6));
    let extra = TurnEvent::AnswerExtra {
        extra: AnswerExtra {
            message: Default::default(),
            choice: fields(json!({ "stop_reason": "END" })),
            answer: fields(json!({ "citations": ["https://example.org"] })),
        },
    };
    assert_eq!(found[4].event, extra);
    assert_eq!(pieces, ["Gr", "üß", "e 🦀"]);
}

fn fields(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn parts() -> Parts {
    let text = |text: &str| text.to_owned();
    Parts(vec![
        Part::Reasoning { text: text("hm") },
        Part::Text { text: text("See [1].") },
        Part::ToolCall { id: text("c1"), name: text("clock"), arguments: text("{}"), extra: Default::default() },
        Part::ToolResult { tool_call_id: text("c1"), content: text("noon") },
        Part::Extra(AnswerExtra {
            message: fields(json!({ "reasoning_details": [{ "signature": "s" }] })),
            choice: Default::default(),
            answer: fields(json!({ "citations": ["https://example.org"] })),
        }),
        Part::Source { citation_index: 1 },
        Part::Image { file_id: id(1) },
        Part::File { file_id: id(2) },
    ])
}

/// Jobs, kept answers, and the two logs, to whose rows nothing is added later.
pub(crate) async fn administration_is_read(world: World, database: impl Database) {
    let cast = world.cast().await;
    let scope = scopes::whole(&cast.ada);
    let job = world.make.job(&world.source(&cast.ada).await);
    let kept = world.make.idempotency(&cast.ada, "key");
    world
        .write(&scope, async |tx| {
            tx.jobs().enqueue(&job).await?;
            tx.idempotency().insert(&kept).await
        })
        .await;
    database.put("jobs.payload", fixture!("job_ingest_v1")).await;
    let found = world.read(&scope, async |tx| tx.jobs().get(job.id).await).await.unwrap();
    let ingest = JobKind::Ingest { source_id: id(6).into(), source_version_id: id(7).into() };
    assert_eq!(found.kind, ingest);

    let answer = fixture!("idempotency_answer_v1");
    let hex: String = answer.bytes().map(|byte| format!("{byte:02x}")).collect();
    database.run(format!("UPDATE idempotency_keys SET answer_body = {}", database.bytes(&hex))).await;
    let found = world.read(&scope, async |tx| tx.idempotency().get("key", world.make.now()).await).await.unwrap();
    assert_eq!(found.answer.body, answer.as_bytes());

    logs_are_read(&world, &database, &cast, &scope).await;
}

async fn logs_are_read(world: &World, database: &impl Database, cast: &Cast, scope: &Scope) {
    // What is in them never changes, so the rows are added; an id is borrowed from the user.
    let changes = quoted(fixture!("audit_changes_v1"));
    database
        .run(format!(
            "INSERT INTO audit_logs (id, tenant_id, action, entity_type, changes) \
             SELECT id, tenant_id, 'profile_changed', 'user', {changes} FROM users WHERE username = 'ada'"
        ))
        .await;
    let found = world.read(scope, async |tx| tx.audit().list(PageRequest::default()).await).await;
    assert_eq!(found.items[0].changes, Some(value(fixture!("audit_changes_v1"))));

    let metadata = quoted(fixture!("usage_metadata_v1"));
    database
        .run(format!(
            "INSERT INTO usage_logs (id, request_id, tenant_id, user_id, message_deleted, agent_type, provider, model, \
             input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, total_tokens, is_estimated, \
             requested_at, metadata) SELECT id, id, tenant_id, id, false, 'chat', 'openai', 'm', 0, 0, 0, 0, 0, false, \
             created_at, {metadata} FROM users WHERE username = 'ada'"
        ))
        .await;
    let found = world.read(scope, async |tx| tx.usage().list(UsageFilter::default(), 9).await).await;
    assert_eq!(found.iter().map(|row| row.user_id).collect::<Vec<_>>(), [Some(cast.ada.id)]);
    assert_eq!(found[0].metadata, value(fixture!("usage_metadata_v1")));
}
