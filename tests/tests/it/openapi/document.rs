//! What generators of clients need of the document.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Document;

/// All values below a value, itself included, each with its place.
fn walk<'a>(place: String, value: &'a Value, see: &mut impl FnMut(&str, &'a Value)) {
    see(&place, value);
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, field)| walk(format!("{place}/{name}"), field, see)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| walk(format!("{place}/{index}"), item, see));
        }
        _ => {}
    }
}

#[test]
fn every_operation_has_a_name_a_tag_a_summary_and_all_of_its_errors() -> Result<()> {
    let document = Document::read()?;
    assert_eq!(document.0["openapi"], "3.1.0");
    let tags = document.0["tags"].as_array().context("tags")?;
    let mut ids = BTreeSet::new();
    for (path, method, operation) in document.operations() {
        let what = format!("{method} {path}");
        let id = operation["operationId"].as_str().context("an id")?;
        ensure!(ids.insert(id), "{what}: the id {id} stands twice");
        let tag =
            operation["tags"][0].as_str().filter(|_| operation["tags"].as_array().is_some_and(|tags| tags.len() == 1));
        let tag = tag.with_context(|| format!("{what} has one tag"))?;
        ensure!(tags.iter().any(|known| known["name"] == tag), "{what}: {tag}");
        let verb = id.strip_prefix(&format!("{tag}_")).with_context(|| format!("{what}: {id} begins with {tag}"))?;
        ensure!(!verb.is_empty() && verb.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{what}: {id}");
        ensure!(operation["summary"].as_str().is_some_and(|text| text.len() > 5), "{what} has no summary");
        let responses = operation["responses"].as_object().context("responses")?;
        ensure!(responses.keys().any(|code| code.starts_with('2')), "{what} never succeeds");
        // OpenAI's dialect says 400 of a value that breaks a rule.
        let is_refused = path.starts_with("/v1/") != responses.contains_key("422");
        ensure!(is_refused && responses.contains_key("500"), "{what}");
        let (kind, error) = if path.starts_with("/v1/") {
            ("application/json", "OpenAiError")
        } else {
            ("application/problem+json", "Problem")
        };
        for (code, response) in responses {
            let what = format!("{what}: {code}");
            ensure!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{what} has no description");
            let schema = &response["content"][kind]["schema"];
            let is_error = schema["$ref"] == format!("#/components/schemas/{error}");
            ensure!(is_error == (code.as_str() >= "400"), "{what}: {response}");
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            ensure!(parameter["schema"].is_object(), "{what}: {parameter}");
            ensure!(parameter["required"].as_bool() == Some(parameter["in"] == "path"), "{what}: {parameter}");
        }
    }
    Ok(())
}

#[test]
fn every_reference_leads_somewhere_and_nothing_is_left_over() -> Result<()> {
    let document = Document::read()?;
    let mut named = BTreeSet::new();
    walk(String::new(), &document.0, &mut |_, value| {
        named.extend(value.get("$ref").and_then(Value::as_str));
    });
    for reference in &named {
        let place = reference.strip_prefix('#').with_context(|| format!("{reference} leads out of the document"))?;
        ensure!(document.0.pointer(place).is_some(), "{reference} leads nowhere");
    }
    for kind in ["schemas", "headers"] {
        for name in document.0["components"][kind].as_object().context("components")?.keys() {
            let reference = format!("#/components/{kind}/{name}");
            ensure!(named.contains(reference.as_str()), "{reference} is used by nothing");
        }
    }
    Ok(())
}

#[test]
fn every_schema_is_one_and_its_example_fits() -> Result<()> {
    let document = Document::read()?;
    let mut examples = 0;
    for (name, schema) in document.0["components"]["schemas"].as_object().context("schemas")? {
        jsonschema::meta::validate(schema).map_err(|error| anyhow::anyhow!("{name} is no schema: {error}"))?;
        if let Some(example) = schema.get("example") {
            document.check(schema, example).with_context(|| format!("the example of {name}"))?;
            examples += 1;
        }
        // Where nothing says what is inside, clients that are generated know nothing.
        let is_told = [
            "properties",
            "enum",
            "items",
            "oneOf",
            "anyOf",
            "allOf",
            "format",
            "pattern",
            "contentMediaType",
            "additionalProperties",
        ]
        .iter()
        .any(|keyword| schema.get(keyword).is_some());
        ensure!(is_told || schema["type"] == "string", "{name}: {schema}");
    }
    ensure!(examples > 15, "{examples} examples");
    for (path, method, operation) in document.operations() {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            jsonschema::meta::validate(&parameter["schema"])
                .map_err(|error| anyhow::anyhow!("{method} {path}: {}: {error}", parameter["name"]))?;
        }
    }
    Ok(())
}

/// Bodies of requests are strict: what is no field is told by the schema as by the server. Those of OpenAI's dialect are not.
#[test]
fn bodies_of_requests_have_no_other_fields() -> Result<()> {
    let document = Document::read()?;
    for (path, method, operation) in document.operations() {
        let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema") else { continue };
        if path.starts_with("/v1/") {
            continue;
        }
        let mut places = vec![schema];
        while let Some(schema) = places.pop() {
            let schema = match schema["$ref"].as_str() {
                Some(reference) => document.0.pointer(&reference[1..]).context("a reference")?,
                None => schema,
            };
            let options = schema["oneOf"].as_array().map(Vec::as_slice).unwrap_or_default();
            places.extend(options);
            let is_strict = schema["additionalProperties"] == false || !options.is_empty() || schema["type"] == "null";
            ensure!(is_strict, "{method} {path}: {schema}");
        }
    }
    Ok(())
}

/// Generators of clients that call what they make of a schema by its name, in their own case, take it for a field of that
/// name.
#[test]
fn no_schema_has_a_field_of_its_own_name() -> Result<()> {
    let document = Document::read()?;
    for (name, schema) in document.0["components"]["schemas"].as_object().context("schemas")? {
        let mut snake = String::new();
        for letter in name.chars() {
            if letter.is_ascii_uppercase() && !snake.is_empty() {
                snake.push('_');
            }
            snake.push(letter.to_ascii_lowercase());
        }
        ensure!(schema["properties"].get(&snake).is_none(), "{name} has a field {snake}");
    }
    Ok(())
}
