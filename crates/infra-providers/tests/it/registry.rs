//! Which model a name means, and what is on offer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use domain::{
    clock::Clock,
    gateways::{ChatModels, GatewayErrorKind as Kind},
};
use infra_providers::{
    Provider, ProviderRegistry, ProviderSettings,
    scripted::{ScriptedServer, Verbatim},
};
use url::Url;

use crate::{TestClock, answer, ask, check, timeouts};

fn registry_of(providers: Vec<Provider>) -> (ProviderRegistry, Arc<TestClock>) {
    let providers = providers.into_iter().map(|provider| Provider { timeouts: timeouts(), ..provider }).collect();
    let clock = TestClock::new();
    let settings = ProviderSettings { providers, ..ProviderSettings::default() };
    (ProviderRegistry::new(&settings, &(Arc::clone(&clock) as Arc<dyn Clock>)).unwrap(), clock)
}

fn registry(openai: Option<&Url>, ollama: Option<&Url>) -> (ProviderRegistry, Arc<TestClock>) {
    let named = [("openai", openai), ("ollama", ollama)];
    registry_of(named.into_iter().filter_map(|(name, url)| Some(Provider::new(name, url?.clone()))).collect())
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

#[tokio::test]
async fn a_router_whose_models_begin_with_names_of_providers_gets_them_whole() {
    let router = ScriptedServer::start().await.unwrap();
    router.set_models(["openai/gpt-4o", "anthropic/claude", "gpt-3"]);
    let (registry, _) = registry(Some(&router.base_url()), None);
    for (name, full) in [
        ("openai/gpt-4o", "openai/openai/gpt-4o"),
        ("openai/openai/gpt-4o", "openai/openai/gpt-4o"),
        ("openai/anthropic/claude", "openai/anthropic/claude"),
        ("anthropic/claude", "openai/anthropic/claude"),
        ("openai/gpt-3", "openai/gpt-3"),
        ("openai/of-tomorrow", "openai/of-tomorrow"),
    ] {
        let (resolved, _) = registry.resolve(name).await.unwrap();
        assert_eq!(resolved.to_string(), full, "{name}");
    }
}

#[tokio::test]
async fn a_provider_that_does_not_list_is_not_asked_with_every_name() {
    let server = ScriptedServer::start().await.unwrap();
    let refusal =
        r#"{"type":"error","error":{"type":"authentication_error","message":"x-api-key header is required"}}"#;
    server.set_list(Verbatim::json(401, refusal));
    let (registry, clock) = registry(Some(&server.base_url()), None);
    for _ in 0..5 {
        assert_eq!(registry.resolve("openai/claude").await.unwrap().0.model, "claude");
        clock.advance(6);
    }
    assert_eq!(server.lists(), 1);
    clock.advance(60);
    registry.resolve("openai/claude").await.unwrap();
    assert_eq!(server.lists(), 2);
}

#[tokio::test]
async fn of_a_provider_with_models_in_the_settings_no_other_is_asked() {
    let (router, other) = (ScriptedServer::start().await.unwrap(), ScriptedServer::start().await.unwrap());
    let models = Some(vec!["openai/gpt-4o".to_owned(), "qwen".to_owned()]);
    let named = Provider { models, ..Provider::new("open-router.2", router.base_url()) };
    let (registry, _) = registry_of(vec![named, Provider::new("vllm", other.base_url())]);
    assert_eq!(
        listed(&registry).await,
        ["banyan/extractive", "open-router.2/openai/gpt-4o", "open-router.2/qwen", "vllm/scripted"]
    );
    for (name, full) in [
        ("open-router.2/qwen", "open-router.2/qwen"),
        ("openai/gpt-4o", "open-router.2/openai/gpt-4o"),
        ("qwen", "open-router.2/qwen"),
        ("scripted", "vllm/scripted"),
    ] {
        assert_eq!(registry.resolve(name).await.unwrap().0.to_string(), full, "{name}");
    }
    let error = registry.resolve("open-router.2/gpt-5").await.err().unwrap();
    check(&error, Kind::UnknownModel);
    assert!(error.message.contains("open-router.2/qwen"), "{}", error.message);
    assert_eq!(router.lists(), 0);
}

#[tokio::test]
async fn lists_are_read_in_all_the_forms_that_providers_give_them() {
    let server = ScriptedServer::start().await.unwrap();
    for (list, expected) in [
        (
            r#"{"object":"list","data":[{"id":"a","created":1700000000},{"id":"b"},{"id":"a"}]}"#,
            vec![("a", 1_700_000_000), ("b", 0)],
        ),
        (r#"[{"id":"org/Llama-3","object":"model","created":1.7e9}]"#, vec![("org/Llama-3", 1_700_000_000)]),
        (r#"{"models":[{"name":"llama3:latest","model":"llama3:latest","size":1}]}"#, vec![("llama3:latest", 0)]),
        (r#"{"models":[{"name":"models/gemini-2.5-flash","version":"001"}]}"#, vec![("gemini-2.5-flash", 0)]),
        (r#"{"models":[{"name":"x.gguf"}],"object":"list","data":[{"id":"x.gguf","created":7}]}"#, vec![("x.gguf", 7)]),
        (
            r#"{"data":["a",{"id":"b","created":"2024-01-01"},{"id":""},{"id":7},null,{"id":"c\ud83c"}]}"#,
            vec![("a", 0), ("b", 0), ("c\u{fffd}", 0)],
        ),
        (r#"{"object":"list","data":null}"#, vec![]),
        (r#"{"object":"list","data":[]}"#, vec![]),
        (r#"{"error":"Unexpected endpoint or method. (GET /models)"}"#, vec![]),
        ("<html>", vec![]),
    ] {
        server.set_list(Verbatim::json(200, list));
        let (registry, _) = registry(Some(&server.base_url()), None);
        let found = registry.list().await;
        let found: Vec<(&str, i64)> =
            found[1..].iter().map(|model| (model.name.model.as_str(), model.created)).collect();
        assert_eq!(found, expected, "{list}");
    }
}

#[tokio::test]
async fn bare_names_leave_out_what_providers_put_around_them() {
    let server = ScriptedServer::start().await.unwrap();
    server.set_models(["models/gemini-2.5-flash", "llama3:latest", "llama3:8b", "qwen", "qwen:latest"]);
    let (registry, _) = registry(Some(&server.base_url()), None);
    for (name, model) in [
        ("gemini-2.5-flash", "models/gemini-2.5-flash"),
        ("llama3", "llama3:latest"),
        ("llama3:8b", "llama3:8b"),
        ("qwen", "qwen"),
    ] {
        assert_eq!(registry.resolve(name).await.unwrap().0.model, model, "{name}");
    }
}

#[tokio::test]
async fn nobody_waits_for_a_provider_that_was_slow_before() {
    let (slow, quick) = (ScriptedServer::start().await.unwrap(), ScriptedServer::start().await.unwrap());
    let (registry, clock) = registry(Some(&slow.base_url()), Some(&quick.base_url()));
    slow.set_list_delay(Duration::from_millis(400));
    assert_eq!(listed(&registry).await.len(), 3, "the first waits");
    slow.set_models(["a", "b"]);
    clock.advance(60);
    let begun = Instant::now();
    assert_eq!(listed(&registry).await.len(), 3, "what is known is told");
    assert!(begun.elapsed() < Duration::from_millis(350), "{:?}", begun.elapsed());
    // A bare name that no list knows is looked for in new ones.
    assert_eq!(registry.resolve("b").await.unwrap().0.to_string(), "openai/b");
    assert_eq!(listed(&registry).await.len(), 4);
    // One that fails slowly is left out, and costs nobody anything.
    slow.set_list_delay(Duration::from_secs(60));
    clock.advance(60);
    assert_eq!(listed(&registry).await.len(), 4);
    until(|| async { listed(&registry).await.len() == 2 }).await;
    clock.advance(5);
    let begun = Instant::now();
    assert_eq!(listed(&registry).await.len(), 2);
    assert_eq!(registry.resolve("scripted").await.unwrap().0.to_string(), "ollama/scripted");
    assert!(begun.elapsed() < Duration::from_millis(350), "{:?}", begun.elapsed());
}

async fn until<F: Future<Output = bool>>(is_so: impl Fn() -> F) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
