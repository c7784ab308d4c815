//! Sign-in, refresh, and the ends of sessions.

use app::{
    App, Settings,
    identity::{Login, NewUser, RequestContext, SetUp, SignedIn},
};
use chrono::TimeDelta;
use domain::{
    access::{Credential, Permission, Scope, SystemRole},
    gateways::Topic,
    identity::User,
};

use crate::{
    set_up::{PASSWORD, installation},
    support::{Bench, done, refusal},
};

async fn set_up(bench: &Bench) -> SetUp {
    bench.app.identity().set_up_on_host(installation("ada")).await.unwrap()
}

async fn login(app: &App, name: &str, password: &str, tenant: Option<&str>) -> app::Result<SignedIn> {
    let login = Login { login: name.to_owned(), password: password.to_owned(), tenant: tenant.map(str::to_owned) };
    app.identity().login(login, &RequestContext::default()).await
}

/// Whether an instance that has seen nothing yet takes the token.
async fn works(bench: &Bench, token: &str) -> bool {
    let (fresh, _) = bench.instance(None, Settings::default());
    fresh.identity().authenticate(token, &RequestContext::default()).await.is_ok()
}

#[tokio::test]
async fn unknown_and_known_accounts_are_refused_in_the_same_words() {
    let bench = Bench::plain();
    let ada = set_up(&bench).await;
    for name in ["ada@example.com", "ADA@Example.com", "ada"] {
        let signed_in = login(&bench.app, name, PASSWORD, None).await.unwrap();
        assert_eq!(signed_in.user_id, ada.user.id);
        assert!(works(&bench, &signed_in.access_token).await);
    }
    assert!(login(&bench.app, "ada", PASSWORD, Some("acme-labs")).await.is_ok());
    let known = login(&bench.app, "ada", "another long password", None).await.unwrap_err();
    for (name, password, tenant) in [
        ("nobody", PASSWORD, None),
        ("nobody@example.com", PASSWORD, None),
        ("not a name", PASSWORD, None),
        ("' or 1=1 --", PASSWORD, None),
        ("ada", "", None),
        ("ada", PASSWORD, Some("other")),
        ("ada", &"x".repeat(5_000), None),
    ] {
        let error = login(&bench.app, name, password, tenant).await.unwrap_err();
        assert_eq!((error.kind, error.code, &error.message), (known.kind, known.code, &known.message), "{name}");
    }
    // Nor does one sign in to an account that was switched off.
    let off = User { is_active: false, ..ada.user.clone() };
    bench.world.write(&Scope::system_in(ada.tenant.id), async |tx| tx.users().update(&off).await).await;
    let error = login(&bench.app, "ada", PASSWORD, None).await.unwrap_err();
    assert_eq!((error.code, error.message), (known.code, known.message));
    assert!(!works(&bench, &ada.signed_in.access_token).await);
    assert_eq!(refusal(bench.app.identity().refresh(&ada.signed_in.refresh_token).await), "unauthenticated");
}

/// S116.
#[tokio::test]
async fn an_address_that_several_tenants_have_needs_the_tenant() {
    let bench = Bench::plain();
    let ada = set_up(&bench).await;
    let other = bench.tenant("other").await;
    let admin = bench.user(&other, "eve", SystemRole::TenantAdmin).await;
    let hers = "another long password";
    // Both `taken` and `free` are free in the tenant, and one answer is like the other.
    let scope = Scope::system_in(other.id);
    let role = bench.world.make.role(other.id, "user");
    bench.world.write(&scope, async |tx| tx.roles().insert(&role).await).await;
    for (email, username) in [("ada@example.com", "taken"), ("nobody@example.com", "free")] {
        let user = NewUser { email: email.into(), username: username.into(), password: hers.into(), role: None };
        let made = done(bench.app.identity().create_user(&admin, user, None).await.unwrap());
        assert_eq!((made.email.as_str(), made.tenant_id), (email, Some(other.id)));
    }
    // Without the tenant neither password of the two opens anything, with it its own does.
    let known = login(&bench.app, "ada", "a wrong password", Some("acme-labs")).await.unwrap_err();
    for (password, tenant) in [(PASSWORD, None), (hers, None), (PASSWORD, Some("other")), (hers, Some("acme-labs"))] {
        let error = login(&bench.app, "Ada@Example.com", password, tenant).await.unwrap_err();
        assert_eq!((error.kind, error.code, &error.message), (known.kind, known.code, &known.message));
    }
    assert!(known.message.contains("'tenant'"), "{}", known.message);
    let signed_in = login(&bench.app, "Ada@Example.com", PASSWORD, Some("acme-labs")).await.unwrap();
    assert_eq!(signed_in.user_id, ada.user.id);
    let elsewhere = login(&bench.app, "ada@example.com", hers, Some("other")).await.unwrap();
    assert_ne!(elsewhere.user_id, ada.user.id);
    assert!(login(&bench.app, "nobody@example.com", hers, None).await.is_ok());
    // A superadmin names no tenant: nobody locks it out with an address.
    let identity = bench.app.identity();
    let root =
        identity.create_superadmin("ada@example.com", "root", "a password of the host".to_owned()).await.unwrap();
    let again = identity.create_superadmin("ada@example.com", "second", "a password of the host".to_owned()).await;
    assert_eq!(refusal(again), "user_exists");
    let entered = login(&bench.app, "ada@example.com", "a password of the host", None).await.unwrap();
    assert_eq!(entered.user_id, root.id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_refreshes_at_once_all_get_one_successor() {
    let bench = Bench::plain();
    let ada = set_up(&bench).await;
    let refreshes: Vec<_> = (0..50)
        .map(|_| {
            let (identity, token) = (bench.app.identity(), ada.signed_in.refresh_token.clone());
            tokio::spawn(async move { identity.refresh(&token).await.unwrap() })
        })
        .collect();
    let mut tokens = std::collections::BTreeSet::new();
    for refresh in refreshes {
        tokens.insert(refresh.await.unwrap().refresh_token);
    }
    assert_eq!(tokens.len(), 1);
    let successor = tokens.pop_first().unwrap();
    assert_ne!(successor, ada.signed_in.refresh_token);
    let next = bench.app.identity().refresh(&successor).await.unwrap();
    assert!(works(&bench, &next.access_token).await);
    assert_ne!(next.refresh_token, successor);
    // Another instance makes the very same one, so a lost answer can be asked for again.
    let (other, _) = bench.instance(None, Settings::default());
    assert_eq!(other.identity().refresh(&successor).await.unwrap().refresh_token, next.refresh_token);
}

#[tokio::test]
async fn a_refresh_token_used_again_after_its_grace_ends_the_session() {
    let bench = Bench::plain();
    let ada = set_up(&bench).await;
    let identity = bench.app.identity();
    let elsewhere = login(&bench.app, "ada", PASSWORD, None).await.unwrap();
    let next = identity.refresh(&ada.signed_in.refresh_token).await.unwrap();
    bench.clock.advance(TimeDelta::seconds(10));
    let again = identity.refresh(&ada.signed_in.refresh_token).await.unwrap();
    assert_eq!(again.refresh_token, next.refresh_token, "within the grace");
    bench.clock.advance(TimeDelta::seconds(1));
    assert_eq!(refusal(identity.refresh(&ada.signed_in.refresh_token).await), "token_reused");
    for token in [&ada.signed_in.access_token, &next.access_token] {
        assert!(!works(&bench, token).await);
        let here = identity.authenticate(token, &RequestContext::default()).await;
        assert_eq!(refusal(here), "unauthenticated", "the instance forgets at once");
    }
    assert_eq!(refusal(identity.refresh(&next.refresh_token).await), "unauthenticated");
    assert!(works(&bench, &elsewhere.access_token).await, "another device goes on");
    let actor = identity.authenticate(&elsewhere.access_token, &RequestContext::default()).await.unwrap();
    assert_eq!(bench.audited(&actor, "refresh_token_reused").await, 1);
}

#[tokio::test]
async fn sessions_end_when_signed_out_idle_or_old() {
    let bench = Bench::plain();
    let ada = set_up(&bench).await;
    let identity = bench.app.identity();
    let context = RequestContext::default();

    let out = login(&bench.app, "ada", PASSWORD, None).await.unwrap();
    let actor = identity.authenticate(&out.access_token, &context).await.unwrap();
    identity.logout(&actor).await.unwrap();
    assert_eq!(refusal(identity.authenticate(&out.access_token, &context).await), "unauthenticated");
    assert_eq!(refusal(identity.refresh(&out.refresh_token).await), "unauthenticated");

    // The access token lives ten minutes, to the second.
    bench.clock.advance(TimeDelta::seconds(599));
    assert!(works(&bench, &ada.signed_in.access_token).await);
    bench.clock.advance(TimeDelta::seconds(1));
    assert!(!works(&bench, &ada.signed_in.access_token).await);

    // Kept in use it goes on for ninety days; left alone it ends after fourteen.
    let idle = login(&bench.app, "ada", PASSWORD, None).await.unwrap();
    let mut used = ada.signed_in.clone();
    for _ in 0..6 {
        bench.clock.advance(TimeDelta::days(13));
        used = identity.refresh(&used.refresh_token).await.unwrap();
    }
    assert_eq!(refusal(identity.refresh(&idle.refresh_token).await), "unauthenticated");
    assert!(works(&bench, &used.access_token).await);
    bench.clock.advance(TimeDelta::days(12));
    assert_eq!(refusal(identity.refresh(&used.refresh_token).await), "unauthenticated");
}

#[tokio::test]
async fn a_superadmin_enters_a_tenant_by_name_on_record_and_nobody_else_does() {
    let bench = Bench::plain();
    let ada = set_up(&bench).await;
    let identity = bench.app.identity();
    let root = identity.create_superadmin("root@example.com", "root", PASSWORD.to_owned()).await.unwrap();
    let token = login(&bench.app, "root@example.com", PASSWORD, None).await.unwrap().access_token;
    let outside = identity.authenticate(&token, &RequestContext::default()).await.unwrap();
    assert!(outside.is_superadmin && outside.tenant_id.is_none());
    // Outside of every tenant there is nothing that belongs to one: null never means all.
    let list = bench.app.conversations().list(&outside, &Default::default(), Default::default()).await;
    assert_eq!(refusal(list), "no_tenant");
    assert_eq!(bench.app.tenancy().list(&outside, Default::default()).await.unwrap().items.len(), 1);

    let entering = |name: &str| RequestContext { enter_tenant: Some(name.to_owned()), ..RequestContext::default() };
    for name in ["acme-labs".to_owned(), ada.tenant.id.to_string()] {
        let inside = identity.authenticate(&token, &entering(&name)).await.unwrap();
        assert_eq!((inside.tenant_id, inside.is_superadmin), (Some(ada.tenant.id), true));
        bench.app.conversations().list(&inside, &Default::default(), Default::default()).await.unwrap();
        let new = app::conversations::NewConversation::default();
        assert_eq!(refusal(bench.app.conversations().create(&inside, new, None).await), "forbidden");
    }
    assert_eq!(refusal(identity.authenticate(&token, &entering("nowhere")).await), "no_such_tenant");
    let entered: Vec<_> =
        bench.audit(ada.tenant.id).await.into_iter().filter(|row| row.action == "tenant_entered").collect();
    assert!(!entered.is_empty());
    for row in &entered {
        assert_eq!(row.user_id, None, "it is no user of the tenant");
        assert_eq!((row.user_id, row.superadmin_id), (None, Some(root.id)));
    }
    // A user of a tenant that names another one stays where it is.
    let other = bench.tenant("other").await;
    let stays = identity.authenticate(&ada.signed_in.access_token, &entering("other")).await.unwrap();
    assert_eq!((stays.tenant_id, stays.is_superadmin), (Some(ada.tenant.id), false));
    assert_ne!(stays.tenant_id, Some(other.id));
}

#[tokio::test]
async fn a_change_elsewhere_is_heard_of() {
    let bench = Bench::plain();
    bench.start();
    let ada = set_up(&bench).await;
    let identity = bench.app.identity();
    let context = RequestContext::default();
    let actor = identity.authenticate(&ada.signed_in.access_token, &context).await.unwrap();
    assert!(matches!(actor.credential, Credential::Session(_)) && actor.may(Permission::UsersWrite));
    assert_eq!(actor.permissions, SystemRole::TenantAdmin.permissions());
    // Another instance ends the session, and says that rights have changed.
    let (other, _) = bench.instance(None, Settings::default());
    other.identity().logout(&actor).await.unwrap();
    domain::gateways::Wakeups::send(&bench.wakeups, Topic::Access(actor.user_id.0)).await;
    crate::support::until("the actor is forgotten", async || {
        identity.authenticate(&ada.signed_in.access_token, &context).await.is_err()
    })
    .await;
}
