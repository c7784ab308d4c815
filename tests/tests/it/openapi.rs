//! The description of the HTTP API: committed, whole, and true.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

mod answers;
mod document;

/// The committed document.
struct Document(Value);

impl Document {
    fn read() -> Result<Self> {
        Ok(Self(serde_json::from_str(&committed()?)?))
    }

    /// Every operation with its path and method.
    fn operations(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        let paths = self.0["paths"].as_object().into_iter().flatten();
        paths.flat_map(|(path, item)| {
            item.as_object()
                .into_iter()
                .flatten()
                .map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
        })
    }

    /// Whether a value is as a schema of the document says. References lead into the document.
    fn check(&self, schema: &Value, value: &Value) -> Result<()> {
        let mut whole = schema.as_object().cloned().context("a schema is an object")?;
        whole.insert("components".to_owned(), self.0["components"].clone());
        let whole = Value::Object(whole);
        let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&whole);
        let validator = validator.map_err(|error| anyhow::anyhow!("no schema: {error}"))?;
        let wrong: Vec<String> =
            validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        ensure!(wrong.is_empty(), "{}\nin {value}", wrong.join("\n"));
        Ok(())
    }

    /// The same for a schema of this name.
    fn check_named(&self, name: &str, value: &Value) -> Result<()> {
        self.check(&json!({ "$ref": format!("#/components/schemas/{name}") }), value)
    }
}

fn committed() -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

#[tokio::test]
async fn the_committed_document_is_what_the_program_says() -> Result<()> {
    let said = e2e::program::run(&["openapi"], &[]).await?;
    assert!(committed()? == said, "docs/openapi.json is old; run cargo xtask openapi and commit it");
    Ok(())
}
