//! What a request in OpenAI's dialect means: the roles of a prompt, the content that is read, the fields that the
//! provider gets.

use domain::{
    error::ValueError,
    gateways::{Extra, MAX_EXTRA_BYTES, PromptMessage, PromptRole},
    text::{self, MAX_TEXT_BYTES},
};
use serde_json::{Value, json};

/// OpenAI's newer name for the role of a system message.
const DEVELOPER: &str = "developer";

/// Fields of a request that stay in the house: our own, and those that tell the provider who asks. OpenAI refuses
/// `metadata` where it is not to store, too.
const KEPT_BACK: &[&str] = &["conversation_id", "metadata", "safety_identifier", "store", "user"];

/// Fields by which routers let another model answer than the one that was asked for (OpenRouter, LiteLLM).
const OTHER_MODELS: &[&str] = &["fallbacks", "models", "route"];

/// Fields of a request that hold documents, such as schemas: the bound of the body is theirs.
const DOCUMENTS: &[&str] = &["functions", "prediction", "response_format", "tools"];

/// Fields of a message in which an answer comes back that a provider wrote: they may be as long as it.
const REASONING: &[&str] = &["reasoning", "reasoning_content", "reasoning_details"];

/// Lists of what a model may call, with what says how it is to call them and is refused without any.
const CALLABLES: &[(&str, &[&str])] =
    &[("tools", &["tool_choice", "parallel_tool_calls"]), ("functions", &["function_call"])];

/// Types of parts that hold text, and the field that holds it.
const TEXT_PARTS: &[(&str, &str)] =
    &[("text", "text"), ("input_text", "text"), ("output_text", "text"), ("refusal", "refusal")];

/// What the provider gets of the fields that we do not read ourselves: all but those that stay in the house, as they came.
/// A field that is null was not given, nor is there anything to call in a list of nothing.
///
/// # Errors
/// `not_supported` for what would be paid and not served (more than one choice, probabilities of tokens), and for what
/// would let another model answer. `too_long` where they have more than [`MAX_EXTRA_BYTES`] together, without what holds
/// documents.
pub fn passed_on(mut fields: Extra) -> Result<Extra, ValueError> {
    fields.retain(|_, value| !value.is_null());
    if fields.remove("n").is_some_and(|choices| choices.as_f64() != Some(1.0)) {
        let message = "must be 1: one choice is served; send the request again for another";
        return Err(ValueError::new("n", "not_supported", message));
    }
    for field in OTHER_MODELS {
        if fields.contains_key(*field) {
            let message = "would let another model answer than the one that is booked; name that one in 'model'";
            return Err(ValueError::new(*field, "not_supported", message));
        }
    }
    // The last four are of vLLM and llama.cpp.
    for (field, nothing) in [
        ("logprobs", json!(false)),
        ("top_logprobs", json!(0)),
        ("best_of", json!(1)),
        ("n_probs", json!(0)),
        ("prompt_logprobs", json!(false)),
        ("use_beam_search", json!(false)),
    ] {
        if fields.remove(field).is_some_and(|value| value != nothing) {
            return Err(ValueError::new(field, "not_supported", "is not served; leave it out"));
        }
    }
    fields.retain(|field, _| !KEPT_BACK.contains(&field.as_str()));
    for (list, with_it) in CALLABLES {
        if fields.get(*list).is_some_and(|list| list.as_array().is_some_and(Vec::is_empty)) {
            fields.retain(|field, _| field != list && !with_it.contains(&field.as_str()));
        }
    }
    check_bytes("", &fields, DOCUMENTS, 0)?;
    Ok(fields)
}

/// What the provider gets of the fields of the prompt's message at `index` that we do not read ourselves, beside
/// `further` bytes of its parts. Annotations are ours, for who reads the answer.
///
/// # Errors
/// `too_long` where they have more than [`MAX_EXTRA_BYTES`] together, without those in which an answer comes back.
pub fn message_fields(index: usize, mut fields: Extra, further: usize) -> Result<Extra, ValueError> {
    fields.retain(|field, value| !value.is_null() && field != "annotations");
    check_bytes(&format!("messages/{index}/"), &fields, REASONING, further)?;
    Ok(fields)
}

/// The same of a tool call that stands at `place`.
///
/// # Errors
/// `too_long`.
pub fn call_fields(place: &str, mut fields: Extra) -> Result<Extra, ValueError> {
    fields.retain(|_, value| !value.is_null());
    check_bytes(&format!("{place}/"), &fields, &[], 0)?;
    Ok(fields)
}

/// Refuses fields of more than [`MAX_EXTRA_BYTES`] together, but for some of them, and names the longest.
fn check_bytes(place: &str, fields: &Extra, but_for: &[&str], further: usize) -> Result<(), ValueError> {
    let counted = fields.iter().filter(|(field, _)| !but_for.contains(&field.as_str()));
    let sizes: Vec<(usize, &String)> =
        counted.map(|(field, value)| (field.len() + value.to_string().len(), field)).collect();
    let all = sizes.iter().map(|(bytes, _)| bytes).sum::<usize>() + further;
    if all <= MAX_EXTRA_BYTES {
        return Ok(());
    }
    let longest = sizes.into_iter().max().filter(|(bytes, _)| *bytes > further);
    let longest = longest.map_or("content", |(_, field)| field.as_str());
    let message = format!(
        "is too long: fields that are passed on to the provider unread may have {MAX_EXTRA_BYTES} bytes together"
    );
    Err(ValueError::new(format!("{place}{longest}"), "too_long", message))
}

/// The role of the prompt's message at `index`.
///
/// # Errors
/// `unknown_role`.
pub fn prompt_role(index: usize, role: &str) -> Result<PromptRole, ValueError> {
    if role == DEVELOPER {
        return Ok(PromptRole::System);
    }
    PromptRole::parse(role).map_err(|error| ValueError {
        field: format!("messages/{index}/role"),
        message: format!("{}, {DEVELOPER}", error.message),
        ..error
    })
}

/// The part in which some providers hand out reasoning, and take it back.
const THINKING: &str = "thinking";

/// Most parts of a message that are no texts.
const MAX_MEDIA: usize = 64;

/// How the address of a picture or recording begins that a provider may read; we read none.
const MEDIA_URLS: &[&str] = &["https://", "data:"];

/// What a message says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Content {
    /// Its text, which of several parts is what they say without anything in between.
    pub text: String,
    /// The parts, where they hold more than text.
    pub parts: Option<Value>,
    /// Bytes of what more the texts hold.
    pub further: usize,
}

/// The content of the prompt's message at `index`: a text, or parts; none where a tool is called. Parts that are no texts
/// (pictures, recordings, a model's thoughts) are handed on as they came.
///
/// # Errors
/// `wrong_type`, `too_many`, `media_url`, and those of [`text::free`].
pub fn prompt_content(index: usize, content: Value) -> Result<Content, ValueError> {
    let field = format!("messages/{index}/content");
    match content {
        Value::Null => Ok(Content::default()),
        Value::String(content) => {
            let text = text::free(&field, &content, MAX_TEXT_BYTES)?;
            Ok(Content { text, ..Content::default() })
        }
        Value::Array(parts) => {
            let mut all = Content::default();
            let mut others = 0;
            for (place, part) in parts.iter().enumerate() {
                let at = format!("{field}/{place}");
                match text_of(part) {
                    Some((text, further)) => {
                        all.text.push_str(text);
                        all.further += further;
                    }
                    None => {
                        check_other(&at, part)?;
                        others += 1;
                    }
                }
            }
            if others > MAX_MEDIA {
                let message = format!("must hold at most {MAX_MEDIA} parts that are no texts");
                return Err(ValueError::new(field, "too_many", message));
            }
            text::free(&field, &all.text, MAX_TEXT_BYTES)?;
            all.parts = (all.further > 0 || others > 0).then_some(Value::Array(parts));
            Ok(all)
        }
        _ => Err(ValueError::new(field, "wrong_type", "must be a text, or a list of parts")),
    }
}

/// Checks a part that is no text: it says what it is, and an address in it is one that leads outside or holds the thing.
fn check_other(at: &str, part: &Value) -> Result<(), ValueError> {
    let kind = part.get("type").and_then(Value::as_str).filter(|kind| !kind.is_empty());
    let is_text = kind.is_some_and(|kind| TEXT_PARTS.iter().any(|(known, _)| *known == kind));
    let Some(kind) = kind.filter(|_| !is_text) else {
        let message = "must be a part, such as {\"type\": \"text\", \"text\": …}";
        return Err(ValueError::new(at, "wrong_type", message));
    };
    for name in [kind, "image_url"] {
        let Some(place) = part.get(name) else { continue };
        let url = place.as_str().or_else(|| place.get("url")?.as_str());
        let is_allowed = |url: &str| MEDIA_URLS.iter().any(|begin| has_scheme(url, begin));
        if url.is_some_and(|url| kind != THINKING && !is_allowed(url)) {
            let message = "must be an address that begins with 'https://', or the thing itself as 'data:…;base64,…'";
            return Err(ValueError::new(format!("{at}/{name}"), "media_url", message));
        }
    }
    Ok(())
}

fn has_scheme(url: &str, scheme: &str) -> bool {
    url.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
}

/// How many parts of a message are pictures, recordings or the like: neither texts nor thoughts.
#[must_use]
pub fn media_in(message: &PromptMessage) -> usize {
    let parts = message.extra.get("content").and_then(Value::as_array).into_iter().flatten();
    let is_medium = |part: &&Value| text_of(part).is_none() && part.get("type").is_some_and(|kind| kind != THINKING);
    parts.filter(is_medium).count()
}

/// The text of a part, and the bytes of what it holds beside.
fn text_of(part: &Value) -> Option<(&str, usize)> {
    let part = part.as_object()?;
    let kind = part.get("type")?.as_str()?;
    let (_, field) = TEXT_PARTS.iter().find(|(known, _)| *known == kind)?;
    let beside = part.iter().filter(|(name, value)| *name != "type" && name != field && !value.is_null());
    Some((part.get(*field)?.as_str()?, beside.map(|(name, value)| name.len() + value.to_string().len()).sum()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(value: Value) -> Extra {
        value.as_object().cloned().unwrap()
    }

    fn passed(value: Value) -> Result<Value, ValueError> {
        passed_on(fields(value)).map(Value::Object)
    }

    #[test]
    fn the_provider_gets_what_we_do_not_know() {
        let unknown = json!({ "seed": 7, "top_k": 20, "chat_template_kwargs": { "enable_thinking": false },
            "functions": [{ "name": "f" }], "function_call": "auto", "prompt_cache_key": "x" });
        assert_eq!(passed(unknown.clone()), Ok(unknown));
    }

    #[test]
    fn what_names_people_stays_in_the_house() {
        let named = json!({ "user": "ada", "metadata": { "session": "s1" }, "safety_identifier": "a", "store": true,
            "conversation_id": "c", "seed": 7 });
        assert_eq!(passed(named), Ok(json!({ "seed": 7 })));
    }

    #[test]
    fn nothing_is_passed_on_as_nothing() {
        let nothing = json!({ "n": 1.0, "logprobs": false, "top_logprobs": 0, "seed": null, "tools": [],
            "tool_choice": "auto", "parallel_tool_calls": true, "functions": [], "function_call": "auto" });
        assert_eq!(passed(nothing), Ok(json!({})));
        let tools = json!({ "tools": [{ "type": "function" }], "tool_choice": "auto", "functions": null });
        assert_eq!(passed(tools), Ok(json!({ "tools": [{ "type": "function" }], "tool_choice": "auto" })));
    }

    #[test]
    fn what_would_be_paid_and_not_served_is_refused() {
        for (field, value) in [
            ("n", json!(128)),
            ("n", json!("2")),
            ("n", json!(0)),
            ("logprobs", json!(true)),
            ("top_logprobs", json!(3)),
            ("best_of", json!(4)),
            ("use_beam_search", json!(true)),
            ("prompt_logprobs", json!(1)),
            ("n_probs", json!(5)),
            ("models", json!(["router/dearest"])),
            ("route", json!("fallback")),
            ("fallbacks", json!([])),
        ] {
            let error = passed(json!({ field: value })).unwrap_err();
            assert_eq!((error.field.as_str(), error.code), (field, "not_supported"));
        }
    }

    #[test]
    fn what_is_passed_on_unread_is_bounded_together() {
        let half = "x".repeat(MAX_EXTRA_BYTES / 2);
        let error = passed(json!({ "a": half, "b": format!("{half}y") })).unwrap_err();
        assert_eq!((error.field.as_str(), error.code), ("b", "too_long"));
        let long = "x".repeat(MAX_EXTRA_BYTES);
        assert!(passed(json!({ "tools": [long], "response_format": long, "a": half })).is_ok());
        let error = message_fields(3, fields(json!({ "a": long })), 0).unwrap_err();
        assert_eq!((error.field.as_str(), error.code), ("messages/3/a", "too_long"));
        let answer = json!({ "reasoning_content": long, "reasoning": long, "name": "ada" });
        assert_eq!(message_fields(0, fields(answer.clone()), 0), Ok(fields(answer)));
        let error = message_fields(3, fields(json!({ "name": "ada" })), MAX_EXTRA_BYTES).unwrap_err();
        assert_eq!(error.field, "messages/3/content");
        let error = call_fields("messages/1/tool_calls/0", fields(json!({ "a": long }))).unwrap_err();
        assert_eq!(error.field, "messages/1/tool_calls/0/a");
    }

    #[test]
    fn a_message_is_told_what_was_said_of_it_and_not_what_we_said() {
        let given = json!({ "name": "ada", "refusal": null, "annotations": [{}], "audio": null });
        assert_eq!(message_fields(0, fields(given), 0), Ok(fields(json!({ "name": "ada" }))));
    }

    #[test]
    fn developers_speak_as_the_system_and_strangers_not_at_all() {
        assert_eq!(prompt_role(0, "developer"), Ok(PromptRole::System));
        assert_eq!(prompt_role(0, "tool"), Ok(PromptRole::Tool));
        assert_eq!(prompt_role(0, "function"), Ok(PromptRole::Function));
        let error = prompt_role(3, "Developer").unwrap_err();
        assert_eq!((error.field.as_str(), error.code), ("messages/3/role", "unknown_role"));
        assert_eq!(error.message, "must be one of system, user, assistant, tool, function, developer");
    }

    #[test]
    fn a_prompt_is_made_of_texts() {
        let said = |content: Value| prompt_content(0, content).map(|content| (content.text, content.parts));
        let parts = json!([{ "type": "text", "text": "Hel" }, { "type": "input_text", "text": "lo" },
            { "type": "output_text", "text": "!", "annotations": null }, { "type": "refusal", "refusal": " No." }]);
        assert_eq!(said(parts), Ok(("Hello! No.".to_owned(), None)));
        assert_eq!(said(json!("a")), Ok(("a".to_owned(), None)));
        assert_eq!(said(Value::Null), Ok((String::new(), None)));
        assert_eq!(said(json!([])), Ok((String::new(), None)));
        for (content, place, code) in [
            (json!(["a"]), "/0", "wrong_type"),
            (json!([{ "text": "a" }]), "/0", "wrong_type"),
            (json!([{ "type": "text", "text": 7 }]), "/0", "wrong_type"),
            (json!(7), "", "wrong_type"),
            (json!({ "type": "text", "text": "a" }), "", "wrong_type"),
        ] {
            let error = prompt_content(1, content).unwrap_err();
            assert_eq!((error.field, error.code), (format!("messages/1/content{place}"), code));
        }
        let long = "a".repeat(MAX_TEXT_BYTES / 2 + 1);
        let parts = json!([{ "type": "text", "text": long }, { "type": "text", "text": long }]);
        assert_eq!(prompt_content(0, parts).unwrap_err().code, "too_long");
    }

    #[test]
    fn what_is_no_text_is_handed_on_as_it_came_and_read_by_nobody_here() {
        let picture =
            |url: Value| json!([{ "type": "text", "text": "What is it?" }, { "type": "image_url", "image_url": url }]);
        let message = |parts: &Value| {
            let content = prompt_content(0, parts.clone()).unwrap();
            let extra = Extra::from_iter(content.parts.map(|parts| ("content".to_owned(), parts)));
            PromptMessage { extra, ..PromptMessage::text(PromptRole::User, content.text) }
        };
        for (parts, text, media) in [
            (picture(json!({ "url": "data:image/png;base64,iVBO", "detail": "low" })), "What is it?", 1),
            (picture(json!({ "url": "https://a.example/b.png" })), "What is it?", 1),
            (picture(json!("HTTPS://a.example/b.png")), "What is it?", 1),
            (json!([{ "type": "input_audio", "input_audio": { "data": "UklG", "format": "wav" } }]), "", 1),
            (
                json!([{ "type": "file", "file": { "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE" } }]),
                "",
                1,
            ),
            (
                json!([{ "type": "thinking", "thinking": [{ "type": "text", "text": "hm" }] }, { "type": "text", "text": "so" }]),
                "so",
                0,
            ),
        ] {
            let message = message(&parts);
            assert_eq!((message.extra.get("content"), message.text.as_str()), (Some(&parts), text));
            assert_eq!(media_in(&message), media, "{parts}");
        }
        for url in [json!({ "url": "http://169.254.169.254/" }), json!("file:///etc/passwd"), json!({ "url": "" })] {
            let error = prompt_content(1, picture(url)).unwrap_err();
            assert_eq!((error.field.as_str(), error.code), ("messages/1/content/1/image_url", "media_url"));
        }
        let many = json!(vec![picture(json!("data:,x"))[1].clone(); MAX_MEDIA + 1]);
        assert_eq!(prompt_content(0, many).unwrap_err().code, "too_many");
    }

    #[test]
    fn parts_that_hold_more_than_text_are_sent_as_they_came() {
        let marked = json!([{ "type": "text", "text": "a", "cache_control": { "type": "ephemeral" } },
            { "type": "text", "text": "b" }]);
        let content = prompt_content(0, marked.clone()).unwrap();
        assert_eq!((content.text.as_str(), content.parts), ("ab", Some(marked)));
        assert_eq!(content.further, "cache_control".len() + r#"{"type":"ephemeral"}"#.len());
    }
}
