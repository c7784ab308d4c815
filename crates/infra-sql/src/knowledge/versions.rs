//! Statements on versions of sources.

use domain::{
    access::{Purpose, Rows},
    clock::Timestamp,
    ids::{SourceId, SourceVersionId},
    knowledge::{Collection, ProcessingStatus, SourceVersion, VersionProgress},
    store::StoreError,
};

use super::rows::source_versions::{self, Column};
use crate::{
    SqlBackend, SqlRepos,
    sql::{Met, Sql},
};

/// Adds the condition on a status, if it is to change, that the step to the new one is allowed.
pub(super) fn from_allowed(sql: Sql<Met>, condition: &'static str, next: Option<ProcessingStatus>) -> Sql<Met> {
    let Some(next) = next else { return sql };
    let before = ProcessingStatus::ALL.into_iter().filter(|before| before.may_become(next));
    sql.text(condition).bind_list(before.map(ProcessingStatus::as_str))
}

impl<B: SqlBackend> SqlRepos<B> {
    /// Versions whose source is in reach.
    pub(super) fn versions_in_reach(&self, name: &'static str) -> Result<Sql<Met>, StoreError> {
        let sql =
            Sql::new(name, "SELECT ").columns::<source_versions::Entity>("v").text(" FROM source_versions v WHERE ");
        self.version_of_source_in_reach(sql, Purpose::Read)
    }

    /// Adds the condition that the version `v` is of a source in reach.
    fn version_of_source_in_reach(&self, sql: Sql, purpose: Purpose) -> Result<Sql<Met>, StoreError> {
        let sql = self.of_tenant(sql, "v.tenant_id")?.text(" AND ");
        self.of_source_in_reach(sql, "v.source_id", purpose)
    }

    fn where_version(&self, sql: Sql, id: SourceVersionId) -> Result<Sql<Met>, StoreError> {
        self.version_of_source_in_reach(sql.text(" WHERE v.id = ").bind(id.0).text(" AND "), Purpose::Change)
    }

    pub(super) async fn version_in_reach(&self, sql: Sql<Met>) -> Result<Option<SourceVersion>, StoreError> {
        self.row::<source_versions::Model>(sql).await?.map(SourceVersion::try_from).transpose()
    }

    pub(super) async fn add_version(&self, version: &SourceVersion) -> Result<(), StoreError> {
        self.all_of_tenant([version.tenant_id])?;
        let rows = vec![source_versions::Model::try_from(version)?];
        let reached = |sql: Sql| self.source_to_add_to(sql, version.source_id);
        if self.insert_parts_if("sources.insert_version", rows, reached).await? {
            return Ok(());
        }
        Err(self.no_source_to_add_to(version.source_id).await?)
    }

    /// Whether the scope reaches a version. Where it reaches the whole tenant, the caller's own condition on
    /// the tenant says the same.
    pub(crate) async fn reaches_version(&self, id: SourceVersionId) -> Result<bool, StoreError> {
        if self.tenant()?.rows::<Collection>(Purpose::Read) == Rows::All {
            return Ok(true);
        }
        let sql = self.versions_in_reach("sources.version")?.text(" AND v.id = ").bind(id.0);
        self.exists(sql).await
    }

    /// Why nothing could be added to a source.
    pub(super) async fn no_source_to_add_to(&self, id: SourceId) -> Result<StoreError, StoreError> {
        self.not_added_to(Sql::new("sources.has", "SELECT 1 FROM sources WHERE id = ").bind(id.0)).await
    }

    pub(super) async fn change_version(&self, version: &SourceVersion) -> Result<(), StoreError> {
        let columns = [
            Column::ContentHash,
            Column::TextStorageKey,
            Column::CharacterCount,
            Column::PageCount,
            Column::Charset,
            Column::Chunking,
            Column::ChunkCount,
            Column::EmbeddingModel,
            Column::EmbeddingDimension,
            Column::PublishedAt,
            Column::UpdatedAt,
        ];
        let row = source_versions::Model::try_from(version)?;
        let sql = Sql::new("sources.update_version", "UPDATE source_versions AS v SET ").assign(row, &columns);
        self.command(self.where_version(sql, version.id)?).await
    }

    pub(super) async fn move_version(&self, id: SourceVersionId, progress: &VersionProgress) -> Result<(), StoreError> {
        let VersionProgress { status, error, at } = progress.clone();
        let mut sql = Sql::new("sources.set_version_status", "UPDATE source_versions AS v SET error = ")
            .bind(error)
            .text(", updated_at = ")
            .bind(at);
        if let Some(status) = status {
            sql = sql.text(", status = ").bind(status.as_str());
        }
        let sql = from_allowed(self.where_version(sql, id)?, " AND v.status IN ", status);
        let found = self.where_version(Sql::new("sources.has_version", "SELECT 1 FROM source_versions v"), id)?;
        self.take_step(sql, found, "source_versions_status_step").await
    }

    /// Sets when a version of this source became the current one; without it a foreign key is missing.
    pub(super) async fn mark_published(
        &self,
        source: SourceId,
        version: SourceVersionId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = Sql::new("sources.mark_published", "UPDATE source_versions AS v SET published_at = ")
            .bind(at)
            .text(", updated_at = ")
            .bind(at);
        let sql = self.where_version(sql, version)?.text(" AND v.source_id = ").bind(source.0);
        match self.execute(sql).await? {
            0 => Err(self.poison(StoreError::ForeignKey)),
            _ => Ok(()),
        }
    }
}
