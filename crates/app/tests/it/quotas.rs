//! What users and tenants may have, asked for at the same moment.

use std::sync::Arc;

use app::{
    Error, ErrorKind, Idempotent, Outcome, Settings,
    conversations::NewConversation,
    identity::NewApiKey,
    knowledge::{NewCollection, NewSource, SourceDescription, UploadedSource},
    quotas::Quotas,
};
use domain::{
    access::{Actor, SystemRole},
    admin::KeptAnswer,
    gateways::BlobStore,
    knowledge::{Collection, CollectionVisibility},
    usage::QuotaBounds,
};
use futures::{StreamExt, future::join_all, stream};
use serde_json::json;

use crate::support::{Bench, Choice, tenant_of};

const ROOMY: QuotaBounds = QuotaBounds { per_user: 1_000, per_tenant: 1_000 };

fn bench(quotas: Quotas) -> Bench {
    Bench::with(Choice { settings: Settings { quotas, ..Settings::default() }, ..Choice::default() })
}

/// Asserts a refusal: its status, whose bound it is and of what.
#[track_caller]
fn assert_exceeded(error: &Error, kind: ErrorKind, quota: &str, holder: &str, most: u64) {
    assert_eq!((error.kind, error.code), (kind, "quota_exceeded"));
    assert_eq!(error.details, Some(json!({ "quota": quota, "holder": holder, "most": most })));
    let setting = format!("BANYAN_LIMITS__{}_PER_{}", quota.to_uppercase(), holder.to_uppercase());
    assert!(error.message.ends_with(&setting) && error.message.contains(&most.to_string()), "{}", error.message);
}

/// S71.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hundred_at_once_ten_are_let_in() {
    let conversations = QuotaBounds { per_user: 10, per_tenant: 15 };
    let bench = bench(Quotas { conversations, ..Quotas::default() });
    let acme = bench.tenant("acme").await;
    let (ada, bob) =
        (bench.user(&acme, "ada", SystemRole::User).await, bench.user(&acme, "bob", SystemRole::User).await);
    let begin = |actor: &Actor| {
        let (app, actor) = (bench.app.clone(), actor.clone());
        tokio::spawn(async move { app.conversations().create(&actor, NewConversation::default(), None).await })
    };
    for (actor, fit, holder, most) in [(&ada, 10, "user", 10), (&bob, 5, "tenant", 15)] {
        let outcomes = join_all((0..200).map(|_| begin(actor))).await;
        let (taken, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().map(Result::unwrap).partition(Result::is_ok);
        assert_eq!(taken.len(), fit);
        for error in refused.into_iter().filter_map(Result::err) {
            assert_exceeded(&error, ErrorKind::TooManyRequests, "conversations", holder, most);
        }
    }
    // Another tenant has its own.
    let other = bench.tenant("other").await;
    let eve = bench.user(&other, "eve", SystemRole::User).await;
    begin(&eve).await.unwrap().unwrap();
    assert_eq!(bench.audited(&ada, "conversation_created").await, 15);
}

#[tokio::test]
async fn keys_and_collections_have_bounds_and_a_key_that_is_revoked_makes_room() {
    let two = QuotaBounds { per_user: 2, per_tenant: 1_000 };
    let bench = bench(Quotas { api_keys: two, collections: two, ..Quotas::default() });
    let ada = bench.ada().await;
    let identity = bench.app.identity();
    let key = || NewApiKey { name: "k".to_owned(), ..NewApiKey::default() };
    let first = identity.create_api_key(&ada, key()).await.unwrap();
    identity.create_api_key(&ada, key()).await.unwrap();
    let error = identity.create_api_key(&ada, key()).await.unwrap_err();
    assert_exceeded(&error, ErrorKind::TooManyRequests, "api_keys", "user", 2);
    identity.revoke_api_key(&ada, first.api_key.id).await.unwrap();
    identity.create_api_key(&ada, key()).await.unwrap();

    let collection = || NewCollection { name: "c".to_owned(), ..NewCollection::default() };
    let render = Arc::new(|_: &Collection| KeptAnswer { status: 201, body: Vec::new() });
    let keyed = || Some(Idempotent::new("one", "same".to_owned(), render.clone()).unwrap());
    let knowledge = bench.app.knowledge();
    knowledge.create_collection(&ada, collection(), keyed()).await.unwrap();
    knowledge.create_collection(&ada, collection(), None).await.unwrap();
    let error = knowledge.create_collection(&ada, collection(), None).await.unwrap_err();
    assert_exceeded(&error, ErrorKind::TooManyRequests, "collections", "user", 2);
    // What was done before is told again, and adds nothing.
    knowledge.create_collection(&ada, collection(), keyed()).await.unwrap();
}

/// S46: of files and their bytes. What is refused leaves no file, and room for others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_fit_to_the_byte() {
    let file_bytes = QuotaBounds { per_user: 3_000, per_tenant: 10_000 };
    let files = QuotaBounds { per_user: 4, per_tenant: 1_000 };
    let bench = bench(Quotas { file_bytes, files, collections: ROOMY, ..Quotas::default() });
    let ada = bench.ada().await;
    let docs = bench.collection(&ada, "docs", CollectionVisibility::Private).await;
    let kept = async || bench.blobs.list(tenant_of(&ada)).await.unwrap().len();
    let names: Vec<_> = (0..8).map(|number| (format!("{number}.md"), format!("{number}").repeat(900))).collect();
    let outcomes = join_all(names.iter().map(|(name, content)| bench.upload(&ada, &docs, name, content.clone()))).await;
    let (taken, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!((taken.len(), kept().await), (3, 3));
    for error in refused.into_iter().filter_map(Result::err) {
        assert_exceeded(&error, ErrorKind::TooLarge, "file_bytes", "user", 3_000);
    }
    // A file that is refused for something else takes nothing, and the last byte fits.
    let error = bench.upload(&ada, &docs, "again.md", names[0].1.clone()).await.unwrap_err();
    assert!(["source_exists", "quota_exceeded"].contains(&error.code), "{error}");
    let error = bench.upload(&ada, &docs, "over.md", "x".repeat(301)).await.unwrap_err();
    assert_exceeded(&error, ErrorKind::TooLarge, "file_bytes", "user", 3_000);
    bench.upload(&ada, &docs, "last.md", "x".repeat(300)).await.unwrap();
    let error = bench.upload(&ada, &docs, "fifth.md", "x").await.unwrap_err();
    assert_exceeded(&error, ErrorKind::TooManyRequests, "files", "user", 4);
    assert_eq!(kept().await, 4);
}

/// A request whose answer was lost is sent again when its own file has filled the quota.
#[tokio::test]
async fn an_upload_that_filled_the_quota_is_told_again() {
    let full = QuotaBounds { per_user: 1, per_tenant: 1_000 };
    let bytes = QuotaBounds { per_user: 10, per_tenant: 1_000 };
    let bench = bench(Quotas { files: full, file_bytes: bytes, ..Quotas::default() });
    let ada = bench.ada().await;
    let docs = bench.collection(&ada, "docs", CollectionVisibility::Private).await;
    let render = Arc::new(|_: &UploadedSource| KeptAnswer { status: 202, body: Vec::new() });
    let upload = async |key: &str, text: &'static str| {
        let content = stream::iter([Ok(text.into())]).boxed();
        let new = NewSource { filename: "a.md".to_owned(), content, may_be_repeated: true };
        let staged = bench.app.knowledge().stage(&ada, docs.id, new).await?;
        let keyed = Idempotent::new(key, "same".to_owned(), render.clone()).unwrap();
        bench.app.knowledge().add_source(&ada, staged, SourceDescription::default(), Some(keyed)).await
    };
    assert!(matches!(upload("one", "ten bytes.").await, Ok(Outcome::Done(_))));
    assert!(matches!(upload("one", "ten bytes.").await, Ok(Outcome::Replayed(_))));
    let error = upload("two", "others").await.err().unwrap();
    assert_exceeded(&error, ErrorKind::TooLarge, "file_bytes", "user", 10);
    assert_eq!(bench.blobs.list(tenant_of(&ada)).await.unwrap().len(), 1);
}
