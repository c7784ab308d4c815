//! S79, S86, S34 and S35: what answers carry, and what input can do to the server.

use anyhow::{Result, ensure};
use e2e::Response;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Backend, PRICED, World, collection, conversation, on_each_backend};

on_each_backend!(
    s79_all_answers_carry_the_headers,
    s86_no_input_makes_an_error_of_ours,
    s34_file_names_are_only_names,
    s35_names_make_no_headers_and_paths_reach_no_files
);

async fn s79_all_answers_carry_the_headers(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let (nobody, ada) = (world.nobody()?, world.admin()?);
    let chat = conversation(&ada, &json!({ "model": PRICED, "collection_ids": [] })).await?;
    let messages = format!("/api/v1/conversations/{chat}/messages");
    let stream = ada.request(Method::POST, &messages).header("accept", "text/event-stream");
    let answers = vec![
        ("stream", Response::of(stream.json(&json!({ "content": "Hello?" }))).await?),
        ("me", ada.get("/api/v1/me").await?),
        ("401", nobody.get("/api/v1/me").await?),
        ("404", ada.get("/api/v1/nothing").await?),
        ("404 of /v1", ada.get("/v1/nothing").await?),
        ("405", ada.delete("/api/v1/me").await?),
        ("422", ada.post("/api/v1/conversations", &json!({ "x": 1 })).await?),
        (
            "400",
            Response::of(
                ada.request(Method::POST, "/api/v1/conversations").header("content-type", "application/json").body("{"),
            )
            .await?,
        ),
        ("setup", nobody.get("/api/v1/setup").await?),
        ("start", nobody.get("/").await?),
        ("live", nobody.get("/livez").await?),
        ("document", nobody.get("/api/openapi.json").await?),
        ("models", ada.get("/v1/models").await?),
    ];
    for (what, answer) in answers {
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{what}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{what}");
        let policy = answer.header("content-security-policy").unwrap_or_default();
        ensure!(
            (policy.contains("default-src 'none'") || ["setup", "start"].contains(&what))
                && policy.contains("frame-ancestors 'none'"),
            "{what}: {policy}"
        );
        ensure!(answer.header("cache-control").is_some_and(|value| value.contains("no-store")), "{what}");
        ensure!(answer.header("x-request-id").is_some_and(|id| !id.is_empty()), "{what}");
        ensure!(answer.header("server").is_none() && answer.header("x-powered-by").is_none(), "{what}");
    }
    let named = ada.request(Method::GET, "/api/v1/me").header("x-request-id", "mine-1");
    assert_eq!(Response::of(named).await?.header("x-request-id"), Some("mine-1"));
    Ok(())
}

/// Values that no field expects.
fn odd_values() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(1e308),
        json!(u64::MAX),
        json!(""),
        json!(" "),
        json!("\u{0}"),
        json!("\u{202e}gnp.exe"),
        json!("a".repeat(70_000)),
        json!("' OR 1=1 --"),
        json!("../../etc/passwd"),
        json!("00000000-0000-0000-0000-000000000000"),
        json!([]),
        json!([null]),
        json!(["a", 1, {}]),
        json!({}),
        json!({ "type": "text" }),
        json!([{ "type": "nothing" }]),
        json!([{ "type": "text", "text": "\u{0}" }]),
    ]
}

async fn s86_no_input_makes_an_error_of_ours(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let ada = world.admin()?;
    let process = world.server.process_id()?;
    let document = ada.get("/api/openapi.json").await?.expect(200)?;
    let chat = conversation(&ada, &json!({ "collection_ids": [] })).await?;
    let docs = collection(&ada, "Documents").await?;
    let mut calls = 0;
    for (path, verbs) in document["paths"].as_object().into_iter().flatten() {
        for (verb, operation) in verbs.as_object().into_iter().flatten() {
            // Signing out would end the test; logging in is bounded, which is another test's matter.
            if verb == "get" || path.contains("/auth/") {
                continue;
            }
            let path = path.replace("{conversation_id}", &chat).replace("{collection_id}", &docs);
            let method: Method = verb.to_uppercase().parse()?;
            let reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str();
            let schema = reference.and_then(|name| document.pointer(name.trim_start_matches('#'))).cloned();
            let schema = schema.unwrap_or_default();
            let fields: Vec<String> =
                schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
            let mut bodies: Vec<Value> = odd_values();
            for field in &fields {
                bodies.extend(odd_values().into_iter().map(|odd| {
                    let mut body: serde_json::Map<String, Value> =
                        fields.iter().map(|name| (name.clone(), example(name))).collect();
                    if !schema["required"].as_array().is_some_and(|required| required.contains(&json!(field))) {
                        let required = schema["required"].as_array().cloned().unwrap_or_default();
                        body.retain(|name, _| required.contains(&json!(name)));
                    }
                    body.insert(field.clone(), odd);
                    Value::Object(body)
                }));
            }
            let paths = ["not-an-id", "%00", "..%2f..%2fetc%2fpasswd", "00000000-0000-0000-0000-000000000000"];
            let filled = |with: &str| {
                path.split('/')
                    .map(|part| if part.starts_with('{') { with } else { part })
                    .collect::<Vec<_>>()
                    .join("/")
            };
            for body in &bodies {
                let answer = Response::of(ada.request(method.clone(), &filled(paths[3])).json(body)).await?;
                calls += 1;
                ensure!(answer.status < 500, "{method} {path} {body:.200}: {}", answer.text());
            }
            for odd in paths {
                let answer = Response::of(ada.request(method.clone(), &filled(odd)).json(&json!({}))).await?;
                ensure!(answer.status < 500, "{method} {path} with {odd}: {}", answer.text());
            }
            for raw in [b"".as_slice(), b"{", b"\xff\xfe", b"[[[[", b"nul", b"{\"a\":1,\"a\":2}", b"\0"] {
                for kind in
                    ["application/json", "multipart/form-data; boundary=x", "multipart/form-data", "text/plain", ""]
                {
                    let request = ada.request(method.clone(), &filled(paths[3])).header("content-type", kind);
                    let answer = Response::of(request.body(raw.to_vec())).await?;
                    calls += 1;
                    ensure!(answer.status < 500, "{method} {path} {raw:?} {kind}: {}", answer.text());
                }
            }
        }
    }
    ensure!(calls > 1_000, "only {calls} calls");
    assert_eq!(world.server.process_id()?, process);
    ensure!(!world.server.logs().iter().any(|line| line.contains("panicked")), "a handler panicked");
    ada.get("/api/v1/me").await?.expect(200)?;
    Ok(())
}

/// A value that a field of this name would take.
fn example(name: &str) -> Value {
    match name {
        "messages" => json!([{ "role": "user", "content": "Hello?" }]),
        "model" => json!("banyan/extractive"),
        "email" => json!("x@example.com"),
        "username" => json!("mallory"),
        "password" => json!(crate::world::PASSWORD),
        _ => json!("x"),
    }
}

async fn s34_file_names_are_only_names(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let ada = world.admin()?;
    let docs = collection(&ada, "Documents").await?;
    let path = format!("/api/v1/collections/{docs}/sources");
    let outside = |folder: &std::path::Path| -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    };
    let before = outside(world.server.folder())?;
    let long = "a".repeat(4_096);
    for name in [
        "../../x.txt",
        "..%2f..%2fx.txt",
        "%252e%252e/x.txt",
        "..\\..\\x.txt",
        "C:\\x.txt",
        "/etc/x.txt",
        ".",
        "..",
        "\u{202e}txt.exe",
        "a\u{0}b.txt",
        "a\\\"\\r\\nSet-Cookie: x.txt",
        "CON",
        &long,
        "\u{fc}n\u{ef}c\u{f6}de.txt",
    ] {
        let form = format!(
            "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
            Content-Type: text/plain\r\n\r\nHello {}.\r\n--XX--\r\n",
            name.len()
        );
        let request = ada.request(Method::POST, &path).header("content-type", "multipart/form-data; boundary=XX");
        let answer = Response::of(request.body(form)).await?;
        ensure!([202, 400, 409, 415, 422].contains(&answer.status), "{name}: {} {}", answer.status, answer.text());
        ensure!(answer.header("set-cookie").is_none(), "{name}");
        if answer.status == 202 {
            let id = crate::world::text(&answer.json()?["source"]["id"])?;
            let found = crate::world::settled(&ada, &id).await?;
            let kept = crate::world::text(&found["filename"])?;
            ensure!(!kept.contains('/') && !kept.contains('\0') && kept != "..", "{name} is kept as {kept}");
        }
    }
    assert_eq!(outside(world.server.folder())?, before, "a file was written outside");
    for entry in std::fs::read_dir(world.server.folder().join("data"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        ensure!(!name.contains("x.txt"), "{name}");
    }
    Ok(())
}

async fn s35_names_make_no_headers_and_paths_reach_no_files(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let ada = world.admin()?;
    let docs = collection(&ada, "Documents").await?;
    // What cannot stand raw in a part's header comes in RFC 8187's form, and in a field of its own.
    for filename in [
        "filename*=UTF-8''a%22%0D%0ASet-Cookie%3A%20x%3Dy.txt",
        "filename=\"a%0d%0aSet-Cookie: x=y.txt\"",
        "filename=\"a\\\"; Set-Cookie=x.txt\"",
    ] {
        let form = format!(
            "--XX\r\nContent-Disposition: form-data; name=\"file\"; {filename}\r\nContent-Type: text/plain\r\n\r\n\
            Hello.\r\n--XX\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\na\r\nSet-Cookie: x=y\r\n--XX--\r\n"
        );
        let path = format!("/api/v1/collections/{docs}/sources");
        let request = ada.request(Method::POST, &path).header("content-type", "multipart/form-data; boundary=XX");
        let answer = Response::of(request.body(form)).await?;
        ensure!([202, 400, 422].contains(&answer.status), "{filename}: {} {}", answer.status, answer.text());
        ensure!(answer.header("set-cookie").is_none(), "{filename}");
        if answer.status == 202 {
            let id = crate::world::text(&answer.json()?["source"]["id"])?;
            ensure!(ada.get(&format!("/api/v1/sources/{id}")).await?.header("set-cookie").is_none(), "{filename}");
        }
    }
    for path in ["/api/v1/sources/..%2f..%2fetc%2fpasswd", "/api/v1/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd"] {
        let answer = ada.get(path).await?;
        ensure!((400..500).contains(&answer.status) && !answer.text().contains("root:"), "{path}: {}", answer.text());
    }
    Ok(())
}
