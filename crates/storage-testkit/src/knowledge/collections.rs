//! Collections.

use async_trait::async_trait;
use domain::{
    access::Permission,
    identity::User,
    ids::CollectionId,
    knowledge::{ChunkingSettings, Collection, CollectionVisibility},
    page::PageRequest,
    store::{StoreError, Tx},
};

use super::{published, shelf};
use crate::{Fixtures, Key, Listing, Person, Reference, Subject, Unique, Verb, World, page::walk, scopes, whole_row};

/// Collections of a user.
pub struct Collections {
    user: User,
    visibility: CollectionVisibility,
    parent: Collection,
}

#[async_trait]
impl Subject for Collections {
    whole_row!(Collection);

    const NAME: &'static str = "collections";
    const ACCESS: [Permission; 2] = [Permission::KnowledgeRead, Permission::KnowledgeWrite];
    const ALWAYS_SET: &'static [&'static str] = &["user_id"];
    const ALIKE: &'static [&'static str] = &["tenant_id"];

    fn new(make: &Fixtures, person: &Person) -> Self {
        let parent = make.collection(&person.user);
        Self { user: person.user.clone(), visibility: CollectionVisibility::Private, parent }
    }

    fn shown(self) -> Option<Self> {
        Some(Self { visibility: CollectionVisibility::Shared, ..self })
    }

    async fn store(&self, tx: &dyn Tx) -> Result<(), StoreError> {
        tx.collections().insert(&self.parent).await
    }

    fn plain(&self, make: &Fixtures) -> Collection {
        Collection { visibility: self.visibility, ..make.collection(&self.user) }
    }

    fn full(&self, make: &Fixtures) -> Collection {
        Collection {
            parent_id: Some(self.parent.id),
            name: "Laws".to_owned(),
            description: Some("All – für alle".to_owned()),
            visibility: CollectionVisibility::Restricted,
            chunking: ChunkingSettings { target_tokens: 1, max_tokens: 2, overlap_tokens: 0 },
            chunk_count: 7,
            generation: 8,
            updated_at: make.in_seconds(1),
            ..self.plain(make)
        }
    }

    async fn insert(&self, tx: &dyn Tx, collection: &Collection) -> Result<(), StoreError> {
        tx.collections().insert(collection).await
    }

    async fn find(&self, tx: &dyn Tx, collection: &Collection) -> Result<Option<Collection>, StoreError> {
        tx.collections().get(collection.id).await
    }

    fn listing() -> Option<Listing<Self>> {
        Some(Listing::new(|_, tx, page| tx.collections().list(None, page), |row| (row.created_at, row.id.0)))
    }

    fn verbs() -> Vec<Verb<Self>> {
        vec![
            Verb::<Self>::look_up("list(parent)", |subject, tx, collection, _| {
                Box::pin(async move {
                    let page = tx.collections().list(Some(subject.parent.id), PageRequest::default()).await?;
                    Ok(page.items.contains(collection))
                })
            })
            .on(|subject, collection, _| collection.parent_id = Some(subject.parent.id)),
            Verb::<Self>::look_up("depth", |_, tx, collection, _| {
                Box::pin(async move { Ok(tx.collections().depth(collection.id).await? == 1) })
            })
            .on(|subject, collection, _| collection.parent_id = Some(subject.parent.id)),
            Verb::<Self>::look_up("with_descendants", |_, tx, collection, _| {
                Box::pin(async move {
                    Ok(tx.collections().with_descendants(&[collection.id]).await?.contains(&collection.id))
                })
            }),
            Verb::<Self>::look_up("has_chunks", |_, tx, _, _| tx.collections().has_chunks())
                .on(|_, collection, _| collection.chunk_count = 1),
            Verb::<Self>::command(
                "record_change",
                |_, tx, collection, _| tx.collections().record_change(collection.id, 5),
                |collection, at| {
                    collection.generation += 1;
                    collection.chunk_count += 5;
                    collection.updated_at = at.now();
                },
            ),
        ]
    }

    fn keys() -> Vec<Key<Self>> {
        vec![Key::<Self>::new(&["collections"], Unique::AtLeastTenant, |stored, twin| twin.id = stored.id)]
    }

    fn references() -> Vec<Reference<Self>> {
        vec![
            Reference::<Self>::new("user_id", |row, other| Collection { user_id: Some(other.user.id), ..row }),
            Reference::<Self>::new("parent_id", |row, other| Collection { parent_id: Some(other.parent.id), ..row }),
        ]
    }
}

/// A collection may be the tenant's own: those who see the tenant read it, and others as far as it is
/// shown.
pub async fn a_collection_may_be_the_tenants(world: World) {
    use CollectionVisibility as V;
    let cast = world.cast().await;
    for (visibility, is_shown) in [(V::Private, false), (V::Restricted, false), (V::Shared, true)] {
        let row = Collection { user_id: None, visibility, ..world.make.collection(&cast.ada) };
        world.write(&scopes::system(&cast.ada), async |tx| tx.collections().insert(&row).await).await;
        for (scope, is_found) in [
            (scopes::whole(&cast.ada), true),
            (scopes::visible(&cast.ada), is_shown),
            (scopes::own(&cast.ada), false),
            (scopes::whole(&cast.eve), false),
        ] {
            let found = world.read(&scope, async |tx| tx.collections().get(row.id).await).await;
            assert_eq!(found, is_found.then(|| row.clone()), "{scope:?}");
        }
    }
}

/// What is restricted is its owner's, as what is private is: nobody has a grant yet.
pub async fn restricted_is_not_shown(world: World) {
    let cast = world.cast().await;
    let visibility = CollectionVisibility::Restricted;
    let row = Collection { visibility, ..world.make.collection(&cast.ada) };
    world.write(&scopes::own(&cast.ada), async |tx| tx.collections().insert(&row).await).await;
    for (scope, is_found) in [
        (scopes::own(&cast.ada), true),
        (scopes::visible(&cast.ada), true),
        (scopes::visible(&cast.bob), false),
        (scopes::whole(&cast.bob), true),
    ] {
        let listed = world.read(&scope, async |tx| tx.collections().list(None, Default::default()).await).await;
        let below = world.read(&scope, async |tx| tx.collections().with_descendants(&[row.id]).await).await;
        let found = world.read(&scope, async |tx| tx.collections().get(row.id).await).await;
        assert_eq!(found.as_ref(), is_found.then_some(&row), "{scope:?}");
        assert_eq!((listed.items.contains(&row), below.contains(&row.id)), (is_found, is_found), "{scope:?}");
    }
}

/// The list of what is below a collection is complete and in order, page by page.
pub async fn children_are_listed(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let parent = world.make.collection(&cast.ada);
    world.write(&scope, async |tx| tx.collections().insert(&parent).await).await;
    let mut children = Vec::new();
    for number in 0..5 {
        if number == 3 {
            world.make.clock.advance(chrono::TimeDelta::microseconds(1));
        }
        let child = Collection { parent_id: Some(parent.id), ..world.make.collection(&cast.ada) };
        world.write(&scope, async |tx| tx.collections().insert(&child).await).await;
        children.push(child);
    }
    children.sort_by_key(|row| std::cmp::Reverse((row.created_at, row.id)));
    let above = Some(parent.id);
    let listed = walk(2, async |page| world.read(&scope, async |tx| tx.collections().list(above, page).await).await);
    assert_eq!(listed.await, children);
}

/// A collection stands as deep as there are others above it, and takes all below it along.
pub async fn collections_nest(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let mut chain: Vec<Collection> = Vec::new();
    for depth in 0..5 {
        let parent_id = chain.last().map(|above| above.id);
        let collection = Collection { parent_id, ..world.make.collection(&cast.ada) };
        world.write(&scope, async |tx| tx.collections().insert(&collection).await).await;
        let found = world.read(&scope, async |tx| tx.collections().depth(collection.id).await).await;
        assert_eq!(found, depth);
        chain.push(collection);
    }
    let side = Collection { parent_id: Some(chain[1].id), ..world.make.collection(&cast.ada) };
    world.write(&scope, async |tx| tx.collections().insert(&side).await).await;
    let mut expected: Vec<CollectionId> = chain[1..].iter().chain([&side]).map(|row| row.id).collect();
    expected.sort_unstable();
    let asked = [chain[1].id, chain[3].id, world.make.id()];
    let mut found = world.read(&scope, async |tx| tx.collections().with_descendants(&asked).await).await;
    found.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(world.read(&scope, async |tx| tx.collections().with_descendants(&[]).await).await, []);
}

/// Chunks are added and taken away, and every change raises the generation.
pub async fn changes_are_counted(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (collection, ..) = shelf(&world, &cast).await;
    let second = chrono::TimeDelta::seconds(1);
    world
        .write(&scope, async |tx| {
            world.make.clock.advance(second);
            tx.collections().record_change(collection.id, 5).await?;
            world.make.clock.advance(second);
            tx.collections().record_change(collection.id, -2).await
        })
        .await;
    let found = world.read(&scope, async |tx| tx.collections().get(collection.id).await).await;
    let changed = Collection { generation: 2, chunk_count: 3, updated_at: world.make.now(), ..collection };
    assert_eq!(found, Some(changed));
}

/// Whether there is anything to search at all, as far as the scope reaches.
pub async fn it_is_known_whether_there_are_chunks(world: World) {
    let cast = world.cast().await;
    let has = async |scope| world.read(&scope, async |tx| tx.collections().has_chunks().await).await;
    let collection = world.make.collection(&cast.ada);
    world.write(&scopes::own(&cast.ada), async |tx| tx.collections().insert(&collection).await).await;
    assert!(!has(scopes::system(&cast.ada)).await);
    published(&world, &world.make.source(&collection), "some words", &[1.0, 0.0]).await;
    assert!(has(scopes::own(&cast.ada)).await);
    assert!(has(scopes::whole(&cast.bob)).await);
    for stranger in cast.strangers() {
        assert!(!has(stranger).await);
    }
}
