//! Create, list and revoke one's own API keys.

use domain::{
    access::{Actor, Credential, Permission, PermissionSet},
    clock::Timestamp,
    error::ValueError,
    identity::ApiKey,
    ids::{ApiKeyId, TenantId},
    page::{Page, PageRequest},
    text,
    usage::QuotaKind,
};
use serde_json::json;

use super::{Identity, api_key_format, keys::hash_of, session::forget_after};
use crate::{
    App, Error, Result,
    audit::Act,
    unit_of_work::{Uow, tenant_of},
};

/// Most bytes of a description.
pub const MAX_API_KEY_DESCRIPTION_BYTES: usize = 1024;

/// A key to be created.
#[derive(Debug, Clone, Default)]
pub struct NewApiKey {
    /// The owner's name for it.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it may do; `None`: whatever its owner may, or the key that makes it.
    pub scopes: Option<Vec<String>>,
    /// When it stops working: no later than the key that makes it.
    pub expires_at: Option<Timestamp>,
}

/// A key that was just created; the only time that it is shown.
#[derive(Debug, Clone)]
pub struct CreatedApiKey {
    /// Its row.
    pub api_key: ApiKey,
    /// The key itself.
    pub key: String,
}

impl Identity {
    /// Creates a key of the actor's own.
    ///
    /// # Errors
    /// `forbidden`; `invalid` for scopes that the actor does not have; `quota_exceeded`.
    pub async fn create_api_key(&self, actor: &Actor, new: NewApiKey) -> Result<CreatedApiKey> {
        let scope = self.app.allow(actor, Permission::ApiKeysWrite)?;
        let created = self.app.new_api_key(actor, tenant_of(&scope)?, new)?;
        let work = move |tx: Uow| {
            let mut created = created.clone();
            async move {
                let key = &created.api_key;
                if let Some(maker) = key.made_by_key_id {
                    // Holds the maker's row: whoever revokes it waits, and finds this key.
                    tx.api_keys().record_use(maker, tx.now()).await?;
                    let maker = tx.api_keys().get(maker).await?.filter(|maker| maker.is_live(tx.now()));
                    let maker = maker.ok_or_else(Error::unauthenticated)?;
                    // What has no end of its own has its maker's.
                    let end = key.expires_at.into_iter().chain(maker.expires_at).min();
                    created.api_key.expires_at = end;
                }
                let key = &created.api_key;
                tx.app().need_room(&tx, QuotaKind::ApiKeys, Some(key.user_id), 1).await?;
                tx.api_keys().insert(key).await?;
                let after = json!({ "name": key.name, "prefix": key.prefix, "scopes": key.scopes });
                let act = Act::on("api_key_created", "api_key", key.id.0).now(after);
                Ok((created, act))
            }
        };
        self.app.change(actor, scope, None, work).await?.into_done()
    }

    /// The actor's keys, newest first.
    ///
    /// # Errors
    /// `forbidden`.
    pub async fn api_keys(&self, actor: &Actor, page: PageRequest) -> Result<Page<ApiKey>> {
        self.app.query(actor, Permission::ApiKeysRead, async |tx| Ok(tx.api_keys().list(page).await?)).await
    }

    /// Ends a key of the actor's own, everywhere within a second.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn revoke_api_key(&self, actor: &Actor, id: ApiKeyId) -> Result<()> {
        let owner = actor.user_id;
        let work = move |tx: Uow| async move {
            if !tx.api_keys().revoke(id, tx.now()).await? {
                return Err(Error::not_found("api_key", id.0));
            }
            forget_after(&tx, owner);
            Ok(((), Act::on("api_key_revoked", "api_key", id.0)))
        };
        self.app.change(actor, Permission::ApiKeysWrite, None, work).await?.into_done()
    }
}

impl App {
    /// A key that is not stored yet.
    fn new_api_key(&self, actor: &Actor, tenant_id: TenantId, new: NewApiKey) -> Result<CreatedApiKey> {
        let name = text::name("name", &new.name)?;
        let description = new
            .description
            .as_deref()
            .map(|description| text::free("description", description, MAX_API_KEY_DESCRIPTION_BYTES))
            .transpose()?;
        let now = self.now();
        if new.expires_at.is_some_and(|end| end <= now) {
            return Err(ValueError::new("expires_at", "in_the_past", "must be in the future").into());
        }
        let made_by_key_id = match actor.credential {
            Credential::ApiKey(maker) => Some(maker),
            Credential::Session(_) | Credential::Embedded => None,
        };
        let made = api_key_format::generate(self.parts.ids.as_ref());
        let api_key = ApiKey {
            id: ApiKeyId(self.parts.ids.random()),
            tenant_id,
            user_id: actor.user_id,
            name,
            description,
            prefix: made.prefix,
            last_four: made.last_four,
            key_hash: hash_of(&made.key),
            scopes: match new.scopes {
                Some(scopes) => Some(scopes_of(actor, &scopes)?),
                // Made by a key, it stays within what that key holds now.
                None => made_by_key_id.map(|_| actor.permissions.clone()),
            },
            made_by_key_id,
            is_active: true,
            expires_at: new.expires_at,
            last_used_at: None,
            created_at: now,
            updated_at: now,
        };
        Ok(CreatedApiKey { api_key, key: made.key })
    }
}

/// The permissions of a new key, which its maker may hand on.
fn scopes_of(actor: &Actor, scopes: &[String]) -> Result<PermissionSet> {
    if scopes.len() > Permission::ALL.len() {
        let message = format!("there are {} permissions; name each once", Permission::ALL.len());
        return Err(ValueError::new("scopes", "too_many", message).into());
    }
    let mut set = PermissionSet::new();
    for (index, scope) in scopes.iter().enumerate() {
        let field = format!("scopes/{index}");
        let permission: Permission =
            scope.parse().map_err(|error: ValueError| ValueError { field: field.clone(), ..error })?;
        if actor.may_hand_on(&[permission].into()).is_err() {
            let message = format!("you do not have the permission '{permission}' yourself");
            return Err(ValueError::new(field, "not_yours", message).into());
        }
        set.insert(permission);
    }
    if set.is_empty() {
        let message = "must name at least one permission, or be left out for all of yours";
        return Err(ValueError::new("scopes", "empty", message).into());
    }
    Ok(set)
}
