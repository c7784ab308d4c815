//! Edit, regenerate, switch: new branches beside the old ones, which stay.

use app::conversations::NewMessage;
use domain::{
    access::Actor,
    conversations::{Message, MessageStatus},
    ids::ConversationId,
};
use infra_providers::scripted::{Script, ScriptedServer};

use crate::support::{Bench, MODEL, done, message, refusal};

/// All messages but for what a new branch may change about them: which child is active, and since when.
async fn tree(bench: &Bench, actor: &Actor, id: ConversationId) -> Vec<Message> {
    let page = bench.app.conversations().tree(actor, id, 0, 200).await.unwrap();
    let plain = |message: Message| Message { active_child_id: None, updated_at: message.created_at, ..message };
    page.items.into_iter().map(|view| plain(view.message)).collect()
}

async fn branch(bench: &Bench, actor: &Actor, id: ConversationId) -> Vec<String> {
    let page = bench.app.conversations().branch(actor, id, None, 100).await.unwrap();
    page.items.iter().map(|view| view.message.parts.plain_text()).collect()
}

#[tokio::test]
async fn old_branches_stay_as_they_were_and_can_be_shown_again() {
    let server = ScriptedServer::start().await.unwrap();
    let bench = Bench::over_wire(&server);
    for reply in ["A1", "A2", "A1 again", "A1 edited"] {
        server.push(Script::reply(reply));
    }
    let ada = bench.ada().await;
    let id = bench.conversation(&ada, MODEL).await.id;
    let conversations = bench.app.conversations();
    let first = bench.send(&ada, id, "Q1").await;
    bench.events(&ada, first.answers[0].1).await;
    bench.ask(&ada, id, "Q2").await;
    let before = tree(&bench, &ada, id).await;

    let again = conversations.regenerate(&ada, id, first.answers[0].0, Vec::new(), None, None).await.unwrap();
    let again = done(again);
    bench.events(&ada, again.answers[0].1).await;
    assert_eq!(branch(&bench, &ada, id).await, ["Q1", "A1 again"]);
    let regenerated = bench.message(&ada, id, again.answers[0].0).await;
    assert_eq!(regenerated.regenerated_from_id, Some(first.answers[0].0));
    assert_eq!((regenerated.parent_id, regenerated.version), (Some(first.user_message_id), 2));

    let edited = conversations.edit(&ada, id, first.user_message_id, message("Q1 edited"), None).await.unwrap();
    let edited = done(edited);
    bench.events(&ada, edited.answers[0].1).await;
    assert_eq!(branch(&bench, &ada, id).await, ["Q1 edited", "A1 edited"]);
    let question = bench.message(&ada, id, edited.user_message_id).await;
    assert_eq!((question.edited_from_id, question.parent_id, question.version), (Some(first.user_message_id), None, 2));
    // The edited question does not read what was under the old one.
    assert_eq!(server.requests().last().unwrap().prompt(), "Q1 edited");

    assert_eq!(tree(&bench, &ada, id).await[..before.len()], before);
    let head = done(conversations.switch(&ada, id, first.answers[0].0, false, None, None).await.unwrap());
    assert_eq!(branch(&bench, &ada, id).await, ["Q1", "A1", "Q2", "A2"]);
    let exact = conversations.switch(&ada, id, first.answers[0].0, true, Some(head.head_version), None).await.unwrap();
    assert_eq!(done(exact).current_message_id, Some(first.answers[0].0));
    assert_eq!(branch(&bench, &ada, id).await, ["Q1", "A1"]);
    let stale = conversations.switch(&ada, id, again.answers[0].0, false, Some(head.head_version), None).await;
    assert_eq!(refusal(stale), "head_moved");

    // A question under the first answer is a sibling of Q2.
    bench.ask(&ada, id, "Q2 other").await;
    let texts = branch(&bench, &ada, id).await;
    assert_eq!(texts[..3], ["Q1", "A1", "Q2 other"]);
    bench.check_books().await;
    assert_eq!(bench.app.conversations().get(&ada, id).await.unwrap().totals.requests, 5);
}

#[tokio::test]
async fn only_questions_are_edited_and_only_answers_regenerated() {
    let server = ScriptedServer::start().await.unwrap();
    let bench = Bench::over_wire(&server);
    let ada = bench.ada().await;
    let conversation = bench.conversation(&ada, MODEL).await;
    let other = bench.conversation(&ada, MODEL).await;
    let answer = bench.ask(&ada, conversation.id, "Q").await;
    let foreign = bench.ask(&ada, other.id, "Q").await;
    let conversations = bench.app.conversations();
    let id = conversation.id;
    assert_eq!(refusal(conversations.edit(&ada, id, answer.id, message("E"), None).await), "not_a_question");
    let error = conversations.regenerate(&ada, id, foreign.id, Vec::new(), None, None).await.unwrap_err();
    assert_eq!(error.fields[0].code, "other_conversation");
    let error = conversations.switch(&ada, id, foreign.id, false, None, None).await.unwrap_err();
    assert_eq!(error.fields[0].code, "other_conversation");
    let under = NewMessage { parent_id: Some(foreign.id), ..message("Q2") };
    let error = conversations.send(&ada, id, under, None).await.unwrap_err();
    assert_eq!((error.fields[0].field.as_str(), error.fields[0].code), ("parent_id", "other_conversation"));
    // The question itself can be named to get a further answer.
    let again = conversations.regenerate(&ada, id, answer.parent_id.unwrap(), Vec::new(), None, None).await.unwrap();
    let again = done(again);
    bench.events(&ada, again.answers[0].1).await;
    let second = bench.message(&ada, id, again.answers[0].0).await;
    assert_eq!((second.status, second.version, second.regenerated_from_id), (MessageStatus::Complete, 2, None));
}
