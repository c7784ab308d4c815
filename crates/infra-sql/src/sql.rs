//! A statement in the making: text and the values bound to it, in step.

use sea_orm::{
    ActiveModelTrait, DbBackend, EntityName, EntityTrait, IdenStatic, IntoActiveModel, Iterable, ModelTrait, Statement,
    Value,
};

/// A statement in the making. Text is fixed at compile time; whatever comes from outside is bound.
/// Placeholders are `$1`, `$2`, …, which both databases' drivers read.
#[derive(Debug, Clone, Default)]
pub struct Sql {
    text: String,
    values: Vec<Value>,
}

impl Sql {
    /// Begins with this text.
    #[must_use]
    pub fn new(text: &'static str) -> Self {
        Self { text: text.to_owned(), values: Vec::new() }
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
        self.values.push(value.into());
        self.text.push('$');
        self.text.push_str(&self.values.len().to_string());
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

    /// Adds `column = value` for these columns of a row.
    #[must_use]
    pub(crate) fn assign<M>(self, row: M, columns: &[<M::Entity as EntityTrait>::Column]) -> Self
    where
        M: ModelTrait + IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel>,
    {
        let mut row = row.into_active_model();
        let mut sql = self;
        let mut separator = "";
        for column in columns {
            let Some(value) = row.take(*column).into_value() else { continue };
            sql = sql.text(separator);
            sql.text.push_str(column.as_str());
            sql = sql.text(" = ").bind(value);
            separator = ", ";
        }
        sql
    }

    /// Adds `INSERT INTO … SELECT` of these rows, up to where a condition may follow.
    #[must_use]
    pub(crate) fn insert_values<M>(self, rows: impl IntoIterator<Item = M>) -> Self
    where
        M: ModelTrait + IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel>,
    {
        let mut sql = self.text("INSERT INTO ");
        sql.text.push_str(M::Entity::default().table_name());
        let mut separator = " (";
        for column in <M::Entity as EntityTrait>::Column::iter() {
            sql = sql.text(separator);
            sql.text.push_str(column.as_str());
            separator = ", ";
        }
        sql = sql.text(") SELECT * FROM (VALUES ");
        for (index, row) in rows.into_iter().enumerate() {
            let mut row = row.into_active_model();
            let values = <M::Entity as EntityTrait>::Column::iter().filter_map(|column| row.take(column).into_value());
            sql = sql.text(if index == 0 { "" } else { ", " }).bind_list(values);
        }
        sql.text(") AS v")
    }

    /// The statement for a database.
    #[must_use]
    pub fn statement(self, backend: DbBackend) -> Statement {
        Statement::from_sql_and_values(backend, self.text, self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_count_up_over_values_and_lists() {
        let sql = Sql::new("a = ").bind(1).text(" AND b IN ").bind_list([2, 3]).text(" AND c = ").bind("x");
        assert_eq!(sql.text, "a = $1 AND b IN ($2, $3) AND c = $4");
        assert_eq!(sql.values.len(), 4);
    }

    #[test]
    fn an_empty_list_finds_nothing() {
        assert_eq!(Sql::new("a IN ").bind_list(Vec::<i64>::new()).text, "a IN (NULL)");
    }
}
