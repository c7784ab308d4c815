//! Endpoints: a method, a path and the handler behind them.

use actix_web::{
    Route,
    guard::{self, Guard},
    http::Method,
    middleware::from_fn,
};
use app::App;

use crate::{
    authorize::authorize, conversations, health, identity, knowledge, openapi, pages, routes::access_of, tenancy,
    usage, v1,
};

/// A route of the API.
#[derive(Clone)]
pub struct Endpoint {
    /// The method.
    pub method: Method,
    /// The path with its parameters, as in the table of access.
    pub path: &'static str,
    /// The handler, as a route without a guard.
    pub route: fn() -> Route,
}

impl Endpoint {
    /// The route, behind its guard.
    pub(crate) fn guarded_route(&self, app: &App) -> Route {
        let app = app.clone();
        // An endpoint without an entry is refused before it gets here; should one, nobody passes.
        let access = access_of(&self.method, self.path);
        (self.route)().guard(self.is_asked()).wrap(from_fn(move |request, next| {
            let app = app.clone();
            authorize(app, access, request, next)
        }))
    }

    /// Whether a request means this endpoint. Whatever answers GET answers HEAD, without its body.
    fn is_asked(&self) -> impl Guard + use<> {
        let asked = guard::Any(guard::Method(self.method.clone()));
        if self.method == Method::GET { asked.or(guard::Head()) } else { asked }
    }
}

/// The methods of a path's endpoints, as the header `Allow` lists them.
pub(crate) fn allowed(endpoints: &[&Endpoint]) -> String {
    let methods = endpoints.iter().map(|endpoint| match endpoint.method {
        Method::GET => "GET, HEAD",
        ref method => method.as_str(),
    });
    methods.collect::<Vec<&str>>().join(", ")
}

/// Shorthand for the lists of the contexts.
pub(crate) fn endpoint(method: Method, path: &'static str, route: fn() -> Route) -> Endpoint {
    Endpoint { method, path, route }
}

/// All endpoints.
#[must_use]
pub fn all() -> Vec<Endpoint> {
    [
        pages::endpoints(),
        health::endpoints(),
        openapi::endpoints(),
        identity::endpoints(),
        tenancy::endpoints(),
        conversations::endpoints(),
        knowledge::endpoints(),
        usage::endpoints(),
        v1::endpoints(),
    ]
    .concat()
}

/// Endpoints grouped by path, paths in the order of their first endpoint.
pub(crate) fn by_path(endpoints: &[Endpoint]) -> Vec<(&'static str, Vec<&Endpoint>)> {
    let mut paths: Vec<(&'static str, Vec<&Endpoint>)> = Vec::new();
    for endpoint in endpoints {
        match paths.iter_mut().find(|(path, _)| *path == endpoint.path) {
            Some((_, group)) => group.push(endpoint),
            None => paths.push((endpoint.path, vec![endpoint])),
        }
    }
    paths
}
