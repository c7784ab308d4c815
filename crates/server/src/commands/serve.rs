//! `banyan serve`.

use std::{
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use actix_server::Server;
use actix_web::{App as ActixApp, HttpResponse, HttpServer, web};
use api_actix::{Api, ApiSettings};
use app::{App, identity::NewInstallation};
use domain::identity::{Email, Username};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::time::MissedTickBehavior;

use super::admin::{by_name, password_in};
use crate::{
    config::Config,
    connections, data_folder,
    error::StartError,
    listeners::listen,
    shutdown::Signals,
    telemetry,
    wiring::{self, Backend},
};

/// How often old figures are cleaned up.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);
/// Time for connections to end after the application has.
const LAST_SECONDS: u64 = 5;

/// Serves until told to stop.
pub(crate) async fn run(config: Config) -> Result<ExitCode, StartError> {
    raise_file_limit();
    let mut signals = Signals::new()?;
    let figures = telemetry::metrics()?;
    // Told before anything is made.
    let models = wiring::models(&config)?;
    if let Some(fault) = models.fault_of_default(&config).await {
        tracing::warn!("{fault}");
    }
    let backend = wiring::check(&config)?;
    try_first_admin(&config, &backend).await?;
    data_folder::make(&config.data_dir)?;
    // Held to the end of the process.
    let _served = data_folder::serve(&config, &backend)?;
    let listener = listen(config.name_of("listen"), &config.listen)?;
    let metrics_listener = listen(config.name_of("metrics_listen"), &config.metrics_listen)?;
    let app = wiring::build(&config, models).await?;
    let https = config.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    let api = Api::new(app.clone(), ApiSettings { https, ..ApiSettings::default() });
    let address = listener.local_addr().map_err(StartError::part)?;
    let metrics_address = metrics_listener.local_addr().map_err(StartError::part)?;

    set_up(&app, &config, address).await?;
    app.start_background();
    let workers = match config.http_workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    };
    let server = Server::build()
        .workers(workers)
        .max_concurrent_connections((config.limits.connections / workers.max(1)).max(1))
        .shutdown_timeout(config.shutdown_seconds + LAST_SECONDS)
        .disable_signals();
    let server = connections::listen(server, listener, api).map_err(StartError::part)?.run();
    let metrics = serve_metrics(metrics_listener, figures)?;
    tracing::info!(address = %address, storage = app.capabilities().backend, "listening");
    tracing::info!(address = %metrics_address, "metrics listening");

    let handle = server.handle();
    let serving = tokio::spawn(server);
    tokio::pin!(serving);
    tokio::select! {
        ended = &mut serving => {
            ended.map_err(StartError::part)?.map_err(StartError::part)?;
            return Ok(ExitCode::FAILURE);
        }
        () = signals.next() => {}
    }
    tracing::info!("told to stop; ending what runs");
    signals.end_at_next();
    let grace = Duration::from_secs(config.shutdown_seconds);
    // Both at once: no new connections, and no new work on those that are open.
    let ((), drained) = tokio::join!(handle.stop(true), app.shutdown(grace));
    metrics.stop(false).await;
    tracing::info!(drained, "stopped");
    Ok(ExitCode::SUCCESS)
}

/// Sets up headless, or prints the setup URL of an empty installation.
async fn set_up(app: &App, config: &Config, address: SocketAddr) -> Result<(), StartError> {
    if has_first_admin(config) && app.identity().is_set_up().await? {
        return Ok(());
    }
    if let Some(new) = first_admin(config)? {
        match app.identity().set_up_on_host(new).await {
            Ok(set_up) => tracing::info!(tenant = set_up.tenant.slug.as_str(), "set up"),
            // Another instance was a moment faster.
            Err(error) if error.code == "setup_not_allowed" => {}
            Err(error) => return Err(refused_admin(config, error)),
        }
        return Ok(());
    }
    if let Some(token) = app.identity().offer_setup().await? {
        // All addresses of the machine are none to open.
        let ip = if address.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { address.ip() };
        let local = || format!("http://{}", SocketAddr::new(ip, address.port()));
        let base = config.public_url.clone().unwrap_or_else(local);
        let mut out = std::io::stdout();
        // Standard output, not the log: the token is for the one who started the program.
        writeln!(out, "\nBanyan is not set up yet. Open this address once:\n\n  {base}/api/v1/setup#token={token}\n")
            .and_then(|()| out.flush())
            .map_err(StartError::part)?;
    }
    Ok(())
}

/// Makes the first admin in memory, where the data surely has none yet: one that cannot be made is told before anything is.
async fn try_first_admin(config: &Config, backend: &Backend) -> Result<(), StartError> {
    let is_new = match backend {
        Backend::Sqlite(file) => !file.exists(),
        Backend::Memory => true,
        // Whether that is set up is known when it is opened.
        Backend::Postgres(_) => false,
    };
    let Some(new) = (if is_new { first_admin(config)? } else { None }) else { return Ok(()) };
    let made = wiring::in_memory().identity().set_up_on_host(new).await;
    made.map(drop).map_err(|error| refused_admin(config, error))
}

fn has_first_admin(config: &Config) -> bool {
    config.admin_email.is_some() && config.admin_password_file.is_some()
}

/// The first tenant with its admin, if the settings tell them.
fn first_admin(config: &Config) -> Result<Option<NewInstallation>, StartError> {
    let (Some(email), Some(file)) = (&config.admin_email, &config.admin_password_file) else { return Ok(None) };
    Ok(Some(NewInstallation {
        tenant_name: config.tenant_name.clone().unwrap_or_else(|| "Default".to_owned()),
        email: email.clone(),
        username: match &config.admin_username {
            Some(name) => name.clone(),
            None => Username::of_email(&Email::parse(email).map_err(app::Error::from)?).as_str().to_owned(),
        },
        password: password_in(&config.name_of("admin_password_file"), file)?,
    }))
}

fn refused_admin(config: &Config, error: app::Error) -> StartError {
    by_name(error, |field| config.name_of(&setting_of(field)))
}

/// The setting that tells a field of the first admin.
fn setting_of(field: &str) -> String {
    if field == "tenant_name" { field.to_owned() } else { format!("admin_{field}") }
}

/// Figures, on a listener of their own that the outside does not reach.
fn serve_metrics(
    listener: std::net::TcpListener,
    figures: PrometheusHandle,
) -> Result<actix_web::dev::ServerHandle, StartError> {
    let upkeep = figures.clone();
    tokio::spawn(async move {
        let mut interval = tokio::time::interval(UPKEEP_INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            upkeep.run_upkeep();
        }
    });
    let server = HttpServer::new(move || {
        let figures = figures.clone();
        ActixApp::new().route(
            "/metrics",
            web::get().to(move || {
                let text = figures.render();
                async move { HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(text) }
            }),
        )
    })
    .workers(1)
    .disable_signals()
    .listen(listener)
    .map_err(StartError::part)?
    .run();
    let handle = server.handle();
    tokio::spawn(server);
    Ok(handle)
}

/// Connections are files: as many as the system lets us have.
fn raise_file_limit() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files could not be raised; many connections may not fit");
    }
}
