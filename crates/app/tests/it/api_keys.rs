//! API keys: never wider than their owner, and dead when they are revoked.

use app::{
    Settings,
    identity::{CreatedApiKey, NewApiKey, RequestContext},
};
use chrono::TimeDelta;
use domain::{
    access::{Actor, Credential, Permission, Scope, SystemRole},
    clock::Clock,
    ids::ApiKeyId,
    page::PageRequest,
};

use crate::{
    set_up::PASSWORD,
    support::{Bench, done, refusal, tenant_of, until},
};

/// A user whose roles are stored, as keys look them up.
async fn user(bench: &Bench, role: &str) -> Actor {
    let identity = bench.app.identity();
    let admin = identity.set_up_embedded("Acme", "root@example.com", "root").await.unwrap();
    let new = app::identity::NewUser {
        email: "ada@example.com".to_owned(),
        username: "ada".to_owned(),
        password: PASSWORD.to_owned(),
        role: Some(role.to_owned()),
    };
    let user = done(identity.create_user(&admin, new, None).await.unwrap());
    identity.act_as(tenant_of(&admin), user.id).await.unwrap()
}

async fn key(bench: &Bench, actor: &Actor, scopes: Option<&[&str]>) -> app::Result<CreatedApiKey> {
    let scopes = scopes.map(|scopes| scopes.iter().map(|scope| (*scope).to_owned()).collect());
    let new = NewApiKey { name: "a program".to_owned(), scopes, ..NewApiKey::default() };
    bench.app.identity().create_api_key(actor, new).await
}

async fn acting(bench: &Bench, key: &str) -> app::Result<Actor> {
    bench.app.identity().authenticate(key, &RequestContext::default()).await
}

#[tokio::test]
async fn a_key_may_what_its_scopes_and_its_owner_may() {
    let bench = Bench::plain();
    let ada = user(&bench, "user").await;
    let whole = key(&bench, &ada, None).await.unwrap();
    let actor = acting(&bench, &whole.key).await.unwrap();
    assert_eq!((actor.user_id, actor.tenant_id), (ada.user_id, ada.tenant_id));
    assert_eq!(actor.permissions, SystemRole::User.permissions());
    assert_eq!(actor.credential, Credential::ApiKey(whole.api_key.id));

    let narrow = key(&bench, &ada, Some(&["conversations:read", "models:use"])).await.unwrap();
    let actor = acting(&bench, &narrow.key).await.unwrap();
    assert_eq!(actor.permissions, [Permission::ConversationsRead, Permission::ModelsUse].into());
    let conversations = bench.app.conversations();
    conversations.list(&actor, &Default::default(), PageRequest::default()).await.unwrap();
    assert_eq!(refusal(conversations.create(&actor, Default::default(), None).await), "forbidden");
    assert_eq!(refusal(key(&bench, &actor, None).await), "forbidden", "it makes no further keys");

    for scopes in [&["users:write"][..], &["tenants:write"], &["*"], &["conversations:read", "audit:read"], &[]] {
        assert_eq!(refusal(key(&bench, &ada, Some(scopes)).await), "invalid", "{scopes:?}");
    }
    // The key of somebody whose account was switched off is dead.
    let scope = Scope::system_in(tenant_of(&ada));
    let row = bench.world.read(&scope, async |tx| tx.users().get(ada.user_id).await).await.unwrap();
    let off = domain::identity::User { is_active: false, ..row };
    bench.world.write(&scope, async |tx| tx.users().update(&off).await).await;
    let (fresh, _) = bench.instance(None, Settings::default());
    assert_eq!(refusal(fresh.identity().authenticate(&whole.key, &RequestContext::default()).await), "unauthenticated");
}

#[tokio::test]
async fn only_the_hash_is_kept_and_use_is_noted() {
    let bench = Bench::plain();
    let ada = user(&bench, "user").await;
    let made = key(&bench, &ada, None).await.unwrap();
    assert!(made.key.starts_with(&made.api_key.prefix) && made.key.ends_with(&made.api_key.last_four));
    let kept = bench.app.identity().api_keys(&ada, PageRequest::default()).await.unwrap().items;
    assert_eq!(kept, std::slice::from_ref(&made.api_key));
    assert!(!format!("{kept:?}").contains(&made.key[13..]));
    assert!(!format!("{:?}", bench.audit(tenant_of(&ada)).await).contains(&made.key[13..]));
    acting(&bench, &made.key).await.unwrap();
    let used = bench.clock.now();
    until("the use is noted", async || {
        let keys = bench.app.identity().api_keys(&ada, PageRequest::default()).await.unwrap().items;
        keys[0].last_used_at == Some(used)
    })
    .await;
}

#[tokio::test]
async fn revoked_and_expired_keys_are_worth_nothing_at_once() {
    let bench = Bench::plain();
    let ada = user(&bench, "user").await;
    let identity = bench.app.identity();
    let made = key(&bench, &ada, None).await.unwrap();
    acting(&bench, &made.key).await.unwrap();
    let other = bench.tenant("other").await;
    let eve = bench.user(&other, "eve", SystemRole::TenantAdmin).await;
    for (actor, id) in [(&eve, made.api_key.id), (&ada, ApiKeyId(uuid::Uuid::max()))] {
        assert_eq!(refusal(identity.revoke_api_key(actor, id).await), "not_found");
    }
    acting(&bench, &made.key).await.unwrap();
    identity.revoke_api_key(&ada, made.api_key.id).await.unwrap();
    assert_eq!(refusal(acting(&bench, &made.key).await), "unauthenticated");

    let end = bench.clock.now() + TimeDelta::hours(1);
    let new = NewApiKey { name: "short".to_owned(), expires_at: Some(end), ..NewApiKey::default() };
    let short = identity.create_api_key(&ada, new.clone()).await.unwrap();
    acting(&bench, &short.key).await.unwrap();
    bench.clock.set(end);
    let (fresh, _) = bench.instance(None, Settings::default());
    assert_eq!(refusal(fresh.identity().authenticate(&short.key, &RequestContext::default()).await), "unauthenticated");
    assert_eq!(refusal(identity.create_api_key(&ada, new).await), "invalid", "an end in the past");
}

#[tokio::test]
async fn a_key_with_a_wrong_checksum_costs_no_query() {
    let bench = Bench::plain();
    let ada = user(&bench, "user").await;
    let made = key(&bench, &ada, None).await.unwrap();
    let before = bench.store.count();
    let mut typo = made.key.clone().into_bytes();
    typo[20] = if typo[20] == b'a' { b'b' } else { b'a' };
    for wrong in ["byn_", "byn_00000000_x", &String::from_utf8(typo).unwrap(), &format!("{} ", made.key)] {
        assert_eq!(refusal(acting(&bench, wrong).await), "unauthenticated");
    }
    assert_eq!(bench.store.count(), before);
    acting(&bench, &made.key).await.unwrap();
    assert!(bench.store.count() > before);
}
