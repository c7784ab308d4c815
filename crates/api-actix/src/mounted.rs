//! Banyan under a prefix, beside routes of the host's own.

use std::sync::Arc;

use actix_web::{
    App as ActixApp, HttpResponse,
    body::to_bytes,
    http::{Method, StatusCode},
    test, web,
};
use app::AppBuilder;
use infra_memory::{MemoryBlobStore, MemoryStore, MemoryWakeups};
use infra_providers::ProviderRegistry;
use serde_json::Value;

use crate::{Api, ApiSettings};

pub(crate) fn api() -> Api {
    let (store, models) = (Arc::new(MemoryStore::default()), Arc::new(ProviderRegistry::default()));
    let (blobs, wakeups) = (Arc::new(MemoryBlobStore::default()), Arc::new(MemoryWakeups::default()));
    let app = AppBuilder::new(store, models, blobs, wakeups).build();
    Api::new(app, ApiSettings::default())
}

/// Status, content type and body of an answer of a host that has mounted the API under `prefix`.
async fn answer(prefix: &str, method: Method, path: &str) -> (StatusCode, String, String) {
    let api = api();
    let host = ActixApp::new()
        .route("/hello", web::get().to(|| async { HttpResponse::Ok().body("from the host") }))
        .service(web::scope(prefix).configure(|config| api.configure(config)));
    let host = test::init_service(host).await;
    let request = test::TestRequest::default().method(method).uri(path).to_request();
    let answer = test::call_service(&host, request).await;
    let kind = answer.headers().get("content-type").map_or("", |kind| kind.to_str().unwrap()).to_owned();
    let status = answer.status();
    let body = to_bytes(answer.into_body()).await.ok().unwrap();
    (status, kind, String::from_utf8_lossy(&body).into_owned())
}

#[actix_web::test]
async fn both_faces_speak_their_own_words_under_any_prefix() {
    for prefix in ["", "/banyan", "/a/b"] {
        let (status, kind, body) = answer(prefix, Method::GET, &format!("{prefix}/v1/models")).await;
        assert_eq!((status, kind.as_str()), (StatusCode::UNAUTHORIZED, "application/json"), "{prefix}");
        assert!(body.starts_with(r#"{"error":"#), "{body}");
        for (method, path, expected) in [
            (Method::GET, "/api/v1/me", StatusCode::UNAUTHORIZED),
            (Method::GET, "/api/nowhere", StatusCode::NOT_FOUND),
            (Method::DELETE, "/livez", StatusCode::METHOD_NOT_ALLOWED),
        ] {
            let (status, kind, _) = answer(prefix, method, &format!("{prefix}{path}")).await;
            assert_eq!((status, kind.as_str()), (expected, "application/problem+json"), "{prefix}{path}");
        }
        assert_eq!(answer(prefix, Method::GET, "/hello").await.2, "from the host");
        assert_eq!(answer(prefix, Method::GET, &format!("{prefix}/readyz")).await.0, StatusCode::OK);
    }
    assert_eq!(answer("/banyan", Method::GET, "/livez").await.0, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn pages_and_document_lead_to_where_they_are_mounted() {
    for prefix in ["", "/banyan"] {
        let get = |path: &str| {
            let path = format!("{prefix}{path}");
            async move { answer(prefix, Method::GET, &path).await }
        };
        for page in ["/", "/api/v1/setup", "/api/v1/setup/form.js", "/api/docs/", "/api/docs/swagger-initializer.js"] {
            let (status, _, body) = get(page).await;
            assert_eq!(status, StatusCode::OK, "{prefix}{page}");
            for absolute in ["href=\"/", "src=\"/", "fetch(\"/", "\"url\": \"/", "\"url\":\"/"] {
                assert!(!body.contains(absolute), "{prefix}{page} holds {absolute}");
            }
        }
        let (_, _, document) = get("/api/openapi.json").await;
        let document: Value = serde_json::from_str(&document).unwrap();
        let server = document["servers"][0]["url"].as_str();
        assert_eq!(server, (!prefix.is_empty()).then_some(prefix));
    }
}

#[actix_web::test]
async fn paths_tell_their_methods_and_the_reference_is_found_without_a_slash() {
    let api = api();
    let host = ActixApp::new().service(web::scope("/banyan").configure(|config| api.configure(config)));
    let host = test::init_service(host).await;
    let asked = |method: Method, path: &str| {
        let request = test::TestRequest::default().method(method).uri(&format!("/banyan{path}")).to_request();
        test::call_service(&host, request)
    };
    for path in ["/", "/livez", "/readyz", "/api/v1/setup", "/api/openapi.json", "/api/docs/"] {
        assert_eq!(asked(Method::HEAD, path).await.status(), StatusCode::OK, "{path}");
    }
    assert_eq!(asked(Method::HEAD, "/api/v1/me").await.status(), StatusCode::UNAUTHORIZED);
    for (method, path, allowed) in [
        (Method::PUT, "/livez", "GET, HEAD"),
        (Method::HEAD, "/api/v1/search", "POST"),
        (Method::PUT, "/api/v1/me", "GET, HEAD, PATCH"),
    ] {
        let answer = asked(method, path).await;
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(answer.headers().get("allow").unwrap(), allowed, "{path}");
    }
    let page = asked(Method::GET, "/api/docs").await;
    assert_eq!(page.status(), StatusCode::PERMANENT_REDIRECT);
    assert_eq!(page.headers().get("location").unwrap(), "docs/");
}
