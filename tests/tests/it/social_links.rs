//! The social links of a tenant over HTTP.

use anyhow::Result;
use serde_json::json;

use crate::world::{Backend, World, on_each_backend, text};

on_each_backend!(a_tenant_has_one_link_for_each_platform);

const LINKS: &str = "/api/v1/social-links";

async fn a_tenant_has_one_link_for_each_platform(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let ada = world.admin()?;
    let link = json!({ "platform": "twitter", "url": "https://x.com/acme" });
    let made = ada.post(LINKS, &link).await?.expect(201)?;
    assert_eq!((&made["platform"], &made["url"]), (&link["platform"], &link["url"]));
    assert_eq!(ada.post(LINKS, &link).await?.expect(409)?["code"], "platform_taken");
    for platform in ["myspace", "youtube"] {
        ada.post(LINKS, &json!({ "platform": platform, "url": "https://x.com/acme" })).await?.expect(422)?;
    }
    // Everybody in the tenant reads them, its admins change them.
    let viewer = world.user("vic", "viewer").await?;
    assert_eq!(viewer.get(LINKS).await?.expect(200)?["items"], json!([made]));
    assert_eq!(viewer.post(LINKS, &link).await?.status, 403);
    let path = format!("{LINKS}/{}", text(&made["id"])?);
    assert_eq!(viewer.delete(&path).await?.status, 403);
    assert_eq!(ada.delete(&path).await?.status, 204);
    assert_eq!(ada.delete(&path).await?.status, 404);
    assert_eq!(ada.get(LINKS).await?.expect(200)?["items"], json!([]));
    Ok(())
}
