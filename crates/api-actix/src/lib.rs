//! The HTTP faces of Banyan: `/api/v1` (ours) and `/v1` (OpenAI's), over one set of use cases.
//!
//! Handlers extract, call one use case, map. Every route is an [`endpoint::Endpoint`], and its
//! access stands in one table, [`routes::ACCESS`]; [`Api::new`] refuses a route that is not there.
//! To mount Banyan into a server of your own, hand [`Api::configure`] to `App::configure` or to a
//! scope of it. It answers every path there that no service before it has taken.

use std::sync::Arc;

use actix_web::{
    middleware::from_fn,
    web::{self, ServiceConfig},
};
use app::App;
use tokio::runtime::Handle;

mod authorize;
mod body;
mod conversations;
pub mod endpoint;
mod error;
mod health;
mod idempotency;
mod identity;
mod knowledge;
#[cfg(test)]
mod mounted;
mod observe;
pub mod openapi;
mod page;
mod pages;
pub mod routes;
mod runtime;
mod sse;
mod tenancy;
mod usage;
mod v1;

pub use endpoint::Endpoint;
pub use routes::{Access, UnlistedRoute};
use runtime::In;

/// What an operator may set about the HTTP faces.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// Version of the program, for `/api/v1/version`.
    pub version: &'static str,
    /// The site is reached by https: browsers are told to stay there.
    pub https: bool,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self { version: env!("CARGO_PKG_VERSION"), https: false }
    }
}

/// The HTTP faces of an application, ready to be mounted.
#[derive(Clone)]
pub struct Api {
    app: App,
    settings: Arc<ApiSettings>,
    endpoints: Arc<Vec<Endpoint>>,
    runtime: Handle,
}

impl Api {
    /// All endpoints, each with its access. Called in the runtime that the application lives in.
    ///
    /// # Errors
    /// [`UnlistedRoute`] for an endpoint that is not in the table, or an entry without an endpoint.
    pub fn new(app: App, settings: ApiSettings) -> Result<Self, UnlistedRoute> {
        Self::with_endpoints(app, settings, endpoint::all())
    }

    /// The same with these endpoints.
    ///
    /// # Errors
    /// As [`Api::new`].
    pub fn with_endpoints(app: App, settings: ApiSettings, endpoints: Vec<Endpoint>) -> Result<Self, UnlistedRoute> {
        routes::check(&endpoints)?;
        Ok(Self { app, settings: Arc::new(settings), endpoints: Arc::new(endpoints), runtime: Handle::current() })
    }

    /// Registers everything.
    pub fn configure(&self, config: &mut ServiceConfig) {
        let settings = Arc::clone(&self.settings);
        let runtime = self.runtime.clone();
        let observe = from_fn(move |request, next| {
            In::new(runtime.clone(), observe::observe(Arc::clone(&settings), request, next))
        });
        let mut scope = web::scope("")
            .app_data(web::Data::new(self.app.clone()))
            .app_data(web::Data::from(Arc::clone(&self.settings)))
            .app_data(web::Data::new(self.runtime.clone()))
            .app_data(body::path_config())
            .app_data(body::query_config());
        for (path, endpoints) in endpoint::by_path(&self.endpoints) {
            let mut resource = web::resource(path);
            let allowed = endpoint::allowed(&endpoints);
            for endpoint in endpoints {
                resource = resource.route(endpoint.guarded_route(&self.app));
            }
            let not_allowed = web::to(move || error::method_not_allowed(allowed.clone()));
            scope = scope.service(resource.default_service(not_allowed));
        }
        let scope = scope
            .service(openapi::page())
            .service(openapi::swagger())
            .default_service(web::to(error::no_such_route))
            .wrap(observe);
        config.service(scope);
    }
}
