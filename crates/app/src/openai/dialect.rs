//! What a request in OpenAI's dialect means: the roles of a prompt, the content that is read, the fields that the
//! provider gets.

use domain::{
    error::ValueError,
    gateways::PromptRole,
    text::{self, MAX_TEXT_BYTES},
};
use serde_json::{Map, Value, json};

/// OpenAI's newer name for the role of a system message.
const DEVELOPER: &str = "developer";

/// Fields of a request that the provider gets as they came.
const PASSED_ON: &[&str] = &[
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "reasoning_effort",
    "service_tier",
];

/// What the provider gets of the fields that we do not read ourselves. The rest is ignored: clients send fields that
/// are newer than we are, and a provider would refuse those it does not know; `user` and `metadata` name people to it.
///
/// # Errors
/// `not_supported` for what would be paid and not served: more than one choice, and probabilities of tokens.
pub fn passed_on(fields: Map<String, Value>) -> Result<Map<String, Value>, ValueError> {
    let asks = |field: &str, nothing: &[Value]| {
        fields.get(field).is_some_and(|value| !value.is_null() && !nothing.contains(value))
    };
    if asks("n", &[json!(1)]) {
        let message = "must be 1: one choice is served; send the request again for another";
        return Err(ValueError::new("n", "not_supported", message));
    }
    for (field, nothing) in [("logprobs", json!(false)), ("top_logprobs", json!(0))] {
        if asks(field, &[nothing]) {
            return Err(ValueError::new(field, "not_supported", "is not served; leave it out"));
        }
    }
    Ok(fields.into_iter().filter(|(field, _)| PASSED_ON.contains(&field.as_str())).collect())
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

/// The text of the prompt's message at `index`: a text, or parts that are texts; none where a tool is called.
///
/// # Errors
/// `not_yet_supported` for parts that are no texts, `wrong_shape`, and those of [`text::free`].
pub fn prompt_text(index: usize, content: &Value) -> Result<String, ValueError> {
    let field = format!("messages/{index}/content");
    match content {
        Value::Null => Ok(String::new()),
        Value::String(content) => text::free(&field, content, MAX_TEXT_BYTES),
        Value::Array(parts) => {
            let texts: Option<Vec<&str>> = parts.iter().map(text_of).collect();
            let message = "only parts of the type 'text' are supported";
            let texts = texts.ok_or_else(|| ValueError::new(field.as_str(), "not_yet_supported", message))?;
            text::free(&field, &texts.join("\n\n"), MAX_TEXT_BYTES)
        }
        _ => Err(ValueError::new(field, "wrong_shape", "must be a text, or a list of parts")),
    }
}

fn text_of(part: &Value) -> Option<&str> {
    if part.get("type")?.as_str()? == "text" { part.get("text")?.as_str() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_provider_gets_the_fields_that_it_may_know() {
        let passed = |fields: Value| passed_on(fields.as_object().unwrap().clone()).map(Value::Object);
        let fields = json!({ "seed": 7, "n": 1, "logprobs": null, "user": "ada", "prompt_cache_key": "x" });
        assert_eq!(passed(fields), Ok(json!({ "seed": 7 })));
        for (field, value) in
            [("n", json!(128)), ("n", json!("2")), ("logprobs", json!(true)), ("top_logprobs", json!(3))]
        {
            let error = passed(json!({ field: value })).unwrap_err();
            assert_eq!((error.field.as_str(), error.code), (field, "not_supported"));
        }
    }

    #[test]
    fn developers_speak_as_the_system_and_strangers_not_at_all() {
        assert_eq!(prompt_role(0, "developer"), Ok(PromptRole::System));
        assert_eq!(prompt_role(0, "tool"), Ok(PromptRole::Tool));
        let error = prompt_role(3, "Developer").unwrap_err();
        assert_eq!((error.field.as_str(), error.code), ("messages/3/role", "unknown_role"));
        assert_eq!(error.message, "must be one of system, user, assistant, tool, developer");
    }

    #[test]
    fn a_prompt_is_made_of_texts() {
        let parts = json!([{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }]);
        assert_eq!(prompt_text(0, &parts), Ok("a\n\nb".to_owned()));
        assert_eq!(prompt_text(0, &json!("a")), Ok("a".to_owned()));
        assert_eq!(prompt_text(0, &Value::Null), Ok(String::new()));
        let image = json!([{ "type": "text", "text": "a" }, { "type": "image_url", "text": "b" }]);
        for (content, code) in
            [(image, "not_yet_supported"), (json!(["a"]), "not_yet_supported"), (json!(7), "wrong_shape")]
        {
            let error = prompt_text(1, &content).unwrap_err();
            assert_eq!((error.field.as_str(), error.code), ("messages/1/content", code), "{content}");
        }
        let long = "a".repeat(MAX_TEXT_BYTES / 2);
        let parts = json!([{ "type": "text", "text": long }, { "type": "text", "text": long }]);
        assert_eq!(
            prompt_text(0, &parts).unwrap_err().code,
            prompt_text(0, &json!("a".repeat(MAX_TEXT_BYTES + 1))).unwrap_err().code
        );
    }
}
