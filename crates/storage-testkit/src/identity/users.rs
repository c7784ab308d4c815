//! Users.

use domain::{
    access::Scope,
    identity::User,
    store::{Mode, StoreError},
};

use crate::{World, assert_conflict, assert_refused, page::walk, scopes};

/// Units of work at once.
const TASKS: i64 = 8;
/// What each of them does, one after the other.
const ROUNDS: i64 = 4;

fn full(world: &World, user: User) -> User {
    let make = &world.make;
    User {
        password_hash: Some("$argon2id$v=19$m=47104,t=1,p=1$c2FsdA$aGFzaA".to_owned()),
        display_name: Some("Ada L. 🦀".to_owned()),
        first_name: Some("Ada".to_owned()),
        last_name: Some("Lovelace".to_owned()),
        avatar_url: Some("https://example.com/a.png".to_owned()),
        is_active: false,
        email_verified: true,
        email_verified_at: Some(make.in_seconds(1)),
        last_login_at: Some(make.in_seconds(2)),
        last_login_ip: Some("2001:db8::1".parse().unwrap()),
        daily_request_quota: Some(i64::MAX),
        updated_at: make.in_seconds(3),
        ..user
    }
}

/// Every field comes back, from an insert and from an update.
pub async fn round_trip(world: World) {
    let tenant = world.tenant("acme").await;
    let scope = Scope::system_in(tenant.id);
    let plain = world.make.user(Some(tenant.id), "ada");
    let inserted = full(&world, world.make.user(Some(tenant.id), "bob"));
    world
        .write(&scope, async |tx| {
            tx.users().insert(&plain).await?;
            tx.users().insert(&inserted).await
        })
        .await;
    let updated = full(&world, plain.clone());
    world
        .read(&scope, async |tx| {
            assert_eq!(tx.users().get(plain.id).await?, Some(plain));
            assert_eq!(tx.users().get(inserted.id).await?, Some(inserted));
            Ok(())
        })
        .await;
    world.write(&scope, async |tx| tx.users().update(&updated).await).await;
    assert_eq!(world.read(&scope, async |tx| tx.users().get(updated.id).await).await, Some(updated));
}

/// A superadmin has no tenant and is seen by the installation only.
pub async fn superadmins_belong_to_the_installation(world: World) {
    let cast = world.cast().await;
    let root = world.make.user(None, "root");
    let installation = Scope::system("contract suite");
    let outcome = world.attempt(&scopes::system(&cast.ada), async |tx| tx.users().insert(&root).await).await;
    assert_refused!(outcome, StoreError::OutOfScope(_));
    world.write(&installation, async |tx| tx.users().insert(&root).await).await;
    assert_eq!(world.read(&installation, async |tx| tx.users().get(root.id).await).await.as_ref(), Some(&root));
    assert_eq!(world.read(&scopes::whole(&cast.ada), async |tx| tx.users().get(root.id).await).await, None);
}

/// An e-mail address is unique among the living of the installation.
pub async fn an_email_is_unique_among_the_living(world: World) {
    let cast = world.cast().await;
    let twin = |tenant| User { email: cast.ada.email.clone(), ..world.make.user(tenant, "twin") };
    let insert = async |user: &User| {
        world.attempt(&Scope::system_in(user.tenant_id.unwrap()), async |tx| tx.users().insert(user).await).await
    };
    assert_conflict(insert(&twin(cast.ada.tenant_id)).await, &["users", "email"]);
    assert_conflict(insert(&twin(cast.eve.tenant_id)).await, &["users", "email"]);
    let deleted = User { deleted_at: Some(world.make.now()), ..cast.ada.clone() };
    world.write(&scopes::own(&cast.ada), async |tx| tx.users().update(&deleted).await).await;
    insert(&twin(cast.eve.tenant_id)).await.unwrap();
}

/// A user name is unique in its tenant, and free in another.
pub async fn a_username_is_unique_in_its_tenant(world: World) {
    let cast = world.cast().await;
    let email = |text: &str| domain::identity::Email::parse(text).unwrap();
    let twin = User { email: email("twin@example.com"), ..world.make.user(cast.ada.tenant_id, "ada") };
    let outcome = world.attempt(&scopes::system(&cast.ada), async |tx| tx.users().insert(&twin).await).await;
    assert_conflict(outcome, &["users", "username"]);
    let namesake = world.make.user(cast.eve.tenant_id, "ada");
    world.write(&scopes::system(&cast.eve), async |tx| tx.users().insert(&namesake).await).await;
}

/// Deleted users are as if they did not exist.
pub async fn deleted_users_are_gone(world: World) {
    let cast = world.cast().await;
    let scope = scopes::whole(&cast.bob);
    let deleted = User { deleted_at: Some(world.make.now()), ..cast.ada.clone() };
    world.write(&scope, async |tx| tx.users().update(&deleted).await).await;
    world
        .read(&scope, async |tx| {
            assert_eq!(tx.users().get(cast.ada.id).await?, None);
            let page = tx.users().list(Default::default()).await?;
            assert_eq!(page.items, std::slice::from_ref(&cast.bob));
            Ok(())
        })
        .await;
    let outcome = world.attempt(&scope, async |tx| tx.users().update(&cast.ada).await).await;
    assert_refused!(outcome, StoreError::Stale);
}

/// Others are not seen and not changed; those who see the tenant see all of it, and no more.
pub async fn others_are_out_of_reach(world: World) {
    let cast = world.cast().await;
    let renamed = User { display_name: Some("changed".to_owned()), ..cast.ada.clone() };
    for scope in cast.strangers() {
        assert_eq!(world.read(&scope, async |tx| tx.users().get(cast.ada.id).await).await, None);
        let outcome = world.attempt(&scope, async |tx| tx.users().update(&renamed).await).await;
        assert_refused!(outcome, StoreError::Stale);
        let at = world.make.now();
        let outcome = world.attempt(&scope, async |tx| tx.users().record_login(cast.ada.id, at, None).await).await;
        assert_refused!(outcome, StoreError::Stale);
    }
    for scope in [scopes::own(&cast.ada), scopes::whole(&cast.bob), scopes::system(&cast.ada)] {
        let found = world.read(&scope, async |tx| tx.users().get(cast.ada.id).await).await;
        assert_eq!(found.as_ref(), Some(&cast.ada));
    }
    let missing = world.make.user(cast.eve.tenant_id, "mallory");
    let outcome = world.attempt(&scopes::system(&cast.ada), async |tx| tx.users().insert(&missing).await).await;
    assert_refused!(outcome, StoreError::OutOfScope(_));
}

/// The list is complete and in order, page by page, also among users of the same microsecond.
pub async fn the_list_is_newest_first(world: World) {
    let tenant = world.tenant("acme").await;
    world.user(&world.tenant("other").await, "eve").await;
    let mut users = Vec::new();
    for number in 0..8 {
        if number == 5 {
            world.make.clock.advance(chrono::TimeDelta::microseconds(1));
        }
        users.push(world.user(&tenant, &format!("user-{number}")).await);
    }
    users.sort_by_key(|user| std::cmp::Reverse((user.created_at, user.id)));
    let scope = Scope::system_in(tenant.id);
    for limit in [1, 3, 4, 8, 200] {
        let listed = walk(limit, async |page| world.read(&scope, async |tx| tx.users().list(page).await).await).await;
        assert_eq!(listed, users);
    }
}

/// A sign-in leaves its time and address.
pub async fn a_login_is_noted(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (at, ip) = (world.make.in_seconds(7), "192.0.2.1".parse().ok());
    world.write(&scope, async |tx| tx.users().record_login(cast.ada.id, at, ip).await).await;
    let found = world.read(&scope, async |tx| tx.users().get(cast.ada.id).await).await.unwrap();
    assert_eq!((found.last_login_at, found.last_login_ip), (Some(at), ip));
}

/// A user's tenant must exist.
pub async fn a_user_needs_its_tenant(world: World) {
    let tenant = world.make.tenant("missing");
    let user = world.make.user(Some(tenant.id), "ada");
    let outcome = world.attempt(&Scope::system_in(tenant.id), async |tx| tx.users().insert(&user).await).await;
    assert_refused!(outcome, StoreError::ForeignKey);
}

/// Who changes what it has read locks it first: of many changes at once none is lost, and a sign-in in
/// between is not taken back. Strangers find nothing to lock.
pub async fn changes_at_once_lose_nothing(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let at = world.make.in_seconds(7);
    let tasks: Vec<_> = (0..TASKS)
        .map(|number| {
            let (store, scope, id) = (world.store.clone(), scope.clone(), cast.ada.id);
            tokio::spawn(async move {
                for _ in 0..ROUNDS {
                    let tx = store.begin(&scope, Mode::Write).await?;
                    let mut user = tx.users().lock(id).await?.expect("Ada is there");
                    user.daily_request_quota = Some(user.daily_request_quota.unwrap_or(0) + 1);
                    tx.users().update(&user).await?;
                    tx.commit().await?;
                    if number == 0 {
                        let tx = store.begin(&scope, Mode::Write).await?;
                        tx.users().record_login(id, at, None).await?;
                        tx.commit().await?;
                    }
                }
                Ok::<_, StoreError>(())
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let found = world.read(&scope, async |tx| tx.users().get(cast.ada.id).await).await.unwrap();
    assert_eq!((found.daily_request_quota, found.last_login_at), (Some(TASKS * ROUNDS), Some(at)));
    for stranger in cast.strangers() {
        assert_eq!(world.write(&stranger, async |tx| tx.users().lock(cast.ada.id).await).await, None);
    }
}
