//! A request that is sent twice acts once.

use std::sync::Arc;

use app::{Idempotent, Outcome, conversations::OpenedTurn};
use domain::{access::SystemRole, admin::KeptAnswer};
use infra_providers::scripted::ScriptedServer;

use crate::support::{Bench, MODEL, message, refusal};

fn keyed(key: &str, fingerprint: &str) -> Option<Idempotent<OpenedTurn>> {
    let render = |opened: &OpenedTurn| KeptAnswer { status: 200, body: opened.answers[0].1.0.as_bytes().to_vec() };
    Some(Idempotent::new(key, fingerprint.to_owned(), Arc::new(render)).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_requests_with_one_key_one_acts_and_all_get_its_answer() {
    let server = ScriptedServer::start().await.unwrap();
    let bench = Bench::over_wire(&server);
    let ada = bench.ada().await;
    let id = bench.conversation(&ada, MODEL).await.id;
    let sends: Vec<_> = (0..20)
        .map(|_| {
            let (conversations, ada) = (bench.app.conversations(), ada.clone());
            tokio::spawn(async move { conversations.send(&ada, id, message("Once."), keyed("k1", "f")).await.unwrap() })
        })
        .collect();
    let (mut opened, mut replayed) = (Vec::new(), Vec::new());
    for send in sends {
        match send.await.unwrap() {
            Outcome::Done(turn) => opened.push(turn),
            Outcome::Replayed(kept) => replayed.push(kept),
        }
    }
    assert_eq!((opened.len(), replayed.len()), (1, 19));
    // The kept answer names the stream, which whoever repeats may join.
    let stream = opened[0].answers[0].1;
    assert!(replayed.iter().all(|kept| kept.body == stream.0.as_bytes()));
    bench.events(&ada, stream).await;
    assert_eq!(bench.ledger(&ada).await.len(), 1);
    assert_eq!(bench.app.conversations().get(&ada, id).await.unwrap().message_count, 2);
}

#[tokio::test]
async fn a_key_is_its_users_and_its_requests_for_a_day() {
    let server = ScriptedServer::start().await.unwrap();
    let bench = Bench::over_wire(&server);
    let acme = bench.tenant("acme").await;
    let ada = bench.user(&acme, "ada", SystemRole::User).await;
    let bob = bench.user(&acme, "bob", SystemRole::User).await;
    let conversations = bench.app.conversations();
    let (hers, his) = (bench.conversation(&ada, MODEL).await.id, bench.conversation(&bob, MODEL).await.id);

    let Outcome::Done(first) = conversations.send(&ada, hers, message("One."), keyed("k", "f")).await.unwrap() else {
        panic!("the first one acts")
    };
    bench.events(&ada, first.answers[0].1).await;
    let other = conversations.send(&ada, hers, message("Two."), keyed("k", "g")).await;
    assert_eq!(refusal(other), "idempotency_key_reused");
    let theirs = conversations.send(&bob, his, message("One."), keyed("k", "f")).await.unwrap();
    assert!(matches!(theirs, Outcome::Done(_)));
    // What was refused is not kept: its key is free.
    let refused = conversations.send(&ada, his, message("One."), keyed("k2", "f")).await;
    assert_eq!(refusal(refused), "not_found");
    assert!(matches!(conversations.send(&ada, hers, message("1"), keyed("k2", "f")).await.unwrap(), Outcome::Done(_)));

    bench.clock.advance(chrono::TimeDelta::hours(23));
    let again = conversations.send(&ada, hers, message("One."), keyed("k", "f")).await.unwrap();
    assert!(matches!(again, Outcome::Replayed(_)));
    bench.clock.advance(chrono::TimeDelta::hours(2));
    let running = conversations.running_stream(&ada, hers).await.unwrap();
    if let Some(stream) = running {
        bench.events(&ada, stream).await;
    }
    let next_day = conversations.send(&ada, hers, message("One."), keyed("k", "f")).await.unwrap();
    assert!(matches!(next_day, Outcome::Done(_)));
}
