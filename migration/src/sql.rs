//! One text for both databases. Types stand in it as placeholders, and a line that only one database
//! understands starts with its name as a comment (`--sqlite`, `--postgres`).

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

/// Placeholder or type, on PostgreSQL, on SQLite (whose strict tables know four types).
const WORDS: &[(&str, &str, &str)] = &[
    ("{created}", "created_at {time} NOT NULL DEFAULT {now}", "created_at {time} NOT NULL DEFAULT {now}"),
    ("{updated}", "updated_at {time} NOT NULL DEFAULT {now}", "updated_at {time} NOT NULL DEFAULT {now}"),
    ("{now}", "now()", NOW_ON_SQLITE),
    ("{uuid}", "uuid", "BLOB"),
    ("{time}", "timestamptz", "TEXT"),
    ("{json}", "jsonb", "TEXT"),
    ("{bytes}", "bytea", "BLOB"),
    ("{float}", "double precision", "REAL"),
    ("{collate_c}", " COLLATE \"C\"", ""),
    ("{strict}", "", "STRICT"),
    (" bigint", " bigint", " INTEGER"),
    (" boolean", " boolean", " INTEGER"),
    (" ON DELETE CLEAR ", " ON DELETE SET NULL ", CLEAR_BY_TRIGGER),
];

/// The present time as text, as the SQLite driver writes it (without the microseconds it has not).
const NOW_ON_SQLITE: &str = "(strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now'))";

/// SQLite would clear the whole key, `tenant_id` included; its triggers clear the one column. The
/// column list that follows becomes a comment.
const CLEAR_BY_TRIGGER: &str = " /* cleared by trigger */ ";

/// Writes `text` out for a database.
fn render(text: &str, backend: DbBackend) -> String {
    let (own, foreign) =
        if backend == DbBackend::Postgres { ("--postgres", "--sqlite") } else { ("--sqlite", "--postgres") };
    let mut sql: String = text
        .lines()
        .filter(|line| !line.starts_with(foreign))
        .map(|line| format!("{}\n", line.strip_prefix(own).unwrap_or(line)))
        .collect();
    for &(word, on_postgres, on_sqlite) in WORDS {
        sql = sql.replace(word, if backend == DbBackend::Postgres { on_postgres } else { on_sqlite });
    }
    while let Some(start) = sql.find(CLEAR_BY_TRIGGER) {
        let end = sql[start..].find(')').map_or(sql.len(), |length| start + length + 1);
        sql.replace_range(start..end, "");
    }
    sql
}

/// Runs a text that both databases share.
pub(crate) async fn run(manager: &SchemaManager<'_>, text: &str) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    connection.execute_unprepared(&render(text, manager.get_database_backend())).await.map(drop)
}

/// Runs the text that is meant for the database at hand.
pub(crate) async fn run_own(manager: &SchemaManager<'_>, postgres: &str, sqlite: &str) -> Result<(), DbErr> {
    let text = if manager.get_database_backend() == DbBackend::Postgres { postgres } else { sqlite };
    if text.is_empty() {
        return Ok(());
    }
    manager.get_connection().execute_unprepared(text).await.map(drop)
}

/// Adds the triggers that set `updated_at` where a statement left it as it was.
pub(crate) async fn keep_updated_at(manager: &SchemaManager<'_>, tables: &[&str]) -> Result<(), DbErr> {
    for table in tables {
        let postgres = format!(
            "CREATE TRIGGER {table}_updated_at BEFORE UPDATE ON {table} \
             FOR EACH ROW WHEN (NEW.updated_at = OLD.updated_at) EXECUTE FUNCTION set_updated_at()"
        );
        let sqlite = format!(
            "CREATE TRIGGER {table}_updated_at AFTER UPDATE ON {table} WHEN NEW.updated_at = OLD.updated_at BEGIN \
             UPDATE {table} SET updated_at = {NOW_ON_SQLITE} WHERE rowid = NEW.rowid; END"
        );
        run_own(manager, &postgres, &sqlite).await?;
    }
    Ok(())
}

/// Drops tables, with their indexes, triggers and policies. On SQLite one by one in the order given,
/// so that no row is left without what it refers to.
pub(crate) async fn drop_tables(manager: &SchemaManager<'_>, tables: &[&str]) -> Result<(), DbErr> {
    let postgres = format!("DROP TABLE {}", tables.join(", "));
    let sqlite: String = tables.iter().map(|table| format!("DROP TABLE {table};")).collect();
    run_own(manager, &postgres, &sqlite).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "CREATE TABLE t (\n    id {uuid},\n--sqlite    x integer,\n--postgres    y tsvector,\n    \
        FOREIGN KEY (a, b) REFERENCES u (a, b) ON DELETE CLEAR (b),\n    n bigint\n) {strict};";

    #[test]
    fn each_database_reads_its_own_words_and_lines() {
        assert_eq!(
            render(TEXT, DbBackend::Postgres),
            "CREATE TABLE t (\n    id uuid,\n    y tsvector,\n    \
             FOREIGN KEY (a, b) REFERENCES u (a, b) ON DELETE SET NULL (b),\n    n bigint\n) ;\n"
        );
        assert_eq!(
            render(TEXT, DbBackend::Sqlite),
            "CREATE TABLE t (\n    id BLOB,\n    x integer,\n    \
             FOREIGN KEY (a, b) REFERENCES u (a, b),\n    n INTEGER\n) STRICT;\n"
        );
    }
}
