//! The committed description of the HTTP API.

use std::path::Path;

use anyhow::{Context, Result};

#[tokio::test]
async fn the_committed_document_is_what_the_program_says() -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let committed = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let said = e2e::program::run(&["openapi"], &[]).await?;
    assert!(committed == said, "docs/openapi.json is old; run cargo xtask openapi and commit it");
    Ok(())
}
