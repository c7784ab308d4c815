//! Providers of models, the model that conversations use by default, and the embedding model.

use std::sync::Arc;

use app::{App, knowledge::embeddings_in_use};
use domain::{
    clock::{Clock, SystemClock},
    gateways::{ChatModels, EmbeddingInput, EmbeddingPurpose, GatewayError},
};
use infra_providers::{ProviderRegistry, ProviderSettings};

use super::{Report, told};
use crate::{
    config::{self, Config},
    error::{StartError, sentence},
    wiring,
};

/// Most models that are named where one is missing.
const MAX_NAMED: usize = 20;
/// What is embedded to see whether that can be done.
const WORD: &str = "banyan";

/// What each provider listed.
type Lists<'a> = [(&'a str, Result<Vec<String>, GatewayError>)];

pub(super) async fn look(report: &mut Report, config: &Config, app: Option<&App>) {
    if std::env::var_os("ANTHROPIC_API_KEY").is_some() {
        report.tell("anthropic", Err("ANTHROPIC_API_KEY is set, but its dialect is not supported yet".to_owned()));
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let providers = match config::providers::settings(&config.providers) {
        Ok(providers) => providers,
        Err(error) => return report.tell("providers", Err(error.to_string())),
    };
    let registry = match ProviderRegistry::new(&providers, &clock) {
        Ok(registry) => registry,
        Err(error) => return report.tell("providers", Err(told(StartError::part(error)))),
    };
    let lists = registry.ask_each().await;
    for (name, list) in &lists {
        let found = list.as_ref().map(|models| format!("lists {} models", models.len()));
        report.tell(&format!("provider {name}"), found.map_err(|error| sentence(error)));
    }
    if lists.is_empty() {
        report.tell("providers", Ok("none; answers quote documents (banyan/extractive)".to_owned()));
    }
    if let Some(model) = &config.chat.model {
        report.look("chat model", chat_model(model, config, &registry, &lists)).await;
    }
    report.look("embedding model", embedding_model(config, &providers, &clock, app)).await;
}

/// Whether a provider lists the model that conversations use by default.
async fn chat_model(
    wanted: &str,
    config: &Config,
    registry: &ProviderRegistry,
    lists: &Lists<'_>,
) -> Result<String, String> {
    let setting = config.name_of("chat.model");
    let refused = |problem: String| format!("{problem}; correct {setting}");
    let (name, _) = registry.resolve(wanted).await.map_err(|error| refused(error.message))?;
    let Some((provider, list)) = lists.iter().find(|(provider, _)| *provider == name.provider) else {
        return Ok(format!("{name}, built in"));
    };
    let Ok(models) = list else {
        return Err(format!("whether there is a '{name}' is not known while '{provider}' does not list its models"));
    };
    // Ollama lists a model with its tag, and takes it without.
    if models.iter().any(|model| *model == name.model || model.strip_suffix(":latest") == Some(name.model.as_str())) {
        return Ok(name.to_string());
    }
    let named: Vec<&str> = models.iter().take(MAX_NAMED).map(String::as_str).collect();
    let more = if models.len() > MAX_NAMED { ", …" } else { "" };
    Err(refused(format!("'{provider}' lists no '{}', but {}{more}", name.model, named.join(", "))))
}

/// Embeds a word, and compares the model with those of the documents that are there.
async fn embedding_model(
    config: &Config,
    providers: &ProviderSettings,
    clock: &Arc<dyn Clock>,
    app: Option<&App>,
) -> Result<String, String> {
    let embedder = wiring::embedder(config, providers, clock).await.map_err(told)?;
    let in_use = match app {
        Some(app) => embeddings_in_use(app).await.map_err(told)?,
        None => Default::default(),
    };
    let others: Vec<&str> = in_use.iter().map(|(model, _)| model.as_str()).collect();
    let Some(embedder) = embedder else {
        return if others.is_empty() {
            Ok("none; documents are found by their words".to_owned())
        } else {
            Err(format!(
                "none is set, and documents are indexed by {}; set it, or they are found by words alone",
                others.join(", ")
            ))
        };
    };
    let name = embedder.model().full_name();
    let input = EmbeddingInput::Texts(vec![WORD.to_owned()]);
    let embedded = embedder.embed(&input, EmbeddingPurpose::Query).await.map_err(|error| sentence(&error))?;
    let dimension = embedded.vectors.first().map_or(0, Vec::len);
    let of_name = in_use.iter().find(|(model, _)| *model == name);
    match of_name {
        Some((_, kept)) if *kept as usize != dimension => Err(format!(
            "{name} gives vectors of {dimension} numbers, and documents are indexed by {kept} under the same name; \
             bring back the model that made them, or upload them again"
        )),
        None if !others.is_empty() => Err(format!(
            "documents are indexed by {}, and {name} does not find them by meaning; set that model, or upload them again",
            others.join(", ")
        )),
        _ => Ok(format!("{name} gives vectors of {dimension} numbers")),
    }
}
