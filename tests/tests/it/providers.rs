//! Providers by name, as a settings file tells them to the program.

use std::fs;

use anyhow::{Context, Result, ensure};
use e2e::Server;
use infra_providers::scripted::{Script, ScriptedServer};
use serde_json::json;

#[tokio::test]
async fn providers_of_the_settings_file_serve_chat_and_vectors() -> Result<()> {
    let (router, vllm) = (ScriptedServer::start().await?, ScriptedServer::start().await?);
    let folder = tempfile::tempdir()?;
    let (file, key) = (folder.path().join("banyan.toml"), folder.path().join("key"));
    fs::write(&key, "of-the-router\n")?;
    fs::write(
        &file,
        format!(
            "[[providers]]\nname = 'router'\nbase_url = '{}'\napi_key_file = '{}'\nmodels = ['openai/gpt-4o']\n\
             [[providers]]\nname = 'vllm'\nbase_url = '{}'\ndeadlines = {{ first_token_seconds = 1 }}\n",
            router.base_url(),
            key.display(),
            vllm.base_url()
        ),
    )?;
    let server = Server::builder()
        .arguments(&["--config", file.to_str().context("the path is no text")?])
        .variable("BANYAN_EMBEDDINGS__MODEL", "vllm/vectors")
        .start()
        .await?;
    let setup = json!({ "token": server.setup_token().await?, "tenant_name": "Acme",
        "email": "admin@example.org", "username": "admin", "password": "a long enough pass phrase" });
    let admin = server.client()?.post("/api/v1/setup", &setup).await?.expect(201)?;
    let client = server.client()?.with_token(admin["access_token"].as_str().context("there is no token")?);

    let models = client.get("/v1/models").await?.expect(200)?;
    let names = models["data"].as_array().into_iter().flatten().filter_map(|model| model["id"].as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["banyan/extractive", "router/openai/gpt-4o", "vllm/scripted"]);

    let ask = |model: &str| json!({ "model": model, "messages": [{ "role": "user", "content": "Hello?" }] });
    router.push(Script::reply("From the router."));
    let answer = client.post("/v1/chat/completions", &ask("router/openai/gpt-4o")).await?.expect(200)?;
    assert_eq!(answer["choices"][0]["message"]["content"], "From the router.");
    let sent = &router.requests()[0];
    assert_eq!(
        (sent.body["model"].as_str(), sent.header("authorization")),
        (Some("openai/gpt-4o"), Some("Bearer of-the-router"))
    );

    // Its deadline is its own.
    vllm.push(Script { first_delay: std::time::Duration::from_secs(30), ..Script::default() });
    let late = client.post("/v1/chat/completions", &ask("vllm/scripted")).await?;
    ensure!(late.status == 504, "{}", late.text());
    client.post("/v1/embeddings", &json!({ "model": "vllm/vectors", "input": "owls" })).await?.expect(200)?;
    assert_eq!(vllm.requests().last().context("nothing was asked")?.body["model"], "vectors");
    Ok(())
}

#[tokio::test]
async fn a_provider_that_cannot_be_used_stops_the_start_with_a_sentence() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("banyan.toml");
    for (entry, sentence) in [
        ("base_url = 'nowhere'", "providers[0].base_url is not an address; write it as https://host/v1"),
        (
            "base_url = 'https://host/v1'\napi_key = 'sk-s3cr3t'",
            "providers[0].api_key does not belong into a settings file",
        ),
        ("base_url = 'https://host/v1'\nproxy = 'socks5://host'", "providers[0].proxy is not the address of a proxy"),
    ] {
        fs::write(&file, format!("[[providers]]\nname = 'x'\n{entry}\n"))?;
        let arguments = ["--config", file.to_str().context("the path is no text")?];
        let (status, said) = Server::builder().arguments(&arguments).refusal().await?;
        ensure!(!status.success() && said.contains(sentence) && !said.contains("s3cr3t"), "{said}");
    }
    Ok(())
}
