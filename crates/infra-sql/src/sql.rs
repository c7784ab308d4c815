//! A statement in the making: text and the values bound to it, in step.

use std::{
    fmt::{self, Display, Write},
    marker::PhantomData,
};

use domain::{access::TenantScope, store::StoreError};
use sea_orm::{
    ActiveModelTrait, DbBackend, EntityTrait, IdenStatic, Iterable, Statement, Value,
    prelude::{Expr, Json},
    sea_query::{OnConflict, PostgresQueryBuilder, QueryBuilder, QueryStatementBuilder, SqlWriter, SqliteQueryBuilder},
};

use crate::typed::Row;

/// The state of a statement that has not met its scope. No gate runs it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Open;

/// The state of a statement whose rows are limited to what its scope reaches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Met;

/// A statement in the making. Text is fixed at compile time; whatever comes from outside is bound.
/// Placeholders are `$1`, `$2`, …, which both databases' drivers read.
///
/// It begins [`Open`] and has to meet the scope of its unit of work before it is run: by
/// [`Sql::of_tenant`], [`Sql::bind_tenant`], by the conditions in [`readable`](crate::readable), or by one of those that
/// `scope.rs` gives to the repositories.
#[derive(Debug, Clone, Default)]
pub struct Sql<S = Open> {
    /// `<aggregate>.<verb>`, for spans and metrics; empty for a part of a statement.
    name: &'static str,
    /// The text without its placeholders.
    text: String,
    /// The values, each with the place in the text where its placeholder belongs.
    values: Vec<(usize, Value)>,
    state: PhantomData<S>,
}

impl Sql {
    /// Begins the statement of this name (`<aggregate>.<verb>`) with this text.
    #[must_use]
    pub fn new(name: &'static str, text: &'static str) -> Self {
        Self { name, text: text.to_owned(), ..Self::default() }
    }

    /// Begins a part of a statement.
    #[must_use]
    pub fn part(text: &'static str) -> Self {
        Self::new("", text)
    }

    /// A statement that SeaORM's builders made, as this database writes it.
    pub(crate) fn built(name: &'static str, query: &impl QueryStatementBuilder, backend: DbBackend) -> Self {
        let mut writer = Writer(Self { name, ..Self::default() });
        match backend {
            DbBackend::Sqlite => query.build_collect_any_into(&SqliteQueryBuilder, &mut writer),
            _ => query.build_collect_any_into(&PostgresQueryBuilder, &mut writer),
        }
        writer.0
    }
}

impl<S> Sql<S> {
    /// Adds text.
    #[must_use]
    pub fn text(mut self, text: &'static str) -> Self {
        self.text.push_str(text);
        self
    }

    /// Adds a placeholder and binds the value to it.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push((self.text.len(), value.into()));
        self
    }

    /// Adds placeholders in brackets for a list of values; an empty list becomes `(NULL)`, in which
    /// nothing is found.
    #[must_use]
    pub fn bind_list<V: Into<Value>>(mut self, values: impl IntoIterator<Item = V>) -> Self {
        let mut separator = "(";
        for value in values {
            self = self.text(separator).bind(value);
            separator = ", ";
        }
        self.text(if separator == "(" { "(NULL)" } else { ")" })
    }

    /// Adds rows of one value each, for VALUES: at least one.
    #[must_use]
    pub fn bind_rows<V: Into<Value>>(mut self, values: impl IntoIterator<Item = V>) -> Self {
        let mut separator = "(";
        for value in values {
            self = self.text(separator).bind(value);
            separator = "), (";
        }
        self.text(")")
    }

    /// Adds whatever the function adds.
    #[must_use]
    pub fn then<R>(self, add: impl FnOnce(Self) -> R) -> R {
        add(self)
    }

    /// Adds another statement, with what is bound to it. This one keeps its name and state.
    #[must_use]
    pub fn append<R>(mut self, other: Sql<R>) -> Self {
        let start = self.text.len();
        self.text.push_str(&other.text);
        self.values.extend(other.values.into_iter().map(|(place, value)| (start + place, value)));
        self
    }

    /// Adds an expression of SeaORM's, with the values in it bound.
    #[must_use]
    pub(crate) fn expr(self, expr: &Expr) -> Self {
        let mut writer = Writer(self);
        // Both databases write conditions alike.
        PostgresQueryBuilder.prepare_expr(expr, &mut writer);
        writer.0
    }

    /// Adds what an INSERT does when a key is taken.
    #[must_use]
    pub(crate) fn on_conflict(self, on_conflict: OnConflict) -> Self {
        let mut writer = Writer(self);
        // Both databases write it alike.
        PostgresQueryBuilder.prepare_on_conflict(&Some(on_conflict), &mut writer);
        writer.0
    }

    /// Adds `column = tenant`, which limits the rows to those of the scope's tenant: enough for rows
    /// that everybody in the tenant reaches, and for commands whose right is something else (a lease).
    #[must_use]
    pub fn of_tenant(self, column: &'static str, scope: &TenantScope) -> Sql<Met> {
        self.text(column).text(" = ").bind(scope.tenant_id.0).met()
    }

    /// Binds the scope's tenant as a value of the rows that an INSERT adds.
    #[must_use]
    pub fn bind_tenant(self, scope: &TenantScope) -> Sql<Met> {
        self.bind(scope.tenant_id.0).met()
    }

    /// Says that the statement has met its scope. Only what limits its rows may say so.
    pub(crate) fn met(self) -> Sql<Met> {
        let Self { name, text, values, .. } = self;
        Sql { name, text, values, state: PhantomData }
    }

    /// The name for spans and metrics.
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// The text without its placeholders.
    pub(crate) fn as_text(&self) -> &str {
        &self.text
    }

    /// How many values are bound to it.
    pub(crate) const fn bound(&self) -> usize {
        self.values.len()
    }

    /// Adds the names of all columns of an entity, each behind the alias of its table.
    #[must_use]
    pub(crate) fn columns<E: EntityTrait>(mut self, alias: &'static str) -> Self {
        for (index, column) in E::Column::iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            self = self.text(separator).text(alias).text(".");
            self.text.push_str(column.as_str());
        }
        self
    }

    /// Adds the name of an entity's table, and its columns in brackets.
    #[must_use]
    pub(crate) fn table_with_columns<E: EntityTrait>(mut self) -> Self {
        // Text takes whatever is written to it.
        let _ = write!(self.text, "\"{}\"", E::default().table_name());
        for (index, column) in E::Column::iter().enumerate() {
            let separator = if index == 0 { " (" } else { ", " };
            let _ = write!(self.text, "{separator}\"{}\"", column.as_str());
        }
        self.text(")")
    }

    /// Adds `VALUES` with all columns of these rows.
    #[must_use]
    pub(crate) fn values<M: Row>(mut self, rows: impl IntoIterator<Item = M>) -> Self {
        let mut separator = "VALUES ";
        for row in rows {
            let mut row = row.into_active_model();
            let values = <M::Entity as EntityTrait>::Column::iter().filter_map(|column| row.take(column).into_value());
            self = self.text(separator).bind_list(values);
            separator = ", ";
        }
        self
    }

    /// Adds `column = value` for these columns of a row.
    #[must_use]
    pub(crate) fn assign<M: Row>(mut self, row: M, columns: &[<M::Entity as EntityTrait>::Column]) -> Self {
        let mut row = row.into_active_model();
        let mut separator = "";
        for column in columns {
            let Some(value) = row.take(*column).into_value() else { continue };
            self = self.text(separator);
            self.text.push_str(column.as_str());
            self = self.text(" = ").bind(value);
            separator = ", ";
        }
        self
    }

    /// Refuses text and JSON with NUL: SQLite would take what PostgreSQL does not.
    pub(crate) fn refuse_nul(self) -> Result<Self, StoreError> {
        let holds_nul = self.values.iter().any(|(_, value)| match value {
            Value::String(Some(text)) => text.contains('\0'),
            Value::Json(Some(json)) => json_holds_nul(json),
            _ => false,
        });
        if holds_nul {
            return Err(StoreError::Check("text must not hold the character NUL".to_owned()));
        }
        Ok(self)
    }
}

impl Sql<Met> {
    /// The same statement, which also runs these others that write: PostgreSQL's data-modifying WITH.
    /// None sees what another one changes, and none may touch a row that another one changes.
    #[must_use]
    pub(crate) fn with_others(self, others: Vec<Self>) -> Self {
        if others.is_empty() {
            return self;
        }
        let mut all = Self { name: self.name, ..Self::default() };
        for (index, other) in others.into_iter().enumerate() {
            all.text.push_str(if index == 0 { "WITH w" } else { ", w" });
            all.text.push_str(&index.to_string());
            all = all.text(" AS (").append(other).text(")");
        }
        all.text(" ").append(self)
    }

    /// The same statement behind these others, as SQLite takes them.
    #[must_use]
    pub(crate) fn behind_others(self, others: Vec<Self>) -> Self {
        let all = Self { name: self.name, ..Self::default() };
        others.into_iter().fold(all, |all, other| all.append(other).text("; ")).append(self)
    }

    /// Statements that write as parts of one, as in [`with_others`](Self::with_others). Each row that one of
    /// those changes which are to be counted becomes a row with its number as `mark`.
    #[must_use]
    pub(crate) fn marked_with(statements: impl Iterator<Item = (Self, bool)>) -> Self {
        let mut all = Self::default();
        let mut marks = String::new();
        for (index, (sql, is_counted)) in statements.enumerate() {
            all.name = sql.name;
            let separator = if index == 0 { "WITH" } else { "," };
            // Text takes whatever is written to it, here and below.
            let _ = write!(all.text, "{separator} w{index} AS (");
            all = all.append(sql);
            if is_counted {
                let separator = if marks.is_empty() { "" } else { " UNION ALL" };
                let _ = write!(marks, "{separator} SELECT {index} AS mark FROM w{index}");
                all.text.push_str(" RETURNING 1");
            }
            all.text.push(')');
        }
        all.text.push_str(&marks);
        all
    }

    /// The same as SQLite takes them, one behind the other.
    #[must_use]
    pub(crate) fn marked_in_order(statements: impl Iterator<Item = (Self, bool)>) -> Self {
        let mut all = Self::default();
        for (index, (sql, is_counted)) in statements.enumerate() {
            all.name = sql.name;
            all.text.push_str(if index == 0 { "" } else { "; " });
            all = all.append(sql);
            if is_counted {
                let _ = write!(all.text, " RETURNING {index} AS mark");
            }
        }
        all
    }

    /// The statement for a database.
    #[must_use]
    pub fn statement(self, backend: DbBackend) -> Statement {
        let mut text = String::with_capacity(self.text.len() + 4 * self.values.len());
        let mut values = Vec::with_capacity(self.values.len());
        let mut start = 0;
        for (place, value) in self.values {
            values.push(value);
            text.push_str(&self.text[start..place]);
            // Text takes whatever is written to it. SQLite plans by a limit that it can read, and so anew with
            // each value that is bound; a sum it does not read.
            let sum = if backend == DbBackend::Sqlite && text.ends_with(" LIMIT ") { " + 0" } else { "" };
            let _ = write!(text, "${}{sum}", values.len());
            start = place;
        }
        text.push_str(&self.text[start..]);
        Statement::from_sql_and_values(backend, text, values)
    }
}

/// Takes what SeaORM's builders write: their text, and the values that they bind. It is private, so
/// that text which came in at run time has no other way into a statement.
struct Writer<S>(Sql<S>);

impl<S> Write for Writer<S> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.text.push_str(text);
        Ok(())
    }
}

impl<S> Display for Writer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl<S> SqlWriter for Writer<S> {
    fn push_param<T: QueryBuilder>(&mut self, value: Value, _: &T) {
        self.0.values.push((self.0.text.len(), value));
    }

    fn as_writer(&mut self) -> &mut dyn Write {
        self
    }
}

fn json_holds_nul(value: &Json) -> bool {
    match value {
        Json::String(text) => text.contains('\0'),
        Json::Array(items) => items.iter().any(json_holds_nul),
        Json::Object(fields) => fields.iter().any(|(key, value)| key.contains('\0') || json_holds_nul(value)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{ExprTrait, sea_query::Query};

    use super::*;

    fn text(sql: Sql) -> String {
        sql.met().statement(DbBackend::Postgres).sql
    }

    #[test]
    fn statements_that_go_together_count_their_placeholders_on() {
        let insert = |name| Sql::part("INSERT INTO ").text(name).text(" VALUES ").bind_list([1, 2]).met();
        let sql = Sql::new("c.update", "UPDATE c SET x = ").bind(5).text(" WHERE id = ").bind(6).met();
        let together = sql.clone().with_others(vec![insert("a"), insert("b")]);
        assert_eq!((together.bound(), together.name()), (6, "c.update"));
        let expected = "WITH w0 AS (INSERT INTO a VALUES ($1, $2)), w1 AS (INSERT INTO b VALUES ($3, $4)) \
                        UPDATE c SET x = $5 WHERE id = $6";
        assert_eq!(together.statement(DbBackend::Postgres).sql, expected);
        let behind = sql.behind_others(vec![insert("a"), insert("b")]);
        let expected =
            "INSERT INTO a VALUES ($1, $2); INSERT INTO b VALUES ($3, $4); UPDATE c SET x = $5 WHERE id = $6";
        assert_eq!(behind.statement(DbBackend::Sqlite).sql, expected);
    }

    #[test]
    fn statements_that_are_counted_give_a_mark_for_each_row() {
        let update = |table| Sql::part("UPDATE ").text(table).text(" SET x = ").bind(1).met();
        let statements = || [(update("a"), true), (update("b"), false), (update("c"), true)].into_iter();
        let expected = "WITH w0 AS (UPDATE a SET x = $1 RETURNING 1), w1 AS (UPDATE b SET x = $2), \
                        w2 AS (UPDATE c SET x = $3 RETURNING 1) \
                        SELECT 0 AS mark FROM w0 UNION ALL SELECT 2 AS mark FROM w2";
        assert_eq!(Sql::marked_with(statements()).statement(DbBackend::Postgres).sql, expected);
        let expected = "UPDATE a SET x = $1 RETURNING 0 AS mark; UPDATE b SET x = $2; \
                        UPDATE c SET x = $3 RETURNING 2 AS mark";
        assert_eq!(Sql::marked_in_order(statements()).statement(DbBackend::Sqlite).sql, expected);
    }

    #[test]
    fn placeholders_count_up_over_values_lists_and_expressions() {
        let sql = Sql::part("a = ").bind(1).text(" AND b IN ").bind_list([2, 3]).text(" AND ");
        let sql = sql.expr(&Expr::col("c").eq("it's")).text(" AND d = ").bind("x");
        assert_eq!(sql.bound(), 5);
        assert_eq!(text(sql), "a = $1 AND b IN ($2, $3) AND \"c\" = $4 AND d = $5");
    }

    #[test]
    fn what_a_builder_made_is_bound_too() {
        let query =
            Query::select().column("id").from("t").and_where(Expr::col("name").eq("'; DROP")).limit(3).to_owned();
        let sql = Sql::built("t.get", &query, DbBackend::Sqlite);
        assert_eq!(sql.bound(), 2);
        let expected = "SELECT \"id\" FROM \"t\" WHERE \"name\" = $1 LIMIT $2";
        assert_eq!(text(sql.clone()), expected);
        assert_eq!(sql.met().statement(DbBackend::Sqlite).sql, format!("{expected} + 0"));
    }

    #[test]
    fn nul_is_refused_wherever_it_hides() {
        let json = |value: Json| Sql::part("").bind(1).bind(value).refuse_nul().is_err();
        assert!(Sql::part("").bind("a\0b").refuse_nul().is_err());
        assert!(json(serde_json::json!([{ "a": "\0" }])));
        assert!(json(serde_json::json!({ "\0": 1 })));
        assert!(!json(serde_json::json!({ "a": "\\u0000" })));
    }

    #[test]
    fn an_empty_list_finds_nothing() {
        assert_eq!(text(Sql::part("a IN ").bind_list(Vec::<i64>::new())), "a IN (NULL)");
    }
}
