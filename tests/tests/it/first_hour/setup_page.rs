//! The page of the first set-up: what it carries, and where it leads.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};

use crate::world::{Backend, World};

/// The values of an attribute, in the order of the page.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    let begin = format!(" {attribute}=\"");
    page.split(&begin).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test]
async fn each_field_of_the_form_has_a_label_and_a_place_for_its_error() -> Result<()> {
    let world = World::empty(Backend::Sqlite, |builder| builder).await?;
    let answer = world.nobody()?.get("/api/v1/setup").await?;
    let policy = answer.header("content-security-policy").context("a policy")?.to_owned();
    ensure!(policy.starts_with("default-src 'self'; ") && !policy.contains("script-src"), "{policy}");
    let page = answer.text();
    let ids: BTreeSet<&str> = values(&page, "id").into_iter().collect();
    let fields = values(&page, "name").into_iter().filter(|name| *name != "viewport").collect::<Vec<_>>();
    assert_eq!(fields, ["tenant_name", "email", "username", "password"]);
    let labels: BTreeSet<&str> = values(&page, "for").into_iter().collect();
    assert_eq!(labels, fields.iter().copied().collect());
    for described in values(&page, "aria-describedby") {
        ensure!(described.split(' ').all(|id| ids.contains(id)), "{described}");
    }
    ensure!(fields.iter().all(|field| ids.contains(format!("{field}-error").as_str())), "{ids:?}");
    ensure!(page.contains("At least 15 characters"), "{page}");
    ensure!(!page.contains("onclick") && !page.contains("<script>"), "the policy lets no inline script run");
    let script = world.nobody()?.get("/api/v1/setup/form.js").await?.text();
    for id in script.split("part(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        ensure!(ids.contains(id), "the script looks for '{id}'");
    }
    Ok(())
}

#[tokio::test]
async fn once_it_is_done_the_page_leads_to_the_first_one() -> Result<()> {
    let world = World::start(Backend::Sqlite).await?;
    let answer = world.nobody()?.get("/api/v1/setup").await?;
    assert_eq!((answer.status, answer.header("location")), (303, Some("../../")));
    ensure!(world.nobody()?.get("/").await?.text().contains("is set up"), "the first page");
    Ok(())
}
