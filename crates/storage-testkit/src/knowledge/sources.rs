//! Sources.

use domain::{
    gateways::BlobKey,
    ids::IdGen,
    knowledge::{Collection, CollectionVisibility, ProcessingStatus, Source, VersionProgress},
    store::StoreError,
};
use serde_json::json;

use super::{progress, shelf};
use crate::{World, assert_conflict, assert_refused, page::walk, scopes};

/// Every field comes back.
pub async fn round_trip(world: World) {
    let cast = world.cast().await;
    let scope = scopes::system(&cast.ada);
    let (collection, ..) = shelf(&world, &cast).await;
    let full = Source {
        user_id: None,
        name: "The guide – ü".to_owned(),
        visibility: Some(CollectionVisibility::Restricted),
        filename: "../../etc/passwd".to_owned(),
        size_bytes: i64::MAX.unsigned_abs(),
        status: ProcessingStatus::Error,
        error: Some("the file is encrypted".to_owned()),
        processed_at: Some(world.make.in_seconds(1)),
        metadata: json!({ "tags": ["a"] }),
        updated_at: world.make.in_seconds(2),
        ..world.make.source(&collection)
    };
    let plain = world.make.source(&collection);
    for source in [&full, &plain] {
        world.write(&scope, async |tx| tx.sources().insert(source).await).await;
        let found = world.read(&scope, async |tx| tx.sources().get(source.id).await).await;
        assert_eq!(found.as_ref(), Some(source));
    }
    let asked = [plain.id, world.make.id(), full.id];
    let mut found = world.read(&scope, async |tx| tx.sources().get_many(&asked).await).await;
    found.sort_by_key(|source| source.id);
    let mut expected = [full, plain];
    expected.sort_by_key(|source| source.id);
    assert_eq!(found, expected);
}

/// The same content is in a collection once, and is found by its hash.
pub async fn content_is_unique_in_a_collection(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (collection, source, _) = shelf(&world, &cast).await;
    let (other, ..) = shelf(&world, &cast).await;
    let twin = Source { content_hash: source.content_hash.clone(), ..world.make.source(&collection) };
    let outcome = world.attempt(&scope, async |tx| tx.sources().insert(&twin).await).await;
    assert_conflict(outcome, &["sources", "content_hash"]);
    let find = async |collection: &Collection, scope| {
        world.read(&scope, async |tx| tx.sources().find_by_hash(collection.id, &source.content_hash).await).await
    };
    assert_eq!(find(&collection, scope.clone()).await.as_ref(), Some(&source));
    assert_eq!(find(&other, scope.clone()).await, None);
    for stranger in cast.strangers() {
        assert_eq!(find(&collection, stranger).await, None);
    }
    let elsewhere = Source { content_hash: source.content_hash.clone(), ..world.make.source(&other) };
    world.write(&scope, async |tx| tx.sources().insert(&elsewhere).await).await;
}

/// Every step of the status that is allowed is taken, every other is refused by a check.
pub async fn only_allowed_steps_are_taken(world: World) {
    use ProcessingStatus as S;
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (collection, ..) = shelf(&world, &cast).await;
    let all = [S::Uploaded, S::Processing, S::Processed, S::Error];
    for from in all {
        for to in all {
            let source = Source { status: from, ..world.make.source(&collection) };
            world.write(&scope, async |tx| tx.sources().insert(&source).await).await;
            let step = progress(&world, to);
            let outcome = world.attempt(&scope, async |tx| tx.sources().set_status(source.id, &step).await).await;
            let found = world.read(&scope, async |tx| tx.sources().get(source.id).await).await.unwrap();
            if from.may_become(to) {
                outcome.unwrap();
                assert_eq!(found.status, to);
            } else {
                assert_refused!(outcome, StoreError::Check(_));
                assert_eq!(found, source);
            }
        }
    }
}

/// A failure keeps its reason until work begins again; success keeps its time.
pub async fn a_failure_keeps_its_reason(world: World) {
    use ProcessingStatus as S;
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (_, source, _) = shelf(&world, &cast).await;
    let step = async |status, error: Option<&str>, seconds| {
        let at = world.make.in_seconds(seconds);
        let progress = VersionProgress { status: Some(status), error: error.map(str::to_owned), at };
        world.write(&scope, async |tx| tx.sources().set_status(source.id, &progress).await).await;
        world.read(&scope, async |tx| tx.sources().get(source.id).await).await.unwrap()
    };
    step(S::Processing, None, 1).await;
    let failed = step(S::Error, Some("it is encrypted"), 2).await;
    assert_eq!((failed.status, failed.error.as_deref()), (S::Error, Some("it is encrypted")));
    let again = step(S::Processing, None, 3).await;
    assert_eq!((again.status, again.error, again.processed_at), (S::Processing, None, None));
    let done = step(S::Processed, None, 4).await;
    assert_eq!((done.status, done.processed_at), (S::Processed, Some(world.make.in_seconds(4))));
}

/// A source is read as its collection is; its own visibility narrows it to its owner.
pub async fn reaches_are_predicates(world: World) {
    let cast = world.cast().await;
    let shared = Collection { visibility: CollectionVisibility::Shared, ..world.make.collection(&cast.ada) };
    let private = world.make.collection(&cast.ada);
    let in_shared = world.make.source(&shared);
    let narrowed = Source { visibility: Some(CollectionVisibility::Private), ..world.make.source(&shared) };
    let in_private = world.make.source(&private);
    let sources = [&in_shared, &narrowed, &in_private];
    world
        .write(&scopes::own(&cast.ada), async |tx| {
            tx.collections().insert(&shared).await?;
            tx.collections().insert(&private).await?;
            for source in sources {
                tx.sources().insert(source).await?;
            }
            Ok(())
        })
        .await;
    for (scope, seen) in [
        (scopes::own(&cast.ada), [true, true, true]),
        (scopes::visible(&cast.ada), [true, true, true]),
        (scopes::own(&cast.bob), [false, false, false]),
        (scopes::visible(&cast.bob), [true, false, false]),
        (scopes::whole(&cast.bob), [true, true, true]),
        (scopes::nothing(&cast.ada), [false, false, false]),
        (scopes::whole(&cast.eve), [false, false, false]),
    ] {
        let ids = sources.map(|source| source.id);
        let many = world.read(&scope, async |tx| tx.sources().get_many(&ids).await).await;
        for (source, seen) in sources.into_iter().zip(seen) {
            let got = world.read(&scope, async |tx| tx.sources().get(source.id).await).await;
            assert_eq!(got.is_some(), seen, "{scope:?}");
            assert_eq!(many.contains(source), seen, "{scope:?}");
            let collection = source.collection_id;
            let list = world.read(&scope, async |tx| tx.sources().list(collection, Default::default()).await).await;
            assert_eq!(list.items.contains(source), seen, "{scope:?}");
        }
    }
}

/// The list of a collection is complete and in order, page by page.
pub async fn the_list_is_newest_first(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (collection, source, _) = shelf(&world, &cast).await;
    shelf(&world, &cast).await;
    let mut sources = vec![source];
    for _ in 0..4 {
        let source = world.make.source(&collection);
        world.write(&scope, async |tx| tx.sources().insert(&source).await).await;
        sources.push(source);
    }
    sources.sort_by_key(|source| std::cmp::Reverse((source.created_at, source.id)));
    let listed =
        walk(2, async |page| world.read(&scope, async |tx| tx.sources().list(collection.id, page).await).await);
    assert_eq!(listed.await, sources);
}

/// A source belongs to a collection and a person of its tenant; strangers change nothing.
pub async fn references_stay_in_the_tenant(world: World) {
    let cast = world.cast().await;
    let scope = scopes::system(&cast.ada);
    let (collection, source, _) = shelf(&world, &cast).await;
    let theirs = world.make.collection(&cast.eve);
    world.write(&scopes::own(&cast.eve), async |tx| tx.collections().insert(&theirs).await).await;
    let ours = world.make.source(&collection);
    for broken in [
        Source { collection_id: theirs.id, ..ours.clone() },
        Source { collection_id: world.make.id(), ..ours.clone() },
        Source { user_id: Some(cast.eve.id), ..ours.clone() },
    ] {
        let outcome = world.attempt(&scope, async |tx| tx.sources().insert(&broken).await).await;
        assert_refused!(outcome, StoreError::ForeignKey);
    }
    let outcome = world.attempt(&scopes::system(&cast.eve), async |tx| tx.sources().insert(&ours).await).await;
    assert_refused!(outcome, StoreError::OutOfScope(_));
    let step = progress(&world, ProcessingStatus::Processing);
    for stranger in cast.strangers() {
        let outcome = world.attempt(&stranger, async |tx| tx.sources().set_status(source.id, &step).await).await;
        assert_refused!(outcome, StoreError::Stale);
    }
    assert_eq!(world.read(&scope, async |tx| tx.sources().get(source.id).await).await, Some(source));
}

/// Of some files, those that no source and no version names are told, for the sweep.
pub async fn files_without_a_row_are_known(world: World) {
    let cast = world.cast().await;
    let scope = scopes::system(&cast.ada);
    let (_, source, version) = shelf(&world, &cast).await;
    let key = || BlobKey::new(source.tenant_id, world.make.ids.random());
    let (text, left, also_left) = (key(), key(), key());
    let with_text = domain::knowledge::SourceVersion { text_storage_key: Some(text.clone()), ..version };
    world.write(&scope, async |tx| tx.sources().update_version(&with_text).await).await;
    let asked = [left.clone(), text.clone(), source.storage_key.clone(), also_left.clone()];
    let mut found = world.read(&scope, async |tx| tx.sources().unnamed_files(&asked).await).await;
    let mut expected = [left, also_left];
    found.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    expected.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    assert_eq!(found, expected);
    assert_eq!(world.read(&scope, async |tx| tx.sources().unnamed_files(&[]).await).await, []);
}
