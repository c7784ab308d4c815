//! `banyan migrate`, `banyan admin` and the other commands of an operator.

use anyhow::{Result, ensure};
use e2e::{Database, program};

use crate::world::{Backend, PASSWORD, World};

/// What a command says that fails.
async fn failure(arguments: &[&str], variables: &[(&str, &str)]) -> Result<String> {
    let output = program::output(arguments, variables).await?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(!output.status.success(), "{arguments:?} succeeds: {said}");
    Ok(said)
}

#[tokio::test]
async fn the_status_of_migrations_is_a_list_on_sqlite_too() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data").display().to_string();
    let variables = [("BANYAN_DATA_DIR", data.as_str())];
    let before = program::run(&["migrate", "status"], &variables).await?;
    ensure!(before.lines().count() > 10 && before.lines().all(|line| line.starts_with("missing m")), "{before}");
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 0, "the status made something");
    program::run(&["migrate", "up"], &variables).await?;
    let after = program::run(&["migrate", "status"], &variables).await?;
    ensure!(after.lines().all(|line| line.starts_with("applied m")), "{after}");
    let down = failure(&["migrate", "down"], &variables).await?;
    ensure!(down.contains("banyan.db") && down.contains("put back a copy"), "{down}");
    let nothing = failure(&["migrate", "status"], &[("BANYAN_DATABASE_URL", "memory://")]).await?;
    ensure!(nothing.contains("BANYAN_DATABASE_URL keeps nothing"), "{nothing}");
    Ok(())
}

#[tokio::test]
async fn a_url_that_does_not_work_is_told_by_its_name() -> Result<()> {
    let database = Database::create().await?;
    let mut wrong = url::Url::parse(database.superuser_url())?;
    ensure!(wrong.set_password(Some("wrong")).is_ok() && wrong.set_username("e2e_nobody").is_ok(), "a URL has a login");
    let wrong = wrong.as_str();
    let prepare = ["migrate", "prepare", "--admin-url", wrong];
    let said = failure(&prepare, &[("BANYAN_DATABASE_URL", database.url())]).await?;
    ensure!(said.contains("--admin-url") && !said.contains("migrate prepare"), "{said}");
    let said = failure(&["migrate", "up"], &[("BANYAN_DATABASE_URL", wrong)]).await?;
    ensure!(said.contains("BANYAN_DATABASE_URL") && said.contains("banyan migrate prepare"), "{said}");
    let variables = [("BANYAN_DATABASE_URL", database.url()), ("BANYAN_DATABASE__OWNER_URL", wrong)];
    let said = failure(&["migrate", "status"], &variables).await?;
    ensure!(said.contains("BANYAN_DATABASE__OWNER_URL"), "{said}");
    let said = failure(&["migrate", "prepare", "--admin-url", wrong], &[]).await?;
    ensure!(said.contains("BANYAN_DATABASE_URL must name the PostgreSQL database"), "{said}");
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_with_an_account_is_told_by_its_flag() -> Result<()> {
    let world = World::start(Backend::Sqlite).await?;
    let data = world.server.folder().join("data").display().to_string();
    let variables = [("BANYAN_DATA_DIR", data.as_str())];
    let file = |password: &str| {
        let file = world.server.folder().join("password");
        std::fs::write(&file, password).map(|()| file.display().to_string())
    };
    let create = async |email: &str, username: &str, password: &str, further: &[&str]| {
        let file = file(password)?;
        let arguments = ["admin", "create", "--email", email, "--username", username, "--password-file", &file];
        failure(&[&arguments[..], further].concat(), &variables).await
    };
    let root = ["--superadmin"];
    for (said, expected) in [
        (create("root", "root", PASSWORD, &root).await?, "--email must be an e-mail address"),
        (create("root@example.com", "a b", PASSWORD, &root).await?, "--username must be 1 to 64 letters"),
        (
            create("root@example.com", "root", "short", &root).await?,
            "the file of --password-file must have at least 15",
        ),
        (create("ada@example.com", "ada", PASSWORD, &[]).await?, "this installation is set up already"),
        (
            create("ada@example.com", "ada", PASSWORD, &["--superadmin", "--tenant-name", "x"]).await?,
            "cannot be used with",
        ),
    ] {
        ensure!(said.contains(expected), "{said}");
    }
    let file = file(PASSWORD)?;
    let arguments = ["admin", "create", "--email", "a@b.cd", "--username", "a", "--password-file", &file];
    let said = failure(&arguments, &[("BANYAN_DATABASE_URL", "memory://")]).await?;
    ensure!(said.contains("BANYAN_DATABASE_URL keeps nothing"), "{said}");
    Ok(())
}

#[tokio::test]
async fn what_only_looks_makes_nothing_where_nothing_is() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data").display().to_string();
    let postgres = Database::create().await?;
    let sqlite = [("BANYAN_DATA_DIR", data.as_str())];
    let on_postgres = [("BANYAN_DATA_DIR", data.as_str()), ("BANYAN_DATABASE_URL", postgres.url())];
    for command in [&["config"][..], &["openapi"], &["doctor"], &["migrate", "status"], &["usage", "reconcile"]] {
        for variables in [&sqlite[..], &on_postgres] {
            program::output(command, variables).await?;
            assert_eq!(std::fs::read_dir(folder.path())?.count(), 0, "{command:?} makes something");
        }
    }
    for command in [&["migrate", "down"][..], &["usage", "reconcile"]] {
        let said = failure(command, &sqlite).await?;
        ensure!(said.contains("banyan.db'"), "{said}");
        let said = failure(command, &[("BANYAN_DATABASE_URL", "memory://")]).await?;
        ensure!(said.contains("BANYAN_DATABASE_URL keeps nothing"), "{said}");
        assert_eq!(std::fs::read_dir(folder.path())?.count(), 0, "{command:?} makes something");
    }
    let said = failure(&["usage", "reconcile"], &sqlite).await?;
    ensure!(said.contains("is not there") && said.contains("BANYAN_DATA_DIR"), "{said}");
    let account = ["admin", "create", "--email", "a@b.cd", "--username", "a", "--password-file", "/no/such/file"];
    let said = failure(&account, &sqlite).await?;
    ensure!(said.contains("--password-file names '/no/such/file', which cannot be read"), "{said}");
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 0, "admin create makes something");
    Ok(())
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_ends_a_command_in_silence() -> Result<()> {
    use std::process::{Command, Stdio};
    for command in ["openapi", "config"] {
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        let mut banyan = Command::new(program::path()?);
        banyan.arg(command).env_clear().stdout(writer).stderr(Stdio::piped());
        let output = banyan.output()?;
        ensure!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

#[tokio::test]
async fn commands_speak_in_plain_text_and_the_doctor_alone() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data").display().to_string();
    let dead = [
        ("BANYAN_DATA_DIR", data.as_str()),
        ("OPENAI_BASE_URL", "http://127.0.0.1:1/v1"),
        ("BANYAN_CHAT__MODEL", "openai/gpt-4.1-mini"),
        ("BANYAN_CHAT_MODEL", "x"),
    ];
    let examined = program::output(&["doctor"], &dead).await?;
    let (said, log) = (String::from_utf8_lossy(&examined.stdout), String::from_utf8_lossy(&examined.stderr));
    ensure!(said.lines().all(|line| line.starts_with("ok    ") || line.starts_with("wrong ")), "{said}");
    let lines: Vec<&str> = log.lines().collect();
    ensure!(lines.len() == 1 && lines[0].contains("did you mean BANYAN_CHAT__MODEL?"), "{log}");
    ensure!(!lines[0].starts_with('{'), "{log}");
    let up = program::output(&["migrate", "up"], &[("BANYAN_DATA_DIR", data.as_str())]).await?;
    ensure!(up.status.success() && up.stderr.is_empty(), "{}", String::from_utf8_lossy(&up.stderr));
    // What an operator sets goes for commands, too.
    let set = [("BANYAN_LOG__FORMAT", "json"), ("BANYAN_CHAT_MODEL", "x")];
    let log = program::output(&["config"], &set).await?;
    ensure!(String::from_utf8_lossy(&log.stderr).starts_with('{'), "{}", String::from_utf8_lossy(&log.stderr));
    Ok(())
}
