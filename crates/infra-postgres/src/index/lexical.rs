//! Words: full text with the right to read inside the index, ranked by BM25.
//!
//! Each row carries tokens of its tenant and collection beside its words, and a question names those
//! that may be read. PostgreSQL's own ranks know nothing of how rare a word is, so the chunks that
//! hold each word are counted first, within what may be read and up to a bound. The rarest words
//! choose the candidates, which are then scored by all words that were counted to their end.

use domain::{
    access::{Reach, TenantScope},
    gateways::{IndexHit, Readable},
    store::StoreError,
};
use infra_sql::{Sql, readable, store_error};
use sea_orm::DbBackend;
use uuid::Uuid;

use super::{bm25, hits};
use crate::unit::PostgresUnit;

/// Words of a question that are looked for; further ones are left out.
const MAX_WORDS: i64 = 32;
/// Bytes of a question that are cut into words.
const MAX_QUESTION_BYTES: usize = 4_096;
/// Collections that a question names at most; beyond that it names the tenant.
const MAX_COLLECTIONS: usize = 256;

/// Where a question looks.
struct Place {
    /// Tokens that a row must have one of, as a `tsquery`.
    tokens: String,
    /// Chunks there.
    chunks: i64,
}

/// The beginning of a question; PostgreSQL takes no NUL.
fn beginning(question: &str) -> String {
    question[..question.floor_char_boundary(MAX_QUESTION_BYTES)].replace('\0', " ")
}

impl PostgresUnit {
    pub(super) async fn chunks_with_words(
        &self,
        scope: &TenantScope,
        question: &str,
        readable: &Readable,
        limit: u32,
    ) -> Result<Vec<IndexHit>, StoreError> {
        let Some(place) = self.place(scope, readable).await? else { return Ok(Vec::new()) };
        let words = self.count_words(scope, &place, question).await?;
        let Some(choice) = bm25::choose(words, place.chunks) else { return Ok(Vec::new()) };
        // The rank of one word under equal weights is the sum of 1/i² over its occurrences, divided by
        // that over all i, π²/6. The rest of the sum from n on is nearly 1/(n + ½), which gives n back.
        // OFFSET 0: the words of a chunk are fetched once, not for each word of the question.
        let sql = Sql::new("WITH words AS MATERIALIZED (SELECT ('''' || w.word || '''')::tsquery AS word, w.weight")
            .text(" FROM unnest(string_to_array(")
            .bind(choice.words)
            .text(", ' '), string_to_array(")
            .bind(choice.weights)
            .text(", ' ')::float8[]) AS w(word, weight)), found AS (")
            .text("SELECT c.id, c.search || ''::tsvector AS search FROM chunks c")
            .text(" JOIN sources s ON s.tenant_id = c.tenant_id AND s.id = c.source_id")
            .text(" AND s.current_version_id = c.source_version_id")
            .text(" JOIN collections k ON k.tenant_id = s.tenant_id AND k.id = s.collection_id WHERE c.tenant_id = ")
            .bind(scope.tenant_id.0)
            .text(" AND c.search @@ (")
            .bind(place.tokens)
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

    /// What may be read; `None`: nothing. In the same round trip the planner is told to look at the
    /// values of each query, without which it cannot tell a rare word from a frequent one.
    async fn place(&self, scope: &TenantScope, readable: &Readable) -> Result<Option<Place>, StoreError> {
        let mut statement = readable::collections(scope, readable).statement(DbBackend::Postgres);
        statement.sql = format!(
            "SELECT id, chunk_count, set_config('plan_cache_mode', 'force_custom_plan', true) AS plan FROM ({}) reach",
            statement.sql
        );
        let mut tokens = Vec::new();
        let mut chunks = 0;
        for row in self.statement_rows(statement).await? {
            tokens.push(format!("'c:{}'", row.try_get::<Uuid>("", "id").map_err(store_error)?));
            chunks += row.try_get::<i64>("", "chunk_count").map_err(store_error)?;
        }
        let is_all = scope.knowledge == Reach::Tenant && readable.collections.is_none();
        Ok(match tokens.len() {
            0 => None,
            1..=MAX_COLLECTIONS if !is_all => Some(Place { tokens: tokens.join(" | "), chunks }),
            _ => Some(Place { tokens: format!("'t:{}'", scope.tenant_id.0), chunks }),
        })
    }

    /// The words of a question with the number of chunks that hold them, up to a bound.
    async fn count_words(
        &self,
        scope: &TenantScope,
        place: &Place,
        question: &str,
    ) -> Result<Vec<bm25::Word>, StoreError> {
        let sql = Sql::new("SELECT w.word, (SELECT count(*) FROM (SELECT FROM chunks c WHERE c.tenant_id = ")
            .bind(scope.tenant_id.0)
            .text(" AND c.search @@ (")
            .bind(place.tokens.as_str())
            .text("::tsquery && ('''' || w.word || '''')::tsquery) LIMIT ")
            .bind(bm25::most_holders(place.chunks))
            .text(") holders) AS holders FROM (SELECT lexeme AS word FROM unnest(words_of(")
            .bind(beginning(question))
            .text(")) ORDER BY positions[1], lexeme LIMIT ")
            .bind(MAX_WORDS)
            .text(") w");
        let word = |row: &sea_orm::QueryResult| {
            Ok(bm25::Word { text: row.try_get("", "word")?, holders: row.try_get("", "holders")? })
        };
        self.rows(sql).await?.iter().map(word).collect::<Result<_, _>>().map_err(store_error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_question_is_cut_between_characters() {
        assert_eq!(beginning(&"é".repeat(MAX_QUESTION_BYTES)).len(), MAX_QUESTION_BYTES);
        assert_eq!(beginning("a\0b"), "a b");
    }
}
