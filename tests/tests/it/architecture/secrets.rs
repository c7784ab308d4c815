//! No secret is built in: an unset one stops the start, or is made at first run.

use anyhow::Result;

use super::tree;

/// Words in the name of a constant, variable or field that holds a secret.
const SECRET_NAMES: &[&str] = &["secret", "password", "passphrase", "api_key", "signing_key", "private_key", "pepper"];

/// Ends of names that are not secrets themselves: names of variables and files, lengths, lists.
const NOT_SECRET: &[&str] =
    &["_file", "_variable", "_env", "_name", "_prefix", "_path", "_policy", "_passwords", "_secrets", "_header"];

/// Passwords and secrets that people ship as defaults.
const WELL_KNOWN: &[&str] = &[
    "changeme",
    "change-me",
    "change_me",
    "supersecret",
    "super-secret",
    "your-secret",
    "mysecret",
    "default-secret",
    "insecure",
    "password123",
];

/// Files whose work is to refuse such words.
const REFUSERS: &[&str] = &["crates/app/src/identity/keys.rs"];

/// A line that gives a secret a value: `const SECRET: &str = "…"`, `password: "…"`, or a default by
/// `unwrap_or("…")` for something that is called a secret.
fn builds_in_a_secret(line: &str) -> bool {
    let line = line.trim();
    if line.starts_with("//") || line.starts_with('#') {
        return false;
    }
    let lower = line.to_lowercase();
    let names_a_secret = |text: &str| {
        let named = text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
        named.into_iter().any(|word| {
            SECRET_NAMES.iter().any(|secret| word.contains(secret)) && !NOT_SECRET.iter().any(|end| word.ends_with(end))
        })
    };
    if let Some((before, after)) = lower.split_once(".unwrap_or(\"") {
        return names_a_secret(before) && !after.starts_with('"');
    }
    let is_constant = ["const ", "static ", "pub const ", "pub static ", "pub(crate) const ", "let "]
        .iter()
        .any(|keyword| lower.starts_with(keyword));
    let Some((left, right)) = lower.split_once(if is_constant { " = " } else { ": " }) else { return false };
    let value = right.trim_start_matches("some(").trim_start_matches('&').trim_start_matches('b');
    let literal = value.strip_prefix('"').and_then(|rest| rest.split_once('"')).map(|(text, _)| text);
    let left = left.split(':').next().unwrap_or_default();
    names_a_secret(left) && literal.is_some_and(|text| !text.is_empty() && !text.contains([' ', '{']))
}

#[test]
fn no_secret_is_built_in() -> Result<()> {
    let mut found = Vec::new();
    for source in tree::sources()?.iter().filter(|source| source.is_shipped()) {
        for (number, line) in source.without_tests().lines().enumerate() {
            if builds_in_a_secret(line) {
                found.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    Ok(())
}

#[test]
fn no_well_known_secret_stands_in_the_sources() -> Result<()> {
    let mut found = Vec::new();
    for source in tree::sources()?.iter().filter(|source| source.is_shipped()) {
        let text = source.without_tests().to_lowercase();
        let holds = WELL_KNOWN.iter().any(|word| text.contains(&format!("\"{word}")));
        if holds != REFUSERS.contains(&source.path.as_str()) {
            found.push(source.path.clone());
        }
    }
    assert!(found.is_empty(), "these hold well-known secrets, or are listed and hold none: {}", found.join(", "));
    Ok(())
}

#[test]
fn a_built_in_secret_is_seen() {
    for line in [
        "const JWT_SECRET: &str = \"b5d1c6f0\";",
        "let secret = std::env::var(\"X_SECRET\").ok().unwrap_or(\"dev\".into());",
        "    admin_password: \"letmein\".to_owned(),",
        "static SIGNING_KEY: &[u8] = b\"0123456789\";",
    ] {
        assert!(builds_in_a_secret(line), "{line}");
    }
    for line in [
        "const PASSWORD_FILE: &str = \"BANYAN_ADMIN_PASSWORD_FILE\";",
        "    password: String,",
        "/// password: \"letmein\"",
        "let secret = keys.secret()?;",
        "    Password => \"the password is wrong\",",
    ] {
        assert!(!builds_in_a_secret(line), "{line}");
    }
}
