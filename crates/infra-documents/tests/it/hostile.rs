//! Files made to harm: the child may fall, the parent says why and goes on.

use bytes::Bytes;
use domain::gateways::ParseErrorKind;
use futures::{StreamExt as _, stream};
use infra_documents::{ChildParserSettings, HTML, MARKDOWN, PDF, TEXT};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::{child, parse, parse_with, pdf_file, shared, stream_of};

/// Mutated files of one run.
const MUTATIONS: u64 = 1_000;

fn with_limits(change: impl Fn(&mut ChildParserSettings)) -> ChildParserSettings {
    let mut settings = child();
    change(&mut settings);
    settings
}

#[tokio::test]
async fn deep_nesting_is_read() {
    for (mime, file) in [
        (HTML, format!("{}deep", "<div>".repeat(100_000))),
        (HTML, format!("{}deep{}", "<ul><li><b>".repeat(100_000), "</b></li></ul>".repeat(100_000))),
        (MARKDOWN, format!("{} deep", ">".repeat(100_000))),
        (MARKDOWN, format!("{}deep", "[".repeat(1_000_000))),
    ] {
        let document = parse(mime, file).await.unwrap();
        assert!(document.text.ends_with("deep"));
    }
}

#[tokio::test]
async fn a_line_of_100_mb_is_refused_by_its_size() {
    let piece = Bytes::from(vec![b'x'; 1_000_000]);
    for mime in [TEXT, MARKDOWN, HTML] {
        let line = stream::iter(vec![piece.clone(); 100]).map(Ok).boxed();
        let error = parse_with(child(), mime, line).await.unwrap_err();
        assert_eq!(error.kind, ParseErrorKind::TooLarge, "{error}");
        assert!(error.message.contains("32 MiB"), "{error}");
    }
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused_while_it_comes() {
    let settings = with_limits(|settings| settings.limits.input_bytes = 1024 * 1024);
    let endless = stream::repeat_with(|| Ok(Bytes::from(vec![b'x'; 64 * 1024]))).boxed();
    let error = parse_with(settings, TEXT, endless).await.unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::TooLarge);
    assert!(error.message.contains("1 MiB"), "{error}");
}

#[tokio::test]
async fn a_child_out_of_memory_or_time_is_told_from_one_that_fails() {
    let page = Bytes::from("<p>word</p>".repeat(2_000_000));
    let little = with_limits(|settings| settings.limits.memory_bytes = 24 * 1024 * 1024);
    let error = parse_with(little, HTML, stream_of(page.clone())).await.unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::TooLarge);
    assert!(error.message.contains("24 MiB of memory"), "{error}");
    let short = with_limits(|settings| settings.limits.cpu_seconds = 1);
    let error = parse_with(short, HTML, stream_of(page)).await.unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::TooLarge);
    assert!(error.message.contains("1 seconds"), "{error}");
}

/// Two layers of compression make 1 GiB of a few hundred bytes.
#[tokio::test]
async fn a_decompression_bomb_harms_its_child_only() {
    let settings = with_limits(|settings| settings.limits.cpu_seconds = 3);
    let bomb = &include_bytes!("../fixtures/bomb.flate2")[..];
    let content = pdf_file::stream("/Filter [/FlateDecode /FlateDecode]", bomb);
    let objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>".to_vec(),
        content,
    ];
    let error = parse_with(settings, PDF, stream_of(pdf_file::file(&objects))).await.unwrap_err();
    // A build that inflates in three seconds finds spaces only.
    assert!(matches!(error.kind, ParseErrorKind::TooLarge | ParseErrorKind::NoText), "{error}");
}

/// Loops in the tree of pages and in the outline.
#[tokio::test]
async fn cycles_in_a_pdf_end() {
    let objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Outlines 4 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [2 0 R 3 0 R] /Count 2 /Parent 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [2 0 R] /Count 1000000000 /Parent 2 0 R >>".to_vec(),
        b"<< /First 5 0 R >>".to_vec(),
        b"<< /Title (a) /First 5 0 R /Next 5 0 R >>".to_vec(),
    ];
    let settings = with_limits(|settings| settings.limits.cpu_seconds = 3);
    let error = parse_with(settings, PDF, stream_of(pdf_file::file(&objects))).await.unwrap_err();
    let kinds = [ParseErrorKind::Failed, ParseErrorKind::Broken, ParseErrorKind::TooLarge, ParseErrorKind::NoText];
    assert!(kinds.contains(&error.kind), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mutated_pdfs_give_a_document_or_a_sentence() {
    let pages = [pdf_file::drawing(&["1 Basics", "", "First page."]), pdf_file::drawing(&["Second page."])];
    let whole = pdf_file::document(&pages, &[("Basics", 0), ("Second page.", 1)]);
    let parser = shared(with_limits(|settings| settings.limits.cpu_seconds = 5));
    let outcomes: Vec<_> = stream::iter(0..MUTATIONS)
        .map(|seed| {
            let (parser, file) = (parser.clone(), mutated(&whole, seed));
            async move { domain::gateways::DocumentParser::parse(&*parser, PDF, stream_of(file)).await }
        })
        .buffer_unordered(4)
        .collect()
        .await;
    let read = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let refused = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect::<Vec<_>>();
    assert!(read > 0 && !refused.is_empty(), "{read} of {MUTATIONS} were read");
    assert!(refused.iter().all(|error| error.kind != ParseErrorKind::Unsupported && !error.message.is_empty()));
    // The parser is as good as new.
    assert_eq!(parse(PDF, whole).await.unwrap().page_count, Some(2));
}

/// One to eight changes: bytes replaced, removed, repeated, or the end cut off.
fn mutated(file: &[u8], seed: u64) -> Vec<u8> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut file = file.to_vec();
    for _ in 0..random.random_range(1..=8) {
        let at = random.random_range(0..file.len());
        let end = (at + random.random_range(1..=16)).min(file.len());
        match random.random_range(0..16) {
            0..=9 => file[at] = random.random(),
            10..=12 => drop(file.drain(at..end)),
            13..=14 => {
                let piece = file[at..end].to_vec();
                file.splice(at..at, piece.repeat(8));
            }
            _ => file.truncate(at),
        }
        if file.is_empty() {
            break;
        }
    }
    file
}
