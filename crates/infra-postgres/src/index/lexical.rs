//! Words: full text with the right to read inside the index, ranked by BM25.
//!
//! Each row carries tokens of its tenant and collection beside its words, and a question names those
//! that may be read. PostgreSQL's own ranks know nothing of how rare a word is, so the chunks that
//! hold each word are counted first, within what may be read and up to a bound. The rarest words
//! choose the candidates, which are then scored by all words that were counted to their end.

use std::collections::HashMap;

use domain::{
    access::{Area, Reach, TenantScope},
    gateways::{IndexHit, Readable},
    ids::SourceVersionId,
    knowledge::words::{Cutter, of_question},
    store::StoreError,
};
use infra_sql::{
    Sql, chunks_to_index,
    readable::{self, Reached},
    store_error,
};
use migration::chunk_words::{collection_token, tenant_token, tsvector};
use uuid::Uuid;

use super::{Place, bm25, hits};
use crate::unit::PostgresUnit;

/// Words of a question that are looked for; further ones are left out.
const MAX_WORDS: usize = 32;
/// Collections that a question names at most; beyond that it names the tenant.
const MAX_COLLECTIONS: usize = 256;

/// The tokens that a row must have one of, as a `tsquery`.
fn tokens(scope: &TenantScope, readable: &Readable, collections: &[Reached]) -> String {
    let is_all = scope.reach(Area::Knowledge) == Reach::Tenant && readable.collections.is_none();
    if is_all || collections.len() > MAX_COLLECTIONS {
        return format!("'{}'", tenant_token(scope.tenant_id.0));
    }
    let tokens: Vec<String> = collections.iter().map(|reached| format!("'{}'", collection_token(reached.id))).collect();
    tokens.join(" | ")
}

impl PostgresUnit {
    /// Takes the words of these versions' chunks out of the index.
    pub(super) async fn forget_words(
        &self,
        scope: &TenantScope,
        versions: impl Iterator<Item = SourceVersionId>,
    ) -> Result<(), StoreError> {
        let sql = Sql::new("chunk_index.forget_words", "DELETE FROM chunk_words w USING chunks c WHERE ")
            .of_tenant("w.tenant_id", scope)
            .text(" AND c.tenant_id = w.tenant_id AND c.id = w.chunk_id AND c.source_version_id IN ")
            .bind_list(versions.map(|version| version.0));
        self.rows(sql).await.map(drop)
    }

    /// Puts the words of a version's chunks into the index: headings and text.
    pub(super) async fn add_words(&self, scope: &TenantScope, version: SourceVersionId) -> Result<(), StoreError> {
        let mut cutter = Cutter::default();
        let mut chunks = chunks_to_index(self, scope, version, None).await?;
        while let Some(last) = chunks.last().cloned() {
            let ids: Vec<Uuid> = chunks.iter().map(|chunk| chunk.id).collect();
            let words = chunks.iter().map(|chunk| {
                let tokens = [tenant_token(scope.tenant_id.0), collection_token(chunk.collection_id)];
                tsvector(&cutter.counted(&[&chunk.headings, &chunk.content]), &tokens)
            });
            let insert = sqlx::query(
                "INSERT INTO chunk_words (tenant_id, chunk_id, search) \
                 SELECT $1, w.id, w.words::tsvector FROM unnest($2::uuid[], $3::text[]) AS w(id, words)",
            )
            .bind(scope.tenant_id.0)
            .bind(ids)
            .bind(words.collect::<Vec<String>>());
            self.execute_query(insert).await.map_err(store_error)?;
            chunks = chunks_to_index(self, scope, version, Some(&last)).await?;
        }
        Ok(())
    }

    pub(super) async fn chunks_with_words(
        &self,
        scope: &TenantScope,
        place: &Place,
        question: &str,
        readable: &Readable,
        limit: u32,
    ) -> Result<Vec<IndexHit>, StoreError> {
        let chunks = place.chunks;
        if place.collections.is_empty() {
            return Ok(Vec::new());
        }
        self.plan_by_values().await?;
        let tokens = tokens(scope, readable, &place.collections);
        let words = self.count_words(scope, &tokens, chunks, question).await?;
        let Some(choice) = bm25::choose(words, chunks) else { return Ok(Vec::new()) };
        // The rank of one word under equal weights is the sum of 1/i² over its occurrences, divided by
        // that over all i, π²/6. The rest of the sum from n on is nearly 1/(n + ½), which gives n back.
        // OFFSET 0: the words of a chunk are fetched once, not for each word of the question.
        let sql = Sql::new(
            "chunk_index.lexical",
            "WITH words AS MATERIALIZED (SELECT ('''' || w.word || '''')::tsquery AS word, w.weight",
        )
        .text(" FROM unnest(string_to_array(")
        .bind(choice.words)
        .text(", ' '), string_to_array(")
        .bind(choice.weights)
        .text(", ' ')::float8[]) AS w(word, weight)), found AS (")
        .text("SELECT c.id, i.search || ''::tsvector AS search FROM chunk_words i")
        .text(" JOIN chunks c ON c.tenant_id = i.tenant_id AND c.id = i.chunk_id")
        .text(" JOIN sources s ON s.tenant_id = c.tenant_id AND s.id = c.source_id")
        .text(" AND s.current_version_id = c.source_version_id")
        .text(" JOIN collections k ON k.tenant_id = s.tenant_id AND k.id = s.collection_id WHERE ")
        .of_tenant("i.tenant_id", scope)
        .text(" AND i.search @@ (")
        .bind(tokens)
        .text("::tsquery && ")
        .bind(choice.candidates)
        .text("::tsquery) AND ")
        .then(|sql| readable::source_is_readable(sql, scope, readable))
        .text(" LIMIT ")
        .bind(bm25::MAX_CANDIDATES)
        .text(" OFFSET 0) SELECT id, (SELECT sum(weight * (")
        .bind(bm25::K1)
        .text(" + 1) * times / (times + ")
        .bind(bm25::K1)
        .text(")) FROM (SELECT weight, 1 / (pi() ^ 2 / 6 * (1 - rank)) - 0.5")
        .text(" AS times FROM (SELECT w.weight, ts_rank('{1, 1, 1, 1}', search, w.word) AS rank FROM words w) r")
        .text(" WHERE rank > 0) t) AS score FROM found ORDER BY score DESC, id LIMIT ")
        .bind(i64::from(limit));
        hits(&self.rows(sql).await?)
    }

    /// The words of a question, each with its terms that chunks hold and their number, up to a bound.
    async fn count_words(
        &self,
        scope: &TenantScope,
        tokens: &str,
        chunks: i64,
        question: &str,
    ) -> Result<Vec<bm25::Word>, StoreError> {
        let words = of_question(question);
        let terms = words.iter().take(MAX_WORDS).flatten();
        let sql = Sql::new(
            "chunk_index.count_words",
            "SELECT w.term, (SELECT count(*) FROM (SELECT FROM chunk_words i WHERE ",
        )
        .of_tenant("i.tenant_id", scope)
        .text(" AND i.search @@ (")
        .bind(tokens)
        .text("::tsquery && ('''' || w.term || '''')::tsquery) LIMIT ")
        .bind(bm25::most_holders(chunks))
        .text(") holders) AS holders FROM unnest(string_to_array(")
        .bind(terms.map(String::as_str).collect::<Vec<_>>().join(" "))
        .text(", ' ')) AS w(term)");
        let mut counted: HashMap<String, i64> = HashMap::new();
        for row in self.rows(sql).await? {
            let term = row.try_get("", "term").map_err(store_error)?;
            counted.insert(term, row.try_get("", "holders").map_err(store_error)?);
        }
        let word = |terms: Vec<String>| {
            let holders = |term: &String| counted.get(term).copied().unwrap_or_default();
            let terms: Vec<String> = terms.into_iter().filter(|term| holders(term) > 0).collect();
            bm25::Word { holders: terms.iter().map(holders).sum(), terms }
        };
        Ok(words.into_iter().map(word).collect())
    }
}
