//! Responses in the document: the errors of each face and which of them a route may return, and the headers of all.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        self, Components, Ref, RefOr,
        content::ContentBuilder,
        header::HeaderBuilder,
        path::Operation,
        response::{Response, ResponseBuilder},
        schema::{ObjectBuilder, Type},
    },
};

use crate::{Access, Body, Route, v1::ErrorResponse};

/// How the document names the errors of each face.
const OURS: &str = "Problem";
const OPENAI: &str = "OpenAiError";
/// Where OpenAI's dialect stands.
const V1: &str = "/v1/";

/// Why a request was refused (RFC 9457). Some codes bring further members, such as the id of what is there already.
#[derive(ToSchema)]
#[schema(as = Problem, example = json!({ "type": "about:blank", "title": "Unprocessable Entity", "status": 422,
    "detail": "name must not be blank", "code": "invalid", "request_id": "0198c0de-7a3b-7c41-9a55-1d2e3f405162",
    "errors": [{ "pointer": "/name", "code": "blank", "detail": "must not be blank" }] }))]
#[expect(dead_code, reason = "describes in the OpenAPI document what errors look like")]
struct Problem {
    /// `about:blank`: the status says what kind of problem it is.
    #[schema(rename = "type")]
    kind: String,
    /// The status in words.
    title: String,
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// A sentence that says what to do.
    detail: String,
    /// A stable name of the error.
    code: String,
    /// Finds the request in the server's log.
    request_id: String,
    /// The values that break a rule.
    errors: Vec<ProblemField>,
}

/// A value that breaks a rule.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes in the OpenAPI document what errors look like")]
struct ProblemField {
    /// Where it stands, as a JSON pointer into the body, or the name of a parameter behind a slash.
    pointer: String,
    /// A stable name of the rule.
    code: String,
    /// What is asked of it.
    detail: String,
}

/// Adds the schemas of errors, and the headers that they share.
pub(super) fn add_schemas(components: &mut Components) {
    let mut schemas = vec![(OURS.to_owned(), Problem::schema()), (OPENAI.to_owned(), ErrorResponse::schema())];
    Problem::schemas(&mut schemas);
    ErrorResponse::schemas(&mut schemas);
    components.schemas.extend(schemas);
    for (name, kind, description) in [
        ("NextPage", Type::String, "`<path>; rel=\"next\"`, where there is a next page."),
        ("Replayed", Type::String, "`true` where the request was carried out before, and this is its kept answer."),
        ("RetryAfter", Type::Integer, "Seconds after which to try again, where that is known."),
        ("WwwAuthenticate", Type::String, "How to authenticate: `Bearer`."),
        (
            "RequestId",
            Type::String,
            "Finds the request in the server's log; one's own `x-request-id`, if it is usable.",
        ),
    ] {
        let schema = ObjectBuilder::new().schema_type(kind);
        let header = HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build();
        components.headers.insert(name.to_owned(), RefOr::T(header));
    }
}

/// Adds to an operation the errors that follow from its line in the list, and to all of its errors their schema.
pub(super) fn add(operation: &mut Operation, route: &Route) {
    for (code, description) in of(route) {
        let response = ResponseBuilder::new().description(description).build();
        operation.responses.responses.entry(code.to_owned()).or_insert_with(|| RefOr::T(response));
    }
    let (media, schema) =
        if route.path.starts_with(V1) { ("application/json", OPENAI) } else { ("application/problem+json", OURS) };
    let told = headers(operation);
    for (code, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        response.headers.insert("x-request-id".to_owned(), header("RequestId"));
        if code.as_str() < "400" {
            describe(code, response);
            response.headers.extend(told.iter().map(|(name, component)| ((*name).to_owned(), header(component))));
            continue;
        }
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
        response.content.entry(media.to_owned()).or_insert(RefOr::T(content));
        match code.as_str() {
            "401" => drop(response.headers.insert("www-authenticate".to_owned(), header("WwwAuthenticate"))),
            "429" | "503" => drop(response.headers.insert("retry-after".to_owned(), header("RetryAfter"))),
            _ => {}
        }
    }
}

/// Headers of answers that follow from what may be asked: the next page of a list, and whether an answer is a kept one.
fn headers(operation: &Operation) -> Vec<(&'static str, &'static str)> {
    let parameters = operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
        RefOr::T(parameter) => Some(parameter.name.as_str()),
        RefOr::Ref(_) => None,
    });
    let of = parameters.filter_map(|name| match name {
        "cursor" => Some(("link", "NextPage")),
        "Idempotency-Key" => Some(("idempotent-replayed", "Replayed")),
        _ => None,
    });
    of.collect()
}

fn header(name: &str) -> RefOr<openapi::Header> {
    RefOr::Ref(Ref::new(format!("#/components/headers/{name}")))
}

/// A response must have a description, and a handler that has nothing to add writes none.
fn describe(code: &str, response: &mut Response) {
    if response.description.is_empty() {
        response.description = match code {
            "201" => "it was created",
            "202" => "it is being worked on",
            "204" => "done",
            _ => "as asked",
        }
        .to_owned();
    }
}

/// The errors that a route may return, with what they mean.
fn of(route: &Route) -> Vec<(&'static str, &'static str)> {
    let mut codes =
        vec![("500", "our fault; the request id finds it in the log"), ("503", "busy, or without a database")];
    // OpenAI's dialect says 400 of such.
    if !route.path.starts_with(V1) {
        codes.push(("422", "a value breaks a rule; the answer says which"));
    }
    match route.access {
        Access::Public => {}
        Access::OwnCredential => codes.push(("401", "the credential is worth nothing")),
        Access::SignedIn => codes.push(("401", "sign in first")),
        // A superadmin may name a tenant that is not there.
        Access::Needs(_) => codes.extend([
            ("401", "sign in first"),
            ("403", "the permission is missing"),
            ("404", "there is no such thing, or you may not see it"),
        ]),
    }
    if route.body != Body::Unread {
        codes.extend([
            ("400", "the body is not well formed"),
            ("408", "the body did not arrive in time"),
            ("409", "the state does not allow it"),
            ("413", "the body is too large"),
            ("415", "another content type is needed"),
            ("429", "too much at once"),
            ("502", "a provider failed"),
            ("504", "a provider did not answer in time"),
            ("507", "there is no room on the server's disk"),
        ]);
    }
    codes
}
