//! The parent's side, with a shell that plays the child: what it does is the worst a child can do.

use std::time::Duration;

use domain::gateways::{BlobError, ParseErrorKind};
use futures::{StreamExt as _, stream};
use infra_documents::{ChildParserSettings, TEXT};

use crate::{child, parse_with, stream_of};

fn shell(script: &str) -> ChildParserSettings {
    let arguments = vec!["-c".to_owned(), script.to_owned()];
    ChildParserSettings { arguments, ..ChildParserSettings::new("/bin/sh") }
}

async fn error_of(settings: ChildParserSettings) -> (ParseErrorKind, String) {
    let error = parse_with(settings, TEXT, stream_of("x".repeat(1_000_000))).await.unwrap_err();
    (error.kind, error.message)
}

#[tokio::test]
async fn a_child_that_falls_leaves_its_parent_alive() {
    for script in ["kill -ABRT $$", "kill -SEGV $$", "exit 101", "cat > /dev/null", "echo no JSON", "exec cat"] {
        let (kind, message) = error_of(shell(script)).await;
        assert_eq!(kind, ParseErrorKind::Failed, "{script}");
        assert!(message.contains("save it anew"), "{message}");
    }
    assert!(parse_with(child(), TEXT, stream_of("still here")).await.is_ok());
}

#[tokio::test]
async fn a_child_that_takes_too_long_or_says_too_much_is_ended() {
    let settings = ChildParserSettings { timeout: Duration::from_millis(200), ..shell("exec sleep 600") };
    let (kind, message) = error_of(settings).await;
    assert_eq!(kind, ParseErrorKind::TooLarge);
    assert!(message.contains("takes longer than"), "{message}");
    let (kind, message) = error_of(shell("exec cat /dev/zero")).await;
    assert_eq!(kind, ParseErrorKind::TooLarge);
    assert!(message.contains("MiB of text"), "{message}");
}

#[tokio::test]
async fn a_child_sees_no_variable_of_its_parent() {
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some_and(|folder| !folder.is_empty()));
    let script = r#"cat > /dev/null
        printf '{"Err":{"kind":"failed","message":"[%s%s%s]"}}' "$CARGO_MANIFEST_DIR" "$HOME" "$CARGO""#;
    assert_eq!(error_of(shell(script)).await, (ParseErrorKind::Failed, "[]".to_owned()));
}

#[tokio::test]
async fn an_executable_that_is_missing_and_a_file_that_breaks_off_are_told() {
    let (kind, message) = error_of(ChildParserSettings::new("/no/such/file")).await;
    assert_eq!((kind, message.contains("operator")), (ParseErrorKind::Failed, true));
    let broken = stream::iter([Ok("half".into()), Err(BlobError::NotFound)]).boxed();
    let error = parse_with(child(), TEXT, broken).await.unwrap_err();
    assert!(error.kind == ParseErrorKind::Failed && error.message.contains("stored file"), "{error}");
}

#[tokio::test]
async fn no_more_children_run_than_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    // Each child leaves a mark while it runs and answers how many marks there are.
    let script = format!(
        r#"cat > /dev/null; touch {path}/$$; sleep 0.05; n=$(ls {path} | wc -l); rm {path}/$$
        printf '{{"Err":{{"kind":"failed","message":"%s"}}}}' $n"#
    );
    let script = format!("PATH=/usr/bin:/bin; {script}");
    let parser = infra_documents::ChildParser::new(ChildParserSettings { max_children: 2, ..shell(&script) });
    let answers = stream::iter(0..8)
        .map(|_| domain::gateways::DocumentParser::parse(&parser, TEXT, stream_of("x")))
        .buffer_unordered(8)
        .map(|answer| answer.unwrap_err().message.parse::<u32>().unwrap())
        .collect::<Vec<_>>()
        .await;
    assert!(answers.iter().all(|running| (1..=2).contains(running)), "{answers:?}");
}
