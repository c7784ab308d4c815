//! Users.

use async_trait::async_trait;
use domain::{
    access::{Permission, Scope},
    identity::User,
    ids::TenantId,
    store::{Mode, StoreError, Tx},
};
use uuid::Uuid;

use crate::{
    Fixtures, Key, Listing, Needs, Person, Subject, Unique, Verb, World, assert_conflict, assert_refused, scopes,
    whole_row,
};

/// Units of work at once.
const TASKS: i64 = 8;
/// What each of them does, one after the other.
const ROUNDS: i64 = 4;

/// A person's own account, and others of its tenant.
pub struct Users {
    tenant: TenantId,
    user: User,
}

fn full(make: &Fixtures, user: User) -> User {
    User {
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

fn deleted(make: &Fixtures, user: &User) -> User {
    User { deleted_at: Some(make.now()), ..user.clone() }
}

#[async_trait]
impl Subject for Users {
    whole_row!(User);

    const NAME: &'static str = "users";
    const ACCESS: [Permission; 2] = [Permission::UsersRead, Permission::UsersWrite];
    const NEEDS: Needs = Needs::Tenant;
    const NEVER_SET: &'static [&'static str] = &["deleted_at"];
    const ALWAYS_SET: &'static [&'static str] = &["tenant_id"];

    fn new(_: &Fixtures, person: &Person) -> Self {
        Self { tenant: person.tenant.id, user: person.user.clone() }
    }

    fn plain(&self, _: &Fixtures) -> User {
        self.user.clone()
    }

    fn full(&self, make: &Fixtures) -> User {
        full(make, self.another(make, 0))
    }

    fn another(&self, make: &Fixtures, _: usize) -> User {
        make.user(Some(self.tenant), &format!("user-{}", make.id::<Uuid>().simple()))
    }

    async fn insert(&self, tx: &dyn Tx, user: &User) -> Result<(), StoreError> {
        tx.users().insert(user).await
    }

    async fn find(&self, tx: &dyn Tx, user: &User) -> Result<Option<User>, StoreError> {
        tx.users().get(user.id).await
    }

    fn listing() -> Option<Listing<Self>> {
        Some(Listing::new(|_, tx, page| tx.users().list(page), |user| (user.created_at, user.id.0)))
    }

    fn verbs() -> Vec<Verb<Self>> {
        vec![
            Verb::<Self>::command(
                "update",
                |_, tx, user, at| Box::pin(async move { tx.users().update(&full(at.make, user.clone())).await }),
                |user, at| *user = full(at.make, user.clone()),
            ),
            Verb::<Self>::command(
                "set_password",
                |_, tx, user, at| tx.users().set_password(user.id, "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA", at.time),
                |user, at| user.updated_at = at.time,
            ),
            Verb::<Self>::command(
                "record_login",
                |_, tx, user, at| tx.users().record_login(user.id, at.time, "192.0.2.1".parse().ok()),
                |user, at| {
                    user.last_login_at = Some(at.time);
                    user.last_login_ip = "192.0.2.1".parse().ok();
                    user.updated_at = at.time;
                },
            ),
            Verb::<Self>::removal("update(deleted)", |_, tx, user, at| {
                Box::pin(async move { tx.users().update(&deleted(at.make, user)).await })
            }),
        ]
    }

    fn keys() -> Vec<Key<Self>> {
        vec![
            Key::<Self>::new(&["users"], Unique::AtLeastTenant, |stored, twin| twin.id = stored.id),
            Key::<Self>::new(&["users", "email"], Unique::Tenant, |stored, twin| twin.email = stored.email.clone()),
            Key::<Self>::new(&["users", "username"], Unique::Tenant, |stored, twin| {
                twin.username = stored.username.clone()
            }),
        ]
    }
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
    let page = world.read(&installation, async |tx| tx.users().list(Default::default()).await).await;
    assert_eq!(page.items, std::slice::from_ref(&root), "users of tenants are not the installation's");
    let at = world.make.in_seconds(1);
    world.write(&installation, async |tx| tx.users().record_login(root.id, at, None).await).await;
    let found = world.read(&installation, async |tx| tx.users().get(root.id).await).await;
    assert_eq!(found, Some(User { last_login_at: Some(at), updated_at: at, ..root.clone() }));
    let namesake = User { username: root.username.clone(), ..world.make.user(None, "another") };
    let outcome = world.attempt(&installation, async |tx| tx.users().insert(&namesake).await).await;
    assert_conflict(outcome, &["users", "username"]);
    let namesake = User { email: root.email.clone(), ..world.make.user(None, "another") };
    let outcome = world.attempt(&installation, async |tx| tx.users().insert(&namesake).await).await;
    assert_conflict(outcome, &["users", "email"]);
    let third = world.make.user(cast.ada.tenant_id, "third");
    let of_a_tenant = User { username: root.username, email: root.email, ..third };
    world.write(&scopes::system(&cast.ada), async |tx| tx.users().insert(&of_a_tenant).await).await;
}

/// An e-mail address is unique among the living of a tenant.
pub async fn an_email_is_unique_among_the_living(world: World) {
    let cast = world.cast().await;
    let twin = |tenant| User { email: cast.ada.email.clone(), ..world.make.user(tenant, "twin") };
    let insert = async |user: &User| {
        world.attempt(&Scope::system_in(user.tenant_id.unwrap()), async |tx| tx.users().insert(user).await).await
    };
    insert(&twin(cast.eve.tenant_id)).await.unwrap();
    assert_conflict(insert(&twin(cast.ada.tenant_id)).await, &["users", "email"]);
    let deleted = deleted(&world.make, &cast.ada);
    world.write(&scopes::own(&cast.ada), async |tx| tx.users().update(&deleted).await).await;
    insert(&twin(cast.ada.tenant_id)).await.unwrap();
}

/// An update takes no name or address that another user has.
pub async fn an_update_keeps_the_keys(world: World) {
    let cast = world.cast().await;
    let scope = scopes::whole(&cast.ada);
    let renamed = User { username: cast.bob.username.clone(), ..cast.ada.clone() };
    let outcome = world.attempt(&scope, async |tx| tx.users().update(&renamed).await).await;
    assert_conflict(outcome, &["users", "username"]);
    let moved = User { email: cast.bob.email.clone(), ..cast.ada.clone() };
    let outcome = world.attempt(&scope, async |tx| tx.users().update(&moved).await).await;
    assert_conflict(outcome, &["users", "email"]);
    assert_eq!(world.read(&scope, async |tx| tx.users().get(cast.ada.id).await).await, Some(cast.ada));
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
