//! Sources.

use async_trait::async_trait;
use domain::{
    access::{Permission, Purpose, Scope},
    gateways::BlobKey,
    ids::IdGen,
    knowledge::{Collection, CollectionVisibility, ProcessingStatus, Source, VersionProgress},
    store::{StoreError, Tx},
};
use serde_json::json;

use super::{progress, shelf};
use crate::{
    Fixtures, Key, Listing, Person, Reference, Subject, Unique, Verb, World, assert_refused, may_add_part, scopes,
};

/// Sources of a collection.
pub struct Sources(Collection);

#[async_trait]
impl Subject for Sources {
    type Row = Source;
    type Whole = Collection;

    const NAME: &'static str = "sources";
    const ACCESS: [Permission; 2] = [Permission::KnowledgeRead, Permission::KnowledgeWrite];
    const NEVER_SET: &'static [&'static str] = &["current_version_id"];
    const ALWAYS_SET: &'static [&'static str] = &["user_id"];
    const ALIKE: &'static [&'static str] = &["tenant_id", "collection_id"];

    fn new(make: &Fixtures, person: &Person) -> Self {
        Self(make.collection(&person.user))
    }

    fn shown(self) -> Option<Self> {
        Some(Self(Collection { visibility: CollectionVisibility::Shared, ..self.0 }))
    }

    async fn store(&self, tx: &dyn Tx) -> Result<(), StoreError> {
        tx.collections().insert(&self.0).await
    }

    fn plain(&self, make: &Fixtures) -> Source {
        make.source(&self.0)
    }

    fn full(&self, make: &Fixtures) -> Source {
        Source {
            name: "The guide – ü".to_owned(),
            visibility: Some(CollectionVisibility::Restricted),
            filename: "../../etc/passwd".to_owned(),
            storage_type: "local".to_owned(),
            mime_type: "application/pdf".to_owned(),
            size_bytes: i64::MAX.unsigned_abs() / 8,
            status: ProcessingStatus::Error,
            error: Some("the file is encrypted".to_owned()),
            processed_at: Some(make.in_seconds(1)),
            metadata: json!({ "tags": ["a"] }),
            updated_at: make.in_seconds(2),
            ..self.plain(make)
        }
    }

    fn whole<'a>(&'a self, _: &'a Source) -> &'a Collection {
        &self.0
    }

    async fn insert(&self, tx: &dyn Tx, source: &Source) -> Result<(), StoreError> {
        tx.sources().insert(source).await
    }

    async fn find(&self, tx: &dyn Tx, source: &Source) -> Result<Option<Source>, StoreError> {
        tx.sources().get(source.id).await
    }

    fn listing() -> Option<Listing<Self>> {
        Some(Listing::new(
            |subject, tx, page| tx.sources().list(subject.0.id, page),
            |source| (source.created_at, source.id.0),
        ))
    }

    fn verbs() -> Vec<Verb<Self>> {
        vec![
            Verb::<Self>::look_up("get_many", |_, tx, source, at| {
                Box::pin(async move {
                    Ok(tx.sources().get_many(&[at.make.id(), source.id]).await? == std::slice::from_ref(source))
                })
            }),
            Verb::<Self>::look_up("find_by_hash", |subject, tx, source, _| {
                Box::pin(async move {
                    let found = tx.sources().find_by_hash(subject.0.id, &source.content_hash).await?;
                    Ok(found.as_ref() == Some(source))
                })
            }),
            Verb::<Self>::command(
                "set_status",
                |_, tx, source, at| {
                    Box::pin(async move {
                        let status = Some(ProcessingStatus::Processing);
                        let step = VersionProgress { status, error: Some("so far".to_owned()), at: at.time };
                        tx.sources().set_status(source.id, &step).await
                    })
                },
                |source, at| {
                    source.status = ProcessingStatus::Processing;
                    source.error = Some("so far".to_owned());
                    source.updated_at = at.time;
                },
            ),
        ]
    }

    fn keys() -> Vec<Key<Self>> {
        vec![
            Key::<Self>::new(&["sources"], Unique::AtLeastTenant, |stored, twin| twin.id = stored.id),
            Key::<Self>::new(&["sources", "content_hash"], Unique::Tenant, |stored, twin| {
                twin.content_hash = stored.content_hash.clone()
            }),
        ]
    }

    fn references() -> Vec<Reference<Self>> {
        vec![
            Reference::<Self>::new("collection_id", |source, other| Source { collection_id: other.0.id, ..source }),
            Reference::<Self>::new("user_id", |source, other| Source { user_id: other.0.user_id, ..source }),
        ]
    }

    fn reaches(&self, _: &str, scope: &Scope, source: &Source, purpose: Purpose) -> Result<bool, StoreError> {
        Ok(scope.filter::<Collection>(purpose)?.admits_source(source, &self.0))
    }

    fn may_add(&self, scope: &Scope, source: &Source) -> Result<(), StoreError> {
        may_add_part(scope, &self.0, self.reaches("insert", scope, source, Purpose::Change)?)
    }
}

/// A source may be the tenant's own.
pub async fn a_source_may_be_the_tenants(world: World) {
    let cast = world.cast().await;
    let scope = scopes::system(&cast.ada);
    let (collection, ..) = shelf(&world, &cast).await;
    let source = Source { user_id: None, ..world.make.source(&collection) };
    world.write(&scope, async |tx| tx.sources().insert(&source).await).await;
    assert_eq!(world.read(&scope, async |tx| tx.sources().get(source.id).await).await, Some(source));
}

/// The same content may be in two collections, and is found by its hash in each.
pub async fn content_may_be_in_two_collections(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (collection, source, _) = shelf(&world, &cast).await;
    let (other, ..) = shelf(&world, &cast).await;
    let find = async |collection: &Collection, scope| {
        world.read(&scope, async |tx| tx.sources().find_by_hash(collection.id, &source.content_hash).await).await
    };
    assert_eq!(find(&collection, scope.clone()).await.as_ref(), Some(&source));
    assert_eq!(find(&other, scope.clone()).await, None);
    let elsewhere = Source { content_hash: source.content_hash.clone(), ..world.make.source(&other) };
    world.write(&scope, async |tx| tx.sources().insert(&elsewhere).await).await;
    assert_eq!(find(&other, scope.clone()).await, Some(elsewhere));
    assert_eq!(find(&collection, scope.clone()).await.as_ref(), Some(&source));
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
    let expected = |status, error: Option<&str>, processed_at, seconds| {
        let error = error.map(str::to_owned);
        Source { status, error, processed_at, updated_at: world.make.in_seconds(seconds), ..source.clone() }
    };
    assert_eq!(step(S::Processing, None, 1).await, expected(S::Processing, None, None, 1));
    let reason = Some("it is encrypted");
    assert_eq!(step(S::Error, reason, 2).await, expected(S::Error, reason, None, 2));
    assert_eq!(step(S::Processing, None, 3).await, expected(S::Processing, None, None, 3));
    let first_found = Some(world.make.in_seconds(4));
    assert_eq!(step(S::Processed, None, 4).await, expected(S::Processed, None, first_found, 4));
}

/// A source is read as its collection is; its own visibility narrows it to its owner.
pub async fn reaches_are_predicates(world: World) {
    let cast = world.cast().await;
    let shared = Collection { visibility: CollectionVisibility::Shared, ..world.make.collection(&cast.ada) };
    let private = world.make.collection(&cast.ada);
    let in_shared = world.make.source(&shared);
    let narrowed = Source { visibility: Some(CollectionVisibility::Private), ..world.make.source(&shared) };
    let in_private = world.make.source(&private);
    // Of Bob, in Ada's collections: his ownership of a source opens no collection to him.
    let of_bob = |collection| Source { user_id: Some(cast.bob.id), ..world.make.source(collection) };
    let bobs_narrowed = Source { visibility: Some(CollectionVisibility::Private), ..of_bob(&shared) };
    let bobs_in_private = of_bob(&private);
    let sources = [&in_shared, &narrowed, &in_private, &bobs_narrowed, &bobs_in_private];
    world
        .write(&scopes::system(&cast.ada), async |tx| {
            tx.collections().insert(&shared).await?;
            tx.collections().insert(&private).await?;
            for source in sources {
                tx.sources().insert(source).await?;
            }
            Ok(())
        })
        .await;
    for (scope, seen) in [
        (scopes::own(&cast.ada), [true, true, true, false, true]),
        (scopes::visible(&cast.ada), [true, true, true, false, true]),
        (scopes::own(&cast.bob), [false; 5]),
        (scopes::visible(&cast.bob), [true, false, false, true, false]),
        (scopes::whole(&cast.bob), [true; 5]),
        (scopes::nothing(&cast.ada), [false; 5]),
        (scopes::whole(&cast.eve), [false; 5]),
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
