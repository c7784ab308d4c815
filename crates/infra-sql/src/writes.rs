//! Which tables a statement writes. See [`SqlRepos::execute_later`](crate::SqlRepos).

use crate::sql::{Met, Sql};

/// What introduces the name of a table that is written.
const VERBS: &[&str] = &["INSERT INTO ", "UPDATE ", "DELETE FROM "];

/// The tables that a statement writes, from its text: that is known at compile time or made by SeaORM,
/// so the words above stand in it for nothing else but in `FOR UPDATE` and `DO UPDATE SET`, whose next
/// word is no table of ours.
pub(crate) struct Written<'a> {
    tables: Vec<&'a str>,
    /// It adds rows and touches none that are there.
    only_inserts: bool,
}

/// The name at the start of a text, with or without quotes.
fn name_at(text: &str) -> &str {
    let text = text.strip_prefix('"').unwrap_or(text);
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

impl<'a> Written<'a> {
    /// What this statement writes.
    pub(crate) fn by(sql: &'a Sql<Met>) -> Self {
        let text = sql.as_text();
        let written = |verb: &&str| -> Vec<&'a str> {
            text.match_indices(*verb).map(|(at, verb)| name_at(&text[at + verb.len()..])).collect()
        };
        let only_inserts = !text.contains("UPDATE ") && !text.contains("DELETE FROM ");
        Self { tables: VERBS.iter().flat_map(written).collect(), only_inserts }
    }

    /// Whether both write a table in common, unless both only add rows to it.
    pub(crate) fn meets(&self, other: &Written<'_>) -> bool {
        !(self.only_inserts && other.only_inserts) && self.tables.iter().any(|table| other.tables.contains(table))
    }

    /// Whether a statement names one of the tables.
    pub(crate) fn is_named_in(&self, sql: &Sql<Met>) -> bool {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        sql.as_text().split(|c| !is_part(c)).any(|word| self.tables.contains(&word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql(text: &'static str) -> Sql<Met> {
        Sql::part(text).met()
    }

    fn meet(a: &'static str, b: &'static str) -> bool {
        Written::by(&sql(a)).meets(&Written::by(&sql(b)))
    }

    #[test]
    fn writes_of_one_table_do_not_go_together_unless_both_add() {
        let insert = "INSERT INTO jobs (id) VALUES ";
        let quoted = r#"INSERT INTO "jobs" ("id") VALUES "#;
        let upsert = "INSERT INTO jobs (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET x = 1";
        let update = r#"UPDATE "jobs" SET "x" = "#;
        let with = "WITH due AS (SELECT 1) UPDATE jobs SET state = 'running'";
        let delete = "DELETE FROM jobs WHERE id = ";
        assert!(!meet(insert, quoted));
        for other in [upsert, update, with, delete] {
            assert!(meet(insert, other), "{other}");
            assert!(meet(other, quoted), "{other}");
            assert!(meet(other, update), "{other}");
        }
        assert!(!meet(update, "UPDATE jobs_of_old SET x = "));
        assert!(!meet(delete, "SELECT 1 FROM jobs FOR NO KEY UPDATE"));
    }

    #[test]
    fn a_read_of_a_written_table_is_seen() {
        let insert = sql("INSERT INTO model_prices (id) VALUES ");
        let written = Written::by(&insert);
        assert!(written.is_named_in(&sql(r#"SELECT "p"."id" FROM "model_prices" p"#)));
        assert!(!written.is_named_in(&sql("SELECT 1 FROM prices")));
    }
}
