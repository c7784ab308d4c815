//! The shape of files, and what may stand in none of them.

use anyhow::Result;

use super::tree::{self, Source};

/// No file is longer.
const LONGEST: usize = 600;
/// Half of the files are shorter.
const MEDIAN: usize = 150;
/// The one place that makes connections to the world.
const EGRESS: &str = "crates/infra-providers/src/egress";

fn lines(source: &Source) -> usize {
    source.text.lines().count()
}

#[test]
fn files_are_small() -> Result<()> {
    let sources = tree::sources()?;
    let long: Vec<&str> = sources.iter().filter(|source| lines(source) > LONGEST).map(|s| s.path.as_str()).collect();
    assert!(long.is_empty(), "longer than {LONGEST} lines: {}", long.join(", "));
    let mut lengths: Vec<usize> = sources.iter().map(lines).collect();
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(median < MEDIAN, "half of the files have {median} lines or more");
    Ok(())
}

#[test]
fn modules_have_their_own_name() -> Result<()> {
    let found: Vec<String> =
        tree::sources()?.into_iter().map(|s| s.path).filter(|path| path.ends_with("/mod.rs")).collect();
    assert!(found.is_empty(), "name these after their folder: {}", found.join(", "));
    Ok(())
}

#[test]
fn lints_are_expected_with_a_reason_and_never_allowed() -> Result<()> {
    let attributes = [concat!("#[", "allow("), concat!("#![", "allow(")];
    for source in tree::sources()? {
        for (number, line) in source.text.lines().enumerate() {
            let allowed = attributes.iter().any(|attribute| line.trim_start().starts_with(attribute));
            assert!(!allowed, "{}:{}: use expect with a reason", source.path, number + 1);
        }
    }
    Ok(())
}

#[test]
fn every_manifest_takes_the_lints_of_the_workspace() -> Result<()> {
    let root = tree::root()?;
    let mut manifests = vec![root.join("migration"), root.join("tests"), root.join("xtask")];
    for entry in std::fs::read_dir(root.join("crates"))? {
        manifests.push(entry?.path());
    }
    for folder in manifests {
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml"))?;
        assert!(manifest.contains("[lints]\nworkspace = true"), "{} sets its own lints", folder.display());
    }
    Ok(())
}

#[test]
fn only_the_egress_client_opens_connections_to_the_world() -> Result<()> {
    let openers = ["reqwest::", "ClientBuilder::new", "legacy::Client", "HttpConnector", "awc::", "TcpStream::connect"];
    for source in tree::sources()? {
        if !source.is_shipped() || source.path.starts_with(EGRESS) {
            continue;
        }
        let found = openers.iter().find(|opener| source.without_tests().contains(**opener));
        assert!(
            found.is_none(),
            "{} uses {}: outbound traffic goes through {EGRESS}",
            source.path,
            found.unwrap_or(&"")
        );
    }
    Ok(())
}

#[test]
fn no_work_is_left_to_do() -> Result<()> {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:"), concat!("Work in ", "progress")];
    for source in tree::sources()? {
        for (number, line) in source.text.lines().enumerate() {
            let found = marks.iter().find(|mark| line.contains(**mark));
            assert!(found.is_none(), "{}:{}: {}", source.path, number + 1, line.trim());
        }
    }
    Ok(())
}
