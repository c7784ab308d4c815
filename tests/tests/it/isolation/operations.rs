//! The operations of the API, as its document describes them.

use anyhow::{Context, Result, ensure};
use e2e::Client;
use reqwest::Method;
use serde_json::Value;

/// One operation of the API.
pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) slots: Vec<String>,
    pub(super) body: Option<Body>,
    pub(super) secured: bool,
}

/// A body that the operation would take.
#[derive(Clone)]
pub(super) enum Body {
    /// The example that the document gives of it.
    Json(Value),
    Upload,
}

pub(super) async fn operations(client: &Client) -> Result<Vec<Operation>> {
    let document = client.get("/api/openapi.json").await?.expect(200)?;
    let mut operations = Vec::new();
    for (path, verbs) in document["paths"].as_object().context("no paths")? {
        for (verb, operation) in verbs.as_object().context("no verbs")? {
            let content = &operation["requestBody"]["content"];
            let body = match content["application/json"]["schema"]["$ref"].as_str() {
                Some(schema) => {
                    let example = document.pointer(&format!("{}/example", schema.trim_start_matches('#')));
                    Some(Body::Json(example.with_context(|| format!("there is no example of {schema}"))?.clone()))
                }
                None => content.get("multipart/form-data").map(|_| Body::Upload),
            };
            let slots = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
            operations.push(Operation {
                method: verb.to_uppercase().parse()?,
                path: path.clone(),
                slots: slots.map(str::to_owned).collect(),
                body,
                secured: operation["security"].is_array(),
            });
        }
    }
    ensure!(operations.len() > 30, "only {} operations", operations.len());
    Ok(operations)
}
