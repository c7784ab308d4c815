//! What the program makes of settings, and says of those that it cannot use.

use anyhow::{Result, ensure};
use e2e::{Server, program};
use serde_json::{Value, json};

use crate::world::PASSWORD;

/// What a program says that refuses to start with these variables. Words of ours are looked for as
/// whole ones: the folder of a test has letters of chance in its name.
async fn refusal(variables: &[(&str, &str)]) -> Result<String> {
    let output = program::output(&["config"], variables).await?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(!output.status.success() && output.stdout.is_empty(), "{variables:?} is taken: {said}");
    for name in ["u64", "u32", "usize", "unsigned", "struct", "expected"] {
        ensure!(!said.split(|c: char| !c.is_alphanumeric()).any(|word| word == name), "{said}");
    }
    ensure!(!said.contains("invalid type"), "{said}");
    Ok(said)
}

/// The settings in force, as `banyan config` prints them.
async fn in_force(variables: &[(&str, &str)]) -> Result<Value> {
    Ok(serde_json::from_str(&program::run(&["config"], variables).await?)?)
}

#[tokio::test]
async fn a_setting_that_cannot_be_used_is_told_by_its_variable() -> Result<()> {
    for (variable, value, said) in [
        ("BANYAN_LIMITS__UPLOAD_BYTES", "100MB", "must be a number of bytes"),
        ("BANYAN_LIMITS__EVENTS_KEPT_SECONDS", "an hour", "must be a number of seconds"),
        ("BANYAN_DATABASE__TRUSTED_NETWORK", "yes", "must be true or false"),
        ("BANYAN_LOG__FORMAT", "pretty", "must be 'json' or 'text'"),
        ("BANYAN_PUBLIC_URL", "chat.example.com", "must be the whole address"),
        ("BANYAN_LISTEN", "8080", "must be an address and a port"),
        ("BANYAN_DATABASE__READERS", "0", "must be 1 to"),
    ] {
        let told = refusal(&[(variable, value)]).await?;
        ensure!(told.starts_with(&format!("banyan: {variable} {said}")), "{told}");
    }
    Ok(())
}

#[tokio::test]
async fn whatever_a_name_looks_like_it_is_a_name() -> Result<()> {
    for name in ["42", "true", "[a]", "1e5", "{}"] {
        let shown = in_force(&[("BANYAN_TENANT_NAME", name), ("BANYAN_CHAT__MODEL", name)]).await?;
        assert_eq!((&shown["tenant_name"], &shown["chat"]["model"]), (&json!(name), &json!(name)));
    }
    let shown = in_force(&[("BANYAN_PUBLIC_URL", "https://Chat.example.com/"), ("BANYAN_LISTEN", "")]).await?;
    assert_eq!(shown["public_url"], "https://chat.example.com");
    assert_eq!(shown["listen"], "127.0.0.1:8080");
    assert_eq!(shown["database_url"], "sqlite://./data/banyan.db");
    Ok(())
}

#[tokio::test]
async fn a_variable_that_is_almost_a_setting_is_told_in_the_log() -> Result<()> {
    for (variable, near) in [
        ("BANYAN_CHAT_MODEL", "did you mean BANYAN_CHAT__MODEL?"),
        ("BANYAN_OPENAI_API_KEY", "did you mean OPENAI_API_KEY?"),
        ("BANYAN_LIMIT__UPLOAD_BYTES", "did you mean BANYAN_LIMITS__UPLOAD_BYTES?"),
    ] {
        let output = program::output(&["config"], &[(variable, "x")]).await?;
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success() && log.contains("WARN") && log.contains(near), "{log}");
    }
    Ok(())
}

#[tokio::test]
async fn the_first_admin_is_made_of_any_address() -> Result<()> {
    for (email, given, expected) in [
        ("ada+banyan@example.com", None, "ada-banyan"),
        ("_@example.com", None, "admin"),
        ("ada@example.com", Some("lovelace"), "lovelace"),
    ] {
        let secrets = tempfile::tempdir()?;
        let file = secrets.path().join("password");
        std::fs::write(&file, format!("{PASSWORD}\n"))?;
        let mut builder = Server::builder()
            .variable("BANYAN_ADMIN_EMAIL", email)
            .variable("BANYAN_ADMIN_PASSWORD_FILE", file.display().to_string())
            .variable("BANYAN_TENANT_NAME", "42");
        if let Some(name) = given {
            builder = builder.variable("BANYAN_ADMIN_USERNAME", name);
        }
        let server = builder.start().await?;
        let login = json!({ "login": email, "password": PASSWORD });
        let signed_in = server.client()?.post("/api/v1/auth/login", &login).await?.expect(200)?;
        let client = server.client()?.with_token(signed_in["access_token"].as_str().unwrap_or_default());
        assert_eq!(client.get("/api/v1/me").await?.expect(200)?["username"], expected);
    }
    Ok(())
}

#[tokio::test]
async fn a_first_admin_that_cannot_be_made_is_told_by_the_setting() -> Result<()> {
    let secrets = tempfile::tempdir()?;
    let file = secrets.path().join("password");
    std::fs::write(&file, "too short")?;
    let with = |email: &str| {
        Server::builder()
            .variable("BANYAN_ADMIN_EMAIL", email)
            .variable("BANYAN_ADMIN_PASSWORD_FILE", file.display().to_string())
    };
    let (status, said) = with("ada@example.com").refusal().await?;
    ensure!(
        !status.success() && said.contains("BANYAN_ADMIN_PASSWORD_FILE must have at least 15 characters"),
        "{said}"
    );
    let (_, said) = with("ada").refusal().await?;
    ensure!(said.contains("BANYAN_ADMIN_EMAIL must be an e-mail address"), "{said}");
    let (_, said) = with("ada@example.com").variable("BANYAN_ADMIN_USERNAME", "ada+b").refusal().await?;
    ensure!(said.contains("BANYAN_ADMIN_USERNAME must be"), "{said}");
    Ok(())
}

#[tokio::test]
async fn nothing_is_made_before_the_settings_are_known_to_be_right() -> Result<()> {
    let secrets = tempfile::tempdir()?;
    let file = secrets.path().join("password");
    std::fs::write(&file, "too short")?;
    let file = file.display().to_string();
    let admin = [("BANYAN_ADMIN_EMAIL", "ada@example.com"), ("BANYAN_ADMIN_PASSWORD_FILE", file.as_str())];
    for (variables, said) in [
        (&[("BANYAN_SECRET_KEY", "short")][..], "BANYAN_SECRET_KEY "),
        (&[("BANYAN_DATABASE_URL", "mysql://x")], "BANYAN_DATABASE_URL must be"),
        (&[("BANYAN_DATABASE_URL", "sqlite:///nowhere/b.db")], "BANYAN_DATABASE_URL names '/nowhere/b.db'"),
        (&admin, "BANYAN_ADMIN_PASSWORD_FILE must have at least"),
    ] {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data").display().to_string();
        let own = [
            ("BANYAN_DATA_DIR", data.as_str()),
            ("BANYAN_LISTEN", "127.0.0.1:0"),
            ("BANYAN_METRICS_LISTEN", "127.0.0.1:0"),
        ];
        let output = program::output(&["serve"], &[&own[..], variables].concat()).await?;
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(!output.status.success() && told.contains(said), "{told}");
        assert_eq!(std::fs::read_dir(folder.path())?.count(), 0, "{said}: something was made");
    }
    Ok(())
}

#[tokio::test]
async fn a_file_or_model_that_is_not_there_is_told_by_its_setting() -> Result<()> {
    let secrets = tempfile::tempdir()?;
    let empty = secrets.path().join("empty");
    std::fs::write(&empty, "\n")?;
    let missing = secrets.path().join("missing").display().to_string();
    let admin = |file: &str| {
        let builder = Server::builder().variable("BANYAN_ADMIN_EMAIL", "ada@example.com");
        builder.variable("BANYAN_ADMIN_PASSWORD_FILE", file.to_owned())
    };
    for (builder, expected) in [
        (admin(&empty.display().to_string()), "BANYAN_ADMIN_PASSWORD_FILE names '"),
        (admin(&missing), "BANYAN_ADMIN_PASSWORD_FILE names '"),
        (
            Server::builder().variable("BANYAN_EMBEDDINGS__PATH", missing.clone()),
            "BANYAN_EMBEDDINGS__PATH names no model",
        ),
        (Server::builder().variable("BANYAN_SECRET_KEY_FILE", missing.clone()), "BANYAN_SECRET_KEY_FILE names '"),
    ] {
        let (status, said) = builder.refusal().await?;
        ensure!(!status.success() && said.contains(expected), "{said}");
    }
    // A password by itself is no setting, and is told so though the start fails for something else.
    let alone = Server::builder().variable("BANYAN_ADMIN_EMAIL", "ada@example.com");
    let (_, said) = alone.variable("BANYAN_ADMIN_PASSWORD", PASSWORD).refusal().await?;
    ensure!(said.contains("set BANYAN_ADMIN_PASSWORD_FILE to the path") && !said.contains(PASSWORD), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_default_model_of_nobody_is_told_at_the_start() -> Result<()> {
    for (model, is_told) in
        [("nobody/gpt", true), ("openai/gpt", false), ("banyan/extractive", false), ("banyan/x", true)]
    {
        let builder = Server::builder()
            .variable("BANYAN_CHAT__MODEL", model)
            .variable("OPENAI_BASE_URL", "http://127.0.0.1:1/v1");
        let server = builder.start().await?;
        let log = server.logs().join("\n");
        assert_eq!(log.contains("BANYAN_CHAT__MODEL names no model that there is"), is_told, "{model}: {log}");
    }
    Ok(())
}
