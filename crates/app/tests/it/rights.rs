//! Who may do what: every use case tried in every role.

use std::time::Duration;

use app::{
    conversations::NewConversation,
    identity::{NewApiKey, NewUser, ProfileChange},
    knowledge::NewCollection,
    tenancy::NewTenant,
};
use chrono::TimeDelta;
use domain::{
    access::{Actor, SystemRole},
    conversations::{ConversationFilter, Visibility},
    gateways::EmbeddingInput,
    ids::{ApiKeyId, ConversationId, MessageId, SourceId, StreamId},
    knowledge::{CollectionVisibility, RetrievalMode},
    page::PageRequest,
    usage::{UsageFilter, UsageGrouping},
};
use uuid::Uuid;

use crate::support::{Bench, done, message, refusal, tenant_of};

/// Use cases by name, each with what it returns to an actor: `None` or the code of its refusal.
async fn tried(bench: &Bench, actor: &Actor) -> Vec<(&'static str, Option<&'static str>)> {
    let app = &bench.app;
    let page = PageRequest::default();
    let nowhere = Uuid::from_u128(1);
    let (conversation, node) = (ConversationId(nowhere), MessageId(nowhere));
    let nobody = NewUser { email: "x".to_owned(), username: "x".to_owned(), password: String::new(), role: None };
    let collection = NewCollection { name: "c".to_owned(), ..NewCollection::default() };
    let tenant = NewTenant { name: format!("t{}", actor.user_id), slug: None };
    let key = NewApiKey { name: "k".to_owned(), ..NewApiKey::default() };
    let search = crate::search::request("x", RetrievalMode::Lexical);
    let conversations = app.conversations();
    macro_rules! codes {
        ($($name:literal: $call:expr;)*) => { vec![$(($name, $call.await.err().map(|error: app::Error| error.code)),)*] };
    }
    codes! {
        "profile": app.identity().profile(actor);
        "change profile": app.identity().change_profile(actor, ProfileChange::default());
        "api keys": app.identity().api_keys(actor, page);
        "create api key": app.identity().create_api_key(actor, key);
        "revoke api key": app.identity().revoke_api_key(actor, ApiKeyId(nowhere));
        "users": app.identity().users(actor, page);
        "create user": app.identity().create_user(actor, nobody, None);
        "tenants": app.tenancy().list(actor, page);
        "create tenant": app.tenancy().create(actor, tenant, None);
        "conversations": conversations.list(actor, &ConversationFilter::default(), page);
        "create conversation": conversations.create(actor, NewConversation::default(), None);
        "send": conversations.send(actor, conversation, message("x"), None);
        "edit": conversations.edit(actor, conversation, node, message("x"), None);
        "regenerate": conversations.regenerate(actor, conversation, node, vec![], None, None);
        "switch": conversations.switch(actor, conversation, node, false, None, None);
        "stop": conversations.stop(actor, StreamId(nowhere));
        "branch": conversations.branch(actor, conversation, None, 10);
        "conversation usage": conversations.usage(actor, conversation);
        "collections": app.knowledge().collections(actor, None, page);
        "create collection": app.knowledge().create_collection(actor, collection, None);
        "retry source": app.knowledge().retry(actor, SourceId(nowhere), None);
        "search": app.knowledge().search(actor, search);
        "models": app.openai().models(actor);
        "embeddings": app.openai().embeddings(actor, crate::embeddings::asked(EmbeddingInput::Tokens(vec![vec![1]])));
        "usage": app.usage().summary(actor, UsageFilter::default(), UsageGrouping::Day);
    }
}

/// What a role may not do; all else it may, though there may be nothing to do it to.
fn forbidden(role: SystemRole) -> &'static [&'static str] {
    let writing = &[
        "change profile",
        "create api key",
        "revoke api key",
        "create user",
        "tenants",
        "create tenant",
        "create conversation",
        "send",
        "edit",
        "regenerate",
        "switch",
        "stop",
        "create collection",
        "retry source",
        "models",
        "embeddings",
    ];
    match role {
        SystemRole::Superadmin => &[
            "api keys",
            "create api key",
            "revoke api key",
            "create conversation",
            "send",
            "edit",
            "regenerate",
            "switch",
            "stop",
            "models",
            "embeddings",
        ],
        SystemRole::TenantAdmin => &["tenants", "create tenant"],
        SystemRole::Moderator | SystemRole::User => &["create user", "tenants", "create tenant"],
        SystemRole::Viewer => writing,
    }
}

#[tokio::test]
async fn every_role_may_what_the_table_says() {
    let bench = Bench::plain();
    let acme = bench.tenant("acme").await;
    for role in SystemRole::ALL {
        let mut actor = bench.user(&acme, role.as_str().replace('_', "-").as_str(), role).await;
        if role == SystemRole::Superadmin {
            // One that has entered the tenant.
            let password = crate::set_up::PASSWORD.to_owned();
            let identity = bench.app.identity();
            let root = identity.create_superadmin("super@example.com", "super", password).await.unwrap();
            actor = Actor { user_id: root.id, is_superadmin: true, ..actor };
        }
        for (name, code) in tried(&bench, &actor).await {
            let expected = forbidden(role).contains(&name);
            assert_eq!(code == Some("forbidden"), expected, "{role}: {name}: {code:?}");
            let harmless = [None, Some("not_found"), Some("invalid"), Some("no_embedding_model")];
            assert!(expected || harmless.contains(&code), "{role}: {name}: {code:?}");
        }
    }
}

#[tokio::test]
async fn nothing_of_another_is_there_unless_it_is_shown() {
    let bench = Bench::plain();
    let (acme, other) = (bench.tenant("acme").await, bench.tenant("other").await);
    let ada = bench.user(&acme, "ada", SystemRole::User).await;
    let bob = bench.user(&acme, "bob", SystemRole::User).await;
    let root = bench.user(&acme, "root", SystemRole::TenantAdmin).await;
    let eve = bench.user(&other, "eve", SystemRole::TenantAdmin).await;
    let conversations = bench.app.conversations();
    let private = bench.conversation(&ada, "banyan/extractive").await;
    let public = NewConversation { visibility: Some(Visibility::Public), ..NewConversation::default() };
    let public = done(conversations.create(&ada, public, None).await.unwrap());
    let answer = bench.ask(&ada, private.id, "Q").await;
    for (actor, reads_private, reads_public) in
        [(&ada, true, true), (&bob, false, true), (&root, true, true), (&eve, false, false)]
    {
        assert_eq!(conversations.get(actor, private.id).await.is_ok(), reads_private);
        assert_eq!(conversations.tree(actor, private.id, 0, 10).await.is_ok(), reads_private);
        assert_eq!(conversations.message(actor, private.id, answer.id).await.is_ok(), reads_private);
        assert_eq!(conversations.get(actor, public.id).await.is_ok(), reads_public);
        // To write one must own, whatever one reads.
        for id in [private.id, public.id] {
            let sent = conversations.send(actor, id, message("x"), None).await;
            match actor.user_id == ada.user_id {
                true => {
                    let opened = done(sent.unwrap());
                    bench.events(&ada, opened.answers[0].1).await;
                }
                false => assert_eq!(refusal(sent), "not_found"),
            }
        }
    }
    // What is missing and what belongs to others is refused in the same words, and put on record alike.
    let foreign = conversations.get(&eve, private.id).await.unwrap_err();
    let absent = conversations.get(&eve, ConversationId(Uuid::from_u128(9))).await.unwrap_err();
    assert_eq!((foreign.kind, foreign.code, &foreign.message), (absent.kind, absent.code, &absent.message));
    for error in [&foreign, &absent] {
        let (entity, id) = error.missing.unwrap();
        bench.app.record_denial(&eve, entity, id).await.unwrap();
        bench.clock.advance(TimeDelta::minutes(1));
    }
    assert_eq!(bench.audited(&eve, "authz_denied").await, 2);
    assert_eq!(bench.audited(&ada, "authz_denied").await, 0);
}

#[tokio::test]
async fn denials_without_end_are_two_rows_a_minute() {
    let bench = Bench::plain();
    let acme = bench.tenant("acme").await;
    let (ada, eve) =
        (bench.user(&acme, "ada", SystemRole::User).await, bench.user(&acme, "eve", SystemRole::User).await);
    let rows = async |actor: &Actor| {
        let mut rows = bench.audit(tenant_of(actor)).await;
        rows.retain(|row| row.action == "authz_denied" && row.user_id == Some(actor.user_id));
        rows
    };
    for number in 0..500 {
        bench.app.record_denial(&eve, "conversation", Some(Uuid::from_u128(number))).await.unwrap();
    }
    bench.app.record_denial(&ada, "source", Some(Uuid::from_u128(1))).await.unwrap();
    assert_eq!((rows(&eve).await.len(), rows(&ada).await.len()), (1, 1));
    bench.app.shutdown(Duration::from_secs(5)).await;
    let of_eve = rows(&eve).await;
    assert_eq!((of_eve.len(), rows(&ada).await.len()), (2, 1));
    assert_eq!(of_eve[0].changes.as_ref().unwrap()["after"]["count"], 499);
    assert_eq!((of_eve[0].user_id, of_eve[1].entity_id), (Some(eve.user_id), Some(Uuid::from_u128(0))));
}

#[tokio::test]
async fn collections_nest_within_bounds_and_never_widen() {
    let bench = Bench::plain();
    let ada = bench.ada().await;
    let private = bench.collection(&ada, "private", CollectionVisibility::Private).await;
    let knowledge = bench.app.knowledge();
    let under = |parent, visibility| NewCollection {
        name: "inner".to_owned(),
        parent_id: Some(parent),
        visibility: Some(visibility),
        ..NewCollection::default()
    };
    let wider = knowledge.create_collection(&ada, under(private.id, CollectionVisibility::Shared), None).await;
    assert_eq!(wider.unwrap_err().fields[0].code, "wider_than_parent");
    let mut parent = private.id;
    let mut depth = 1;
    loop {
        match knowledge.create_collection(&ada, under(parent, CollectionVisibility::Private), None).await {
            Ok(outcome) => parent = done(outcome).id,
            Err(error) => break assert_eq!(error.code, "too_deep"),
        }
        depth += 1;
    }
    assert_eq!(depth, domain::knowledge::collection::MAX_COLLECTION_DEPTH);
    assert_eq!(bench.audit(tenant_of(&ada)).await.len(), depth as usize);
}
