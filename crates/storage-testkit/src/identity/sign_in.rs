//! Look-ups before a tenant is known.

use domain::{
    access::Scope,
    identity::{
        Email, User,
        repo::{CredentialOwner, SignInAccount},
    },
    store::StoreError,
};

use crate::{World, assert_refused, scopes};

async fn by_email(world: &World, email: &Email, slug: Option<&str>) -> Option<SignInAccount> {
    world.read(&Scope::sign_in(), async |tx| tx.sign_in().account_by_email(email.as_str(), slug).await).await
}

async fn by_username(world: &World, username: &str, slug: Option<&str>) -> Option<SignInAccount> {
    world.read(&Scope::sign_in(), async |tx| tx.sign_in().account_by_username(username, slug).await).await
}

fn account(user: &User) -> SignInAccount {
    SignInAccount { user_id: user.id, tenant_id: user.tenant_id, password_salt: None }
}

/// An e-mail address leads to its account in any tenant, and to a superadmin.
pub async fn an_email_leads_to_its_account(world: World) {
    let cast = world.cast().await;
    let root = world.make.user(None, "root");
    world.write(&Scope::system("contract suite"), async |tx| tx.users().insert(&root).await).await;
    for user in [&cast.ada, &cast.eve, &root] {
        assert_eq!(by_email(&world, &user.email, None).await, Some(account(user)));
    }
    assert_eq!(by_email(&world, &world.make.user(None, "nobody").email, None).await, None);
    assert_eq!(by_email(&world, &cast.eve.email, Some("other")).await, Some(account(&cast.eve)));
    for (user, slug) in [(&cast.eve, "acme"), (&cast.eve, "third"), (&root, "acme")] {
        assert_eq!(by_email(&world, &user.email, Some(slug)).await, None);
    }
}

/// An address that several tenants have leads to nobody, unless the tenant is named, or it is a superadmin's too.
pub async fn an_email_of_several_needs_its_tenant(world: World) {
    let cast = world.cast().await;
    let email = &cast.ada.email;
    let namesake = User { email: email.clone(), ..world.make.user(cast.eve.tenant_id, "ada") };
    world.write(&scopes::system(&cast.eve), async |tx| tx.users().insert(&namesake).await).await;
    assert_eq!(by_email(&world, email, None).await, None);
    let root = User { email: email.clone(), ..world.make.user(None, "root") };
    world.write(&Scope::system("contract suite"), async |tx| tx.users().insert(&root).await).await;
    for (slug, user) in [(Some("acme"), &cast.ada), (Some("other"), &namesake), (None, &root)] {
        assert_eq!(by_email(&world, email, slug).await, Some(account(user)), "{slug:?}");
    }
    // Who cannot sign in is none of the several.
    let inactive = User { is_active: false, ..root };
    world.write(&Scope::system("contract suite"), async |tx| tx.users().update(&inactive).await).await;
    assert_eq!(by_email(&world, email, None).await, None);
    let deleted = User { deleted_at: Some(world.make.now()), ..cast.ada.clone() };
    world.write(&scopes::system(&cast.ada), async |tx| tx.users().update(&deleted).await).await;
    assert_eq!(by_email(&world, email, None).await, Some(account(&namesake)));
}

/// Of a password only the way to hash what was typed is told; whether a hash is the right one is asked.
pub async fn a_password_is_compared_and_never_told(world: World) {
    let cast = world.cast().await;
    let root = world.make.user(None, "root");
    let installation = Scope::system("contract suite");
    world.write(&installation, async |tx| tx.users().insert(&root).await).await;
    let has = async |user: &User, hash: &str| {
        world.read(&Scope::sign_in(), async |tx| tx.sign_in().has_password(user.id, hash).await).await
    };
    let (salt, other) =
        ("$argon2id$v=19$m=47104,t=1,p=1$c2FsdHNhbHQ$", "$argon2id$v=19$m=47104,t=1,p=1$b3RoZXJvdGhlcg$");
    let (right, wrong) = (format!("{salt}aGFzaGhhc2g"), format!("{salt}aGFzaGhhc2h"));
    for (user, scope) in [(&cast.ada, scopes::system(&cast.ada)), (&root, installation)] {
        assert_eq!(by_email(&world, &user.email, None).await, Some(account(user)));
        assert!(!has(user, &right).await && !has(user, "").await, "without a password");
        let at = world.make.in_seconds(1);
        world.write(&scope, async |tx| tx.users().set_password(user.id, &right, at).await).await;
        let found = by_email(&world, &user.email, None).await;
        assert_eq!(found, Some(SignInAccount { password_salt: Some(salt.to_owned()), ..account(user) }));
        assert!(has(user, &right).await);
        assert!(!has(user, &wrong).await && !has(user, salt).await && !has(&cast.bob, &right).await);
        let changed = format!("{other}aGFzaGhhc2g");
        world.write(&scope, async |tx| tx.users().set_password(user.id, &changed, at).await).await;
        assert!(has(user, &changed).await && !has(user, &right).await);
    }
    let inactive = User { is_active: false, ..cast.ada.clone() };
    world.write(&scopes::system(&cast.ada), async |tx| tx.users().update(&inactive).await).await;
    assert!(!has(&cast.ada, &format!("{other}aGFzaGhhc2g")).await, "an account that may not sign in");
    let (elsewhere, at) = (scopes::system(&cast.eve), world.make.now());
    let outcome = world.attempt(&elsewhere, async |tx| tx.users().set_password(cast.bob.id, &right, at).await).await;
    assert_refused!(outcome, StoreError::Stale);
}

/// A user name leads to its account in the tenant with the slug.
pub async fn a_username_needs_its_tenant(world: World) {
    let acme = world.tenant("acme").await;
    let ada = world.user(&acme, "ada").await;
    // With one tenant the slug may be left out.
    assert_eq!(by_username(&world, "ada", None).await, Some(account(&ada)));
    let other = world.tenant("other").await;
    let namesake = world.user(&other, "ada").await;
    assert_eq!(by_username(&world, "ada", Some("acme")).await, Some(account(&ada)));
    assert_eq!(by_username(&world, "ada", Some("other")).await, Some(account(&namesake)));
    assert_eq!(by_username(&world, "ada", None).await, None);
    assert_eq!(by_username(&world, "ada", Some("third")).await, None);
    assert_eq!(by_username(&world, "bob", Some("acme")).await, None);
}

/// Deleted and inactive accounts are not found, by any way.
pub async fn only_living_active_accounts_are_found(world: World) {
    let cast = world.cast().await;
    let session = world.make.session(&cast.ada);
    let (token, key) = (world.make.refresh_token(&session), world.make.api_key(&cast.ada));
    world
        .write(&scopes::own(&cast.ada), async |tx| {
            tx.sessions().insert(&session).await?;
            tx.sessions().insert_refresh_token(&token).await?;
            tx.api_keys().insert(&key).await
        })
        .await;
    let inactive = User { is_active: false, ..cast.ada.clone() };
    let deleted = User { deleted_at: Some(world.make.now()), ..cast.ada.clone() };
    for gone in [inactive, deleted] {
        world.write(&scopes::system(&cast.ada), async |tx| tx.users().update(&gone).await).await;
        assert_eq!(by_email(&world, &cast.ada.email, None).await, None);
        assert_eq!(by_username(&world, "ada", Some("acme")).await, None);
        world
            .read(&Scope::sign_in(), async |tx| {
                assert_eq!(tx.sign_in().refresh_token(&token.token_hash).await?, None);
                assert_eq!(tx.sign_in().api_key(&key.key_hash).await?, None);
                Ok(())
            })
            .await;
    }
}

/// The hash of a token or key leads to its owner, whether the token still works or not.
pub async fn hashes_lead_to_their_owners(world: World) {
    let cast = world.cast().await;
    let session = world.make.session(&cast.ada);
    let (token, key) = (world.make.refresh_token(&session), world.make.api_key(&cast.ada));
    let at = world.make.now();
    world
        .write(&scopes::own(&cast.ada), async |tx| {
            tx.sessions().insert(&session).await?;
            tx.sessions().insert_refresh_token(&token).await?;
            tx.sessions().use_refresh_token(token.id, at).await?;
            tx.sessions().revoke(session.id, at).await?;
            tx.api_keys().insert(&key).await?;
            tx.api_keys().revoke(key.id, at).await
        })
        .await;
    let (user_id, tenant_id) = (cast.ada.id, cast.ada.tenant_id);
    world
        .read(&Scope::sign_in(), async |tx| {
            let owner = CredentialOwner { id: token.id, user_id, tenant_id };
            assert_eq!(tx.sign_in().refresh_token(&token.token_hash).await?, Some(owner));
            assert_eq!(tx.sign_in().refresh_token(&key.key_hash).await?, None);
            let owner = CredentialOwner { id: key.id, user_id, tenant_id };
            assert_eq!(tx.sign_in().api_key(&key.key_hash).await?, Some(owner));
            assert_eq!(tx.sign_in().api_key(&token.token_hash).await?, None);
            Ok(())
        })
        .await;
}

/// The look-ups are those of sign-in: no other scope needs them, and none has them.
pub async fn no_other_scope_looks_up_accounts(world: World) {
    let cast = world.cast().await;
    let hash = world.make.hash();
    for scope in [scopes::whole(&cast.ada), scopes::system(&cast.ada), Scope::system("contract suite")] {
        world
            .read(&scope, async |tx| {
                let look_ups = tx.sign_in();
                let by_email = look_ups.account_by_email(cast.ada.email.as_str(), None).await;
                assert_refused!(by_email, StoreError::OutOfScope(_));
                assert_refused!(look_ups.account_by_username("ada", Some("acme")).await, StoreError::OutOfScope(_));
                assert_refused!(look_ups.has_password(cast.ada.id, "x").await, StoreError::OutOfScope(_));
                assert_refused!(look_ups.refresh_token(&hash).await, StoreError::OutOfScope(_));
                assert_refused!(look_ups.api_key(&hash).await, StoreError::OutOfScope(_));
                Ok(())
            })
            .await;
    }
}
