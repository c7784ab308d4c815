//! Look-ups before a tenant is known.

use async_trait::async_trait;
use domain::{
    access::Scope,
    identity::{
        SignInRepo, TokenHash, User,
        repo::{CredentialOwner, SignInAccount},
    },
    ids::{ApiKeyId, RefreshTokenId, TenantId, UserId},
    store::StoreError,
};

use crate::{state::State, store::MemoryTx, table::place};

impl MemoryTx {
    fn look_up<T>(&self, query: impl FnOnce(&State) -> Option<T>) -> Result<Option<T>, StoreError> {
        match self.scope {
            Scope::SignIn => self.read(|state| Ok(query(state))),
            Scope::Tenant(_) | Scope::Installation { .. } => {
                Err(StoreError::OutOfScope("look-ups of sign-in need its scope"))
            }
        }
    }
}

fn account(state: &State, user: &User) -> SignInAccount {
    let salt = state.passwords.get(&user.id).map(|hash| hash[..hash.rfind('$').map_or(0, |last| last + 1)].to_owned());
    SignInAccount { user_id: user.id, tenant_id: user.tenant_id, password_salt: salt }
}

fn may_sign_in(user: &User) -> bool {
    user.is_active && user.deleted_at.is_none()
}

fn owner<I>(state: &State, id: I, user_id: UserId, tenant_id: Option<TenantId>) -> Option<CredentialOwner<I>> {
    state.users.get(&user_id).filter(|user| may_sign_in(user))?;
    Some(CredentialOwner { id, user_id, tenant_id })
}

#[async_trait]
impl SignInRepo for MemoryTx {
    async fn account_by_email(
        &self,
        email: &str,
        tenant_slug: Option<&str>,
    ) -> Result<Option<SignInAccount>, StoreError> {
        self.look_up(|state| {
            let mut found = state.users.by("ix_users_email", place![email]).filter(|user| may_sign_in(user));
            if let Some(slug) = tenant_slug {
                let tenant = state.tenants.find("uq_tenants_slug", place![slug])?;
                return found.find(|user| user.tenant_id == Some(tenant.id)).map(|user| account(state, user));
            }
            // No tenant stands before any.
            let first = found.next()?;
            (first.tenant_id.is_none() || found.next().is_none()).then(|| account(state, first))
        })
    }

    async fn account_by_username(
        &self,
        username: &str,
        tenant_slug: Option<&str>,
    ) -> Result<Option<SignInAccount>, StoreError> {
        self.look_up(|state| {
            let tenant = match tenant_slug {
                Some(slug) => state.tenants.find("uq_tenants_slug", place![slug])?,
                None => state.tenants.iter().next().filter(|_| state.tenants.len() == 1)?,
            };
            let found = state.users.find("uq_users_username", place![tenant.id.0, username]);
            found.filter(|user| may_sign_in(user)).map(|user| account(state, user))
        })
    }

    async fn has_password(&self, user: UserId, hash: &str) -> Result<bool, StoreError> {
        let found = self.look_up(|state| {
            state.users.get(&user).filter(|user| may_sign_in(user))?;
            state.passwords.get(&user).filter(|stored| *stored == hash).map(drop)
        });
        found.map(|found| found.is_some())
    }

    async fn refresh_token(&self, hash: &TokenHash) -> Result<Option<CredentialOwner<RefreshTokenId>>, StoreError> {
        self.look_up(|state| {
            let token = state.refresh_tokens.find("uq_refresh_tokens_token_hash", place![hash.as_str()])?;
            owner(state, token.id, token.user_id, token.tenant_id)
        })
    }

    async fn api_key(&self, hash: &TokenHash) -> Result<Option<CredentialOwner<ApiKeyId>>, StoreError> {
        self.look_up(|state| {
            let key = state.api_keys.find("uq_api_keys_key_hash", place![hash.as_str()])?;
            owner(state, key.id, key.user_id, Some(key.tenant_id))
        })
    }
}
