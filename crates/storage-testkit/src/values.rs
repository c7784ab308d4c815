//! Values at their bounds: times, text, numbers.

use chrono::{DateTime, TimeDelta};
use domain::{
    access::Scope,
    admin::AuditLog,
    conversations::{Conversation, Message, Part, Parts, StreamEvent, TurnEvent},
    identity::{ApiKey, Session, User},
    knowledge::{Collection, Source, VersionProgress},
    money::Money,
    store::StoreError,
    tenancy::Tenant,
    text::MAX_TEXT_BYTES,
    usage::{ProviderCall, TokenUsage, UsageFilter, UsageLog},
};
use serde_json::json;

use crate::{World, add_stream, assert_refused, scopes};

/// Times come back to the microsecond, long past and far ahead.
pub async fn times_keep_their_microseconds(world: World) {
    let times = [
        DateTime::UNIX_EPOCH,
        DateTime::UNIX_EPOCH + TimeDelta::microseconds(1),
        DateTime::from_timestamp_micros(-1).unwrap(),
        DateTime::from_timestamp_micros(1_795_262_400_999_999).unwrap(),
        DateTime::from_timestamp_micros(253_402_300_799_999_999).unwrap(), // the end of the year 9999
    ];
    for (number, at) in times.into_iter().enumerate() {
        let tenant = Tenant { created_at: at, updated_at: at, ..world.make.tenant(&format!("tenant-{number}")) };
        let scope = Scope::system_in(tenant.id);
        world.write(&scope, async |tx| tx.tenants().insert(&tenant).await).await;
        assert_eq!(world.read(&scope, async |tx| tx.tenants().get(tenant.id).await).await, Some(tenant));
    }
}

/// Text of any script, and what tends to break, comes back as it was; lengths at their bounds too.
pub async fn text_comes_back_as_it_was(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let texts = [
        "naïve café — “quotes” ‰",
        "e\u{301} is not é",
        "مرحبا שלום नमस्ते 你好 🦀👩‍👩‍👧",
        "\u{1}\u{7f}\u{85}\u{2028}\u{feff}\u{fffd}\u{10ffff}",
        "' OR 1=1 -- \" ; \\ % _ \\u0000 $1 ?1 {}",
        "line\nline\r\n\ttab ",
        "",
        &"ü".repeat(MAX_TEXT_BYTES / 2),
    ];
    for text in texts {
        let conversation = Conversation {
            title: Some(text.chars().take(200).collect()),
            system_prompt: Some(text.to_owned()),
            ..world.make.conversation(&cast.ada)
        };
        let mut message = world.make.question(&conversation, None, 1);
        message.parts = Parts::text(text);
        message.metadata = json!({ "note": text, "nested": [text] });
        world
            .write(&scope, async |tx| {
                tx.conversations().insert(&conversation).await?;
                tx.messages().insert(std::slice::from_ref(&message)).await
            })
            .await;
        world
            .read(&scope, async |tx| {
                assert_eq!(tx.conversations().get(conversation.id).await?, Some(conversation));
                assert_eq!(tx.messages().get(message.id).await?, Some(message));
                Ok(())
            })
            .await;
    }
}

/// Numbers at the ends of their ranges come back; one that no column holds is refused.
pub async fn numbers_keep_their_range(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let largest = i64::MAX.unsigned_abs();
    let read =
        TokenUsage { input_tokens: largest, cached_input_tokens: largest, output_tokens: 0, reasoning_tokens: largest };
    let written = TokenUsage { output_tokens: largest, ..TokenUsage::default() };
    let rows = [
        UsageLog { tokens: read, ..world.make.usage_at(&cast.ada, Money(i64::MAX)) },
        UsageLog { tokens: written, duration_ms: Some(0), ..world.make.usage_at(&cast.ada, Money(i64::MIN)) },
    ];
    for row in &rows {
        world.write(&scope, async |tx| tx.usage().insert(row).await).await;
    }
    let stored = world.read(&scope, async |tx| tx.usage().list(UsageFilter::default(), 10).await).await;
    assert_eq!(stored, rows);
    let too_large = TokenUsage { input_tokens: largest + 1, ..TokenUsage::default() };
    let row = UsageLog { tokens: too_large, ..world.make.usage(&cast.ada) };
    let outcome = world.attempt(&scope, async |tx| tx.usage().insert(&row).await).await;
    assert_refused!(outcome, StoreError::Check(_));
    let uneven = UsageLog { cost: Some(Money(31)), ..world.make.usage(&cast.ada) };
    let outcome = world.attempt(&scope, async |tx| tx.usage().insert(&uneven).await).await;
    assert_refused!(outcome, StoreError::Check(_)); // the parts are 10 and 20
}

/// Runs one command and asserts that a check refuses it.
macro_rules! assert_checked {
    ($world:expr, $scope:expr, |$tx:ident| $command:expr) => {{
        let outcome = $world.attempt($scope, async |$tx| $command.await).await;
        assert_refused!(outcome, StoreError::Check(_));
    }};
}

/// NUL is refused in text of every context.
pub async fn nul_is_refused_in_text(world: World) {
    let cast = world.cast().await;
    let (scope, make) = (scopes::own(&cast.ada), &world.make);
    let nul = || "a\0b".to_owned();

    let tenant = Tenant { name: nul(), ..make.tenant("third") };
    assert_checked!(world, &Scope::system_in(tenant.id), |tx| tx.tenants().insert(&tenant));
    let user = User { display_name: Some(nul()), ..cast.ada.clone() };
    assert_checked!(world, &scope, |tx| tx.users().update(&user));
    let session = Session { user_agent: Some(nul()), ..make.session(&cast.ada) };
    assert_checked!(world, &scope, |tx| tx.sessions().insert(&session));
    let key = ApiKey { name: nul(), ..make.api_key(&cast.ada) };
    assert_checked!(world, &scope, |tx| tx.api_keys().insert(&key));
    let conversation = Conversation { title: Some(nul()), ..make.conversation(&cast.ada) };
    assert_checked!(world, &scope, |tx| tx.conversations().insert(&conversation));
    let collection = Collection { name: nul(), ..make.collection(&cast.ada) };
    assert_checked!(world, &scope, |tx| tx.collections().insert(&collection));
    let row = UsageLog { model: nul(), ..make.usage(&cast.ada) };
    assert_checked!(world, &scope, |tx| tx.usage().insert(&row));
    let call = ProviderCall { model: nul(), ..make.call(&cast.ada) };
    assert_checked!(world, &scope, |tx| tx.usage().record_call(&call));
    let row = AuditLog { action: nul(), ..make.audit(&cast.ada) };
    assert_checked!(world, &scope, |tx| tx.audit().insert(&row));
    let record = make.idempotency(&cast.ada, &nul());
    assert_checked!(world, &scope, |tx| tx.idempotency().insert(&record));
}

/// NUL is refused in the text of files, which brings most of it.
pub async fn nul_is_refused_in_documents(world: World) {
    let cast = world.cast().await;
    let (scope, make) = (scopes::own(&cast.ada), &world.make);
    let nul = || "a\0b".to_owned();
    let collection = make.collection(&cast.ada);
    let source = make.source(&collection);
    let version = make.version(&source, 1);
    world
        .write(&scope, async |tx| {
            tx.collections().insert(&collection).await?;
            tx.sources().insert(&source).await?;
            tx.sources().insert_version(&version).await
        })
        .await;
    let named = Source { filename: nul(), ..make.source(&collection) };
    assert_checked!(world, &scope, |tx| tx.sources().insert(&named));
    let chunk = make.chunk(&version, 0, &nul());
    assert_checked!(world, &scope, |tx| tx.chunks().insert(std::slice::from_ref(&chunk)));
    let progress = VersionProgress { status: None, error: Some(nul()), at: make.now() };
    assert_checked!(world, &scope, |tx| tx.sources().set_version_status(version.id, &progress));
}

/// NUL is refused inside JSON as well: what one database takes, another would not.
pub async fn nul_is_refused_in_json(world: World) {
    let cast = world.cast().await;
    let (scope, make) = (scopes::own(&cast.ada), &world.make);
    let nul = || "a\0b".to_owned();
    let conversation = make.conversation(&cast.ada);
    let mut chain = make.chain(&conversation, 2);
    let stream = make.stream(&chain[1], &cast.ada);
    world
        .write(&scope, async |tx| {
            tx.conversations().insert(&conversation).await?;
            tx.messages().insert(&chain).await
        })
        .await;
    chain.push(make.question(&conversation, chain.last(), 3));
    for broken in [
        Message { parts: Parts(vec![Part::Reasoning { text: nul() }]), ..chain[2].clone() },
        Message { metadata: json!({ "deep": [{ "text": nul() }] }), ..chain[2].clone() },
        Message { metadata: json!({ "key\0": 1 }), ..chain[2].clone() },
    ] {
        assert_checked!(world, &scope, |tx| tx.messages().insert(std::slice::from_ref(&broken)));
    }
    let event = TurnEvent::TextDelta { text: nul() };
    let event = StreamEvent { number: 1, event };
    assert_checked!(world, &scope, |tx| add_stream(tx, &stream, std::slice::from_ref(&event)));
}
