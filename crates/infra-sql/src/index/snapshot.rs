//! What a question asks of the database beside its own index.

use std::collections::{HashMap, HashSet};

use domain::{access::TenantScope, gateways::Readable, store::StoreError};
use sea_orm::{ConnectionTrait, QueryResult, prelude::Uuid};

use super::kept::Current;
use crate::{
    error::store_error,
    readable::{self, Reached},
    sql::{Met, Sql},
};

/// Who asks, where, and for how much.
#[derive(Debug, Clone, Copy)]
pub struct IndexQuestion<'a> {
    /// By whom.
    pub scope: &'a TenantScope,
    /// Where.
    pub readable: &'a Readable,
    /// Most hits.
    pub limit: u32,
}

/// The snapshot of a unit of work, as a question sees it.
pub(super) struct Snapshot<'a, C> {
    pub(super) connection: &'a C,
    pub(super) question: IndexQuestion<'a>,
}

impl<C: ConnectionTrait> Snapshot<'_, C> {
    pub(super) async fn rows(&self, sql: Sql<Met>) -> Result<Vec<QueryResult>, StoreError> {
        let statement = sql.statement(self.connection.get_database_backend());
        self.connection.query_all_raw(statement).await.map_err(store_error)
    }

    /// Which of these chunks may be read. There are as many as hits are wanted at most, and the last one is
    /// named as often as makes them so many, so that it is always the same statement.
    pub(super) async fn readable_chunks(&self, chunks: &[Uuid]) -> Result<HashSet<Uuid>, StoreError> {
        let wanted = chunks.len().max(self.question.limit as usize);
        let chunks = chunks.iter().chain(std::iter::repeat_n(chunks.last(), wanted).flatten()).take(wanted);
        let sql = Sql::new("chunk_index.readable_chunks", "WITH w(id) AS (VALUES ")
            .bind_rows(chunks.copied())
            .text(") SELECT w.id FROM w WHERE EXISTS (SELECT 1 FROM chunks c")
            .text(" JOIN sources s ON s.tenant_id = c.tenant_id AND s.id = c.source_id")
            .text(" AND s.current_version_id = c.source_version_id")
            .text(" JOIN collections k ON k.tenant_id = s.tenant_id AND k.id = s.collection_id WHERE ")
            .of_tenant("c.tenant_id", self.question.scope)
            .text(" AND c.id = w.id AND ")
            .then(|sql| readable::source_is_readable(sql, self.question.scope, self.question.readable))
            .text(readable::EACH)
            .text(")");
        ids(&self.rows(sql).await?)
    }

    /// The current versions that may be read.
    pub(super) async fn readable_versions(&self) -> Result<HashSet<Uuid>, StoreError> {
        let sql = Sql::new("chunk_index.readable_versions", "SELECT s.current_version_id AS id FROM sources s")
            .text(" JOIN collections k ON k.tenant_id = s.tenant_id AND k.id = s.collection_id WHERE ")
            .then(|sql| readable::source_is_readable(sql, self.question.scope, self.question.readable));
        ids(&self.rows(sql).await?)
    }

    /// The current versions of each of these collections.
    pub(super) async fn current_versions(
        &self,
        collections: &[&Reached],
    ) -> Result<HashMap<Uuid, Current>, StoreError> {
        let sql =
            Sql::new("chunk_index.current_versions", "SELECT s.collection_id, v.id, v.chunk_count FROM sources s")
                .text(" JOIN source_versions v ON v.tenant_id = s.tenant_id AND v.id = s.current_version_id WHERE ")
                .of_tenant("s.tenant_id", self.question.scope)
                .text(" AND s.collection_id IN ")
                .bind_list(collections.iter().map(|reached| reached.id));
        let mut current: HashMap<Uuid, Current> = HashMap::new();
        for row in self.rows(sql).await? {
            let collection = row.try_get("", "collection_id").map_err(store_error)?;
            let chunks: i64 = row.try_get("", "chunk_count").map_err(store_error)?;
            let version = row.try_get("", "id").map_err(store_error)?;
            current.entry(collection).or_default().insert(version, chunks.unsigned_abs());
        }
        Ok(current)
    }
}

fn ids(rows: &[QueryResult]) -> Result<HashSet<Uuid>, StoreError> {
    rows.iter().map(|row| row.try_get("", "id")).collect::<Result<_, _>>().map_err(store_error)
}
