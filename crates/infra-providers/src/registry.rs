//! The configured providers, and which model a name means.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    clock::Clock,
    gateways::{ChatModel, ChatModels, GatewayError, GatewayErrorKind, ModelDescription, ModelName},
};
use futures::future::join_all;

use crate::{
    egress::Egress,
    extractive::{self, ExtractiveModel},
    openai::{ModelLister, OpenAiChat, OpenAiConnection},
    settings::ProviderSettings,
};

/// Most models that an error names.
const MAX_NAMED: usize = 20;

/// A provider over the wire.
struct Provider {
    name: &'static str,
    chat: Arc<OpenAiChat>,
    models: ModelLister,
}

/// All models that can be named; the extractive one is always among them, and by default alone.
#[derive(Default)]
pub struct ProviderRegistry {
    providers: Vec<Provider>,
    extractive: Arc<ExtractiveModel>,
}

impl ProviderRegistry {
    /// The providers of the settings, called through the guarded client.
    pub fn new(settings: &ProviderSettings, egress: &Arc<Egress>, clock: &Arc<dyn Clock>) -> Self {
        let configured = [("openai", &settings.openai), ("ollama", &settings.ollama)];
        let providers = configured.into_iter().filter_map(|(name, endpoint)| {
            let endpoint = endpoint.as_ref()?;
            let connection = Arc::new(OpenAiConnection::new(
                name,
                endpoint.base_url.clone(),
                endpoint.key.clone(),
                Arc::clone(egress),
                Arc::clone(clock),
                settings.timeouts,
            ));
            let chat = Arc::new(OpenAiChat::new(Arc::clone(&connection)));
            Some(Provider { name, chat, models: ModelLister::new(connection) })
        });
        Self { providers: providers.collect(), ..Self::default() }
    }

    /// Asks each provider over the wire for the names of its models, as it is now; for whoever looks for what is wrong.
    pub async fn ask_each(&self) -> Vec<(&str, Result<Vec<String>, GatewayError>)> {
        let asked = self.providers.iter().map(|provider| async {
            let models = provider.models.fetch().await;
            (provider.name, models.map(|models| models.into_iter().map(|(model, _)| model).collect()))
        });
        join_all(asked).await
    }

    fn find(&self, name: &ModelName) -> Option<Arc<dyn ChatModel>> {
        if *name == extractive::name() {
            return Some(Arc::clone(&self.extractive) as _);
        }
        let provider = self.providers.iter().find(|provider| provider.name == name.provider)?;
        Some(Arc::clone(&provider.chat) as _)
    }
}

#[async_trait]
impl ChatModels for ProviderRegistry {
    async fn list(&self) -> Vec<ModelDescription> {
        let lists = join_all(self.providers.iter().map(|provider| provider.models.list())).await;
        let mut models = vec![ModelDescription { name: extractive::name(), created: 0 }];
        for (provider, list) in self.providers.iter().zip(lists) {
            models.extend(list.into_iter().flatten().map(|(model, created)| ModelDescription {
                name: ModelName { provider: provider.name.to_owned(), model },
                created,
            }));
        }
        models
    }

    async fn resolve(&self, name: &str) -> Result<(ModelName, Arc<dyn ChatModel>), GatewayError> {
        ModelName::check(name).map_err(|error| {
            GatewayError::new(GatewayErrorKind::UnknownModel, format!("the name of a model {}", error.message))
        })?;
        // A full name needs no list: the provider itself knows best what it has.
        if let Ok(full) = ModelName::parse(name)
            && let Some(model) = self.find(&full)
        {
            return Ok((full, model));
        }
        let offered = self.list().await;
        let matching: Vec<&ModelName> =
            offered.iter().map(|model| &model.name).filter(|offered| offered.model == name).collect();
        let unknown = |message: String| GatewayError::new(GatewayErrorKind::UnknownModel, message);
        match matching.as_slice() {
            [] => Err(unknown(format!("no model '{name}' is on offer; choose one of: {}", named(&offered)))),
            [only] => {
                let model = self.find(only).ok_or_else(|| unknown(format!("the provider of '{only}' is gone")))?;
                Ok(((*only).clone(), model))
            }
            several => {
                let names: Vec<String> = several.iter().map(ToString::to_string).collect();
                Err(unknown(format!("several providers have '{name}'; write one of: {}", names.join(", "))))
            }
        }
    }
}

/// The models on one line, as far as a sentence goes.
fn named(models: &[ModelDescription]) -> String {
    let names: Vec<String> = models.iter().take(MAX_NAMED).map(|model| model.name.to_string()).collect();
    let more = models.len().saturating_sub(MAX_NAMED);
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{tail}", names.join(", "))
}
