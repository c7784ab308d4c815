//! Words: FTS5 with the right to read inside MATCH.
//!
//! Joined to a filter of tenants afterwards, FTS5 ranks what all tenants have. So each row carries
//! tokens of its tenant and collection, and a question names those that may be read. Narrower rights
//! (sources that only their owner sees) are checked on the best rows, in the same statement.

use domain::{
    access::{Area, Reach, TenantScope},
    gateways::{IndexHit, Readable},
    ids::{ChunkId, SourceVersionId},
    knowledge::words::{Cutter, QuestionWord, of_question},
    store::StoreError,
};
use infra_sql::{Sql, UnindexedChunk, chunks_to_index, readable, store_error};
use migration::chunk_words::{collection_token, fts5_text, tenant_token};
use sea_orm::Value;
use uuid::Uuid;

use crate::unit::SqliteUnit;

/// Best rows that are checked for each one wanted; should too few pass, all are.
const CANDIDATES_PER_HIT: u32 = 4;
/// Collections that a question names at most; beyond that it names the tenant.
const MAX_SCOPE_TOKENS: usize = 256;

/// A string of FTS5's language: inside the quotes nothing is an operator, and neither words nor tokens hold a quote.
fn quoted(token: &str) -> String {
    format!("\"{token}\"")
}

/// An FTS5 expression that any term of any of the words satisfies.
fn any_of(words: &[QuestionWord]) -> String {
    words.iter().flatten().map(|term| quoted(term)).collect::<Vec<_>>().join(" OR ")
}

impl SqliteUnit {
    /// Takes the words of a version's chunks out of the index.
    pub(super) async fn forget_words(&self, scope: &TenantScope, version: SourceVersionId) -> Result<(), StoreError> {
        let sql = Sql::new(
            "chunk_index.forget_words",
            "DELETE FROM chunk_words WHERE rowid IN (SELECT rowid FROM chunks WHERE ",
        )
        .of_tenant("tenant_id", scope)
        .text(" AND source_version_id = ")
        .bind(version.0)
        .text(")");
        self.run(sql).await
    }

    /// Puts the words of a version's chunks into the index: headings and text.
    pub(super) async fn add_words(&self, scope: &TenantScope, version: SourceVersionId) -> Result<(), StoreError> {
        let mut cutter = Cutter::default();
        let mut chunks = chunks_to_index(self, scope, version, None).await?;
        while let Some(last) = chunks.last().cloned() {
            let mut sql = Sql::new("chunk_index.add_words", "INSERT INTO chunk_words (rowid, scope, content)")
                .text(" SELECT c.rowid, v.column2, v.column3 FROM (VALUES ");
            for (number, UnindexedChunk { id, collection_id, headings, content, .. }) in chunks.iter().enumerate() {
                let tokens = format!("{} {}", tenant_token(scope.tenant_id.0), collection_token(*collection_id));
                let values: [Value; _] =
                    [(*id).into(), tokens.into(), fts5_text(&mut cutter, &[headings, content]).into()];
                sql = sql.text(if number == 0 { "" } else { ", " }).bind_list(values);
            }
            let sql = sql.text(") v JOIN chunks c ON ").of_tenant("c.tenant_id", scope).text(" AND c.id = v.column1");
            self.run(sql).await?;
            chunks = chunks_to_index(self, scope, version, Some(&last)).await?;
        }
        Ok(())
    }

    pub(super) async fn chunks_with_words(
        &self,
        scope: &TenantScope,
        question: &str,
        readable: &Readable,
        limit: u32,
    ) -> Result<Vec<IndexHit>, StoreError> {
        let words = of_question(question);
        if words.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let Some(tokens) = self.scope_tokens(scope, readable).await? else { return Ok(Vec::new()) };
        let expression = format!("scope : ({tokens}) AND content : ({})", any_of(&words));
        let candidates = i64::from(limit) * i64::from(CANDIDATES_PER_HIT);
        let hits = self.matching(scope, readable, &expression, candidates, limit).await?;
        if hits.len() == limit as usize {
            return Ok(hits);
        }
        // Few rows match, or many of the best may not be read. -1: no limit.
        self.matching(scope, readable, &expression, -1, limit).await
    }

    /// The tokens that a row must have one of; `None`: nothing may be read.
    async fn scope_tokens(&self, scope: &TenantScope, readable: &Readable) -> Result<Option<String>, StoreError> {
        let tenant = quoted(&tenant_token(scope.tenant_id.0));
        if scope.reach(Area::Knowledge) == Reach::Tenant && readable.collections.is_none() {
            return Ok(Some(tenant));
        }
        let mut tokens = Vec::new();
        for row in self.rows(readable::collections(scope, readable)).await? {
            tokens.push(quoted(&collection_token(row.try_get::<Uuid>("", "id").map_err(store_error)?)));
        }
        Ok(match tokens.len() {
            0 => None,
            1..=MAX_SCOPE_TOKENS => Some(tokens.join(" OR ")),
            _ => Some(tenant),
        })
    }

    async fn matching(
        &self,
        scope: &TenantScope,
        readable: &Readable,
        expression: &str,
        candidates: i64,
        limit: u32,
    ) -> Result<Vec<IndexHit>, StoreError> {
        // The order of the joins is fixed: a few rows of the index first, then what they belong to.
        let sql = Sql::new(
            "chunk_index.lexical",
            "SELECT c.id, w.score FROM (SELECT rowid, -bm25(chunk_words, 0.0, 1.0) AS score",
        )
        .text(" FROM chunk_words WHERE chunk_words MATCH ")
        .bind(expression)
        .text(" ORDER BY score DESC LIMIT ")
        .bind(candidates)
        .text(") w CROSS JOIN chunks c ON c.rowid = w.rowid")
        .text(" CROSS JOIN sources s ON s.tenant_id = c.tenant_id AND s.id = c.source_id")
        .text(" AND s.current_version_id = c.source_version_id")
        .text(" CROSS JOIN collections k ON k.tenant_id = s.tenant_id AND k.id = s.collection_id WHERE ")
        .then(|sql| readable::source_is_readable(sql, scope, readable))
        .text(" ORDER BY w.score DESC, c.id LIMIT ")
        .bind(i64::from(limit));
        let rows = self.rows(sql).await?;
        let hit = |row: &sea_orm::QueryResult| {
            Ok(IndexHit { chunk_id: ChunkId(row.try_get("", "id")?), score: row.try_get("", "score")? })
        };
        rows.iter().map(hit).collect::<Result<_, _>>().map_err(store_error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_and_quotes_of_a_question_are_only_words() {
        let expression = any_of(&of_question("NEAR(\"zebra\" b*) -- ; scope:c1 '有效'"));
        assert!(expression.starts_with("\"near·en\" OR \"near·de\""), "{expression}");
        let words = expression.split(" OR ");
        assert!(
            words.clone().all(|word| word.len() > 2 && word[1..word.len() - 1].find('"').is_none()),
            "{expression}"
        );
        assert!(words.clone().any(|word| word == "\"有效\"") && words.clone().any(|word| word == "\"c1\""));
    }
}
