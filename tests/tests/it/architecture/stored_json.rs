//! Every format of stored JSON has a fixture, and every fixture a test.

use std::collections::BTreeSet;

use anyhow::{Context, Result};

use super::tree;

/// What is put into rows past the repositories, and read through them.
const ROWS: &str = "tests/stored_json/rows.rs";

/// Columns whose JSON no program reads, each with whom it is for.
const NEVER_READ: &[(&str, &str)] = &[
    ("retrieval_runs.parameters", "people who want to know why a passage was found"),
    ("retrieval_runs.hits", "the same people"),
];

/// The columns of the schema that hold JSON, as `table.column`.
fn columns() -> Result<BTreeSet<String>> {
    let mut columns = BTreeSet::new();
    for folder in std::fs::read_dir(tree::root()?.join("migration/sql"))? {
        for file in std::fs::read_dir(folder?.path())? {
            let mut table = String::new();
            for line in std::fs::read_to_string(file?.path())?.lines() {
                if let Some(rest) = line.strip_prefix("CREATE TABLE ").or(line.strip_prefix("ALTER TABLE ")) {
                    table = rest.split(' ').next().unwrap_or_default().to_owned();
                }
                if let Some((before, _)) = line.split_once(" {json}") {
                    let column = before.rsplit(' ').next().unwrap_or_default();
                    columns.insert(format!("{table}.{column}"));
                }
            }
        }
    }
    Ok(columns)
}

#[test]
fn every_column_of_json_has_a_fixture() -> Result<()> {
    let columns = columns()?;
    assert!(columns.len() > 15, "{columns:?}");
    let rows = std::fs::read_to_string(tree::root()?.join(ROWS))?;
    // Columns of the logs, whose rows are added and not changed, are named in their INSERT.
    let added = |table: &str, column: &str| {
        let insert = rows.split(&format!("INSERT INTO {table} (")).nth(1).and_then(|rest| rest.split(')').next());
        insert.is_some_and(|columns| columns.split(", ").any(|named| named.trim() == column))
    };
    for named in &columns {
        let (table, column) = named.split_once('.').context("a column without a table")?;
        let is_read = rows.contains(&format!("\"{named}\"")) || added(table, column);
        let is_listed = NEVER_READ.iter().any(|(column, _)| column == named);
        assert!(is_read || is_listed, "{named} holds JSON: give it a fixture and a line in {ROWS}");
        assert!(!(is_read && is_listed), "{named} is read now; take it off the list");
    }
    Ok(())
}

#[test]
fn every_fixture_is_read_by_a_test() -> Result<()> {
    let sources = tree::sources()?;
    let mut found = 0;
    for file in std::fs::read_dir(tree::root()?.join("tests/stored_json"))? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let name = path.file_stem().and_then(|name| name.to_str()).context("a fixture without a name")?;
            let is_named =
                |text: &str| text.contains(&format!("\"{name}\"")) || text.contains(&format!("/{name}.json\""));
            assert!(sources.iter().any(|source| is_named(&source.text)), "nothing reads {}", path.display());
            found += 1;
        }
    }
    assert!(found > 15, "only {found} fixtures");
    Ok(())
}
