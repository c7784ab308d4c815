//! Stored sources and their versions.

use std::collections::HashSet;

use async_trait::async_trait;
use domain::{
    access::{Purpose, Rows},
    clock::Timestamp,
    gateways::BlobKey,
    ids::{CollectionId, SourceId, SourceVersionId},
    knowledge::{Collection, ProcessingStatus, Source, SourceRepo, SourceVersion, VersionProgress},
    page::{Cursor, Page, PageRequest},
    store::StoreError,
};
use sea_orm::FromQueryResult;

use super::{rows::sources, versions::from_allowed};
use crate::{
    SqlBackend, SqlRepos,
    page::page as keyset,
    readable,
    sql::{Met, Sql},
};

#[derive(FromQueryResult)]
struct NameRow {
    name: String,
}

impl<B: SqlBackend> SqlRepos<B> {
    /// Adds the condition that the source `s` of the collection `k` is of the scope's tenant and in
    /// reach, and that `k` is its collection.
    fn source_in_reach<S>(&self, sql: Sql<S>, purpose: Purpose) -> Result<Sql<Met>, StoreError> {
        let sql =
            self.of_tenant(sql, "s.tenant_id")?.text(" AND k.tenant_id = s.tenant_id AND k.id = s.collection_id AND ");
        Ok(readable::source_in_reach(sql, self.tenant()?, purpose))
    }

    /// Adds the condition that the source of a row is in reach. The row's own tenant is for the caller to
    /// name.
    pub(crate) fn of_source_in_reach<S>(
        &self,
        sql: Sql<S>,
        source: &'static str,
        purpose: Purpose,
    ) -> Result<Sql<Met>, StoreError> {
        let sql = sql.text("EXISTS (SELECT 1 FROM sources s, collections k WHERE s.id = ").text(source).text(" AND ");
        Ok(self.source_in_reach(sql, purpose)?.text(readable::EACH).text(")"))
    }

    /// Adds the condition that this source is in reach, for rows to be added to it.
    pub(super) fn source_to_add_to<S>(&self, sql: Sql<S>, id: SourceId) -> Result<Sql<Met>, StoreError> {
        let sql = sql.text("EXISTS (SELECT 1 FROM sources s, collections k WHERE s.id = ").bind(id.0).text(" AND ");
        Ok(self.source_in_reach(sql, Purpose::Change)?.text(")"))
    }

    /// Adds the condition that this row of `sources`, named `t`, is in reach for a change.
    fn where_source(&self, sql: Sql, id: SourceId) -> Result<Sql<Met>, StoreError> {
        let sql = self.of_tenant(sql.text(" WHERE "), "t.tenant_id")?.text(" AND t.id = ").bind(id.0);
        self.of_source_in_reach(sql.text(" AND "), "t.id", Purpose::Change)
    }

    fn sources_in_reach(&self, name: &'static str) -> Result<Sql<Met>, StoreError> {
        let sql =
            Sql::new(name, "SELECT ").columns::<sources::Entity>("s").text(" FROM sources s, collections k WHERE ");
        self.source_in_reach(sql, Purpose::Read)
    }

    async fn source(&self, sql: Sql<Met>) -> Result<Option<Source>, StoreError> {
        self.row::<sources::Model>(sql).await?.map(Source::try_from).transpose()
    }

    async fn many_sources(&self, sql: Sql<Met>) -> Result<Vec<Source>, StoreError> {
        self.rows::<sources::Model>(sql).await?.into_iter().map(Source::try_from).collect()
    }

    /// Why nothing could be added to a row: it is not there in the tenant, or not in reach. `sql` looks for
    /// it by its id.
    pub(crate) async fn not_added_to(&self, sql: Sql) -> Result<StoreError, StoreError> {
        let is_there = self.exists(self.of_tenant(sql.text(" AND "), "tenant_id")?).await?;
        Ok(if is_there { StoreError::Stale } else { self.poison(StoreError::ForeignKey) })
    }
}

#[async_trait]
impl<B: SqlBackend> SourceRepo for SqlRepos<B> {
    async fn get(&self, id: SourceId) -> Result<Option<Source>, StoreError> {
        self.source(self.sources_in_reach("sources.get")?.text(" AND s.id = ").bind(id.0)).await
    }

    async fn get_many(&self, ids: &[SourceId]) -> Result<Vec<Source>, StoreError> {
        let sql = self.sources_in_reach("sources.get_many")?.text(" AND s.id IN ");
        self.many_sources(sql.bind_list(ids.iter().map(|id| id.0))).await
    }

    async fn list(&self, collection: CollectionId, page: PageRequest) -> Result<Page<Source>, StoreError> {
        let sql = self.sources_in_reach("sources.list")?.text(" AND s.collection_id = ").bind(collection.0);
        let sources = self.many_sources(keyset(sql, "s", page)).await?;
        Ok(Page::from_rows(sources, page.limit, |source| Cursor { at: source.created_at, id: source.id.0 }))
    }

    async fn find_by_hash(&self, collection: CollectionId, content_hash: &str) -> Result<Option<Source>, StoreError> {
        let sql = self
            .sources_in_reach("sources.find_by_hash")?
            .text(" AND s.collection_id = ")
            .bind(collection.0)
            .text(" AND s.content_hash = ")
            .bind(content_hash);
        self.source(sql).await
    }

    async fn insert(&self, source: &Source) -> Result<(), StoreError> {
        self.all_of_tenant([source.tenant_id])?;
        let reached = |sql: Sql| {
            let sql = sql.text("EXISTS (SELECT 1 FROM collections k WHERE k.id = ").bind(source.collection_id.0);
            Ok(self.collection_in_reach(sql.text(" AND "), Purpose::Change)?.text(")"))
        };
        if self.insert_parts_if("sources.insert", vec![sources::Model::try_from(source)?], reached).await? {
            return Ok(());
        }
        let sql = Sql::new("collections.has", "SELECT 1 FROM collections WHERE id = ").bind(source.collection_id.0);
        Err(self.not_added_to(sql).await?)
    }

    async fn set_status(&self, id: SourceId, progress: &VersionProgress) -> Result<(), StoreError> {
        let VersionProgress { status, error, at } = progress.clone();
        let mut sql = Sql::new("sources.set_status", "UPDATE sources AS t SET error = ")
            .bind(error)
            .text(", updated_at = ")
            .bind(at);
        if let Some(status) = status {
            sql = sql.text(", status = ").bind(status.as_str());
        }
        if status == Some(ProcessingStatus::Processed) {
            sql = sql.text(", processed_at = COALESCE(processed_at, ").bind(at).text(")");
        }
        let sql = from_allowed(self.where_source(sql, id)?, " AND t.status IN ", status);
        let found = self.where_source(Sql::new("sources.has", "SELECT 1 FROM sources t"), id)?;
        self.take_step(sql, found, "sources_status_step").await
    }

    async fn insert_version(&self, version: &SourceVersion) -> Result<(), StoreError> {
        self.add_version(version).await
    }

    async fn version(&self, id: SourceVersionId) -> Result<Option<SourceVersion>, StoreError> {
        self.version_in_reach(self.versions_in_reach("sources.version")?.text(" AND v.id = ").bind(id.0)).await
    }

    async fn latest_version(&self, source: SourceId) -> Result<Option<SourceVersion>, StoreError> {
        let sql = self.versions_in_reach("sources.latest_version")?.text(" AND v.source_id = ").bind(source.0);
        self.version_in_reach(sql.text(" ORDER BY v.version DESC LIMIT 1")).await
    }

    async fn update_version(&self, version: &SourceVersion) -> Result<(), StoreError> {
        self.change_version(version).await
    }

    async fn set_version_status(&self, id: SourceVersionId, progress: &VersionProgress) -> Result<(), StoreError> {
        self.move_version(id, progress).await
    }

    async fn publish(
        &self,
        source: SourceId,
        version: SourceVersionId,
        at: Timestamp,
    ) -> Result<Option<SourceVersionId>, StoreError> {
        let sql = Sql::new("sources.lock", "SELECT ").columns::<sources::Entity>("t").text(" FROM sources t");
        let sql = self.where_source(sql, source)?;
        let found: sources::Model = self.row(self.for_update(sql)).await?.ok_or(StoreError::Stale)?;
        self.mark_published(source, version, at).await?;
        let sql = Sql::new("sources.publish", "UPDATE sources AS t SET current_version_id = ")
            .bind(version.0)
            .text(", updated_at = ")
            .bind(at);
        self.command(self.where_source(sql, source)?).await?;
        Ok(found.current_version_id.map(Into::into))
    }

    async fn unnamed_files(&self, keys: &[BlobKey]) -> Result<Vec<BlobKey>, StoreError> {
        if self.tenant()?.rows::<Collection>(Purpose::Read) != Rows::All {
            return Err(StoreError::OutOfScope("files are swept by those who reach all knowledge of the tenant"));
        }
        let sql = Sql::new("sources.unnamed_files", "SELECT storage_key AS name FROM sources WHERE ");
        let sql = self
            .of_tenant(sql, "tenant_id")?
            .text(" AND storage_key IN ")
            .bind_list(keys.iter().map(BlobKey::as_str))
            .text(" UNION SELECT text_storage_key FROM source_versions WHERE ");
        let sql = self
            .of_tenant(sql, "tenant_id")?
            .text(" AND text_storage_key IN ")
            .bind_list(keys.iter().map(BlobKey::as_str));
        let named: Vec<NameRow> = self.rows(sql).await?;
        let named: HashSet<String> = named.into_iter().map(|NameRow { name }| name).collect();
        Ok(keys.iter().filter(|key| !named.contains(key.as_str())).cloned().collect())
    }
}
