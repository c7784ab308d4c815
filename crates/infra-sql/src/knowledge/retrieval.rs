//! Stored searches and citations.

use async_trait::async_trait;
use domain::{
    access::Purpose,
    ids::MessageId,
    knowledge::{Citation, CitationStanding, CitedPassage, RetrievalHit, RetrievalRepo, RetrievalRun},
    store::StoreError,
};
use sea_orm::{FromQueryResult, QueryResult};

use super::rows::{citations, retrieval_runs};
use crate::{SqlBackend, SqlRepos, sql::Sql};

/// A citation with what decides its standing.
struct CitedRow {
    citation: citations::Model,
    /// The source is there and in reach; `None`: there is no source.
    is_readable: Option<bool>,
    is_current: Option<bool>,
}

impl FromQueryResult for CitedRow {
    fn from_query_result(row: &QueryResult, prefix: &str) -> Result<Self, sea_orm::DbErr> {
        Ok(Self {
            citation: citations::Model::from_query_result(row, prefix)?,
            is_readable: row.try_get(prefix, "is_readable")?,
            is_current: row.try_get(prefix, "is_current")?,
        })
    }
}

impl TryFrom<CitedRow> for CitedPassage {
    type Error = StoreError;

    fn try_from(row: CitedRow) -> Result<Self, StoreError> {
        let CitedRow { citation, is_readable, is_current } = row;
        let mut citation = Citation::try_from(citation)?;
        let is_whole = citation.chunk_id.is_some() && citation.source_version_id.is_some();
        let standing = match (is_readable, is_current) {
            (None, _) => CitationStanding::Deleted,
            (Some(false), _) => CitationStanding::AccessRevoked,
            (Some(true), _) if !is_whole => CitationStanding::Deleted,
            (Some(true), Some(true)) => CitationStanding::Current,
            (Some(true), _) => CitationStanding::Superseded,
        };
        if standing == CitationStanding::AccessRevoked {
            citation.quote.clear();
            citation.filename.clear();
        }
        Ok(Self { citation, standing })
    }
}

#[async_trait]
impl<B: SqlBackend> RetrievalRepo for SqlRepos<B> {
    async fn insert_run(&self, run: &RetrievalRun, hits: &[RetrievalHit]) -> Result<(), StoreError> {
        self.backend.scope().may_add(run)?;
        self.insert_parts_later("retrieval.insert_run", vec![retrieval_runs::Model::with_hits(run, hits)?]).await
    }

    async fn insert_citations(&self, citations: &[Citation]) -> Result<(), StoreError> {
        self.all_of_tenant(citations.iter().map(|citation| citation.tenant_id))?;
        self.need_conversations(citations.iter().map(|citation| citation.conversation_id)).await?;
        let rows = citations.iter().map(citations::Model::try_from).collect::<Result<_, _>>()?;
        self.insert_parts("retrieval.insert_citations", rows, None).await
    }

    async fn citations_of(&self, messages: &[MessageId]) -> Result<Vec<CitedPassage>, StoreError> {
        let sql = Sql::new("retrieval.citations_of", "SELECT ")
            .columns::<citations::Entity>("t")
            .text(", o.current_version_id = t.source_version_id AS is_current")
            .text(", CASE WHEN o.id IS NULL THEN NULL ELSE ");
        let sql = self
            .of_source_in_reach(sql, "o.id", Purpose::Read)?
            .text(" END AS is_readable FROM citations t JOIN messages m ON m.tenant_id = t.tenant_id")
            .text(" AND m.id = t.message_id AND m.deleted_at IS NULL")
            .text(" LEFT JOIN sources o ON o.tenant_id = t.tenant_id AND o.id = t.source_id WHERE ");
        let sql = self
            .of_tenant(sql, "t.tenant_id")?
            .text(" AND t.message_id IN ")
            .bind_list(messages.iter().map(|id| id.0))
            .text(" AND ");
        let sql = self
            .of_conversation_in_reach(sql, "t.conversation_id", Purpose::Read)?
            .text(" ORDER BY t.message_id, t.citation_index");
        self.rows::<CitedRow>(sql).await?.into_iter().map(CitedPassage::try_from).collect()
    }
}
