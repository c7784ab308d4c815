//! What black-box tests and benchmarks share: the real `banyan` program started on a folder and a
//! database of its own, a client for its HTTP faces, and the fixtures that `cargo xtask` brings.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use e2e::{Database, Server};
//! use serde_json::json;
//!
//! let database = Database::create().await?;
//! let mut server = Server::builder().database(&database).start().await?;
//! let token = server.setup_token().await?;
//! let setup = json!({ "token": token, "tenant_name": "Acme", "email": "a@example.org",
//!     "username": "admin", "password": "a long enough pass phrase" });
//! let made = server.client()?.post("/api/v1/setup", &setup).await?.expect(201)?;
//! server.kill()?;
//! server.restart().await?;
//! # drop(made);
//! # Ok(())
//! # }
//! ```

pub mod client;
pub mod database;
pub mod events;
pub mod fixtures;
pub mod installation;
mod logs;
pub mod processor;
pub mod program;
pub mod server;
pub mod text;

pub use self::{
    client::{Client, Response},
    database::Database,
    events::{Event, Events},
    installation::Installation,
    server::{Builder, Server},
};
