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

use crate::{state::State, store::MemoryTx};

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

fn account(user: &User) -> SignInAccount {
    SignInAccount { user_id: user.id, tenant_id: user.tenant_id, password_hash: user.password_hash.clone() }
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
    async fn account_by_email(&self, email: &str) -> Result<Option<SignInAccount>, StoreError> {
        self.look_up(|state| {
            state.users.values().find(|user| may_sign_in(user) && user.email.as_str() == email).map(account)
        })
    }

    async fn account_by_username(
        &self,
        username: &str,
        tenant_slug: Option<&str>,
    ) -> Result<Option<SignInAccount>, StoreError> {
        self.look_up(|state| {
            let tenant = match tenant_slug {
                Some(slug) => state.tenants.values().find(|tenant| tenant.slug.as_str() == slug)?,
                None => state.tenants.values().next().filter(|_| state.tenants.size() == 1)?,
            };
            let wanted = |user: &&User| {
                may_sign_in(user) && user.tenant_id == Some(tenant.id) && user.username.as_str() == username
            };
            state.users.values().find(wanted).map(account)
        })
    }

    async fn refresh_token(&self, hash: &TokenHash) -> Result<Option<CredentialOwner<RefreshTokenId>>, StoreError> {
        self.look_up(|state| {
            let token = state.refresh_tokens.values().find(|token| token.token_hash == *hash)?;
            owner(state, token.id, token.user_id, token.tenant_id)
        })
    }

    async fn api_key(&self, hash: &TokenHash) -> Result<Option<CredentialOwner<ApiKeyId>>, StoreError> {
        self.look_up(|state| {
            let key = state.api_keys.values().find(|key| key.key_hash == *hash)?;
            owner(state, key.id, key.user_id, Some(key.tenant_id))
        })
    }
}
