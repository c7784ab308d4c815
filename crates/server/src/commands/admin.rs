//! `banyan admin`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use app::identity::NewInstallation;
use clap::Subcommand;
use domain::error::ValueError;

use crate::{
    config::{Config, secret_text},
    error::StartError,
    output::say,
    wiring::{self, Backend},
};

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
        #[arg(long, default_value = "Default", conflicts_with = "superadmin")]
        tenant_name: String,
    },
}

pub(super) async fn run(command: AdminCommand, config: &Config) -> Result<ExitCode, StartError> {
    let AdminCommand::Create { superadmin, email, username, password_file, tenant_name } = command;
    if matches!(Backend::of(config)?, Backend::Memory) {
        let problem = "keeps nothing when this command ends; name the database that the server uses";
        return Err(config.refuse("database_url", problem));
    }
    let password = password_in("--password-file", &password_file)?;
    let app = wiring::build(config, wiring::models(config)?).await?;
    let by_flag = |error| by_name(error, |field| format!("--{}", field.replace('_', "-")));
    if superadmin {
        let user = app.identity().create_superadmin(&email, &username, password).await.map_err(by_flag)?;
        say(format!("made the superadmin {} ({})", user.username.as_str(), user.id))?;
    } else {
        let new = NewInstallation { tenant_name, email, username, password };
        let set_up = app.identity().set_up_on_host(new).await.map_err(|error| match error.code {
            "setup_not_allowed" => {
                let problem = "is set up already; its admins make users (POST /api/v1/users), and --superadmin makes \
                               one who runs it";
                StartError::setting("this installation", problem)
            }
            _ => by_flag(error),
        })?;
        say(format!(
            "made the tenant {} and its admin {}",
            set_up.tenant.slug.as_str(),
            set_up.user.username.as_str()
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The password that the file of the setting `name` holds, without the line break that editors leave.
///
/// # Errors
/// [`StartError::Setting`].
pub(super) fn password_in(name: &str, file: &Path) -> Result<String, StartError> {
    let text = secret_text(name, file)?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(StartError::setting(name, format!("names '{}', which is empty", file.display()))),
        password => Ok(password.to_owned()),
    }
}

/// What is wrong with the account that is made, by the names under which it was told.
pub(super) fn by_name(error: app::Error, name_of: impl Fn(&str) -> String) -> StartError {
    let told = |field: &ValueError| {
        let name = match field.field.as_str() {
            "password" => format!("the password in the file of {}", name_of("password_file")),
            field => name_of(field),
        };
        StartError::setting(name, field.message.clone())
    };
    match error.fields.as_slice() {
        [] => error.into(),
        fields => StartError::all(fields.iter().map(told).collect()),
    }
}
