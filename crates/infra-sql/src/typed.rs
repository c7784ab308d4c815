//! SeaORM's own queries in front of the gates: plain reads and writes.
//!
//! A query is made by [`SqlRepos::reached`], [`SqlRepos::changing`] or [`SqlRepos::removing`], which
//! give it the condition of its scope. There is no other way to a [`Reached`], and nothing else of
//! SeaORM's is run, so none can be forgotten.

use domain::{
    access::Purpose,
    page::{Cursor, Page, PageRequest},
    store::StoreError,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DeleteMany, EntityTrait, ExprTrait, IntoActiveModel, Iterable, ModelTrait, Order,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select, UpdateMany, Value,
    prelude::Expr,
    sea_query::{IntoCondition, OnConflict, QueryStatementBuilder},
};

use crate::{
    SqlBackend, SqlRepos,
    repos::MAX_BOUND_VALUES,
    scope::{Scoped, reach},
    sql::{Met, Sql},
};

/// A row of an entity.
pub(crate) trait Row: ModelTrait + IntoActiveModel<<Self::Entity as EntityTrait>::ActiveModel> {}

impl<M: ModelTrait + IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel>> Row for M {}

/// Most rows of one INSERT.
fn most_rows<M: Row>() -> usize {
    MAX_BOUND_VALUES / <M::Entity as EntityTrait>::Column::iter().count().max(1)
}

/// A query of SeaORM's that has met its scope.
pub(crate) struct Reached<Q> {
    name: &'static str,
    query: Q,
}

impl<Q: QueryFilter> Reached<Q> {
    /// Narrows it.
    pub(crate) fn filter(self, condition: impl IntoCondition) -> Self {
        let condition = condition.into_condition();
        Self { query: self.query.filter(condition), ..self }
    }
}

impl<E: EntityTrait> Reached<Select<E>> {
    /// Sorts it by a column, after those before.
    pub(crate) fn order_by(self, column: E::Column, order: Order) -> Self {
        Self { query: self.query.order_by(column, order), ..self }
    }

    /// Bounds it.
    pub(crate) fn limit(self, limit: u64) -> Self {
        Self { query: self.query.limit(limit), ..self }
    }
}

impl<E: EntityTrait> Reached<UpdateMany<E>> {
    /// Sets a column to a value.
    pub(crate) fn set(self, column: E::Column, value: impl Into<Value>) -> Self {
        self.set_to(column, Expr::value(value))
    }

    /// Sets a column to what an expression gives.
    pub(crate) fn set_to(self, column: E::Column, expr: Expr) -> Self {
        Self { query: self.query.col_expr(column, expr), ..self }
    }

    /// Sets these columns to a row's values.
    pub(crate) fn set_from<M>(mut self, row: M, columns: impl IntoIterator<Item = E::Column>) -> Self
    where
        M: IntoActiveModel<E::ActiveModel>,
    {
        let mut row = row.into_active_model();
        for column in columns {
            if let Some(value) = row.take(column).into_value() {
                self = self.set(column, value);
            }
        }
        self
    }
}

impl<B: SqlBackend> SqlRepos<B> {
    /// Begins a query (`<aggregate>.<verb>`) for the rows of a table that the scope reaches.
    pub(crate) fn reached<E: Scoped>(&self, name: &'static str) -> Result<Reached<Select<E>>, StoreError> {
        let query = E::find().filter(reach::<E>(E::default().table_name(), self.filter::<E::Row>(Purpose::Read)?));
        Ok(Reached { name, query })
    }

    /// Begins a command on the rows of a table that the scope may change.
    pub(crate) fn changing<E: Scoped>(&self, name: &'static str) -> Result<Reached<UpdateMany<E>>, StoreError> {
        let condition = reach::<E>(E::default().table_name(), self.filter::<E::Row>(Purpose::Change)?);
        Ok(Reached { name, query: E::update_many().filter(condition) })
    }

    /// Begins the removal of rows of a table that the scope may change.
    pub(crate) fn removing<E: Scoped>(&self, name: &'static str) -> Result<Reached<DeleteMany<E>>, StoreError> {
        let condition = reach::<E>(E::default().table_name(), self.filter::<E::Row>(Purpose::Change)?);
        Ok(Reached { name, query: E::delete_many().filter(condition) })
    }

    fn built<Q: QueryTrait<QueryStatement: QueryStatementBuilder>>(&self, query: Reached<Q>) -> Sql<Met> {
        Sql::built(query.name, &query.query.into_query(), self.backend.get_database_backend()).met()
    }

    /// The one entity that a query finds, or the first.
    pub(crate) async fn one<E: Scoped>(&self, query: Reached<Select<E>>) -> Result<Option<E::Row>, StoreError>
    where
        E::Row: TryFrom<E::Model, Error = StoreError>,
    {
        self.row::<E::Model>(self.built(query)).await?.map(E::Row::try_from).transpose()
    }

    /// All entities that a query finds.
    pub(crate) async fn all<E: Scoped>(&self, query: Reached<Select<E>>) -> Result<Vec<E::Row>, StoreError>
    where
        E::Row: TryFrom<E::Model, Error = StoreError>,
    {
        self.rows::<E::Model>(self.built(query)).await?.into_iter().map(E::Row::try_from).collect()
    }

    /// A page of what a query finds, newest first by (`created_at`, `id`); one row more is asked for
    /// than the page holds, which shows that there is a next one.
    pub(crate) async fn page<E: Listed>(
        &self,
        query: Reached<Select<E>>,
        page: PageRequest,
    ) -> Result<Page<E::Row>, StoreError>
    where
        E::Row: TryFrom<E::Model, Error = StoreError>,
    {
        let columns = [E::CREATED_AT, E::ID];
        let query = match page.cursor {
            Some(Cursor { at, id }) => {
                let place = columns.map(|column| column.into_expr());
                query.filter(Expr::tuple(place).lt(Expr::tuple([Expr::value(at), Expr::value(id)])))
            }
            None => query,
        };
        let query = columns.into_iter().fold(query, |query, column| query.order_by(column, Order::Desc));
        let rows = self.all(query.limit(u64::from(page.limit) + 1)).await?;
        Ok(Page::from_rows(rows, page.limit, E::cursor))
    }

    /// Runs an update or a removal; returns how many rows it changed.
    pub(crate) async fn change<Q>(&self, command: Reached<Q>) -> Result<u64, StoreError>
    where
        Q: QueryTrait<QueryStatement: QueryStatementBuilder> + Send,
    {
        self.execute(self.built(command)).await
    }

    /// Runs a command on one row, which the scope must reach.
    pub(crate) async fn change_one<Q>(&self, command: Reached<Q>) -> Result<(), StoreError>
    where
        Q: QueryTrait<QueryStatement: QueryStatementBuilder> + Send,
    {
        if self.change(command).await? == 0 { Err(StoreError::Stale) } else { Ok(()) }
    }

    /// Adds an entity that the scope may add.
    pub(crate) async fn insert_one<E: Scoped>(&self, name: &'static str, row: &E::Row) -> Result<(), StoreError>
    where
        E::Model: Row<Entity = E> + for<'a> TryFrom<&'a E::Row, Error = StoreError>,
    {
        self.insert_unless::<E>(name, row, None).await.map(|_| ())
    }

    /// The same with what to do when a key is taken; returns how many rows it added or changed.
    pub(crate) async fn insert_unless<E: Scoped>(
        &self,
        name: &'static str,
        row: &E::Row,
        on_conflict: Option<OnConflict>,
    ) -> Result<u64, StoreError>
    where
        E::Model: Row<Entity = E> + for<'a> TryFrom<&'a E::Row, Error = StoreError>,
    {
        self.backend.scope().may_add(row)?;
        let rows = vec![E::Model::try_from(row)?];
        let mut changed = 0;
        for sql in self.inserts(name, rows, on_conflict) {
            changed += self.execute(sql.met()).await?;
        }
        Ok(changed)
    }

    /// Adds an entity that the scope may add and that nobody reads in this unit of work. See
    /// [`SqlRepos::execute_later`].
    pub(crate) async fn insert_later<E: Scoped>(&self, name: &'static str, row: &E::Row) -> Result<(), StoreError>
    where
        E::Model: Row<Entity = E> + for<'a> TryFrom<&'a E::Row, Error = StoreError>,
    {
        self.backend.scope().may_add(row)?;
        let statements = self.inserts(name, vec![E::Model::try_from(row)?], None);
        self.execute_later(statements.into_iter().map(Sql::met).collect()).await
    }

    /// Adds parts of a row, whose right is that of the row: the caller has seen that the scope reaches it.
    pub(crate) async fn insert_parts<M: Row>(
        &self,
        name: &'static str,
        rows: Vec<M>,
        on_conflict: Option<OnConflict>,
    ) -> Result<(), StoreError> {
        for sql in self.inserts(name, rows, on_conflict) {
            self.execute(sql.met()).await?;
        }
        Ok(())
    }

    /// The same for parts that nobody reads in this unit of work.
    pub(crate) async fn insert_parts_later<M: Row>(&self, name: &'static str, rows: Vec<M>) -> Result<(), StoreError> {
        self.execute_later(self.inserts(name, rows, None).into_iter().map(Sql::met).collect()).await
    }

    /// Adds parts of a row where a condition holds, which sees the scope; returns whether it does.
    pub(crate) async fn insert_parts_if<M: Row>(
        &self,
        name: &'static str,
        rows: Vec<M>,
        condition: impl Fn(Sql) -> Result<Sql<Met>, StoreError> + Send,
    ) -> Result<bool, StoreError> {
        let mut rows = rows.into_iter().peekable();
        let mut holds = true;
        while holds && rows.peek().is_some() {
            let sql = Sql::new(name, "INSERT INTO ").table_with_columns::<M::Entity>().text(" SELECT * FROM (");
            let sql = sql.values(rows.by_ref().take(most_rows::<M>())).text(") AS v WHERE ");
            holds = self.execute(condition(sql)?).await? > 0;
        }
        Ok(holds)
    }

    /// The statements that add rows, each with as many as the databases take: the text of SeaORM's
    /// `insert_many` without its tree of an expression for each value, which costs more than the rest of
    /// the statement. Whether the scope may add them is for the caller to see.
    pub(crate) fn inserts<M: Row>(
        &self,
        name: &'static str,
        rows: Vec<M>,
        on_conflict: Option<OnConflict>,
    ) -> Vec<Sql> {
        let most = most_rows::<M>();
        let mut statements = Vec::with_capacity(rows.len().div_ceil(most));
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let sql = Sql::new(name, "INSERT INTO ").table_with_columns::<M::Entity>().text(" ");
            let sql = sql.values(rows.by_ref().take(most));
            statements.push(match &on_conflict {
                Some(on_conflict) => sql.on_conflict(on_conflict.clone()),
                None => sql,
            });
        }
        statements
    }
}

/// A table whose rows are listed page by page, newest first.
pub(crate) trait Listed: Scoped {
    /// When a row was made.
    const CREATED_AT: Self::Column;
    /// Its id, which breaks ties.
    const ID: Self::Column;

    /// The place of an entity in the list.
    fn cursor(row: &Self::Row) -> Cursor;
}

/// Declares that a table's rows are listed by their columns `created_at` and `id`.
macro_rules! listed {
    () => {
        impl $crate::typed::Listed for Entity {
            const CREATED_AT: Column = Column::CreatedAt;
            const ID: Column = Column::Id;

            fn cursor(row: &Self::Row) -> domain::page::Cursor {
                domain::page::Cursor { at: row.created_at, id: row.id.0 }
            }
        }
    };
}
pub(crate) use listed;
