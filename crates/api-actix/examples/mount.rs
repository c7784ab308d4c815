//! Banyan mounted into the actix server of another service, under `/banyan`, beside a route of the
//! service's own. `cargo run -p api-actix --example mount`, then open the address that it prints.

use std::{error::Error, sync::Arc, time::Duration};

use actix_web::{App as ActixApp, HttpServer, web};
use api_actix::{Api, ApiSettings};
use app::AppBuilder;
use domain::clock::SystemClock;
use infra_memory::{MemoryBlobStore, MemoryStore, MemoryWakeups};
use infra_providers::{ProviderRegistry, ProviderSettings};

async fn hello() -> &'static str {
    "hello from the host; Banyan is under /banyan/\n"
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let providers = ProviderSettings::read(|name| std::env::var(name).ok())?;
    let models = ProviderRegistry::new(&providers, &(Arc::new(SystemClock) as _))?;
    let (store, blobs) = (Arc::new(MemoryStore::default()), Arc::new(MemoryBlobStore::default()));
    let app = AppBuilder::new(store, Arc::new(models), blobs, Arc::new(MemoryWakeups::default())).build();
    app.start_background();

    let api = Api::new(app.clone(), ApiSettings::default());
    let server = HttpServer::new(move || {
        let banyan = web::scope("/banyan").configure(|services| api.configure(services));
        ActixApp::new().route("/", web::get().to(hello)).service(banyan)
    })
    .workers(1)
    .bind(std::env::args().nth(1).unwrap_or("127.0.0.1:8080".to_owned()))?;
    for address in server.addrs() {
        if let Some(token) = app.identity().offer_setup().await? {
            println!("http://{address}/banyan/api/v1/setup#token={token}");
        }
    }
    server.run().await?;
    app.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
