//! The order of roles that models demand: instructions first, then user and assistant in turn, and the results of
//! tools right behind their calls.

use domain::gateways::{PromptMessage, PromptRole};

/// What stands between two messages that become one.
const BETWEEN: &str = "\n\n";

/// The messages with their roles in that order. No text is left out: neighbours of one role, as a failed answer leaves
/// them, become one message, and instructions are gathered at the beginning.
// Many templates of chat refuse a prompt in which a role follows itself, and providers refuse calls without results and
// results without calls. A conversation that once came to such a prompt could never go on.
pub(super) fn in_order(messages: Vec<PromptMessage>) -> Vec<PromptMessage> {
    let is_instruction = |message: &PromptMessage| message.role == PromptRole::System;
    let (instructions, others): (Vec<_>, Vec<_>) = messages.into_iter().partition(is_instruction);
    let mut ordered: Vec<PromptMessage> = Vec::new();
    for message in instructions.into_iter().chain(with_results(others)) {
        match ordered.last_mut() {
            Some(last) if last.role == message.role && message.role != PromptRole::Tool => join(last, message),
            _ => ordered.push(message),
        }
    }
    ordered
}

fn join(last: &mut PromptMessage, next: PromptMessage) {
    if !last.text.is_empty() && !next.text.is_empty() {
        last.text.push_str(BETWEEN);
    }
    last.text.push_str(&next.text);
    last.tool_calls.extend(next.tool_calls);
    last.extra.extend(next.extra);
}

/// The messages without calls that have no result, results that have no call, and answers that say nothing.
fn with_results(messages: Vec<PromptMessage>) -> Vec<PromptMessage> {
    let is_result = |message: &PromptMessage| message.role == PromptRole::Tool;
    let mut kept: Vec<PromptMessage> = Vec::with_capacity(messages.len());
    let mut messages = messages.into_iter().skip_while(is_result).peekable();
    while let Some(mut message) = messages.next() {
        let mut results = Vec::new();
        while let Some(result) = messages.next_if(is_result) {
            results.push(result);
        }
        let answers = |result: &PromptMessage, id: &String| result.tool_call_id.as_ref() == Some(id);
        message.tool_calls.retain(|call| results.iter().any(|result| answers(result, &call.id)));
        results.retain(|result| message.tool_calls.iter().any(|call| answers(result, &call.id)));
        let says_nothing = message.text.is_empty() && message.tool_calls.is_empty();
        if message.role != PromptRole::Assistant || !says_nothing {
            kept.push(message);
        }
        kept.append(&mut results);
    }
    kept
}

#[cfg(test)]
mod tests {
    use domain::gateways::{PromptRole::*, ToolCall};

    use super::*;

    fn called(text: &str, ids: &[&str]) -> PromptMessage {
        let call = |id: &&str| ToolCall { id: (*id).to_owned(), name: "f".to_owned(), ..ToolCall::default() };
        PromptMessage { tool_calls: ids.iter().map(call).collect(), ..PromptMessage::text(Assistant, text) }
    }

    fn result(id: &str) -> PromptMessage {
        PromptMessage { tool_call_id: Some(id.to_owned()), ..PromptMessage::text(Tool, format!("of {id}")) }
    }

    fn texts(messages: Vec<PromptMessage>) -> Vec<(PromptRole, String)> {
        in_order(messages).into_iter().map(|message| (message.role, message.text)).collect()
    }

    #[test]
    fn neighbours_of_one_role_become_one_message() {
        let said = |role, text: &str| PromptMessage::text(role, text);
        let found = texts(vec![
            said(System, "be brief"),
            said(User, "one"),
            said(User, "two"),
            said(Assistant, "a"),
            said(Assistant, "b"),
            said(System, "in rhymes"),
            said(Assistant, ""),
            said(User, "three"),
            said(Assistant, ""),
            said(User, "four"),
        ]);
        let expected =
            [(System, "be brief\n\nin rhymes"), (User, "one\n\ntwo"), (Assistant, "a\n\nb"), (User, "three\n\nfour")];
        assert_eq!(found, expected.map(|(role, text)| (role, text.to_owned())));
    }

    #[test]
    fn calls_and_results_go_together() {
        let question = |text: &str| PromptMessage::text(User, text);
        let found = in_order(vec![
            result("cut off"),
            question("one"),
            called("", &["a", "b"]),
            result("a"),
            result("b"),
            called("done", &[]),
            question("two"),
            called("", &["c"]),
            question("three"),
            called("half", &["d", "e"]),
            result("e"),
            result("of nobody"),
            question("four"),
        ]);
        let ids = |message: &PromptMessage| -> Vec<String> {
            let calls = message.tool_calls.iter().map(|call| call.id.clone());
            calls.chain(message.tool_call_id.clone()).collect()
        };
        let found: Vec<(PromptRole, String, Vec<String>)> =
            found.into_iter().map(|message| (message.role, message.text.clone(), ids(&message))).collect();
        let expected: [(PromptRole, &str, &[&str]); 9] = [
            (User, "one", &[]),
            (Assistant, "", &["a", "b"]),
            (Tool, "of a", &["a"]),
            (Tool, "of b", &["b"]),
            (Assistant, "done", &[]),
            (User, "two\n\nthree", &[]),
            (Assistant, "half", &["e"]),
            (Tool, "of e", &["e"]),
            (User, "four", &[]),
        ];
        let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        assert_eq!(found, expected.map(|(role, text, expected)| (role, text.to_owned(), owned(expected))));
    }
}
