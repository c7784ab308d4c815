//! The audit log.

use async_trait::async_trait;
use domain::{
    access::{Permission, Scope},
    admin::AuditLog,
    conversations::{StreamLease, StreamState},
    identity::User,
    page::PageRequest,
    store::{StoreError, Tx},
};
use serde_json::json;

use crate::{
    Fixtures, Key, Listing, Person, Reading, Reference, Subject, Unique, World, assert_refused, scopes, whole_row,
};

/// The acts of a user.
pub struct AuditLogs(User);

#[async_trait]
impl Subject for AuditLogs {
    whole_row!(AuditLog);

    const NAME: &'static str = "audit_logs";
    // An act in any area leaves its row.
    const ACCESS: [Permission; 2] = [Permission::AuditRead, Permission::KnowledgeWrite];
    const READING: Reading = Reading::Otherwise;
    const ALWAYS_SET: &'static [&'static str] = &["tenant_id", "user_id"];

    fn new(_: &Fixtures, person: &Person) -> Self {
        Self(person.user.clone())
    }

    fn plain(&self, make: &Fixtures) -> AuditLog {
        make.audit(&self.0)
    }

    fn full(&self, make: &Fixtures) -> AuditLog {
        AuditLog {
            action: "source_retried".to_owned(),
            entity_type: "source".to_owned(),
            superadmin_id: Some(self.0.id),
            entity_id: Some(make.id()),
            changes: Some(json!({ "before": { "title": null }, "after": { "title": "ü" } })),
            ip_address: Some("203.0.113.9".parse().unwrap()),
            user_agent: Some("curl".to_owned()),
            ..self.plain(make)
        }
    }

    async fn insert(&self, tx: &dyn Tx, row: &AuditLog) -> Result<(), StoreError> {
        tx.audit().insert(row).await
    }

    async fn find(&self, tx: &dyn Tx, row: &AuditLog) -> Result<Option<AuditLog>, StoreError> {
        let page = tx.audit().list(PageRequest::default()).await?;
        Ok(page.items.into_iter().find(|found| found.id == row.id))
    }

    fn listing() -> Option<Listing<Self>> {
        Some(Listing::new(|_, tx, page| tx.audit().list(page), |row| (row.created_at, row.id.0)))
    }

    fn keys() -> Vec<Key<Self>> {
        vec![Key::<Self>::new(&["audit_logs"], Unique::AtLeastTenant, |stored, twin| twin.id = stored.id)]
    }

    fn references() -> Vec<Reference<Self>> {
        vec![
            Reference::<Self>::new("user_id", |row, other| AuditLog { user_id: Some(other.0.id), ..row }),
            Reference::<Self>::anywhere("superadmin_id", |row, other| AuditLog {
                superadmin_id: Some(other.0.id),
                ..row
            }),
        ]
    }
}

/// Acts of nobody are kept, and told to those who read the whole log.
pub async fn an_act_may_be_nobodys(world: World) {
    let cast = world.cast().await;
    let nobody = AuditLog { user_id: None, ..world.make.audit(&cast.ada) };
    world.write(&scopes::own(&cast.ada), async |tx| tx.audit().insert(&nobody).await).await;
    for (scope, seen) in [(scopes::whole(&cast.bob), vec![nobody]), (scopes::own(&cast.ada), vec![])] {
        let page = world.read(&scope, async |tx| tx.audit().list(PageRequest::default()).await).await;
        assert_eq!(page.items, seen);
    }
}

/// Acts on the installation and on another tenant are not in a tenant's log.
pub async fn each_tenant_has_its_own_log(world: World) {
    let cast = world.cast().await;
    let installation = Scope::system("contract suite");
    let ours = world.make.audit(&cast.ada);
    let theirs = world.make.audit(&cast.eve);
    let whole = AuditLog { tenant_id: None, user_id: None, ..world.make.audit(&cast.ada) };
    for (scope, row) in
        [(scopes::own(&cast.ada), &ours), (scopes::own(&cast.eve), &theirs), (installation.clone(), &whole)]
    {
        world.write(&scope, async |tx| tx.audit().insert(row).await).await;
    }
    for (scope, row) in [(scopes::whole(&cast.bob), ours), (scopes::whole(&cast.eve), theirs), (installation, whole)] {
        let page = world.read(&scope, async |tx| tx.audit().list(Default::default()).await).await;
        assert_eq!(page.items, [row]);
    }
    let forged = world.make.audit(&cast.ada);
    let outcome = world.attempt(&scopes::whole(&cast.eve), async |tx| tx.audit().insert(&forged).await).await;
    assert_refused!(outcome, StoreError::OutOfScope(_));
}

/// The row goes with the change: when that is undone, so is the row.
pub async fn a_row_goes_with_its_change(world: World) {
    let cast = world.cast().await;
    let scope = scopes::whole(&cast.ada);
    let tx = world.begin(&scope, domain::store::Mode::Write).await;
    tx.audit().insert(&world.make.audit(&cast.ada)).await.unwrap();
    drop(tx);
    let page = world.read(&scope, async |tx| tx.audit().list(Default::default()).await).await;
    assert_eq!(page.items, []);
}

/// A backend may send a row with the next statement. Its unit of work reads it all the same, and what a
/// command says of its own row is not changed by it.
pub async fn a_row_is_read_where_it_was_written(world: World) {
    let cast = world.cast().await;
    let scope = scopes::system(&cast.bob);
    let rows = [world.make.audit(&cast.ada), world.make.audit(&cast.bob)];
    let nobody = StreamLease { id: world.make.id(), epoch: 1 };
    world
        .write(&scope, async |tx| {
            for row in &rows {
                tx.audit().insert(row).await?;
            }
            assert_eq!(tx.audit().list(PageRequest::default()).await?.items.len(), 2);
            tx.audit().insert(&world.make.audit(&cast.ada)).await?;
            let outcome = tx.streams().finish(nobody, StreamState::Completed, &[], world.make.now()).await;
            assert_refused!(outcome, StoreError::Stale);
            tx.audit().insert(&world.make.audit(&cast.ada)).await
        })
        .await;
    let page = world.read(&scope, async |tx| tx.audit().list(PageRequest::default()).await).await;
    assert_eq!(page.items.len(), 4);
}

/// A row that is refused is told of at the latest by the commit, and takes its change with it.
pub async fn a_refused_row_undoes_the_change(world: World) {
    let cast = world.cast().await;
    let scope = scopes::system(&cast.ada);
    let conversation = world.make.conversation(&cast.ada);
    let nobody = AuditLog { user_id: Some(world.make.id()), ..world.make.audit(&cast.ada) };
    let before = async |tx: &dyn Tx| {
        tx.audit().insert(&nobody).await?;
        tx.conversations().insert(&conversation).await
    };
    assert_refused!(world.attempt(&scope, before).await, StoreError::ForeignKey);
    let behind = async |tx: &dyn Tx| {
        tx.conversations().insert(&conversation).await?;
        tx.audit().insert(&nobody).await
    };
    assert_refused!(world.attempt(&scope, behind).await, StoreError::ForeignKey);
    assert_eq!(world.read(&scope, async |tx| tx.conversations().get(conversation.id).await).await, None);
}
