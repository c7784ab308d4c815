//! Uploads: what is kept of a file, and which files are refused.

use app::{ErrorKind, Settings};
use bytes::Bytes;
use domain::{
    access::SystemRole,
    gateways::BlobStore,
    knowledge::{CollectionVisibility, ProcessingStatus},
    page::PageRequest,
};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::support::{Bench, Choice, refusal, tenant_of};

#[tokio::test]
async fn a_file_is_kept_under_its_hash_and_a_clean_name() {
    let bench = Bench::plain();
    let ada = bench.ada().await;
    let collection = bench.collection(&ada, "notes", CollectionVisibility::Private).await;
    let content = "The banyan is a fig. ".repeat(2_000);
    let uploaded = bench.upload(&ada, &collection, "../../etc/C:\\x\\a\u{0}b.md", content.clone()).await.unwrap();
    let source = uploaded.source;
    let hash: String = Sha256::digest(content.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((source.content_hash, source.size_bytes), (hash, content.len() as u64));
    assert_eq!((source.filename.as_str(), source.name.as_str()), ("ab.md", "ab.md"));
    assert_eq!((source.mime_type.as_str(), source.status), ("text/markdown", ProcessingStatus::Uploaded));
    assert_eq!(source.user_id, Some(ada.user_id));
    let files = bench.blobs.list(tenant_of(&ada)).await.unwrap();
    assert_eq!(files.len(), 1);
    assert!(!source.storage_key.as_str().contains("ab"));
    assert_eq!(bench.audited(&ada, "source_uploaded").await, 1);
}

#[tokio::test]
async fn the_same_file_again_is_told_and_leaves_nothing() {
    let bench = Bench::plain();
    let ada = bench.ada().await;
    let collection = bench.collection(&ada, "notes", CollectionVisibility::Private).await;
    let second = bench.collection(&ada, "others", CollectionVisibility::Private).await;
    let first = bench.upload(&ada, &collection, "a.md", "The same.").await.unwrap();
    let error = bench.upload(&ada, &collection, "b.md", "The same.").await.unwrap_err();
    assert_eq!((error.kind, error.code), (ErrorKind::Conflict, "source_exists"));
    assert_eq!(error.details, Some(json!({ "source_id": first.source.id })));
    assert_eq!(bench.blobs.list(tenant_of(&ada)).await.unwrap().len(), 1);
    bench.upload(&ada, &second, "a.md", "The same.").await.unwrap();
    let page = bench.app.knowledge().sources(&ada, collection.id, PageRequest::default()).await.unwrap();
    assert_eq!(page.items, [first.source]);
}

#[tokio::test]
async fn too_large_too_small_and_unknown_types_are_refused_and_leave_nothing() {
    let settings = Settings { max_upload_bytes: 10_000, ..Settings::default() };
    let bench = Bench::with(Choice { settings, ..Choice::default() });
    let ada = bench.ada().await;
    let collection = bench.collection(&ada, "notes", CollectionVisibility::Private).await;
    let png = Bytes::from_static(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    for (name, content, kind, code) in [
        ("a.md", Bytes::from("x".repeat(10_001)), ErrorKind::TooLarge, "too_large"),
        ("b.md", Bytes::from("x".repeat(50_000)), ErrorKind::TooLarge, "too_large"),
        ("c.md", Bytes::new(), ErrorKind::Invalid, "invalid"),
        ("d.md", png, ErrorKind::UnsupportedMediaType, "unsupported_media_type"),
        ("..", Bytes::from("x"), ErrorKind::Invalid, "invalid"),
    ] {
        let error = bench.upload(&ada, &collection, name, content).await.unwrap_err();
        assert_eq!((error.kind, error.code), (kind, code), "{name}");
    }
    assert_eq!(bench.blobs.list(tenant_of(&ada)).await.unwrap(), []);
    bench.upload(&ada, &collection, "e.md", "x".repeat(10_000)).await.unwrap();
}

#[tokio::test]
async fn only_those_who_may_write_to_a_collection_upload_to_it() {
    let bench = Bench::plain();
    let (acme, other) = (bench.tenant("acme").await, bench.tenant("other").await);
    let ada = bench.user(&acme, "ada", SystemRole::User).await;
    let bob = bench.user(&acme, "bob", SystemRole::User).await;
    let view = bench.user(&acme, "view", SystemRole::Viewer).await;
    let eve = bench.user(&other, "eve", SystemRole::TenantAdmin).await;
    let shared = bench.collection(&ada, "shared", CollectionVisibility::Shared).await;
    for (actor, code) in [(&bob, "not_found"), (&view, "forbidden"), (&eve, "not_found")] {
        assert_eq!(refusal(bench.upload(actor, &shared, "a.md", "x").await), code);
    }
    assert_eq!(bench.blobs.list(acme.id).await.unwrap(), []);
}

#[tokio::test]
async fn a_file_stays_when_nobody_knows_whether_its_row_was_written() {
    let bench = Bench::plain();
    let ada = bench.ada().await;
    let collection = bench.collection(&ada, "notes", CollectionVisibility::Private).await;
    bench.store.lie_once();
    let error = bench.upload(&ada, &collection, "a.md", "The banyan is a fig.").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    // The row is there after all, and its file too.
    let page = bench.app.knowledge().sources(&ada, collection.id, PageRequest::default()).await.unwrap();
    assert_eq!(page.items.len(), 1);
    assert!(bench.blobs.get(&page.items[0].storage_key).await.is_ok());
}
