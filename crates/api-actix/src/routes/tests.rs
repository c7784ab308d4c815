//! What a line of the list says, the router does and the document says.

use std::collections::BTreeSet;

use actix_web::{
    App as ActixApp,
    body::to_bytes,
    dev::ServiceResponse,
    http::StatusCode,
    test::{self, TestRequest},
    web,
};
use app::identity::{Login, NewInstallation, RequestContext};
use serde_json::{Value, json};

use super::ROUTES;
use crate::{Access, Api, Body, Route, authorize::Authenticated, body::Json, mounted::api, openapi::document};

const PASSWORD: &str = "three words and more";

/// A request to a route, about things that do not exist.
fn request_to(route: &Route) -> TestRequest {
    let part = |part: &str| if part.starts_with('{') { uuid::Uuid::nil().to_string() } else { part.to_owned() };
    let path = route.path.split('/').map(part).collect::<Vec<_>>().join("/");
    TestRequest::default().method(route.method.clone()).uri(&path)
}

async fn text(answer: ServiceResponse) -> String {
    String::from_utf8(to_bytes(answer.into_body()).await.unwrap().to_vec()).unwrap()
}

/// The tokens of a tenant's admin and of a superadmin. Together they have every permission.
async fn tokens(api: &Api) -> [String; 2] {
    let identity = api.app.identity();
    let (email, username) = ("ada@example.com".to_owned(), "ada".to_owned());
    let new = NewInstallation { tenant_name: "Acme".to_owned(), email, username, password: PASSWORD.to_owned() };
    let admin = identity.set_up_on_host(new).await.unwrap().signed_in.access_token;
    identity.create_superadmin("root@example.com", "root", PASSWORD.to_owned()).await.unwrap();
    let login = Login { login: "root@example.com".to_owned(), password: PASSWORD.to_owned(), tenant: None };
    let root = identity.login(login, &RequestContext::default()).await.unwrap().access_token;
    [admin, root]
}

#[test]
fn no_route_is_listed_twice() {
    let listed: BTreeSet<(&str, &str)> = ROUTES.iter().map(|route| (route.method.as_str(), route.path)).collect();
    assert_eq!(listed.len(), ROUTES.len());
}

#[actix_web::test]
async fn every_route_asks_for_what_its_line_names() {
    let api = api();
    let tokens = tokens(&api).await;
    let host = test::init_service(ActixApp::new().configure(|config| api.configure(config))).await;
    for route in ROUTES {
        let what = format!("{} {}", route.method, route.path);
        let answer = test::call_service(&host, request_to(route).to_request()).await;
        let refused = answer.status() == StatusCode::UNAUTHORIZED;
        assert_eq!(refused, matches!(route.access, Access::SignedIn | Access::Needs(_)), "{what}: {}", answer.status());
        // Signing out would end the test.
        if route.path == "/api/v1/auth/logout" {
            continue;
        }
        let mut passed = 0;
        for token in &tokens {
            let bearer = ("authorization", format!("Bearer {token}"));
            let actor = api.app.identity().authenticate(token, &RequestContext::default()).await.unwrap();
            let answer = test::call_service(&host, request_to(route).insert_header(bearer).to_request()).await;
            match route.access {
                Access::Needs(permission) if !actor.may(permission) => {
                    assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{what}");
                    let text = text(answer).await;
                    assert!(text.contains(&format!("'{permission}'")), "{what}: {text}");
                }
                // The use cases of a tenant refuse a superadmin who has entered none.
                _ => passed += usize::from(answer.status() != StatusCode::FORBIDDEN),
            }
        }
        assert!(passed > 0, "{what} lets nobody through");
    }
}

#[actix_web::test]
async fn every_body_has_the_limit_of_its_line() {
    let api = api();
    let tokens = tokens(&api).await;
    let host = test::init_service(ActixApp::new().configure(|config| api.configure(config))).await;
    for route in ROUTES {
        let Body::Json(limit) = route.body else { continue };
        let what = format!("{} {}", route.method, route.path);
        let mut refused = 0;
        for token in &tokens {
            let sent = |length: usize| {
                let request = request_to(route).insert_header(("authorization", format!("Bearer {token}")));
                let request = request.insert_header(("content-type", "application/json"));
                test::call_service(&host, request.insert_header(("content-length", length.to_string())).to_request())
            };
            assert_ne!(sent(limit).await.status(), StatusCode::PAYLOAD_TOO_LARGE, "{what}");
            let answer = sent(limit + 1).await;
            if answer.status() == StatusCode::PAYLOAD_TOO_LARGE {
                refused += 1;
                let text = text(answer).await;
                assert!(text.contains(&format!("at most {limit} bytes")), "{what}: {text}");
            }
        }
        assert!(refused > 0, "{what} reads more than {limit} bytes");
    }
}

#[test]
fn the_document_tells_what_the_list_says() {
    let document = serde_json::to_value(document()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let mut ids = BTreeSet::new();
    for route in ROUTES {
        let what = format!("{} {}", route.method, route.path);
        let operation = &paths
            .get(&route.path.replace(":.*", ""))
            .map_or(&Value::Null, |item| &item[route.method.as_str().to_lowercase()]);
        assert_eq!(operation.is_object(), route.description.is_some(), "{what}");
        if operation.is_null() {
            continue;
        }
        assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{what}: {operation}");
        assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{what}");
        let either = json!([{ "bearer": [] }, { "api_key": [] }]);
        let either = matches!(route.access, Access::SignedIn | Access::Needs(_)).then_some(either);
        assert_eq!(operation.get("security"), either.as_ref(), "{what}");
        if let Access::Needs(permission) = route.access {
            let needs = format!("Needs `{permission}`.");
            assert!(operation["description"].as_str().is_some_and(|text| text.ends_with(&needs)), "{what}");
        }
        let in_path = operation["parameters"].as_array().into_iter().flatten().filter(|one| one["in"] == "path");
        let written = route.path.replace(":.*", "");
        assert!(written.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/{}_-.".contains(&byte)), "{what}");
        let slots: Vec<String> = in_path.map(|one| format!("{{{}}}", one["name"].as_str().unwrap())).collect();
        assert_eq!(slots.len(), route.path.matches('{').count(), "{what}");
        assert!(slots.iter().all(|slot| written.contains(slot)), "{what}: {slots:?}");
        let content = operation["requestBody"]["content"].as_object();
        let kinds: Vec<&str> = content.into_iter().flatten().map(|(kind, _)| kind.as_str()).collect();
        let expected: &[&str] = match route.body {
            Body::Unread => &[],
            Body::Json(_) => &["application/json"],
            Body::Form(_) => &["multipart/form-data"],
        };
        assert_eq!(kinds, expected, "{what}");
        assert_eq!(operation["responses"].get("413").is_some(), !expected.is_empty(), "{what}");
    }
    let operations: usize = paths.values().map(|item| item.as_object().unwrap().len()).sum();
    assert_eq!(operations, ids.len(), "the document has operations that are not in the list");
}

/// A route comes into being by a line with its access. What somebody mounts beside the list has no guard, and so no
/// actor, whatever credential is sent, and no bytes of a body.
#[actix_web::test]
async fn s02_an_unlisted_handler_gets_neither_actor_nor_body() {
    let api = api();
    let [admin, _] = tokens(&api).await;
    let host = ActixApp::new()
        .configure(|config| {
            let app = web::Data::new(api.app.clone());
            config.app_data(app).route("/actor", web::post().to(|_: Authenticated| async { "passed" }));
            config.route("/body", web::post().to(|_: Json<Value>| async { "passed" }));
        })
        .configure(|config| api.configure(config));
    let host = test::init_service(host).await;
    for (path, status) in [("/actor", StatusCode::UNAUTHORIZED), ("/body", StatusCode::PAYLOAD_TOO_LARGE)] {
        let request = TestRequest::post().uri(path).insert_header(("authorization", format!("Bearer {admin}")));
        assert_eq!(
            test::call_service(&host, request.set_json(json!({})).to_request()).await.status(),
            status,
            "{path}"
        );
    }
}
