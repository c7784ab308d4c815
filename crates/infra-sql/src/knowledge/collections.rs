//! Stored collections.

use async_trait::async_trait;
use domain::{
    gateways::Readable,
    ids::CollectionId,
    knowledge::{Collection, CollectionRepo},
    page::{Cursor, Page, PageRequest},
    store::StoreError,
};
use sea_orm::{FromQueryResult, prelude::Uuid};

use super::rows::collections;
use crate::{
    SqlBackend, SqlRepos,
    page::page as keyset,
    readable::{self, collection_in_reach},
    sql::Sql,
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
    /// Adds the condition that the collection `k` is of the scope's tenant and in reach.
    pub(super) fn collection_of_tenant_in_reach(&self, sql: Sql) -> Result<Sql, StoreError> {
        let scope = self.tenant()?;
        let sql = sql.text("k.tenant_id = ").bind(scope.tenant_id.0).text(" AND ");
        Ok(collection_in_reach(sql, scope))
    }

    fn collections_in_reach(&self) -> Result<Sql, StoreError> {
        let sql = Sql::new("SELECT ").columns::<collections::Entity>("k").text(" FROM collections k WHERE ");
        self.collection_of_tenant_in_reach(sql)
    }
}

#[async_trait]
impl<B: SqlBackend> CollectionRepo for SqlRepos<B> {
    async fn get(&self, id: CollectionId) -> Result<Option<Collection>, StoreError> {
        let sql = self.collections_in_reach()?.text(" AND k.id = ").bind(id.0);
        self.row::<collections::Model>(sql).await?.map(Collection::try_from).transpose()
    }

    async fn list(&self, parent: Option<CollectionId>, page: PageRequest) -> Result<Page<Collection>, StoreError> {
        let mut sql = self.collections_in_reach()?;
        if let Some(parent) = parent {
            sql = sql.text(" AND k.parent_id = ").bind(parent.0);
        }
        let rows = self.rows::<collections::Model>(keyset(sql, "k", page)).await?;
        let collections = rows.into_iter().map(Collection::try_from).collect::<Result<_, _>>()?;
        let cursor = |collection: &Collection| Cursor { at: collection.created_at, id: collection.id.0 };
        Ok(Page::from_rows(collections, page.limit, cursor))
    }

    async fn insert(&self, collection: &Collection) -> Result<(), StoreError> {
        self.own_tenant(collection.tenant_id)?;
        self.add(vec![collections::Model::try_from(collection)?]).await
    }

    async fn depth(&self, id: CollectionId) -> Result<u32, StoreError> {
        let sql = Sql::new("WITH RECURSIVE up AS (SELECT CAST(0 AS bigint) AS depth, k.parent_id FROM collections k")
            .text(" WHERE k.id = ")
            .bind(id.0)
            .text(" AND ");
        let sql = self
            .collection_of_tenant_in_reach(sql)?
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
        let sql = Sql::new("WITH RECURSIVE down AS (SELECT o.id FROM collections o WHERE o.tenant_id = ")
            .bind(tenant)
            .text(" AND o.id IN ")
            .bind_list(ids.iter().map(|id| id.0))
            .text(" UNION SELECT o.id FROM down JOIN collections o ON o.tenant_id = ")
            .bind(tenant)
            .text(" AND o.parent_id = down.id) SELECT k.id FROM down JOIN collections k ON k.id = down.id WHERE ");
        let sql = self.collection_of_tenant_in_reach(sql)?.text(" ORDER BY k.id");
        let rows: Vec<IdRow> = self.rows(sql).await?;
        Ok(rows.into_iter().map(|IdRow { id }| id.into()).collect())
    }

    async fn has_chunks(&self) -> Result<bool, StoreError> {
        let sql = readable::collections(self.tenant()?, &Readable { collections: None });
        self.exists(sql.text(" LIMIT 1")).await
    }

    async fn record_change(&self, id: CollectionId, chunks: i64) -> Result<(), StoreError> {
        let sql = Sql::new("UPDATE collections AS k SET generation = generation + 1, chunk_count = chunk_count + ")
            .bind(chunks)
            .text(", updated_at = ")
            .bind(self.now())
            .text(" WHERE k.id = ")
            .bind(id.0)
            .text(" AND ");
        self.command(self.collection_of_tenant_in_reach(sql)?).await
    }
}
