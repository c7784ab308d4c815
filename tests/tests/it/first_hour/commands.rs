//! `banyan migrate` and `banyan admin`.

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
