//! What the schema's text declares, compared with what the rows declare.

use std::collections::BTreeSet;

use crate::{
    references::OnDelete,
    state::{State, Visitor},
    table::Row,
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migration/sql");

/// Counts, which the tables keep themselves, and sums over users, which are added up when they are asked for.
const KEPT_OTHERWISE: &[&str] = &["CREATE TABLE quota_counts", "CREATE TABLE usage_daily_totals"];

/// A foreign key: `(table, columns)` refers to `(table, columns)`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ForeignKey {
    pub(super) from: (String, Vec<String>),
    pub(super) to: (String, Vec<String>),
    pub(super) on_delete: &'static str,
    is_deferred: bool,
}

/// The statements of the schema as PostgreSQL gets them, and the tables that only one database has; without those
/// that a later migration drops, and without what memory keeps otherwise.
fn statements() -> Vec<String> {
    let mut statements = Vec::new();
    for folder in std::fs::read_dir(FOLDER).unwrap() {
        for file in ["tables.sql", "changes.sql", "sqlite.sql"] {
            let Ok(text) = std::fs::read_to_string(folder.as_ref().unwrap().path().join(file)) else { continue };
            let lines = text.lines().map(|line| line.strip_prefix("--postgres").unwrap_or(line));
            let lines: Vec<&str> = lines.filter(|line| !line.trim_start().starts_with("--")).collect();
            let text = lines.join("\n");
            statements.extend(text.split(';').map(|statement| statement.trim().to_owned()));
        }
    }
    let drops = statements.iter().filter_map(|statement| statement.strip_prefix("DROP TABLE "));
    let dropped: Vec<String> = drops.map(|table| format!("CREATE TABLE {table} (")).collect();
    statements.retain(|statement| !KEPT_OTHERWISE.iter().any(|begin| statement.starts_with(begin)));
    statements.retain(|statement| !dropped.iter().any(|begin| statement.starts_with(begin)));
    statements
}

fn list(text: &str) -> Vec<String> {
    let inside = text.split_once('(').and_then(|(_, rest)| rest.split_once(')')).unwrap_or_else(|| panic!("{text}")).0;
    inside.split(',').map(|name| name.trim().to_owned()).collect()
}

/// The foreign keys that the schema declares.
pub(super) fn foreign_keys() -> BTreeSet<ForeignKey> {
    let mut found = BTreeSet::new();
    for statement in statements() {
        let table = ["CREATE TABLE ", "ALTER TABLE "].iter().find_map(|begin| statement.strip_prefix(begin));
        let Some(table) = table.and_then(|rest| rest.split_whitespace().next()) else { continue };
        let pieces: Vec<&str> = statement.split("REFERENCES ").collect();
        for pair in pieces.windows(2) {
            let (before, after) = (pair[0].trim_end(), pair[1].split(",\n").next().unwrap());
            let columns = match before.rsplit_once("FOREIGN KEY ") {
                Some((_, columns)) if before.ends_with(')') => list(columns),
                _ => {
                    let line = before.lines().last().unwrap();
                    let column = line.split_once("ADD COLUMN ").map_or(line, |(_, column)| column);
                    vec![column.split_whitespace().next().unwrap().to_owned()]
                }
            };
            let on_delete = match after.split_once("ON DELETE ").map(|(_, action)| action.split(' ').next().unwrap()) {
                None => "refuse",
                Some("CLEAR" | "SET") => "clear",
                Some(action) if action.starts_with("CASCADE") => "cascade",
                Some(other) => panic!("{other}"),
            };
            found.insert(ForeignKey {
                from: (table.to_owned(), columns),
                to: (after.split(' ').next().unwrap().to_owned(), list(after)),
                on_delete,
                is_deferred: after.contains("DEFERRABLE"),
            });
        }
    }
    // What a later migration drops, by the name that PostgreSQL gives to the key of one column.
    let dropped: BTreeSet<String> = statements().iter().filter_map(|statement| dropped_key(statement)).collect();
    found.retain(|key| !dropped.contains(&format!("{}_{}_fkey", key.from.0, key.from.1.join("_"))));
    found
}

fn dropped_key(statement: &str) -> Option<String> {
    let (_, rest) = statement.split_once("DROP CONSTRAINT ")?;
    rest.split([',', ' ', '\n']).next().map(str::to_owned)
}

/// The names of the schema's unique keys with their tables; not of those that end in the primary key
/// and are there to be referred to.
fn unique_keys() -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for statement in statements() {
        let mut table = statement.strip_prefix("CREATE TABLE ").and_then(|rest| rest.split(' ').next());
        for line in statement.lines() {
            let Some((before, rest)) = line.split_once("uq_") else { continue };
            if before.starts_with("DROP") {
                continue;
            }
            if before.contains("CREATE UNIQUE INDEX") {
                table = rest.split_once(" ON ").and_then(|(_, rest)| rest.split(' ').next());
            }
            if !rest.contains(" id)") {
                let name = format!("uq_{}", rest.split(' ').next().unwrap());
                found.insert((table.unwrap().to_owned(), name));
            }
        }
    }
    found
}

/// What the rows declare.
#[derive(Default)]
struct Declared {
    foreign_keys: BTreeSet<ForeignKey>,
    unique_keys: BTreeSet<(String, String)>,
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

impl Visitor for Declared {
    fn visit<R: Row>(&mut self, _: &State) {
        for reference in R::REFERENCES {
            let on_delete = match reference.on_delete {
                OnDelete::Refuse => "refuse",
                OnDelete::Cascade => "cascade",
                OnDelete::Clear { .. } => "clear",
            };
            self.foreign_keys.insert(ForeignKey {
                from: (R::TABLE.to_owned(), owned(reference.columns)),
                to: (reference.table.to_owned(), owned(&reference.key())),
                on_delete,
                is_deferred: reference.is_deferred,
            });
        }
        // Other keys are indexes only.
        let keys = R::KEYS.iter().filter(|key| key.name.starts_with("uq_"));
        self.unique_keys.extend(keys.map(|key| (R::TABLE.to_owned(), key.name.to_owned())));
    }
}

fn declared() -> Declared {
    let mut declared = Declared::default();
    State::default().visit(&mut declared);
    declared
}

#[test]
fn references_are_those_of_the_schema() {
    let schema = foreign_keys();
    assert!(schema.len() > 60, "{schema:?}");
    let mut ours = declared().foreign_keys;
    // A virtual table on SQLite, which a trigger keeps, and a column of `chunks` on PostgreSQL; a column of
    // `retrieval_runs`.
    ours.retain(|key| !["chunk_words", "retrieval_hits"].contains(&key.from.0.as_str()));
    let missing: Vec<_> = schema.difference(&ours).collect();
    let invented: Vec<_> = ours.difference(&schema).collect();
    assert!(missing.is_empty() && invented.is_empty(), "missing: {missing:#?}\nnot in the schema: {invented:#?}");
}

#[test]
fn unique_keys_are_those_of_the_schema() {
    let schema = unique_keys();
    assert!(schema.len() > 15, "{schema:?}");
    assert_eq!(declared().unique_keys, schema);
}
