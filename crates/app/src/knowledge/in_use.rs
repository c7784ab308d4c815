//! Which embedding models the documents that are there are found by.

use std::collections::BTreeSet;

use domain::{access::Scope, page::PageRequest};

use crate::{App, Result, unit_of_work::Uow};

/// Most tenants that are looked at, the newest; most collections of each, and most documents of each of those.
const MAX_TENANTS: u32 = 50;
const MAX_COLLECTIONS: u32 = 10;
const MAX_SOURCES: u32 = 5;

/// The embedding models of a sample of the newest documents, each with the length of its vectors; for `banyan doctor`.
///
/// # Errors
/// When the database is away.
pub async fn embeddings_in_use(app: &App) -> Result<BTreeSet<(String, u32)>> {
    let newest = |most: u32| PageRequest::new(Some(most), None);
    let tenants = async |tx: &Uow| Ok(tx.tenants().list(newest(MAX_TENANTS)).await?);
    let tenants = app.query_in(&Scope::system("look which embedding models are in use"), tenants).await?;
    let mut found = BTreeSet::new();
    for tenant in tenants.items {
        let read = async |tx: &Uow| {
            let mut of_tenant = Vec::new();
            for collection in tx.collections().list(None, newest(MAX_COLLECTIONS)).await?.items {
                for source in tx.sources().list(collection.id, newest(MAX_SOURCES)).await?.items {
                    let Some(current) = source.current_version_id else { continue };
                    let version = tx.sources().version(current).await?;
                    of_tenant
                        .extend(version.and_then(|version| version.embedding_model.zip(version.embedding_dimension)));
                }
            }
            Ok(of_tenant)
        };
        found.extend(app.query_in(&Scope::system_in(tenant.id), read).await?);
    }
    Ok(found)
}
