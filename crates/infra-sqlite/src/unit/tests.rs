use std::time::Duration;

use domain::{ids::TenantId, store::Priority};
use sea_orm::Value;
use sqlx::sqlite::SqliteConnectOptions;
use uuid::Uuid;

use super::*;
use crate::write_queue::{Durability, WriteQueue};

async fn unit(folder: &tempfile::TempDir) -> SqliteUnit {
    let options = SqliteConnectOptions::new().filename(folder.path().join("unit.db")).create_if_missing(true);
    let queue = Arc::new(WriteQueue::open(options, Duration::from_secs(10)).await.unwrap());
    let turn = queue.begin(None, Priority::Request, Durability::Disk).await.unwrap();
    let unit = SqliteUnit::writing(turn, Scope::system_in(TenantId(Uuid::nil())));
    unit.execute_unprepared("CREATE TABLE t (name TEXT)").await.unwrap();
    unit
}

fn several(text: &str, values: &[&str]) -> Statement {
    Statement::from_sql_and_values(DbBackend::Sqlite, text, values.iter().map(|value| Value::from(*value)))
}

async fn names(unit: &SqliteUnit) -> Vec<String> {
    let rows = unit.query_all_raw(several("SELECT name FROM t ORDER BY rowid", &[])).await.unwrap();
    rows.iter().map(|row| row.try_get("", "name").unwrap()).collect()
}

#[tokio::test]
async fn statements_that_go_together_all_run() {
    let folder = tempfile::tempdir().unwrap();
    let unit = unit(&folder).await;
    let insert = "INSERT INTO t VALUES ($1); INSERT INTO t VALUES ($2); ";
    let update = format!("{insert}UPDATE t SET name = name || $3");
    let changed = unit.execute_raw(several(&update, &["a", "b", "!"])).await.unwrap();
    assert_eq!(changed.rows_affected(), 2, "the count is that of the last");
    let rows = "INSERT INTO t VALUES ($1) RETURNING name; INSERT INTO t VALUES ($2) RETURNING name";
    assert_eq!(unit.query_all_raw(several(rows, &["c", "d"])).await.unwrap().len(), 2);
    assert_eq!(names(&unit).await, ["a!", "b!", "c", "d"]);
}

#[tokio::test]
async fn the_row_of_statements_that_go_together_is_the_lasts() {
    let folder = tempfile::tempdir().unwrap();
    let unit = unit(&folder).await;
    let returning = "INSERT INTO t VALUES ($1) RETURNING name; INSERT INTO t VALUES ($2); ";
    for (last, expected) in [
        ("SELECT name FROM t WHERE name = $2", Some("b")),
        ("SELECT name FROM t WHERE name = 'none'", None),
        ("INSERT INTO t VALUES ($2)", None),
    ] {
        let statement = several(&format!("{returning}{last}"), &["a", "b"]);
        let row = unit.query_one_raw(statement).await.unwrap();
        let found: Option<String> = row.map(|row| row.try_get("", "name").unwrap());
        assert_eq!(found.as_deref(), expected, "{last}");
    }
    assert_eq!(names(&unit).await, ["a", "b", "a", "b", "a", "b", "b"]);
    let one = unit.query_one_raw(several("SELECT name FROM t ORDER BY rowid", &[])).await.unwrap().unwrap();
    assert_eq!(one.try_get::<String>("", "name").unwrap(), "a");
}
