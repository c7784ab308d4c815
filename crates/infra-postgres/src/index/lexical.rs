//! Words: full text in the configuration `simple`, a question being the OR of its words.

use std::collections::BTreeSet;

use domain::{
    access::TenantScope,
    gateways::{IndexHit, Readable},
    store::StoreError,
};
use infra_sql::{Sql, readable};

use super::hits;
use crate::unit::PostgresUnit;

/// Words of a question that are looked for; further ones are left out.
const MAX_WORDS: usize = 64;
/// Bytes of a question that PostgreSQL's own parser sees.
const MAX_PARSED_BYTES: usize = 4_096;

/// The different words of a question as a `tsquery` that any of them satisfies. Within the quotes
/// nothing is an operator, and a word holds no quote.
fn any_word(question: &str) -> Option<String> {
    let mut seen = BTreeSet::new();
    let words: Vec<String> = question
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| format!("'{}'", word.to_lowercase()))
        .filter(|word| seen.insert(word.clone()))
        .take(MAX_WORDS)
        .collect();
    if words.is_empty() { None } else { Some(words.join(" | ")) }
}

/// The beginning of a question, for PostgreSQL's parser, which takes no NUL.
fn beginning(question: &str) -> String {
    question[..question.floor_char_boundary(MAX_PARSED_BYTES)].replace('\0', " ")
}

impl PostgresUnit {
    pub(super) async fn chunks_with_words(
        &self,
        scope: &TenantScope,
        question: &str,
        readable: &Readable,
        limit: u32,
    ) -> Result<Vec<IndexHit>, StoreError> {
        let Some(words) = any_word(question) else { return Ok(Vec::new()) };
        // PostgreSQL's parser keeps together what looks like a host, a path or a number
        // (`os.path.join`), so a question is parsed in the same way as well as cut into words. In
        // the text of a query operators stand between spaces, which no word holds.
        let sql = Sql::new("SELECT c.id, ts_rank(c.search, q.words)::float8 AS score FROM (SELECT")
            .text(" replace(plainto_tsquery('simple', ")
            .bind(beginning(question))
            .text(")::text, ' & ', ' | ')::tsquery || ")
            .bind(words)
            .text("::tsquery AS words) q JOIN chunks c ON c.search @@ q.words")
            .text(" JOIN sources s ON s.tenant_id = c.tenant_id AND s.id = c.source_id")
            .text(" AND s.current_version_id = c.source_version_id")
            .text(" JOIN collections k ON k.tenant_id = s.tenant_id AND k.id = s.collection_id WHERE c.tenant_id = ")
            .bind(scope.tenant_id.0)
            .text(" AND ")
            .then(|sql| readable::source_is_readable(sql, scope, readable))
            .text(" ORDER BY score DESC, c.id LIMIT ")
            .bind(i64::from(limit));
        hits(&self.rows(sql).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_and_quotes_of_a_question_are_only_words() {
        assert_eq!(any_word("a' | !b & (c:*) <-> 'A\\").as_deref(), Some("'a' | 'b' | 'c'"));
        assert_eq!(any_word(" ?! ' "), None);
    }

    #[test]
    fn a_long_question_is_cut_between_characters() {
        assert_eq!(beginning(&"é".repeat(MAX_PARSED_BYTES)).len(), MAX_PARSED_BYTES);
        assert_eq!(beginning("a\0b"), "a b");
    }
}
