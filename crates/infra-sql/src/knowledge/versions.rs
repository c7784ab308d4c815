//! Statements on versions of sources.

use domain::{
    clock::Timestamp,
    ids::{SourceId, SourceVersionId},
    knowledge::{ProcessingStatus, SourceVersion, VersionProgress},
    store::StoreError,
};

use super::rows::source_versions::{self, Column};
use crate::{SqlBackend, SqlRepos, sql::Sql};

/// Adds the condition on a status, if it is to change, that the step to the new one is allowed.
pub(super) fn from_allowed(sql: Sql, condition: &'static str, next: Option<ProcessingStatus>) -> Sql {
    let Some(next) = next else { return sql };
    let before = ProcessingStatus::ALL.into_iter().filter(|before| before.may_become(next));
    sql.text(condition).bind_list(before.map(ProcessingStatus::as_str))
}

impl<B: SqlBackend> SqlRepos<B> {
    /// Versions whose source is in reach.
    pub(super) fn versions_in_reach(&self) -> Result<Sql, StoreError> {
        let sql = Sql::new("SELECT ").columns::<source_versions::Entity>("v").text(" FROM source_versions v WHERE ");
        self.version_of_source_in_reach(sql)
    }

    /// Adds the condition that the version `v` is of a source in reach.
    pub(super) fn version_of_source_in_reach(&self, sql: Sql) -> Result<Sql, StoreError> {
        let sql = sql.text("v.tenant_id = ").bind(self.tenant()?.tenant_id.0).text(" AND ");
        self.of_source_in_reach(sql, "v.source_id")
    }

    fn where_version(&self, sql: Sql, id: SourceVersionId) -> Result<Sql, StoreError> {
        self.version_of_source_in_reach(sql.text(" WHERE v.id = ").bind(id.0).text(" AND "))
    }

    pub(super) async fn version_in_reach(&self, sql: Sql) -> Result<Option<SourceVersion>, StoreError> {
        self.row::<source_versions::Model>(sql).await?.map(SourceVersion::try_from).transpose()
    }

    pub(super) async fn add_version(&self, version: &SourceVersion) -> Result<(), StoreError> {
        self.own_tenant(version.tenant_id)?;
        self.add(vec![source_versions::Model::try_from(version)?]).await
    }

    pub(super) async fn change_version(&self, version: &SourceVersion) -> Result<(), StoreError> {
        let columns = [
            Column::ContentHash,
            Column::TextStorageKey,
            Column::CharacterCount,
            Column::PageCount,
            Column::Chunking,
            Column::ChunkCount,
            Column::EmbeddingModel,
            Column::EmbeddingDimension,
            Column::PublishedAt,
            Column::UpdatedAt,
        ];
        let row = source_versions::Model::try_from(version)?;
        let sql = Sql::new("UPDATE source_versions AS v SET ").assign(row, &columns);
        self.command(self.where_version(sql, version.id)?).await
    }

    pub(super) async fn move_version(&self, id: SourceVersionId, progress: &VersionProgress) -> Result<(), StoreError> {
        let VersionProgress { status, error, at } = progress.clone();
        let mut sql = Sql::new("UPDATE source_versions AS v SET error = ").bind(error).text(", updated_at = ").bind(at);
        if let Some(status) = status {
            sql = sql.text(", status = ").bind(status.as_str());
        }
        let sql = from_allowed(self.where_version(sql, id)?, " AND v.status IN ", status);
        let found = self.where_version(Sql::new("SELECT 1 FROM source_versions v"), id)?;
        self.take_step(sql, found, "source_versions_status_step").await
    }

    /// Sets when a version of this source became the current one; without it a foreign key is missing.
    pub(super) async fn mark_published(
        &self,
        source: SourceId,
        version: SourceVersionId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = Sql::new("UPDATE source_versions AS v SET published_at = ").bind(at).text(", updated_at = ").bind(at);
        let sql = self.where_version(sql, version)?.text(" AND v.source_id = ").bind(source.0);
        match self.execute(sql).await? {
            0 => Err(self.poison(StoreError::ForeignKey)),
            _ => Ok(()),
        }
    }
}
