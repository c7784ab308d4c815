//! `banyan doctor`: looks at each part and says what is wrong and what to do.

use std::process::ExitCode;

use domain::gateways::{ByteStream, DocumentParser};
use infra_documents::{ChildParser, ChildParserSettings, MARKDOWN};
use infra_providers::ProviderSettings;

use crate::{
    config::Config,
    error::{StartError, sentence},
    wiring::{self, Backend},
};

/// A document that every parser reads.
const SAMPLE: &[u8] = b"# A heading\n\nA paragraph.\n";

pub(super) async fn run(config: &Config) -> Result<ExitCode, StartError> {
    let mut healthy = true;
    let mut tell = |what: &str, found: Result<String, String>| match found {
        Ok(text) => println!("ok    {what}: {text}"),
        Err(text) => {
            healthy = false;
            println!("wrong {what}: {text}");
        }
    };
    let backend = Backend::of(config);
    tell("database setting", backend.map(|backend| named(&backend)).map_err(|error| sentence(&error)));
    let app = wiring::build(config).await;
    match &app {
        Ok(app) => {
            tell("database, secret, folders", Ok(format!("{} is open", app.capabilities().backend)));
            let set_up = app.identity().is_set_up().await;
            let text = |done| if done { "done" } else { "open; start the server and follow the URL that it prints" };
            tell("setup", set_up.map(|done| text(done).to_owned()).map_err(|error| error.to_string()));
            let books = app::usage::discrepancies_of(app).await;
            tell(
                "books",
                match books {
                    Ok(differences) if differences.is_empty() => Ok("right to the last digit".to_owned()),
                    Ok(differences) => {
                        Err(format!("{} conversations differ; see 'banyan usage reconcile'", differences.len()))
                    }
                    Err(error) => Err(error.to_string()),
                },
            );
        }
        Err(error) => tell("database, secret, folders", Err(sentence(error))),
    }
    let providers = ProviderSettings::read(|name| std::env::var(name).ok());
    tell("providers", providers.map(|settings| providers_of(&settings)).map_err(|error| error.to_string()));
    if std::env::var_os("ANTHROPIC_API_KEY").is_some() {
        tell("anthropic", Err("ANTHROPIC_API_KEY is set, but its dialect is not supported yet".to_owned()));
    }
    let parser = ChildParser::new(ChildParserSettings::new("/proc/self/exe"));
    let content: ByteStream = Box::pin(sample());
    let parsed = parser.parse(MARKDOWN, content).await;
    tell("document parser", parsed.map(|_| "reads in a process of its own".to_owned()).map_err(|error| error.message));
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn sample() -> impl futures::Stream<Item = Result<bytes::Bytes, domain::gateways::BlobError>> {
    futures::stream::once(async { Ok(bytes::Bytes::from_static(SAMPLE)) })
}

fn named(backend: &Backend) -> String {
    match backend {
        Backend::Sqlite(path) => format!("SQLite in '{}'", path.display()),
        Backend::Postgres(urls) => {
            let logins = match (&urls.background, &urls.owner) {
                (Some(_), Some(_)) => "a login for each role",
                (Some(_), None) => "a login for each role; another process migrates",
                (None, _) => "one login for serving and background work, which each reaches the other's rights",
            };
            let network = if urls.trusted_network { ", TLS left to a trusted network" } else { "" };
            format!("PostgreSQL, {logins}{network}")
        }
        Backend::Memory => "memory, gone when the program ends".to_owned(),
    }
}

fn providers_of(settings: &ProviderSettings) -> String {
    let known = [("openai", settings.openai.is_some()), ("ollama", settings.ollama.is_some())];
    let names: Vec<&str> = known.iter().filter(|(_, set)| *set).map(|(name, _)| *name).chain(["banyan"]).collect();
    names.join(", ")
}
