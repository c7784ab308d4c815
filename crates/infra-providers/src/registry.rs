//! The configured providers, and which model a name means.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    clock::Clock,
    gateways::{ChatModel, ChatModels, GatewayError, GatewayErrorKind, ModelDescription, ModelName},
};
use futures::future::join_all;

use crate::{
    egress::EgressError,
    extractive::{self, ExtractiveModel},
    openai::{ModelLister, OpenAiChat, OpenAiConnection},
    settings::ProviderSettings,
};

/// Most models that an error names.
const MAX_NAMED: usize = 20;

/// A provider over the wire.
struct Served {
    name: String,
    chat: Arc<OpenAiChat>,
    models: ModelLister,
    /// The models that may be asked; `None`: whatever it has.
    allowed: Option<Vec<String>>,
}

impl Served {
    /// Its models as far as they are known, or `anew`.
    async fn list(&self, anew: bool) -> Vec<ModelDescription> {
        let described = |model: &str, created| ModelDescription {
            name: ModelName { provider: self.name.clone(), model: model.to_owned() },
            created,
        };
        let listed = match &self.allowed {
            Some(allowed) => return allowed.iter().map(|model| described(model, 0)).collect(),
            None if anew => self.models.list_anew().await,
            None => self.models.list().await,
        };
        listed.iter().flat_map(|models| models.iter()).map(|(model, created)| described(model, *created)).collect()
    }

    /// The provider's own name of the model that is called `bare` at it, or `whole` with its name before it; `None`:
    /// it is not one that may be asked.
    async fn own_name<'a>(&self, bare: &'a str, whole: &'a str) -> Option<&'a str> {
        match &self.allowed {
            Some(allowed) => [bare, whole].into_iter().find(|name| allowed.iter().any(|model| model == name)),
            None => Some(self.models.own_name(bare, whole).await),
        }
    }
}

/// All models that can be named; the extractive one is always among them, and by default alone.
#[derive(Default)]
pub struct ProviderRegistry {
    providers: Vec<Served>,
    extractive: Arc<ExtractiveModel>,
}

impl ProviderRegistry {
    /// The providers of the settings, each called through a guarded client of its own.
    ///
    /// # Errors
    /// [`EgressError::Setup`] when TLS cannot be set up.
    pub fn new(settings: &ProviderSettings, clock: &Arc<dyn Clock>) -> Result<Self, EgressError> {
        let served = settings.providers.iter().map(|provider| {
            let connection = Arc::new(OpenAiConnection::open(provider, Arc::clone(clock))?);
            let chat = Arc::new(OpenAiChat::new(Arc::clone(&connection)));
            let (name, allowed) = (provider.name.clone(), provider.models.clone());
            Ok(Served { name, chat, models: ModelLister::new(connection), allowed })
        });
        Ok(Self { providers: served.collect::<Result<_, EgressError>>()?, ..Self::default() })
    }

    /// Asks each provider over the wire for the names of its models, as it is now; for whoever looks for what is wrong.
    pub async fn ask_each(&self) -> Vec<(&str, Result<Vec<String>, GatewayError>)> {
        let asked = self.providers.iter().map(|provider| async {
            let models = provider.models.fetch().await;
            (provider.name.as_str(), models.map(|models| models.into_iter().map(|(model, _)| model).collect()))
        });
        join_all(asked).await
    }

    /// The models on offer, as far as they are known, or `anew`.
    async fn offered(&self, anew: bool) -> Vec<ModelDescription> {
        let lists = join_all(self.providers.iter().map(|provider| provider.list(anew))).await;
        let extractive = ModelDescription { name: extractive::name(), created: 0 };
        std::iter::once(extractive).chain(lists.into_iter().flatten()).collect()
    }

    fn provider(&self, name: &str) -> Option<&Served> {
        self.providers.iter().find(|provider| provider.name == name)
    }

    /// The model of a full name, if its provider is here and has it to give.
    async fn find(&self, full: &ModelName) -> Option<(ModelName, Arc<dyn ChatModel>)> {
        if *full == extractive::name() {
            return Some((full.clone(), Arc::clone(&self.extractive) as _));
        }
        let provider = self.provider(&full.provider)?;
        let model = provider.own_name(&full.model, &full.to_string()).await?.to_owned();
        Some((ModelName { provider: full.provider.clone(), model }, Arc::clone(&provider.chat) as _))
    }
}

/// Those of a list that a bare name means.
fn meant<'a>(offered: &'a [ModelDescription], name: &str) -> Vec<&'a ModelName> {
    let those = |is_meant: fn(&str, &str) -> bool| -> Vec<&ModelName> {
        offered.iter().map(|model| &model.name).filter(|offered| is_meant(&offered.model, name)).collect()
    };
    let exact = those(|listed, name| listed == name);
    if exact.is_empty() { those(is_called) } else { exact }
}

#[async_trait]
impl ChatModels for ProviderRegistry {
    async fn list(&self) -> Vec<ModelDescription> {
        self.offered(false).await
    }

    async fn resolve(&self, name: &str) -> Result<(ModelName, Arc<dyn ChatModel>), GatewayError> {
        ModelName::check(name).map_err(|error| {
            GatewayError::new(GatewayErrorKind::UnknownModel, format!("the name of a model {}", error.message))
        })?;
        if let Ok(full) = ModelName::parse(name)
            && let Some(found) = self.find(&full).await
        {
            return Ok(found);
        }
        let mut offered = self.offered(false).await;
        if meant(&offered, name).is_empty() {
            offered = self.offered(true).await;
        }
        let matching = meant(&offered, name);
        let unknown = |message: String| GatewayError::new(GatewayErrorKind::UnknownModel, message);
        match matching.as_slice() {
            [] => Err(unknown(format!("no model '{name}' is on offer; choose one of: {}", named(&offered)))),
            [only] => {
                let chat =
                    self.provider(&only.provider).map(|provider| Arc::clone(&provider.chat) as Arc<dyn ChatModel>);
                Ok(((*only).clone(), chat.unwrap_or_else(|| Arc::clone(&self.extractive) as _)))
            }
            several => {
                let names: Vec<String> = several.iter().map(ToString::to_string).collect();
                Err(unknown(format!("several providers have '{name}'; write one of: {}", names.join(", "))))
            }
        }
    }
}

/// Whether a model of a list is meant by a bare name: Gemini lists its models as `models/…`, Ollama the latest of each as
/// `…:latest`, and both take them without.
fn is_called(listed: &str, name: &str) -> bool {
    listed.strip_prefix("models/") == Some(name) || listed.strip_suffix(":latest") == Some(name)
}

/// The models on one line, as far as a sentence goes.
fn named(models: &[ModelDescription]) -> String {
    let names: Vec<String> = models.iter().take(MAX_NAMED).map(|model| model.name.to_string()).collect();
    let more = models.len().saturating_sub(MAX_NAMED);
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{tail}", names.join(", "))
}
