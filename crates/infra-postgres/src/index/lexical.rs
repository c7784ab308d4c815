//! Words: full text with the right to read inside the index, ranked by BM25.
//!
//! Each row carries tokens of its tenant and collection beside its words, and a question names those
//! that may be read. PostgreSQL's own ranks know nothing of how rare a word is, so the chunks that
//! hold each word are counted first, within what may be read and up to a bound. The rarest words
//! choose the candidates, which are then scored by all words that were counted to their end.

use domain::{
    access::{Area, Reach, TenantScope},
    gateways::{IndexHit, Readable},
    store::StoreError,
};
use infra_sql::{
    Sql,
    readable::{self, Reached},
    store_error,
};

use super::{Place, bm25, hits};
use crate::unit::PostgresUnit;

/// Words of a question that are looked for; further ones are left out.
const MAX_WORDS: i64 = 32;
/// Bytes of a question that are cut into words.
const MAX_QUESTION_BYTES: usize = 4_096;
/// Collections that a question names at most; beyond that it names the tenant.
const MAX_COLLECTIONS: usize = 256;

/// The tokens that a row must have one of, as a `tsquery`.
fn tokens(scope: &TenantScope, readable: &Readable, collections: &[Reached]) -> String {
    let is_all = scope.reach(Area::Knowledge) == Reach::Tenant && readable.collections.is_none();
    if is_all || collections.len() > MAX_COLLECTIONS {
        return format!("'t:{}'", scope.tenant_id.0);
    }
    let tokens: Vec<String> = collections.iter().map(|reached| format!("'c:{}'", reached.id)).collect();
    tokens.join(" | ")
}

/// The beginning of a question; PostgreSQL takes no NUL.
fn beginning(question: &str) -> String {
    question[..question.floor_char_boundary(MAX_QUESTION_BYTES)].replace('\0', " ")
}

impl PostgresUnit {
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
        .text("SELECT c.id, c.search || ''::tsvector AS search FROM chunks c")
        .text(" JOIN sources s ON s.tenant_id = c.tenant_id AND s.id = c.source_id")
        .text(" AND s.current_version_id = c.source_version_id")
        .text(" JOIN collections k ON k.tenant_id = s.tenant_id AND k.id = s.collection_id WHERE ")
        .of_tenant("c.tenant_id", scope)
        .text(" AND c.search @@ (")
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

    /// The words of a question with the number of chunks that hold them, up to a bound.
    async fn count_words(
        &self,
        scope: &TenantScope,
        tokens: &str,
        chunks: i64,
        question: &str,
    ) -> Result<Vec<bm25::Word>, StoreError> {
        let sql =
            Sql::new("chunk_index.count_words", "SELECT w.word, (SELECT count(*) FROM (SELECT FROM chunks c WHERE ")
                .of_tenant("c.tenant_id", scope)
                .text(" AND c.search @@ (")
                .bind(tokens)
                .text("::tsquery && ('''' || w.word || '''')::tsquery) LIMIT ")
                .bind(bm25::most_holders(chunks))
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
