//! Roles and who has them.

use async_trait::async_trait;
use domain::{
    access::{Permission, Scope, SystemRole},
    identity::{Role, UserRole},
    ids::TenantId,
    store::{StoreError, Tx},
};
use uuid::Uuid;

use crate::{
    Fixtures, Key, Needs, Person, Reading, Reference, Subject, Unique, Verb, World, assert_refused, scopes, whole_row,
};

/// Roles of a tenant.
pub struct Roles(TenantId);

#[async_trait]
impl Subject for Roles {
    whole_row!(Role);

    const NAME: &'static str = "roles";
    const ACCESS: [Permission; 2] = [Permission::UsersRead, Permission::UsersWrite];
    const NEEDS: Needs = Needs::Tenant;
    const READING: Reading = Reading::Otherwise;
    const ALIKE: &'static [&'static str] = &["tenant_id"];

    fn new(_: &Fixtures, person: &Person) -> Self {
        Self(person.tenant.id)
    }

    fn plain(&self, make: &Fixtures) -> Role {
        make.role(self.0, &format!("role-{}", make.id::<Uuid>()))
    }

    fn full(&self, make: &Fixtures) -> Role {
        Role {
            description: Some("what nobody else may – ü".to_owned()),
            permissions: Permission::ALL.into(),
            is_system: true,
            updated_at: make.in_seconds(1),
            ..self.plain(make)
        }
    }

    async fn insert(&self, tx: &dyn Tx, role: &Role) -> Result<(), StoreError> {
        tx.roles().insert(role).await
    }

    async fn find(&self, tx: &dyn Tx, role: &Role) -> Result<Option<Role>, StoreError> {
        tx.roles().find_by_name(&role.name).await
    }

    fn verbs() -> Vec<Verb<Self>> {
        vec![Verb::<Self>::look_up("find_by_name", |_, tx, role, _| {
            Box::pin(async move { Ok(tx.roles().find_by_name(&role.name).await?.as_ref() == Some(role)) })
        })]
    }

    fn keys() -> Vec<Key<Self>> {
        vec![
            Key::<Self>::new(&["roles"], Unique::AtLeastTenant, |stored, twin| twin.id = stored.id),
            Key::<Self>::new(&["roles", "name"], Unique::Tenant, |stored, twin| twin.name = stored.name.clone()),
        ]
    }
}

/// The roles of a person.
pub struct UserRoles {
    person: Person,
    role: Role,
}

#[async_trait]
impl Subject for UserRoles {
    whole_row!(UserRole);

    const NAME: &'static str = "user_roles";
    const ACCESS: [Permission; 2] = [Permission::UsersRead, Permission::UsersWrite];
    const READING: Reading = Reading::Never;

    fn new(make: &Fixtures, person: &Person) -> Self {
        Self { person: person.clone(), role: make.role(person.tenant.id, "editor") }
    }

    async fn store(&self, tx: &dyn Tx) -> Result<(), StoreError> {
        tx.roles().insert(&self.role).await
    }

    fn plain(&self, make: &Fixtures) -> UserRole {
        make.assignment(&self.person.user, &self.role)
    }

    fn full(&self, make: &Fixtures) -> UserRole {
        UserRole { assigned_by: Some(self.person.user.id), ..self.plain(make) }
    }

    async fn insert(&self, tx: &dyn Tx, assignment: &UserRole) -> Result<(), StoreError> {
        tx.roles().assign(assignment).await
    }

    fn verbs() -> Vec<Verb<Self>> {
        vec![Verb::<Self>::look_up("of_user", |subject, tx, assignment, _| {
            Box::pin(async move { Ok(tx.roles().of_user(assignment.user_id).await?.contains(&subject.role)) })
        })]
    }

    fn keys() -> Vec<Key<Self>> {
        vec![Key::<Self>::new(&["user_roles"], Unique::AtLeastTenant, |_, _| ())]
    }

    fn references() -> Vec<Reference<Self>> {
        vec![
            Reference::<Self>::new("user_id", |row, other| UserRole { user_id: other.person.user.id, ..row }),
            Reference::<Self>::new("role_id", |row, other| UserRole { role_id: other.role.id, ..row }),
            Reference::<Self>::new("assigned_by", |row, other| UserRole {
                assigned_by: Some(other.person.user.id),
                ..row
            }),
        ]
    }
}

/// The roles of a user come back whole, by user and by name: those of the system, and any others.
pub async fn a_user_has_its_roles(world: World) {
    let cast = world.cast().await;
    let scope = scopes::system(&cast.ada);
    let mut roles = Vec::new();
    for &system in SystemRole::OF_TENANTS {
        roles.push(Role {
            description: Some(system.description().to_owned()),
            permissions: system.permissions(),
            is_system: true,
            updated_at: world.make.in_seconds(1),
            ..world.make.role(cast.ada.tenant_id.unwrap(), system.as_str())
        });
    }
    roles.push(Role { permissions: Permission::ALL.into(), ..world.make.role(cast.ada.tenant_id.unwrap(), "all") });
    roles.push(world.make.role(cast.ada.tenant_id.unwrap(), "nothing"));
    for role in &roles {
        let assigned_by = Some(cast.bob.id);
        let assignment = UserRole { assigned_by, ..world.make.assignment(&cast.ada, role) };
        world
            .write(&scope, async |tx| {
                tx.roles().insert(role).await?;
                tx.roles().assign(&assignment).await
            })
            .await;
        let found = world.read(&scope, async |tx| tx.roles().find_by_name(&role.name).await).await;
        assert_eq!(found.as_ref(), Some(role));
    }
    let mut found = world.read(&scope, async |tx| tx.roles().of_user(cast.ada.id).await).await;
    found.sort_by_key(|role| role.id);
    roles.sort_by_key(|role| role.id);
    assert_eq!(found, roles);
    assert_eq!(world.read(&scope, async |tx| tx.roles().of_user(cast.bob.id).await).await, []);
}

/// The installation has no roles of tenants, and nobody's.
pub async fn roles_are_a_tenants(world: World) {
    let cast = world.cast().await;
    let root = world.make.user(None, "root");
    let installation = Scope::system("contract suite");
    world.write(&installation, async |tx| tx.users().insert(&root).await).await;
    world
        .read(&installation, async |tx| {
            assert_refused!(tx.roles().of_user(root.id).await, StoreError::OutOfScope(_));
            assert_refused!(tx.roles().of_user(cast.ada.id).await, StoreError::OutOfScope(_));
            assert_refused!(tx.roles().find_by_name("editor").await, StoreError::OutOfScope(_));
            Ok(())
        })
        .await;
}
