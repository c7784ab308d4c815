//! The HTTP faces of Banyan: `/api/v1` (ours) and `/v1` (OpenAI's), over one set of use cases.
//!
//! To mount them into an actix server of your own, hand [`Api::configure`] to `App::configure`, or to a scope:
//!
//! ```
//! use std::{error::Error, sync::Arc};
//!
//! use actix_web::{App as ActixApp, HttpServer, web};
//! use api_actix::{Api, ApiSettings};
//! use app::AppBuilder;
//! use infra_memory::{MemoryBlobStore, MemoryStore, MemoryWakeups};
//! use infra_providers::ProviderRegistry;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn Error>> {
//!     let (store, models) = (Arc::new(MemoryStore::default()), Arc::new(ProviderRegistry::default()));
//!     let (blobs, wakeups) = (Arc::new(MemoryBlobStore::default()), Arc::new(MemoryWakeups::default()));
//!     let app = AppBuilder::new(store, models, blobs, wakeups).build();
//!     let api = Api::new(app, ApiSettings::default());
//!
//!     let server = HttpServer::new(move || {
//!         let banyan = web::scope("/banyan").configure(|services| api.configure(services));
//!         ActixApp::new().route("/", web::get().to(|| async { "hello from the host" })).service(banyan)
//!     });
//!     let server = server.workers(1).bind("127.0.0.1:0")?;
//!     println!("http://{}/banyan/", server.addrs()[0]);
//!     let server = server.run();
//! #   let handle = server.handle();
//! #   tokio::spawn(async move { handle.stop(true).await });
//!     server.await?;
//!     Ok(())
//! }
//! ```
//!
//! It takes every path there that no service before it has taken. `examples/mount.rs` does the same with real
//! providers, background work and a shutdown.
//!
//! Every route is one line of [`routes::ROUTES`]: method, path, access, body, handler. Handlers extract, call one use
//! case, map.

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
mod error;
mod health;
mod idempotency;
mod identity;
mod knowledge;
mod list;
#[cfg(test)]
mod mounted;
mod objects;
mod observe;
pub mod openapi;
mod page;
mod pages;
mod query;
mod route;
pub mod routes;
mod runtime;
mod shape;
mod sse;
mod tenancy;
mod usage;
mod v1;
mod words;

pub use route::{Access, Body, Route};
use routes::ROUTES;
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
    runtime: Handle,
}

impl Api {
    /// The faces of this application.
    ///
    /// # Panics
    /// Outside of a tokio runtime: call it in the one that the application lives in.
    #[must_use]
    pub fn new(app: App, settings: ApiSettings) -> Self {
        Self { app, settings: Arc::new(settings), runtime: Handle::current() }
    }

    /// Mounts [`ROUTES`], and nothing else.
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
            .app_data(body::path_config());
        for (path, routes) in route::by_path(ROUTES) {
            let mut resource = web::resource(route::patterns(path, &routes));
            let allowed = route::allowed(&routes);
            for route in routes {
                resource = resource.route(route.guarded(&self.app));
            }
            let not_allowed = web::to(move || error::method_not_allowed(allowed.clone()));
            scope = scope.service(resource.default_service(not_allowed));
        }
        config.service(scope.default_service(web::to(error::no_such_route)).wrap(observe));
    }
}
