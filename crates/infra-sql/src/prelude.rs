//! What a file of stored rows and their repository wants: SeaORM's prelude, and ours.

pub(crate) use async_trait::async_trait;
pub(crate) use domain::{
    clock::Timestamp,
    page::{Page, PageRequest},
    store::StoreError,
};
pub(crate) use sea_orm::entity::prelude::*;

pub(crate) use crate::{
    SqlBackend, SqlRepos,
    mapping::{mapping, stored_as_text},
    scope::scoped,
    typed::listed,
};
