//! What a line of the list of routes says, and how it is mounted behind its guard.

use actix_web::{
    guard::{self, Guard},
    http::Method,
    middleware::from_fn,
};
use app::App;
use domain::access::Permission;
use utoipa::openapi::OpenApi;

use crate::{authorize::authorize, routes::ROUTES};

/// Stands where `#[utoipa::path]` of a handler wants a path, beside the method `trace`, which no route of ours has:
/// method and path are those of the line that lists the handler.
pub(crate) const LISTED: &str = "";

/// How a parameter ends that takes all the rest of a path.
const REST: &str = ":.*}";

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing: there is nothing to see or do without more.
    Public,
    /// The one-time setup token, a password or a refresh token in the body.
    OwnCredential,
    /// An authenticated actor.
    SignedIn,
    /// An authenticated actor with this permission.
    Needs(Permission),
}

/// What a route reads of the body of a request, with its bound in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Nothing: what is sent all the same is ignored.
    Unread,
    /// JSON, of at most so many bytes.
    Json(usize),
    /// A multipart form with a file. So many bytes bound each of the other fields; the file's bound is the operator's
    /// (`max_upload_bytes` in [`app::Settings`]).
    Form(usize),
}

impl Body {
    /// The bound in bytes.
    pub(crate) const fn limit(self) -> usize {
        match self {
            Self::Unread => 0,
            Self::Json(bytes) | Self::Form(bytes) => bytes,
        }
    }
}

/// A route of the API. Only the list of this crate makes one, so that none is without its access.
#[derive(Debug)]
pub struct Route {
    /// The method; whatever is listed for GET serves HEAD too.
    pub method: Method,
    /// The path, with its parameters in braces: `{…_id}` is a UUID, any other a text.
    pub path: &'static str,
    /// What it asks of its caller.
    pub access: Access,
    /// What it reads of the body.
    pub body: Body,
    pub(crate) handler: fn() -> actix_web::Route,
    /// What the handler says about itself; `None` for pages, which are not part of the API's description.
    pub(crate) description: Option<fn() -> OpenApi>,
}

impl Route {
    /// The handler behind its guard.
    pub(crate) fn guarded(&'static self, app: &App) -> actix_web::Route {
        let app = app.clone();
        let guard = from_fn(move |request, next| authorize(app.clone(), self, request, next));
        (self.handler)().guard(self.is_meant()).wrap(guard)
    }

    /// Whether the method of a request is this route's.
    fn is_meant(&self) -> impl Guard + use<> {
        let meant = guard::Any(guard::Method(self.method.clone()));
        if self.method == Method::GET { meant.or(guard::Head()) } else { meant }
    }
}

/// The methods of a path, as the header `Allow` lists them.
pub(crate) fn allowed(routes: &[&Route]) -> String {
    let methods = routes.iter().map(|route| match route.method {
        Method::GET => "GET, HEAD",
        ref method => method.as_str(),
    });
    methods.collect::<Vec<&str>>().join(", ")
}

/// How a path is matched: also with a slash at its end, unless something else stands there. Pages are not, as what they
/// refer to is beside them.
pub(crate) fn patterns(path: &str, routes: &[&Route]) -> Vec<String> {
    let rest = format!("{path}/{{");
    let is_taken = ROUTES.iter().any(|route| route.path.starts_with(&rest) && route.path.ends_with(REST));
    let is_open = !path.ends_with('/') && !path.ends_with(REST) && !is_taken;
    let mut patterns = vec![path.to_owned()];
    if is_open && routes.iter().all(|route| route.description.is_some()) {
        patterns.push(format!("{path}/"));
    }
    patterns
}

/// Routes grouped by path, paths in the order of their first route.
pub(crate) fn by_path(routes: &'static [Route]) -> Vec<(&'static str, Vec<&'static Route>)> {
    let mut paths: Vec<(&str, Vec<&Route>)> = Vec::new();
    for route in routes {
        match paths.iter_mut().find(|(path, _)| *path == route.path) {
            Some((_, group)) => group.push(route),
            None => paths.push((route.path, vec![route])),
        }
    }
    paths
}

/// A line of the list: `route!(METHOD, "path", access, body, context::handler)`. Without a body the route reads none.
/// The handler carries `#[utoipa::path]`, or it does not compile; the context becomes its tag in the document.
macro_rules! route {
    ($method:ident, $path:literal, $access:expr, $($handler:ident)::+) => {
        $crate::route::route!($method, $path, $access, $crate::route::Body::Unread, $($handler)::+)
    };
    ($method:ident, $path:literal, $access:expr, $body:expr, $($handler:ident)::+) => {{
        #[derive(utoipa::OpenApi)]
        #[openapi(paths($($handler)::+))]
        struct Description;
        $crate::route::Route {
            description: Some(<Description as utoipa::OpenApi>::openapi),
            body: $body,
            ..$crate::route::page!($method, $path, $access, $($handler)::+)
        }
    }};
}

/// The same for what is no part of the API's description: pages for people, the description itself, and what is listed
/// under another path.
macro_rules! page {
    ($method:ident, $path:literal, $access:expr, $($handler:ident)::+) => {
        $crate::route::Route {
            method: actix_web::http::Method::$method,
            path: $path,
            access: $access,
            body: $crate::route::Body::Unread,
            handler: || actix_web::web::to($($handler)::+),
            description: None,
        }
    };
}

pub(crate) use {page, route};
