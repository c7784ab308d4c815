//! `banyan admin`.

use std::{fs, path::PathBuf, process::ExitCode};

use app::identity::NewInstallation;
use clap::Subcommand;

use crate::{config::Config, error::StartError, wiring};

/// What to do about accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Make the first tenant with its admin, or with --superadmin one who runs the installation
    Create {
        /// Make a superadmin: belongs to no tenant, enters one by naming it
        #[arg(long)]
        superadmin: bool,
        /// Its e-mail address
        #[arg(long)]
        email: String,
        /// Its user name
        #[arg(long)]
        username: String,
        /// A file that holds its password
        #[arg(long, value_name = "FILE")]
        password_file: PathBuf,
        /// The first tenant's name
        #[arg(long, default_value = "Default")]
        tenant_name: String,
    },
}

pub(super) async fn run(command: AdminCommand, config: &Config) -> Result<ExitCode, StartError> {
    let AdminCommand::Create { superadmin, email, username, password_file, tenant_name } = command;
    let read = fs::read_to_string(&password_file);
    let password = read
        .map_err(|source| StartError::File { what: "the password file", path: password_file.clone(), source })?
        .trim_end_matches(['\r', '\n'])
        .to_owned();
    let app = wiring::build(config).await?;
    if superadmin {
        let user = app.identity().create_superadmin(&email, &username, password).await?;
        println!("made the superadmin {} ({})", user.username.as_str(), user.id);
    } else {
        let new = NewInstallation { tenant_name, email, username, password };
        let set_up = app.identity().set_up_on_host(new).await?;
        println!("made the tenant {} and its admin {}", set_up.tenant.slug.as_str(), set_up.user.username.as_str());
    }
    Ok(ExitCode::SUCCESS)
}
