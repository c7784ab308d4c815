//! The index: what is found, and how near.

use domain::{
    access::Scope,
    gateways::{IndexHit, Readable},
    ids::ChunkId,
    knowledge::Chunk,
    store::StoreError,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{MODEL, add_chunks, publish, shelf};
use crate::{World, assert_refused, normalised, scopes};

/// How far a score may be from the exact cosine: vectors may be kept in half precision, whose
/// rounding (2⁻¹¹ of each of 16 components) stays well below it.
const SCORE_TOLERANCE: f64 = 0.002;
/// Length of the vectors.
const DIMENSION: usize = 16;

/// Wherever the scope reaches.
pub(super) const ALL: Readable = Readable { collections: None };

fn random_vector(random: &mut StdRng) -> Vec<f32> {
    let values: Vec<f32> = (0..DIMENSION).map(|_| random.random_range(-1.0..1.0)).collect();
    normalised(&values)
}

fn ids(hits: &[IndexHit]) -> Vec<ChunkId> {
    hits.iter().map(|hit| hit.chunk_id).collect()
}

async fn nearest(world: &World, scope: &Scope, vector: &[f32], limit: u32) -> Vec<IndexHit> {
    world.read(scope, async |tx| tx.chunk_index().nearest(MODEL, vector, &ALL, limit).await).await
}

async fn lexical(world: &World, scope: &Scope, query: &str) -> Vec<ChunkId> {
    let hits = world.read(scope, async |tx| tx.chunk_index().lexical(query, &ALL, 100).await).await;
    assert!(hits.is_sorted_by(|a, b| a.score >= b.score), "hits come best first");
    let mut ids = ids(&hits);
    ids.sort_unstable();
    ids
}

/// On few vectors the nearest are those of an exact scan, with their cosine, best first.
pub async fn the_nearest_are_those_of_an_exact_scan(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (_, _, version) = shelf(&world, &cast).await;
    let mut random = StdRng::seed_from_u64(1);
    let chunks: Vec<(Chunk, Vec<f32>)> =
        (0..200).map(|ordinal| (world.make.chunk(&version, ordinal, "text"), random_vector(&mut random))).collect();
    world
        .write(&scope, async |tx| {
            add_chunks(tx, &world, &chunks).await?;
            assert_eq!(tx.chunk_index().count(version.id, MODEL).await?, 200);
            assert_eq!(tx.chunk_index().count(version.id, "another/model").await?, 0);
            publish(tx, &world, &version).await
        })
        .await;
    for _ in 0..20 {
        let question = random_vector(&mut random);
        let cosine =
            |vector: &[f32]| -> f64 { vector.iter().zip(&question).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum() };
        let mut exact: Vec<(f64, ChunkId)> = chunks.iter().map(|(chunk, vector)| (cosine(vector), chunk.id)).collect();
        exact.sort_by(|a, b| b.0.total_cmp(&a.0));
        let hits = nearest(&world, &scope, &question, 10).await;
        assert_eq!(hits.len(), 10);
        assert!(hits.is_sorted_by(|a, b| a.score >= b.score), "hits come best first");
        for hit in &hits {
            let (score, _) = exact.iter().find(|(_, id)| *id == hit.chunk_id).unwrap();
            assert!((hit.score - score).abs() < SCORE_TOLERANCE, "{} is not near {score}", hit.score);
            // Half precision may swap neighbours at the edge, never bring in one from afar.
            assert!(*score > exact[9].0 - SCORE_TOLERANCE, "a hit is not among the nearest");
        }
    }
    // Never fewer than there are.
    assert_eq!(nearest(&world, &scope, &chunks[0].1, 500).await.len(), 200);
    assert_eq!(nearest(&world, &scope, &chunks[7].1, 1).await[0].chunk_id, chunks[7].0.id);
}

/// Only the current version of a source is found: not before it is published, not after another.
pub async fn only_the_current_version_is_found(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (_, source, first) = shelf(&world, &cast).await;
    let second = world.make.version(&source, 2);
    let vector = normalised(&[1.0; DIMENSION]);
    let old = (world.make.chunk(&first, 0, "old apples"), vector.clone());
    let new = (world.make.chunk(&second, 0, "new apples"), vector.clone());
    let found = async || (ids(&nearest(&world, &scope, &vector, 10).await), lexical(&world, &scope, "apples").await);
    world
        .write(&scope, async |tx| {
            tx.sources().insert_version(&second).await?;
            add_chunks(tx, &world, std::slice::from_ref(&old)).await
        })
        .await;
    assert_eq!(found().await, (vec![], vec![]));
    world.write(&scope, async |tx| publish(tx, &world, &first).await).await;
    assert_eq!(found().await, (vec![old.0.id], vec![old.0.id]));
    world.write(&scope, async |tx| add_chunks(tx, &world, std::slice::from_ref(&new)).await).await;
    assert_eq!(found().await, (vec![old.0.id], vec![old.0.id]));
    world.write(&scope, async |tx| publish(tx, &world, &second).await).await;
    assert_eq!(found().await, (vec![new.0.id], vec![new.0.id]));
    // A publication that is rolled back has not happened.
    let tx = world.begin(&scope, domain::store::Mode::Write).await;
    publish(tx.as_ref(), &world, &first).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(found().await, (vec![new.0.id], vec![new.0.id]));
    // And back.
    world.write(&scope, async |tx| publish(tx, &world, &first).await).await;
    assert_eq!(found().await, (vec![old.0.id], vec![old.0.id]));
}

/// Chunks that hold any of the words are found, whatever else the question holds.
pub async fn any_word_of_a_question_finds(world: World) {
    let texts = ["The quick zebra", "quick brown fox", "Lazy dog, brown."];
    let (scope, chunks) = published_texts(&world, &texts.map(str::to_owned)).await;
    for (query, expected) in [
        ("zebra", &[0][..]),
        ("QUICK", &[0, 1]),
        ("brown zebra", &[0, 1, 2]),
        ("\"brown\" AND -fox*", &[1, 2]),
        ("a:(b) NEAR OR NOT zebra ' ; %", &[0]),
        ("elephant", &[]),
        ("", &[]),
        ("  ?! \" ", &[]),
    ] {
        let mut expected: Vec<ChunkId> = expected.iter().map(|index: &usize| chunks[*index]).collect();
        expected.sort_unstable();
        assert_eq!(lexical(&world, &scope, query).await, expected, "{query:?}");
    }
    let limited = world.read(&scope, async |tx| tx.chunk_index().lexical("brown", &ALL, 1).await).await;
    assert_eq!(limited.len(), 1);
}

/// Adds one chunk for each text, published.
pub(super) async fn published_texts(world: &World, texts: &[String]) -> (Scope, Vec<ChunkId>) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (_, _, version) = shelf(world, &cast).await;
    let vector = normalised(&[1.0; DIMENSION]);
    let chunks: Vec<_> =
        (0..).zip(texts).map(|(ordinal, text)| (world.make.chunk(&version, ordinal, text), vector.clone())).collect();
    world
        .write(&scope, async |tx| {
            add_chunks(tx, world, &chunks).await?;
            publish(tx, world, &version).await
        })
        .await;
    (scope, chunks.iter().map(|(chunk, _)| chunk.id).collect())
}

/// English words are found by any of their forms.
pub async fn english_words_are_found_by_their_stems(world: World) {
    let texts = ["Reading the files", "She reads a file", "Passwords are reset", "a ready pass"];
    let (scope, ids) = published_texts(&world, &texts.map(str::to_owned)).await;
    for (query, expected) in [
        ("read", &[0, 1][..]),
        ("READING", &[0, 1]),
        ("file", &[0, 1]),
        ("resetting passwords", &[2]),
        ("password resets", &[2]),
        ("passes", &[3]),
    ] {
        let mut expected: Vec<ChunkId> = expected.iter().map(|index: &usize| ids[*index]).collect();
        expected.sort_unstable();
        assert_eq!(lexical(&world, &scope, query).await, expected, "{query:?}");
    }
}

/// A word is a run of letters and digits, whatever punctuation it stands in, without case and
/// diacritics.
pub async fn words_are_found_within_names_and_without_diacritics(world: World) {
    let texts = [
        "call os.path.join here",
        "the left-join and my_outer_join2",
        "at https://docs.example/Folders?page=7 or a@mail.example",
        "Ein Café, e\u{301}tude, “naïve”",
        "3.25 and 1e5",
    ];
    let (scope, ids) = published_texts(&world, &texts.map(str::to_owned)).await;
    for (query, expected) in [
        ("join", &[0, 1][..]),
        ("os.path.join", &[0, 1]),
        ("outer", &[1]),
        ("join2", &[1]),
        ("my_outer_join2", &[1]),
        ("docs", &[2]),
        ("mail", &[2]),
        ("7", &[2]),
        ("CAFE", &[3]),
        ("cafe\u{301}", &[3]),
        ("étude", &[3]),
        ("naive", &[3]),
        ("25", &[4]),
        ("1E5", &[4]),
        ("os_path", &[0]),
        ("jo", &[]),
    ] {
        let mut expected: Vec<ChunkId> = expected.iter().map(|index: &usize| ids[*index]).collect();
        expected.sort_unstable();
        assert_eq!(lexical(&world, &scope, query).await, expected, "{query:?}");
    }
}

/// Of a long question the rare words decide, however many chunks are full of its common ones.
pub async fn rare_words_rank_above_common_ones(world: World) {
    let common = "how do I do this in the way that the others do it, and how do they do it in the end";
    let mut texts: Vec<String> = (0..150).map(|number| format!("{common}, case {number}")).collect();
    texts.insert(70, "Rotate the signing certificate under Settings.".to_owned());
    texts.insert(90, "The certificate is shown to the others, and that is how it is in the end.".to_owned());
    let (scope, ids) = published_texts(&world, &texts).await;
    let question = "How do I, in the end, rotate the signing certificate that the others do not have?";
    let hits = world.read(&scope, async |tx| tx.chunk_index().lexical(question, &ALL, 5).await).await;
    assert_eq!((hits[0].chunk_id, hits[1].chunk_id), (ids[70], ids[90]));
    assert_eq!(hits.len(), 5);
    assert!(hits[0].score > hits[1].score && hits[1].score > hits[2].score);
}

/// An entry that is there already is left as it is; a model finds its own vectors only.
pub async fn entries_are_kept_by_chunk_and_model(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (_, _, version) = shelf(&world, &cast).await;
    let chunk = world.make.chunk(&version, 0, "text");
    let mut axis = vec![0.0; DIMENSION];
    axis[0] = 1.0;
    let mut other = vec![0.0; DIMENSION];
    other[1] = 1.0;
    world
        .write(&scope, async |tx| {
            add_chunks(tx, &world, &[(chunk.clone(), axis.clone())]).await?;
            tx.chunk_index().insert(&[world.make.entry(&chunk, MODEL, &other)]).await?;
            publish(tx, &world, &version).await
        })
        .await;
    let hits = nearest(&world, &scope, &axis, 10).await;
    assert_eq!(ids(&hits), [chunk.id]);
    assert!((hits[0].score - 1.0).abs() < SCORE_TOLERANCE);
    world
        .read(&scope, async |tx| {
            assert_eq!(tx.chunk_index().count(version.id, MODEL).await?, 1);
            assert_eq!(tx.chunk_index().nearest("another/model", &axis, &ALL, 10).await?, []);
            Ok(())
        })
        .await;
}

/// A vector needs its chunk.
pub async fn a_vector_needs_its_chunk(world: World) {
    let cast = world.cast().await;
    let (_, _, version) = shelf(&world, &cast).await;
    let missing = world.make.chunk(&version, 0, "text");
    let entry = world.make.entry(&missing, MODEL, &[1.0; DIMENSION]);
    let outcome = world.attempt(&scopes::own(&cast.ada), async |tx| tx.chunk_index().insert(&[entry]).await).await;
    assert_refused!(outcome, StoreError::ForeignKey);
}
