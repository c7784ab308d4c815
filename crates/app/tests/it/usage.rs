//! The reports of the ledger.

use app::Settings;
use chrono::TimeDelta;
use domain::{
    access::SystemRole,
    clock::Clock,
    knowledge::CollectionVisibility,
    money::{Money, PicoUsdPerToken},
    usage::{AgentType, ModelPrice, UsageFilter, UsageGrouping, UsageTotals},
};
use infra_providers::scripted::{Script, ScriptedServer};
use storage_testkit::ManualClock;
use uuid::Uuid;

use crate::{
    completion::asked,
    support::{Bench, Choice, MODEL, ManualModels, cost_of, done, price, registry, until},
};

#[tokio::test]
async fn the_report_of_a_conversation_adds_up_to_the_bill() {
    let server = ScriptedServer::start().await.unwrap();
    let embedder = crate::support::embedder(&server);
    let bench = Bench::with(Choice {
        models: Some(registry(&server.base_url())),
        embedder: Some(embedder),
        settings: Settings::default(),
        ..Choice::default()
    });
    bench.start();
    let ada = bench.ada().await;
    let collection = bench.collection(&ada, "notes", CollectionVisibility::Private).await;
    bench.ingest(&ada, &collection, "trees.md", "# Trees\n\nThe banyan is a fig. The oak is not.").await;
    let ingested = server.bill().len();
    server.set_default(Script::reply("It is a fig [1]."));

    let id = bench.conversation(&ada, MODEL).await.id;
    let first = bench.ask(&ada, id, "What is a banyan?").await;
    server.push(Script::reply("Certainly a fig, which I say at greater length [1]."));
    let again = bench.app.conversations().regenerate(&ada, id, first.id, Vec::new(), None, None).await.unwrap();
    bench.events(&ada, done(again).answers[0].1).await;
    bench.ask(&ada, id, "Is an oak one?").await;

    let report = bench.app.conversations().usage(&ada, id).await.unwrap();
    let whole = report.on_path.checked_add(report.off_path).unwrap().checked_add(report.overhead).unwrap();
    assert_eq!(whole, report.total);
    let bill = &server.bill()[ingested..];
    let (chats, queries): (Vec<_>, Vec<_>) = bill.iter().partition(|charge| charge.model == "scripted");
    assert_eq!((chats.len(), queries.len()), (3, 3));
    let totals = |charges: &[&infra_providers::scripted::Charge]| UsageTotals {
        requests: charges.len() as u64,
        input_tokens: charges.iter().map(|charge| charge.input_tokens).sum(),
        output_tokens: charges.iter().map(|charge| charge.output_tokens).sum(),
        cost: Money(charges.iter().map(|charge| cost_of(charge.input_tokens, charge.output_tokens)).sum()),
        unknown_costs: 0,
    };
    assert_eq!(report.off_path, totals(&chats[..1]));
    assert_eq!(report.on_path, totals(&chats[1..]));
    assert_eq!(report.overhead, totals(&queries));
    let conversation = bench.app.conversations().get(&ada, id).await.unwrap();
    assert_eq!(conversation.totals, report.total);
    bench.check_books().await;

    // Over all: every charge is a row, but for the one question that asked for the model's length.
    let rows = bench.ledger(&ada).await;
    assert_eq!(rows.len(), server.bill().len());
    let all = bench.app.usage().summary(&ada, UsageFilter::default(), UsageGrouping::Agent).await.unwrap();
    assert_eq!(all.total.requests, rows.len() as u64);
    assert_eq!(all.total.cost.0, rows.iter().map(|row| row.cost.unwrap().0).sum::<i64>());
    let keys: Vec<&str> = all.items.iter().map(|group| group.key.as_str()).collect();
    assert_eq!(keys, [AgentType::Chat.as_str(), AgentType::Embedding.as_str()]);
}

#[tokio::test]
async fn a_long_answer_does_not_make_its_search_an_estimate() {
    let models = ManualModels::new();
    let (embedder, gate) = crate::support::GatedEmbedder::new();
    let bench = Bench::with(Choice { models: Some(models.clone()), embedder: Some(embedder), ..Choice::default() });
    bench.start();
    let ada = bench.ada().await;
    let collection = bench.collection(&ada, "notes", CollectionVisibility::Private).await;
    bench.ingest(&ada, &collection, "a.md", "# Trees\n\nThe banyan is a fig.").await;
    let ingested = bench.ledger(&ada).await.len();
    let id = bench.conversation(&ada, MODEL).await.id;
    gate.close();
    let opened = bench.send(&ada, id, "What is a banyan tree after all, would you say?").await;
    gate.held().await;
    let scope = domain::access::Scope::system("settle abandoned calls");
    let calls = async |at| bench.world.write(&scope, async |tx| tx.usage().abandoned_calls(at, 10).await).await;
    let now = || domain::clock::Clock::now(bench.clock.as_ref());
    until("the search is on record", async || !calls(now() + chrono::TimeDelta::days(1)).await.is_empty()).await;
    gate.open();
    let call = models.call().await;
    // Half a lease goes by, twice: whoever works renews, and nothing counts as abandoned.
    for _ in 0..2 {
        bench.clock.advance(chrono::TimeDelta::seconds(12));
        let soon = now() + chrono::TimeDelta::seconds(15);
        until("the leases are renewed", async || calls(soon).await.is_empty()).await;
    }
    bench.recover().await;
    call.say("A fig.");
    call.finish(20, 2);
    bench.events(&ada, opened.answers[0].1).await;
    let rows = bench.ledger(&ada).await;
    let query: Vec<_> = rows[ingested..].iter().filter(|row| row.agent_type == AgentType::Embedding).collect();
    assert_eq!(query.len(), 1);
    assert_eq!((query[0].tokens.input_tokens, query[0].is_estimated), (10, false));
    bench.check_books().await;
}

#[tokio::test]
async fn people_see_their_own_costs_and_admins_those_of_the_tenant() {
    let server = ScriptedServer::start().await.unwrap();
    let bench = Bench::over_wire(&server);
    let acme = bench.tenant("acme").await;
    let other = bench.tenant("other").await;
    let ada = bench.user(&acme, "ada", SystemRole::User).await;
    let bob = bench.user(&acme, "bob", SystemRole::User).await;
    let root = bench.user(&acme, "root", SystemRole::TenantAdmin).await;
    let eve = bench.user(&other, "eve", SystemRole::TenantAdmin).await;
    for actor in [&ada, &ada, &bob] {
        let id = bench.conversation(actor, MODEL).await.id;
        bench.ask(actor, id, "What do I cost?").await;
    }
    for (actor, requests) in [(&ada, 2), (&bob, 1), (&root, 3), (&eve, 0)] {
        let summary = bench.app.usage().summary(actor, UsageFilter::default(), UsageGrouping::Day).await.unwrap();
        assert_eq!(summary.total.requests, requests, "{}", actor.user_id);
    }
}

#[tokio::test]
async fn the_ledger_is_folded_in_the_background_by_the_hour() {
    let server = ScriptedServer::start().await.unwrap();
    let bench = Bench::over_wire(&server);
    let acme = bench.tenant("acme").await;
    let ada = bench.user(&acme, "ada", SystemRole::User).await;
    let root = bench.user(&acme, "root", SystemRole::TenantAdmin).await;
    let id = bench.conversation(&ada, MODEL).await.id;
    let scope = domain::access::Scope::system_in(acme.id);
    let folded = async || bench.world.read(&scope, async |tx| tx.usage().folded_before().await).await;
    let wrong = async || bench.world.read(&scope, async |tx| tx.usage().wrong_days().await).await;
    let now = || domain::clock::Clock::now(bench.clock.as_ref());
    let summary = async || {
        let all = bench.app.usage().summary(&root, UsageFilter::default(), UsageGrouping::Day).await.unwrap();
        (all.items.len(), all.total.requests)
    };
    // Noon, and the same time of the next days: an answer each.
    let noon = now();
    for _ in 0..3 {
        bench.ask(&ada, id, "What do I cost?").await;
        bench.clock.advance(chrono::TimeDelta::days(1));
    }
    let before = summary().await;
    assert_eq!(before, (3, 3));
    assert_eq!(folded().await, None);

    let (app, _) = bench.instance(None, Settings { ingest_workers: 0, ..Settings::default() });
    app.start_background();
    // 12:00 less ten minutes, cut to the hour.
    let hour = |at: domain::clock::Timestamp| chrono::DurationRound::duration_trunc(at, chrono::TimeDelta::hours(1));
    let end = hour(now() - chrono::TimeDelta::minutes(10)).unwrap();
    assert_eq!(end, hour(noon).unwrap() + chrono::TimeDelta::hours(3 * 24 - 1));
    until("the ledger is folded", async || folded().await == Some(end)).await;
    assert!(app.shutdown(std::time::Duration::from_secs(60)).await);
    assert_eq!((summary().await, wrong().await), (before, vec![]));

    // What is settled now counts at once, from the ledger; and later from the sums.
    bench.ask(&ada, id, "And now?").await;
    assert_eq!(summary().await, (4, 4));
    bench.clock.advance(chrono::TimeDelta::minutes(71));
    let (app, _) = bench.instance(None, Settings { ingest_workers: 0, ..Settings::default() });
    app.start_background();
    let end = hour(now()).unwrap();
    until("the ledger is folded on", async || folded().await == Some(end)).await;
    assert!(app.shutdown(std::time::Duration::from_secs(60)).await);
    assert_eq!((summary().await, wrong().await), ((4, 4), vec![]));
}

#[tokio::test]
async fn a_call_costs_what_its_model_cost_when_it_was_made() {
    let models = ManualModels::new();
    let changed = Clock::now(&ManualClock::default()) + TimeDelta::seconds(10);
    let before = ModelPrice { valid_to: Some(changed), ..price("scripted") };
    let dearer = PicoUsdPerToken(2 * before.output.0);
    let after = ModelPrice { id: Uuid::from_u128(7).into(), valid_from: changed, output: dearer, ..price("scripted") };
    let prices = Some(vec![before.clone(), after.clone()]);
    let bench = Bench::with(Choice { models: Some(models.clone()), prices, ..Choice::default() });
    let ada = bench.ada().await;
    let id = bench.conversation(&ada, MODEL).await.id;
    let opened = bench.send(&ada, id, "What do you cost?").await;
    let turn = models.call().await;
    let mut completion = bench.app.openai().complete(&ada, asked("And you?")).await.unwrap();
    let call = models.call().await;
    bench.clock.advance(TimeDelta::seconds(15));
    turn.finish(7, 5);
    bench.events(&ada, opened.answers[0].1).await;
    call.finish(7, 5);
    completion.whole().await.unwrap();
    let opened = bench.send(&ada, id, "And now?").await;
    models.call().await.finish(7, 5);
    bench.events(&ada, opened.answers[0].1).await;
    let rows = bench.ledger(&ada).await;
    let priced: Vec<_> = rows.iter().map(|row| row.price_id).collect();
    assert_eq!(priced, [Some(before.id), Some(before.id), Some(after.id)]);
    assert_eq!((rows[0].cost, rows[1].cost), (Some(Money(cost_of(7, 5))), Some(Money(cost_of(7, 5)))));
    bench.check_books().await;
}
