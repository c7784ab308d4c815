//! Stored collections.

use async_trait::async_trait;
use domain::{
    access::Purpose,
    gateways::Readable,
    ids::CollectionId,
    knowledge::{Collection, CollectionRepo},
    page::{Page, PageRequest},
    store::StoreError,
};
use sea_orm::{ColumnTrait, ExprTrait, FromQueryResult, prelude::Uuid};

use super::rows::collections::{Column, Entity};
use crate::{
    SqlBackend, SqlRepos, readable,
    sql::{Met, Sql},
    values::number,
};

/// Most steps that are walked up, whatever is stored.
const MAX_STEPS_UP: i64 = 64;

#[derive(FromQueryResult)]
struct IdRow {
    id: Uuid,
}

#[derive(FromQueryResult)]
struct DepthRow {
    depth: i64,
}

impl<B: SqlBackend> SqlRepos<B> {
    /// Adds the condition that the collection `k` is in reach.
    pub(super) fn collection_in_reach<S>(&self, sql: Sql<S>, purpose: Purpose) -> Result<Sql<Met>, StoreError> {
        self.in_reach::<Entity, S>(sql, "k", purpose)
    }
}

#[async_trait]
impl<B: SqlBackend> CollectionRepo for SqlRepos<B> {
    async fn get(&self, id: CollectionId) -> Result<Option<Collection>, StoreError> {
        self.one(self.reached::<Entity>("collections.get")?.filter(Column::Id.eq(id.0))).await
    }

    async fn list(&self, parent: Option<CollectionId>, page: PageRequest) -> Result<Page<Collection>, StoreError> {
        let mut query = self.reached::<Entity>("collections.list")?;
        if let Some(parent) = parent {
            query = query.filter(Column::ParentId.eq(parent.0));
        }
        self.page(query, page).await
    }

    async fn insert(&self, collection: &Collection) -> Result<(), StoreError> {
        self.insert_one::<Entity>("collections.insert", collection).await
    }

    async fn depth(&self, id: CollectionId) -> Result<u32, StoreError> {
        let sql = Sql::new("collections.depth", "WITH RECURSIVE up AS (SELECT CAST(0 AS bigint) AS depth, k.parent_id")
            .text(" FROM collections k WHERE k.id = ")
            .bind(id.0)
            .text(" AND ");
        let sql = self
            .collection_in_reach(sql, Purpose::Read)?
            .text(" UNION ALL SELECT up.depth + 1, k.parent_id FROM up JOIN collections k ON k.tenant_id = ")
            .bind(self.tenant()?.tenant_id.0)
            .text(" AND k.id = up.parent_id WHERE up.depth < ")
            .bind(MAX_STEPS_UP)
            .text(") SELECT depth FROM up ORDER BY depth DESC LIMIT 1");
        let row: Option<DepthRow> = self.row(sql).await?;
        number(row.map_or(0, |DepthRow { depth }| depth))
    }

    async fn with_descendants(&self, ids: &[CollectionId]) -> Result<Vec<CollectionId>, StoreError> {
        let tenant = self.tenant()?.tenant_id.0;
        let name = "collections.with_descendants";
        let sql = Sql::new(name, "WITH RECURSIVE down AS (SELECT o.id FROM collections o WHERE o.tenant_id = ")
            .bind(tenant)
            .text(" AND o.id IN ")
            .bind_list(ids.iter().map(|id| id.0))
            .text(" UNION SELECT o.id FROM down JOIN collections o ON o.tenant_id = ")
            .bind(tenant)
            .text(" AND o.parent_id = down.id) SELECT k.id FROM down JOIN collections k ON k.id = down.id WHERE ");
        let sql = self.collection_in_reach(sql, Purpose::Read)?.text(" ORDER BY k.id");
        let rows: Vec<IdRow> = self.rows(sql).await?;
        Ok(rows.into_iter().map(|IdRow { id }| id.into()).collect())
    }

    async fn has_chunks(&self) -> Result<bool, StoreError> {
        let sql = readable::collections(self.tenant()?, &Readable { collections: None });
        self.exists_beside(sql.text(" LIMIT 1")).await
    }

    async fn record_change(&self, id: CollectionId, chunks: i64) -> Result<(), StoreError> {
        let command = self
            .changing::<Entity>("collections.record_change")?
            .set_to(Column::Generation, Column::Generation.into_expr().add(1))
            .set_to(Column::ChunkCount, Column::ChunkCount.into_expr().add(chunks))
            .set(Column::UpdatedAt, self.now())
            .filter(Column::Id.eq(id.0));
        self.change_one(command).await
    }
}
