//! The pages for people: what runs here, and the form of the first set-up. They carry everything
//! with them, and their policy lets nothing else in.

use actix_web::{HttpResponse, http::header, web};
use app::{App, identity::MIN_PASSWORD_CHARS};

use crate::{ApiSettings, error::ApiError, route::LISTED};

const START: &str = include_str!("pages/start.html");
const SETUP: &str = include_str!("pages/setup.html");
const SETUP_SCRIPT: &str = include_str!("pages/setup.js");
const STYLE: &str = include_str!("pages/style.css");
// The empty icon of the pages is a data URL.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";

/// What runs here, where the docs are, and how to make a first call.
pub(crate) async fn start(app: web::Data<App>, settings: web::Data<ApiSettings>) -> Result<HttpResponse, ApiError> {
    let set_up = app.identity().is_set_up().await?;
    let next = if set_up {
        "This installation is set up. Sign in, or make an API key, and call it as below."
    } else {
        "This installation is not set up yet. Open the setup URL that the server printed when it started."
    };
    let page = START
        .replace("{style}", STYLE)
        .replace("{version}", settings.version)
        .replace("{storage}", app.capabilities().backend)
        .replace("{next}", next);
    Ok(html(page))
}

/// The form of the first set-up. It reads the token from the fragment of its URL. Once that is done, it leads to the
/// first page.
#[utoipa::path(trace, path = LISTED, tag = "identity",
    responses((status = 200, body = String, content_type = "text/html; charset=utf-8"),
        (status = 303, description = "set-up is done", headers(("Location" = String, description = "The first page.")))))]
pub(crate) async fn show_setup(app: web::Data<App>) -> Result<HttpResponse, ApiError> {
    if app.identity().is_set_up().await? {
        return Ok(HttpResponse::SeeOther().insert_header((header::LOCATION, "../../")).finish());
    }
    let least = MIN_PASSWORD_CHARS.to_string();
    Ok(html(SETUP.replace("{style}", STYLE).replace("{least_chars}", &least)))
}

/// The script of that form.
pub(crate) async fn setup_script() -> HttpResponse {
    HttpResponse::Ok().content_type("text/javascript; charset=utf-8").body(SETUP_SCRIPT)
}

fn html(page: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .body(page)
}
