//! Roles and who has them.

use domain::{
    access::{Permission, SystemRole},
    identity::{Role, UserRole},
    store::StoreError,
};

use crate::{World, assert_conflict, assert_refused, scopes};

/// Every field of a role comes back, by name and by user.
pub async fn round_trip(world: World) {
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

/// A name is taken once in a tenant, and a user has a role once.
pub async fn names_and_assignments_are_unique(world: World) {
    let cast = world.cast().await;
    let scope = scopes::system(&cast.ada);
    let tenant = cast.ada.tenant_id.unwrap();
    let role = world.make.role(tenant, "editor");
    world
        .write(&scope, async |tx| {
            tx.roles().insert(&role).await?;
            tx.roles().assign(&world.make.assignment(&cast.ada, &role)).await
        })
        .await;
    let twin = world.make.role(tenant, "editor");
    assert_conflict(world.attempt(&scope, async |tx| tx.roles().insert(&twin).await).await, &["roles", "name"]);
    let again = world.make.assignment(&cast.ada, &role);
    assert_conflict(world.attempt(&scope, async |tx| tx.roles().assign(&again).await).await, &["user_roles"]);
    let namesake = world.make.role(cast.eve.tenant_id.unwrap(), "editor");
    world.write(&scopes::system(&cast.eve), async |tx| tx.roles().insert(&namesake).await).await;
}

/// Roles of another tenant are not seen and cannot be given, nor can ours be given to its users.
pub async fn roles_stay_in_their_tenant(world: World) {
    let cast = world.cast().await;
    let (ours, theirs) = (scopes::system(&cast.ada), scopes::system(&cast.eve));
    let role = world.make.role(cast.ada.tenant_id.unwrap(), "editor");
    world
        .write(&ours, async |tx| {
            tx.roles().insert(&role).await?;
            tx.roles().assign(&world.make.assignment(&cast.ada, &role)).await
        })
        .await;
    world
        .read(&theirs, async |tx| {
            assert_eq!(tx.roles().find_by_name("editor").await?, None);
            assert_eq!(tx.roles().of_user(cast.ada.id).await?, []);
            Ok(())
        })
        .await;
    let stolen = UserRole { tenant_id: cast.eve.tenant_id.unwrap(), ..world.make.assignment(&cast.eve, &role) };
    let outcome = world.attempt(&theirs, async |tx| tx.roles().assign(&stolen).await).await;
    assert_refused!(outcome, StoreError::ForeignKey);
    let given = world.make.assignment(&cast.eve, &role);
    let outcome = world.attempt(&ours, async |tx| tx.roles().assign(&given).await).await;
    assert_refused!(outcome, StoreError::ForeignKey);
}
