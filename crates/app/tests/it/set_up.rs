//! The first run, and users after it.

use app::{
    ErrorKind,
    identity::{Login, NewInstallation, NewUser, RequestContext},
};
use domain::{access::Scope, page::PageRequest};

use crate::support::{Bench, done, refusal};

pub(crate) const PASSWORD: &str = "a long enough password";

pub(crate) fn installation(name: &str) -> NewInstallation {
    NewInstallation {
        tenant_name: "Acme Labs".to_owned(),
        email: format!("{name}@example.com"),
        username: name.to_owned(),
        password: PASSWORD.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_setups_at_once_one_succeeds() {
    let bench = Bench::plain();
    let identity = bench.app.identity();
    assert!(!identity.is_set_up().await.unwrap());
    let superseded = identity.offer_setup().await.unwrap().unwrap();
    let token = identity.offer_setup().await.unwrap().unwrap();
    let context = RequestContext::default();
    for wrong in ["", "x", superseded.as_str()] {
        assert_eq!(refusal(identity.set_up(wrong, installation("eve"), &context).await), "setup_not_allowed");
    }
    let attempts: Vec<_> = (0..50)
        .map(|number| {
            let (identity, token) = (identity.clone(), token.clone());
            let new = installation(&format!("admin{number}"));
            tokio::spawn(async move { identity.set_up(&token, new, &RequestContext::default()).await })
        })
        .collect();
    let mut made = Vec::new();
    for attempt in attempts {
        match attempt.await.unwrap() {
            Ok(set_up) => made.push(set_up),
            Err(error) => assert_eq!((error.kind, error.code), (ErrorKind::Forbidden, "setup_not_allowed")),
        }
    }
    assert_eq!(made.len(), 1);
    let scope = Scope::system("count tenants");
    let tenants = bench.world.read(&scope, async |tx| tx.tenants().list(PageRequest::default()).await).await.items;
    assert_eq!(tenants, [made[0].tenant.clone()]);
    assert_eq!(tenants[0].slug.as_str(), "acme-labs");
    let admin = identity.authenticate(&made[0].signed_in.access_token, &context).await.unwrap();
    assert!(admin.is_tenant_admin && !admin.is_superadmin);
    let users = identity.users(&admin, PageRequest::default()).await.unwrap().items;
    let ids: Vec<_> = users.iter().map(|person| person.user.id).collect();
    assert_eq!(ids, [made[0].user.id]);
    assert_eq!(bench.audited(&admin, "installation_set_up").await, 1);
    assert_eq!(identity.offer_setup().await.unwrap(), None);
    assert!(identity.is_set_up().await.unwrap());
    assert_eq!(refusal(identity.set_up_on_host(installation("again")).await), "setup_not_allowed");
}

#[tokio::test]
async fn what_is_refused_of_a_setup_leaves_it_open() {
    let bench = Bench::plain();
    let identity = bench.app.identity();
    for (change, field) in [
        (NewInstallation { password: "short".to_owned(), ..installation("ada") }, "password"),
        (NewInstallation { email: "nobody".to_owned(), ..installation("ada") }, "email"),
        (NewInstallation { username: "a b".to_owned(), ..installation("ada") }, "username"),
        (NewInstallation { tenant_name: " ".to_owned(), ..installation("ada") }, "tenant_name"),
    ] {
        assert_eq!(identity.set_up_on_host(change).await.unwrap_err().fields[0].field, field);
    }
    assert!(!identity.is_set_up().await.unwrap());
    identity.set_up_on_host(installation("ada")).await.unwrap();
}

#[tokio::test]
async fn an_embedding_host_acts_as_its_users_with_the_rights_of_their_roles() {
    let bench = Bench::plain();
    let identity = bench.app.identity();
    let admin = identity.set_up_embedded("Acme Labs", "ada@example.com", "ada").await.unwrap();
    assert!(admin.is_tenant_admin && admin.credential == domain::access::Credential::Embedded);
    assert_eq!(refusal(identity.set_up_embedded("Again", "b@example.com", "bob").await), "setup_not_allowed");
    let tenant = admin.tenant_id.unwrap();
    assert_eq!(identity.act_as(tenant, admin.user_id).await.unwrap(), admin);
    // Nobody signs in as a user without a password.
    for password in ["", PASSWORD] {
        let login = Login { login: "ada".to_owned(), password: password.to_owned(), tenant: None };
        assert_eq!(refusal(identity.login(login, &RequestContext::default()).await), "unauthenticated");
    }
    let new = NewUser {
        email: "view@example.com".to_owned(),
        username: "view".to_owned(),
        password: PASSWORD.to_owned(),
        role: Some("viewer".to_owned()),
    };
    let viewer = done(identity.create_user(&admin, new, None).await.unwrap());
    let viewer = identity.act_as(tenant, viewer.id).await.unwrap();
    assert_eq!(viewer.permissions, domain::access::SystemRole::Viewer.permissions());
    let other = bench.tenant("other").await;
    let eve = bench.world.user(&other, "eve").await;
    assert_eq!(refusal(identity.act_as(tenant, eve.id).await), "not_found");
    assert_eq!(bench.audited(&admin, "installation_set_up").await, 1);
}

#[tokio::test]
async fn admins_make_users_and_nobody_makes_a_superadmin() {
    let bench = Bench::plain();
    let identity = bench.app.identity();
    let admin = identity.set_up_embedded("Acme", "ada@example.com", "ada").await.unwrap();
    let new = |name: &str, role: &str| NewUser {
        email: format!("{name}@example.com"),
        username: name.to_owned(),
        password: PASSWORD.to_owned(),
        role: Some(role.to_owned()),
    };
    for role in ["superadmin", "king", ""] {
        assert_eq!(refusal(identity.create_user(&admin, new("bob", role), None).await), "invalid", "{role}");
    }
    let bob = done(identity.create_user(&admin, new("bob", "user"), None).await.unwrap());
    assert_eq!(refusal(identity.create_user(&admin, new("bob", "user"), None).await), "user_exists");
    let actor = identity.act_as(admin.tenant_id.unwrap(), bob.id).await.unwrap();
    assert_eq!(refusal(identity.create_user(&actor, new("carl", "user"), None).await), "forbidden");
    assert_eq!(bench.audited(&admin, "user_created").await, 1);
}
