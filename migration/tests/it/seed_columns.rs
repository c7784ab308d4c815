//! Every column of the seed systems has its place, from the migration on that builds its table.

use std::collections::BTreeSet;

use crate::database::{TestDatabase, column};

/// Tab-separated; the last field names our columns, several joined by ` + `.
const SEED_COLUMNS: &str = include_str!("../seed_columns.tsv");

/// Tables that come with the behaviour that needs them. The list only shrinks.
const LATER: &[&str] = &[
    "admin_configs",
    "api_requests",
    "artifact_versions",
    "artifacts",
    "collection_grants",
    "database_connections",
    "database_schemas",
    "entities",
    "github_repositories",
    "image_generation_loras",
    "image_generations",
    "lora_models",
    "memories",
    "message_votes",
    "password_reset_tokens",
    "rate_limits",
    "spans",
    "sql_examples",
    "sql_queries",
    "suggestions",
    "system_logs",
    "system_metrics",
    "transcription_speakers",
    "transcriptions",
    "uploaded_files",
    "user_settings",
];

async fn every_seed_column_has_its_place(database: TestDatabase) {
    let sql = if database.is_postgres() {
        "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public'"
    } else {
        "SELECT t.name || '.' || c.name FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table'"
    };
    let columns: BTreeSet<String> = column(database.admin(), sql).await.unwrap().into_iter().collect();
    let is_built = |table: &str| columns.iter().any(|column| column.split('.').next() == Some(table));
    for &table in LATER {
        assert!(!is_built(table), "{table} is built now; take it off the list of later tables");
    }
    let wanted: BTreeSet<&str> = SEED_COLUMNS
        .lines()
        .skip(1)
        .flat_map(|line| line.rsplit('\t').next().unwrap_or_default().split(" + "))
        .filter(|ours| !LATER.contains(&ours.split('.').next().unwrap_or_default()))
        .collect();
    assert!(wanted.len() > 100, "only {} columns are asked for", wanted.len());
    let missing: Vec<_> = wanted.into_iter().filter(|ours| !columns.contains(*ours)).collect();
    assert_eq!(missing, Vec::<&str>::new());
    database.remove().await;
}

#[tokio::test]
async fn every_seed_column_has_its_place_on_sqlite() {
    every_seed_column_has_its_place(TestDatabase::sqlite().await.migrated().await).await;
}

#[tokio::test]
async fn every_seed_column_has_its_place_on_postgres() {
    every_seed_column_has_its_place(TestDatabase::postgres().await.migrated().await).await;
}
