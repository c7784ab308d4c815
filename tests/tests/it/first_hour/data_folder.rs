//! One server for one data folder, however it ended before; several for one PostgreSQL.

use anyhow::{Context, Result, ensure};
use e2e::{Database, Server};

use crate::world::{Backend, PASSWORD, World};

#[tokio::test]
async fn a_second_server_on_one_data_folder_is_refused() -> Result<()> {
    let mut world = World::start(Backend::Sqlite).await?;
    let data = world.server.folder().join("data").display().to_string();
    let second = || Server::builder().variable("BANYAN_DATA_DIR", data.as_str());
    let (status, said) = second().refusal().await?;
    let holder = format!("(process {})", world.server.process_id()?);
    ensure!(!status.success() && said.contains("is served by another server") && said.contains(&holder), "{said}");
    ensure!(said.contains("BANYAN_DATA_DIR"), "{said}");
    // Another name of the same file.
    let url = format!("sqlite://{data}/../data/banyan.db");
    let (status, said) = Server::builder().variable("BANYAN_DATABASE_URL", url).refusal().await?;
    ensure!(!status.success() && said.contains("is served by another server"), "{said}");
    world.admin()?.get("/api/v1/me").await?.expect(200)?;
    // A process that is killed holds nothing.
    world.server.kill()?;
    let other = second().start().await?;
    other.client()?.get("/readyz").await?.expect(200)?;
    drop(other);
    world.server.restart().await?;
    Ok(())
}

#[tokio::test]
async fn commands_of_the_operator_work_beside_a_server() -> Result<()> {
    let world = World::start(Backend::Sqlite).await?;
    let file = world.server.folder().join("password");
    std::fs::write(&file, PASSWORD)?;
    let file = file.display().to_string();
    let create = ["admin", "create", "--superadmin", "--email", "root@example.com", "--username", "root"];
    world.banyan(&[&create[..], &["--password-file", &file]].concat()).await?;
    world.sign_in("root@example.com").await?;
    assert_eq!(world.reconcile().await?, "0");
    ensure!(world.banyan(&["migrate", "status"]).await?.contains("applied"), "no migration is applied");
    Ok(())
}

#[tokio::test]
async fn servers_of_one_postgres_share_a_data_folder() -> Result<()> {
    let database = Database::create().await?;
    let first = Server::builder().database(&database).start().await?;
    let data = first.folder().join("data").display().to_string();
    let second = Server::builder().database(&database).variable("BANYAN_DATA_DIR", data.clone()).start().await?;
    second.client()?.get("/readyz").await?.expect(200)?;
    let (status, said) = Server::builder().variable("BANYAN_DATA_DIR", data).refusal().await?;
    ensure!(!status.success() && said.contains("is served by another server"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_taken_port_is_told_with_its_setting() -> Result<()> {
    let first = Server::builder().start().await?;
    let address = first.url()?;
    let address = address.strip_prefix("http://").context("an address")?;
    for setting in ["BANYAN_LISTEN", "BANYAN_METRICS_LISTEN"] {
        let (status, said) = Server::builder().variable(setting, address).refusal().await?;
        ensure!(!status.success() && said.contains(&format!("another program listens on {address}")), "{said}");
        ensure!(said.contains(&format!("choose another with {setting}")), "{said}");
    }
    Ok(())
}
