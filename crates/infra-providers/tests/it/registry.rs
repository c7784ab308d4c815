//! Which model a name means, and what is on offer.

use std::sync::Arc;

use domain::{
    clock::Clock,
    gateways::{ChatModels, GatewayErrorKind as Kind},
};
use infra_providers::{Egress, ProviderRegistry, ProviderSettings, scripted::ScriptedServer, settings::Endpoint};
use url::Url;

use crate::{TestClock, answer, ask, check, timeouts};

fn registry(openai: Option<&Url>, ollama: Option<&Url>) -> (ProviderRegistry, Arc<TestClock>) {
    let endpoint = |url: Option<&Url>| url.map(|url| Endpoint { base_url: url.clone(), key: None });
    let settings = ProviderSettings { openai: endpoint(openai), ollama: endpoint(ollama), timeouts: timeouts() };
    let clock = TestClock::new();
    let egress = Arc::new(Egress::new(settings.allow_list()).unwrap());
    (ProviderRegistry::new(&settings, &egress, &(Arc::clone(&clock) as Arc<dyn Clock>)), clock)
}

async fn listed(registry: &ProviderRegistry) -> Vec<String> {
    registry.list().await.iter().map(|model| model.name.to_string()).collect()
}

#[tokio::test]
async fn without_a_provider_there_is_the_extractive_model() {
    let (registry, _) = registry(None, None);
    assert_eq!(listed(&registry).await, ["banyan/extractive"]);
    for name in ["banyan/extractive", "extractive"] {
        let (full, model) = registry.resolve(name).await.unwrap();
        assert_eq!(full.to_string(), "banyan/extractive");
        assert!(model.chat(ask("hello")).await.is_ok());
    }
    let error = registry.resolve("openai/gpt").await.err().unwrap();
    check(&error, Kind::UnknownModel);
    assert!(error.message.contains("banyan/extractive"), "{}", error.message);
}

#[tokio::test]
async fn full_and_bare_names() {
    let (openai, ollama) = (ScriptedServer::start().await.unwrap(), ScriptedServer::start().await.unwrap());
    openai.set_models(["big", "both", "meta/llama"]);
    ollama.set_models(["small", "both"]);
    let (registry, _) = registry(Some(&openai.base_url()), Some(&ollama.base_url()));
    assert_eq!(
        listed(&registry).await,
        ["banyan/extractive", "openai/big", "openai/both", "openai/meta/llama", "ollama/small", "ollama/both"]
    );
    for (name, full) in [
        ("big", "openai/big"),
        ("small", "ollama/small"),
        ("meta/llama", "openai/meta/llama"),
        ("ollama/both", "ollama/both"),
        ("openai/not-listed", "openai/not-listed"),
    ] {
        assert_eq!(registry.resolve(name).await.unwrap().0.to_string(), full);
    }
    let error = registry.resolve("both").await.err().unwrap();
    check(&error, Kind::UnknownModel);
    assert!(error.message.contains("openai/both, ollama/both"), "{}", error.message);
    let error = registry.resolve("none").await.err().unwrap();
    check(&error, Kind::UnknownModel);
    assert!(error.message.contains("openai/meta/llama"), "{}", error.message);
    let error = registry.resolve("banyan/other").await.err().unwrap();
    check(&error, Kind::UnknownModel);
}

#[tokio::test]
async fn a_resolved_model_answers() {
    let server = ScriptedServer::start().await.unwrap();
    let (registry, _) = registry(None, Some(&server.base_url()));
    let (name, model) = registry.resolve("scripted").await.unwrap();
    let mut request = ask("hello");
    request.model = name.model;
    struct Shared(Arc<dyn domain::gateways::ChatModel>);
    #[async_trait::async_trait]
    impl domain::gateways::ChatModel for Shared {
        async fn chat(
            &self,
            request: domain::gateways::ChatRequest,
        ) -> Result<domain::gateways::ChatStream, domain::gateways::GatewayError> {
            self.0.chat(request).await
        }
    }
    assert_eq!(answer(&Shared(model), request).await.text, "The scripted model answers.");
    assert_eq!(server.requests()[0].header("authorization"), None);
}

#[tokio::test]
async fn lists_are_kept_for_a_minute() {
    let server = ScriptedServer::start().await.unwrap();
    let (registry, clock) = registry(Some(&server.base_url()), None);
    assert_eq!(listed(&registry).await.len(), 2);
    server.set_models(["a", "b"]);
    clock.advance(59);
    assert_eq!(listed(&registry).await.len(), 2);
    clock.advance(1);
    assert_eq!(listed(&registry).await.len(), 3);
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_left_out_and_asked_again() {
    let server = ScriptedServer::start().await.unwrap();
    let address = server.address();
    let gone = server.base_url();
    server.stop().await;
    let other = ScriptedServer::start().await.unwrap();
    let (registry, clock) = registry(Some(&gone), Some(&other.base_url()));
    assert_eq!(listed(&registry).await, ["banyan/extractive", "ollama/scripted"]);
    let _back = ScriptedServer::start_on(address).await.unwrap();
    clock.advance(5);
    assert_eq!(listed(&registry).await.len(), 3);
}
