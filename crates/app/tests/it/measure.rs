//! What can be measured of calls to providers and of what waits.

use domain::gateways::EmbeddingInput;
use infra_providers::scripted::{Script, ScriptedServer};
use metrics::LocalRecorderGuard;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::support::{Bench, Choice, MODEL, ManualModels, embedder, registry, until};

/// Takes the figures of this thread. A test's runtime has no other.
struct Figures(PrometheusHandle);

impl Figures {
    fn recorder() -> PrometheusRecorder {
        PrometheusBuilder::new().build_recorder()
    }

    fn of(recorder: &PrometheusRecorder) -> (Self, LocalRecorderGuard<'_>) {
        (Self(recorder.handle()), metrics::set_default_local_recorder(recorder))
    }

    /// The value of the one line that begins with a name and holds all these labels.
    fn value(&self, name: &str, labels: &[&str]) -> Option<f64> {
        let text = self.0.render();
        let rest = |line: &str| line.strip_prefix(name).filter(|rest| rest.starts_with(['{', ' '])).map(str::to_owned);
        let found: Vec<String> =
            text.lines().filter_map(rest).filter(|rest| labels.iter().all(|label| rest.contains(label))).collect();
        assert!(found.len() <= 1, "{found:?}");
        found.first().map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
    }

    /// How many calls ended so.
    fn calls(&self, operation: &str, model: &str, outcome: &str) -> Option<f64> {
        let labels = [
            format!("operation=\"{operation}\""),
            "provider=\"openai\"".to_owned(),
            format!("model=\"{model}\""),
            format!("outcome=\"{outcome}\""),
        ];
        self.value("banyan_provider_call_seconds_count", &labels.each_ref().map(String::as_str))
    }

    /// How often a model's first word was timed.
    fn first_tokens(&self, model: &str) -> Option<f64> {
        self.value("banyan_provider_first_token_seconds_count", &[&format!("model=\"{model}\"")])
    }
}

#[tokio::test]
async fn calls_are_timed_by_model_and_outcome() {
    let recorder = Figures::recorder();
    let (figures, _guard) = Figures::of(&recorder);
    let server = ScriptedServer::start().await.unwrap();
    let bench = Bench::with(Choice {
        models: Some(registry(&server.base_url())),
        embedder: Some(embedder(&server)),
        ..Choice::default()
    });
    let ada = bench.ada().await;
    let id = bench.conversation(&ada, MODEL).await.id;
    bench.ask(&ada, id, "Hello?").await;
    assert_eq!(figures.calls("chat", "scripted", "completed"), Some(1.0));
    assert_eq!(figures.first_tokens("scripted"), Some(1.0));

    server.push(Script::status(400));
    bench.ask(&ada, id, "Will you?").await;
    assert_eq!(figures.calls("chat", "scripted", "upstream_invalid_request"), Some(1.0));
    assert_eq!(figures.calls("chat", "scripted", "completed"), Some(1.0));
    assert_eq!(figures.first_tokens("scripted"), Some(1.0), "nothing was said");

    let input = EmbeddingInput::Texts(vec!["one".to_owned()]);
    bench.app.openai().embeddings(&ada, crate::embeddings::asked(input)).await.unwrap();
    assert_eq!(figures.calls("embed", "vectors", "completed"), Some(1.0));
}

#[tokio::test]
async fn a_call_that_is_given_up_is_cancelled_and_an_unknown_model_has_no_figure_of_its_own() {
    let recorder = Figures::recorder();
    let (figures, _guard) = Figures::of(&recorder);
    let models = ManualModels::new();
    let bench = Bench::with_models(models.clone());
    let ada = bench.ada().await;
    let id = bench.conversation(&ada, MODEL).await.id;
    let opened = bench.send(&ada, id, "Talk.").await;
    let call = models.call().await;
    call.say("As far as this");
    bench.app.conversations().stop(&ada, opened.answers[0].1).await.unwrap();
    bench.events(&ada, opened.answers[0].1).await;
    assert_eq!(figures.calls("chat", "scripted", "cancelled"), Some(1.0));

    let server = ScriptedServer::start().await.unwrap();
    let bench = Bench::over_wire(&server);
    let ada = bench.ada().await;
    let id = bench.conversation(&ada, "openai/made-up").await.id;
    server.push(Script::status(404));
    bench.ask(&ada, id, "Who are you?").await;
    assert_eq!(figures.calls("chat", "other", "upstream_unknown_model"), Some(1.0));
    assert_eq!(figures.calls("chat", "made-up", "upstream_unknown_model"), None);
}

#[tokio::test]
async fn what_waits_and_what_runs_is_told() {
    let recorder = Figures::recorder();
    let (figures, _guard) = Figures::of(&recorder);
    let bench = Bench::with(Choice {
        settings: app::Settings { ingest_workers: 0, ..app::Settings::default() },
        ..Choice::default()
    });
    let ada = bench.ada().await;
    let collection = bench.collection(&ada, "Handbook", domain::knowledge::CollectionVisibility::Private).await;
    bench.upload(&ada, &collection, "a.md", "# One").await.unwrap();
    bench.clock.advance(chrono::TimeDelta::seconds(30));
    bench.start();
    until("the gauges", async || figures.value("banyan_jobs_oldest_due_seconds", &[]) == Some(30.0)).await;
    assert_eq!(figures.value("banyan_jobs_due", &[]), Some(1.0));
    assert_eq!(figures.value("banyan_jobs_running", &[]), Some(0.0));
    assert_eq!(figures.value("banyan_streams_running", &[]), Some(0.0));
    assert_eq!(figures.value("banyan_password_hashes_waiting", &[]), Some(0.0));
    assert!(figures.value("banyan_tasks_running", &[]) > Some(0.0));
}

#[tokio::test]
async fn a_job_tells_how_long_it_was_due() {
    let recorder = Figures::recorder();
    let (figures, _guard) = Figures::of(&recorder);
    let bench = Bench::with(Choice::default());
    let ada = bench.ada().await;
    let collection = bench.collection(&ada, "Handbook", domain::knowledge::CollectionVisibility::Private).await;
    bench.upload(&ada, &collection, "a.md", "# One").await.unwrap();
    bench.clock.advance(chrono::TimeDelta::seconds(30));
    bench.start();
    until("a worker has taken it", async || figures.value("banyan_job_wait_seconds_count", &[]) == Some(1.0)).await;
    assert_eq!(figures.value("banyan_job_wait_seconds_sum", &[]), Some(30.0));
}
