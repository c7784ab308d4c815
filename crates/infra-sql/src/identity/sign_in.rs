//! Look-ups before a tenant is known.

use async_trait::async_trait;
use domain::{
    access::Scope,
    identity::{
        SignInRepo, TokenHash,
        repo::{CredentialOwner, SignInAccount},
    },
    ids::{ApiKeyId, RefreshTokenId, UserId},
    store::StoreError,
};
use sea_orm::{FromQueryResult, prelude::Uuid};

use crate::{
    SqlBackend, SqlRepos,
    sql::{Met, Sql},
};

#[derive(FromQueryResult)]
struct AccountRow {
    user_id: Uuid,
    tenant_id: Option<Uuid>,
    password_salt: Option<String>,
}

#[derive(FromQueryResult)]
struct OwnerRow {
    id: Uuid,
    user_id: Uuid,
    tenant_id: Option<Uuid>,
}

impl<B: SqlBackend> SqlRepos<B> {
    /// A look-up by one name or hash needs no further condition; it needs its scope, so that nothing else
    /// comes to use it.
    fn sign_in_only(&self, sql: Sql) -> Result<Sql<Met>, StoreError> {
        match self.backend.scope() {
            Scope::SignIn => Ok(sql.met()),
            Scope::Tenant(_) | Scope::Installation { .. } => {
                Err(StoreError::OutOfScope("look-ups of sign-in need its scope"))
            }
        }
    }

    async fn account(&self, sql: Sql) -> Result<Option<SignInAccount>, StoreError> {
        let row = self.row(self.sign_in_only(sql)?).await?;
        Ok(row.map(|AccountRow { user_id, tenant_id, password_salt }| SignInAccount {
            user_id: user_id.into(),
            tenant_id: tenant_id.map(Into::into),
            password_salt,
        }))
    }

    async fn owner<I: From<Uuid>>(&self, sql: Sql) -> Result<Option<CredentialOwner<I>>, StoreError> {
        let row = self.row(self.sign_in_only(sql)?).await?;
        Ok(row.map(|OwnerRow { id, user_id, tenant_id }| CredentialOwner {
            id: id.into(),
            user_id: user_id.into(),
            tenant_id: tenant_id.map(Into::into),
        }))
    }
}

#[async_trait]
impl<B: SqlBackend> SignInRepo for SqlRepos<B> {
    async fn account_by_email(
        &self,
        email: &str,
        tenant_slug: Option<&str>,
    ) -> Result<Option<SignInAccount>, StoreError> {
        self.account(self.account_by_email_query(email, tenant_slug)).await
    }

    async fn account_by_username(
        &self,
        username: &str,
        tenant_slug: Option<&str>,
    ) -> Result<Option<SignInAccount>, StoreError> {
        self.account(self.account_by_username_query(username, tenant_slug)).await
    }

    async fn has_password(&self, user: UserId, hash: &str) -> Result<bool, StoreError> {
        self.exists(self.sign_in_only(self.has_password_query(user, hash))?).await
    }

    async fn refresh_token(&self, hash: &TokenHash) -> Result<Option<CredentialOwner<RefreshTokenId>>, StoreError> {
        self.owner(self.refresh_token_owner_query(hash.as_str())).await
    }

    async fn api_key(&self, hash: &TokenHash) -> Result<Option<CredentialOwner<ApiKeyId>>, StoreError> {
        self.owner(self.api_key_owner_query(hash.as_str())).await
    }
}
