//! all-MiniLM-L6-v2 against vectors of the sentence-transformers library.

use std::path::PathBuf;

use base64::{Engine, prelude::BASE64_STANDARD};
use domain::gateways::{Embedder, EmbeddingInput, EmbeddingPurpose, GatewayErrorKind};
use infra_embeddings::LocalEmbedder;
use serde::Deserialize;

/// Made by `reference/vectors.py`.
const FIXTURE: &str = include_str!("fixtures/reference_vectors.json");

/// Least cosine to the library's vectors.
const LEAST_COSINE: f64 = 0.99999;

#[derive(Deserialize)]
struct Reference {
    max_tokens: u32,
    texts: Vec<ReferenceText>,
}

#[derive(Deserialize)]
struct ReferenceText {
    text: String,
    tokens: u32,
    vector_f32_le: String,
}

fn reference() -> Reference {
    serde_json::from_str(FIXTURE).unwrap()
}

fn model() -> LocalEmbedder {
    let folder = std::env::var_os("BANYAN_TEST_EMBEDDING_MODEL").map(PathBuf::from).expect(
        "BANYAN_TEST_EMBEDDING_MODEL must name the folder of all-MiniLM-L6-v2: 'cargo xtask test' fetches it and sets it",
    );
    LocalEmbedder::load(&folder, None).unwrap()
}

#[tokio::test]
async fn vectors_are_those_of_the_original_library() {
    let (model, reference) = (model(), reference());
    let texts: Vec<String> = reference.texts.iter().map(|text| text.text.clone()).collect();
    let embeddings = model.embed(&EmbeddingInput::Texts(texts.clone()), EmbeddingPurpose::Document).await.unwrap();

    assert_eq!(embeddings.vectors.len(), texts.len());
    for (expected, vector) in reference.texts.iter().zip(&embeddings.vectors) {
        let bytes = BASE64_STANDARD.decode(&expected.vector_f32_le).unwrap();
        let (numbers, _) = bytes.as_chunks::<4>();
        assert_eq!(vector.len(), numbers.len());
        let pairs = vector.iter().zip(numbers).map(|(a, b)| (f64::from(*a), f64::from(f32::from_le_bytes(*b))));
        let (dot, own, theirs) =
            pairs.fold((0.0, 0.0, 0.0), |(dot, own, theirs), (a, b)| (dot + a * b, own + a * a, theirs + b * b));
        let cosine = dot / f64::sqrt(own * theirs);
        assert!(cosine >= LEAST_COSINE, "cosine {cosine} for {:?}", expected.text);
        assert!((own - 1.0).abs() < 1e-5, "the vector of {:?} is not normalised: {own}", expected.text);
    }
    let tokens: u64 = reference.texts.iter().map(|text| u64::from(text.tokens)).sum();
    assert_eq!(embeddings.input_tokens, tokens);
    assert!(!embeddings.is_estimated);
}

#[tokio::test]
async fn tokens_are_counted_as_the_original_library_counts_them() {
    let (model, reference) = (model(), reference());
    for text in &reference.texts {
        assert_eq!(model.count_tokens(&text.text), text.tokens, "{:?}", text.text);
    }
    let description = model.model();
    assert_eq!(description.max_tokens, reference.max_tokens);
    assert_eq!(description.provider, "local");
}

#[tokio::test]
async fn a_text_beyond_the_window_is_refused_and_not_cut() {
    let model = model();
    let text = EmbeddingInput::Texts(vec!["word ".repeat(255)]);
    for purpose in [EmbeddingPurpose::Document, EmbeddingPurpose::Query] {
        let error = model.embed(&text, purpose).await.unwrap_err();
        assert_eq!(error.kind, GatewayErrorKind::InvalidRequest);
        assert!(error.message.contains("257") && error.message.contains("256"), "{}", error.message);
    }
}

/// The model was made from English; of other languages and of code its tokenizer has but pieces.
#[test]
fn the_tokenizer_tells_what_the_model_knows() {
    let model = model();
    let cases = [
        ("How do I change the password of a user on this system?", 0.9, 1.0),
        ("Configure network interfaces before installing the packages.", 0.9, 1.0),
        ("Как изменить пароль пользователя в этой системе?", 0.0, 0.3),
        ("Wie ändere ich das Kennwort eines Benutzers auf diesem System?", 0.0, 0.7),
        ("このシステムでユーザーのパスワードを変更するにはどうすればよいですか", 0.0, 0.5),
        ("如何更改此系统上用户的密码", 0.0, 0.5),
        ("كيف أغير كلمة مرور المستخدم في هذا النظام", 0.0, 0.3),
        ("이 시스템에서 사용자의 비밀번호를 어떻게 변경합니까", 0.0, 0.5),
        ("จะเปลี่ยนรหัสผ่านของผู้ใช้ในระบบนี้ได้อย่างไร", 0.0, 0.5),
        ("", 1.0, 1.0),
        ("?! …", 1.0, 1.0),
    ];
    let told: Vec<f64> = cases.iter().map(|(text, ..)| model.familiarity(text)).collect();
    for ((text, least, most), familiarity) in cases.iter().zip(&told) {
        assert!((least..=most).contains(&familiarity), "{text}: {familiarity}; all: {told:?}");
    }
}
