//! Tenants.

pub mod social_links;

use async_trait::async_trait;
use domain::{
    access::{Permission, Scope},
    store::{StoreError, Tx},
    tenancy::Tenant,
};
use uuid::Uuid;

use crate::{
    Fixtures, Key, Listing, Needs, Person, Subject, Unique, Verb, World, assert_refused, page::walk, scopes, whole_row,
};

/// The tenant of a person.
pub struct Tenants(Tenant);

#[async_trait]
impl Subject for Tenants {
    whole_row!(Tenant);

    const NAME: &'static str = "tenants";
    const ACCESS: [Permission; 2] = [Permission::ProfileRead, Permission::TenantsWrite];
    const NEEDS: Needs = Needs::Nothing;

    fn new(_: &Fixtures, person: &Person) -> Self {
        Self(person.tenant.clone())
    }

    fn plain(&self, _: &Fixtures) -> Tenant {
        self.0.clone()
    }

    fn full(&self, make: &Fixtures) -> Tenant {
        Tenant {
            name: "Acme Labs, Inc. – Ünïcode 🦀".to_owned(),
            updated_at: make.in_seconds(1),
            ..self.another(make, 0)
        }
    }

    fn another(&self, make: &Fixtures, _: usize) -> Tenant {
        make.tenant(&format!("acme-{}", make.id::<Uuid>().simple()))
    }

    async fn insert(&self, tx: &dyn Tx, tenant: &Tenant) -> Result<(), StoreError> {
        tx.tenants().insert(tenant).await
    }

    async fn find(&self, tx: &dyn Tx, tenant: &Tenant) -> Result<Option<Tenant>, StoreError> {
        tx.tenants().get(tenant.id).await
    }

    fn listing() -> Option<Listing<Self>> {
        Some(Listing::new(|_, tx, page| tx.tenants().list(page), |tenant| (tenant.created_at, tenant.id.0)))
    }

    fn verbs() -> Vec<Verb<Self>> {
        vec![Verb::<Self>::look_up("find_by_slug", |_, tx, tenant, _| {
            Box::pin(async move { Ok(tx.tenants().find_by_slug(tenant.slug.as_str()).await?.as_ref() == Some(tenant)) })
        })]
    }

    fn keys() -> Vec<Key<Self>> {
        vec![
            Key::<Self>::new(&["tenants"], Unique::Installation, |stored, twin| twin.id = stored.id),
            Key::<Self>::new(&["tenants", "slug"], Unique::Installation, |stored, twin| {
                twin.slug = stored.slug.clone()
            }),
        ]
    }
}

/// A tenant sees itself only; the installation sees all, newest first.
pub async fn a_tenant_sees_itself_only(world: World) {
    let mut tenants = Vec::new();
    for number in 0..7 {
        if number % 3 == 0 {
            world.make.clock.advance(chrono::TimeDelta::seconds(1));
        }
        tenants.push(world.tenant(&format!("tenant-{number}")).await);
    }
    let own = Scope::system_in(tenants[0].id);
    world
        .read(&own, async |tx| {
            assert_eq!(tx.tenants().get(tenants[1].id).await?, None);
            assert_eq!(tx.tenants().find_by_slug("tenant-1").await?, None);
            assert_eq!(tx.tenants().find_by_slug("tenant-0").await?.as_ref(), Some(&tenants[0]));
            let page = tx.tenants().list(Default::default()).await?;
            assert_eq!(page.items, tenants[..1]);
            assert_eq!(page.next, None);
            Ok(())
        })
        .await;
    tenants.sort_by_key(|tenant| std::cmp::Reverse((tenant.created_at, tenant.id)));
    let all = Scope::system("contract suite");
    let listed = walk(3, async |page| world.read(&all, async |tx| tx.tenants().list(page).await).await).await;
    assert_eq!(listed, tenants);
    world
        .read(&all, async |tx| {
            assert_eq!(tx.tenants().find_by_slug(tenants[3].slug.as_str()).await?.as_ref(), Some(&tenants[3]));
            assert_eq!(tx.tenants().find_by_slug("tenant-99").await?, None);
            Ok(())
        })
        .await;
}

/// A tenant is added in its own scope, not in that of another.
pub async fn a_tenant_is_added_in_its_own_scope(world: World) {
    let cast = world.cast().await;
    let third = world.make.tenant("third");
    for scope in [scopes::system(&cast.ada), Scope::sign_in()] {
        let outcome = world.attempt(&scope, async |tx| tx.tenants().insert(&third).await).await;
        assert_refused!(outcome, StoreError::OutOfScope(_));
    }
    let found = world.read(&Scope::system("contract suite"), async |tx| tx.tenants().get(third.id).await).await;
    assert_eq!(found, None);
}
