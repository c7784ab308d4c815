//! `banyan openapi`.

use std::process::ExitCode;

use crate::error::StartError;

pub(super) fn run() -> Result<ExitCode, StartError> {
    super::print_json(&api_actix::openapi::document())?;
    Ok(ExitCode::SUCCESS)
}
