//! A statement in the making: text and the values bound to it, in step.

use domain::store::StoreError;
use sea_orm::{
    ActiveModelTrait, DbBackend, EntityTrait, IdenStatic, IntoActiveModel, Iterable, ModelTrait, Statement, Value,
    prelude::Json,
};

/// A row of an entity.
pub(crate) trait Row: ModelTrait + IntoActiveModel<<Self::Entity as EntityTrait>::ActiveModel> {}

impl<M: ModelTrait + IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel>> Row for M {}

/// A statement in the making. Text is fixed at compile time; whatever comes from outside is bound.
/// Placeholders are `$1`, `$2`, …, which both databases' drivers read.
#[derive(Debug, Clone, Default)]
pub struct Sql {
    /// The text without its placeholders.
    text: String,
    /// The values, each with the place in the text where its placeholder belongs.
    values: Vec<(usize, Value)>,
}

impl Sql {
    /// Begins with this text.
    #[must_use]
    pub fn new(text: &'static str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }

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

    /// Adds whatever the function adds.
    #[must_use]
    pub fn then(self, add: impl FnOnce(Self) -> Self) -> Self {
        add(self)
    }

    /// Adds another statement, with what is bound to it.
    #[must_use]
    pub(crate) fn append(mut self, other: Self) -> Self {
        let start = self.text.len();
        self.text.push_str(&other.text);
        self.values.extend(other.values.into_iter().map(|(place, value)| (start + place, value)));
        self
    }

    /// The same statement, which also runs these others that write: PostgreSQL's data-modifying WITH.
    /// None sees what another one changes, and none may touch a row that another one changes.
    #[must_use]
    pub(crate) fn with_others(self, others: Vec<Self>) -> Self {
        if others.is_empty() {
            return self;
        }
        let mut all = Self::default();
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
        others.into_iter().fold(Self::default(), |all, other| all.append(other).text("; ")).append(self)
    }

    /// Whether it begins with WITH, so that it cannot be given others.
    pub(crate) fn begins_with_others(&self) -> bool {
        self.text.starts_with("WITH")
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
        self.text.push_str(E::default().table_name());
        for (index, column) in E::Column::iter().enumerate() {
            self = self.text(if index == 0 { " (" } else { ", " });
            self.text.push_str(column.as_str());
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

    /// The statement for a database.
    #[must_use]
    pub fn statement(self, backend: DbBackend) -> Statement {
        let mut text = String::with_capacity(self.text.len() + 4 * self.values.len());
        let mut values = Vec::with_capacity(self.values.len());
        let mut start = 0;
        for (place, value) in self.values {
            values.push(value);
            text.push_str(&self.text[start..place]);
            text.push('$');
            text.push_str(&values.len().to_string());
            start = place;
        }
        text.push_str(&self.text[start..]);
        Statement::from_sql_and_values(backend, text, values)
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
    use super::*;

    fn text(sql: Sql) -> String {
        sql.statement(DbBackend::Postgres).sql
    }

    #[test]
    fn statements_that_go_together_count_their_placeholders_on() {
        let insert = |name| Sql::new("INSERT INTO ").text(name).text(" VALUES ").bind_list([1, 2]);
        let sql = Sql::new("UPDATE c SET x = ").bind(5).text(" WHERE id = ").bind(6);
        let together = sql.clone().with_others(vec![insert("a"), insert("b")]);
        assert_eq!(together.bound(), 6);
        let expected = "WITH w0 AS (INSERT INTO a VALUES ($1, $2)), w1 AS (INSERT INTO b VALUES ($3, $4)) \
                        UPDATE c SET x = $5 WHERE id = $6";
        assert_eq!(text(together), expected);
        let behind = sql.behind_others(vec![insert("a"), insert("b")]);
        let expected =
            "INSERT INTO a VALUES ($1, $2); INSERT INTO b VALUES ($3, $4); UPDATE c SET x = $5 WHERE id = $6";
        assert_eq!(text(behind), expected);
    }

    #[test]
    fn placeholders_count_up_over_values_and_lists() {
        let sql = Sql::new("a = ").bind(1).text(" AND b IN ").bind_list([2, 3]).text(" AND c = ").bind("x");
        assert_eq!(sql.bound(), 4);
        assert_eq!(text(sql), "a = $1 AND b IN ($2, $3) AND c = $4");
    }

    #[test]
    fn nul_is_refused_wherever_it_hides() {
        let json = |value: Json| Sql::new("").bind(1).bind(value).refuse_nul().is_err();
        assert!(Sql::new("").bind("a\0b").refuse_nul().is_err());
        assert!(json(serde_json::json!([{ "a": "\0" }])));
        assert!(json(serde_json::json!({ "\0": 1 })));
        assert!(!json(serde_json::json!({ "a": "\\u0000" })));
    }

    #[test]
    fn an_empty_list_finds_nothing() {
        assert_eq!(text(Sql::new("a IN ").bind_list(Vec::<i64>::new())), "a IN (NULL)");
    }
}
