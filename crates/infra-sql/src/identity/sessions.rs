//! Stored sessions and refresh tokens.

use async_trait::async_trait;
use domain::{
    clock::Timestamp,
    identity::{RefreshToken, Session, SessionRepo},
    ids::{RefreshTokenId, SessionId},
    store::StoreError,
};

use super::rows::{refresh_tokens, sessions};
use crate::{SqlBackend, SqlRepos, sql::Sql};

#[async_trait]
impl<B: SqlBackend> SessionRepo for SqlRepos<B> {
    async fn get(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        let sql = Sql::new("SELECT ").columns::<sessions::Entity>("s").text(" FROM sessions s WHERE id = ");
        let sql = self.identity_in_reach(sql.bind(id.0).text(" AND "), "user_id")?;
        self.row::<sessions::Model>(sql).await?.map(Session::try_from).transpose()
    }

    async fn insert(&self, session: &Session) -> Result<(), StoreError> {
        self.own_tenant_or_none(session.tenant_id)?;
        self.add(vec![sessions::Model::from(session)]).await
    }

    async fn extend(&self, id: SessionId, idle_expires_at: Timestamp) -> Result<(), StoreError> {
        let sql = Sql::new("UPDATE sessions SET idle_expires_at = ")
            .bind(idle_expires_at)
            .text(", updated_at = ")
            .bind(self.now())
            .text(" WHERE id = ")
            .bind(id.0)
            .text(" AND ");
        self.command(self.identity_in_reach(sql, "user_id")?).await
    }

    async fn revoke(&self, id: SessionId, at: Timestamp) -> Result<(), StoreError> {
        let sql = Sql::new("UPDATE sessions SET version = version + CASE WHEN revoked_at IS NULL THEN 1 ELSE 0 END")
            .text(", updated_at = CASE WHEN revoked_at IS NULL THEN ")
            .bind(at)
            .text(" ELSE updated_at END, revoked_at = COALESCE(revoked_at, ")
            .bind(at)
            .text(") WHERE id = ")
            .bind(id.0)
            .text(" AND ");
        self.command(self.identity_in_reach(sql, "user_id")?).await
    }

    async fn refresh_token(&self, id: RefreshTokenId) -> Result<Option<RefreshToken>, StoreError> {
        let sql = Sql::new("SELECT ").columns::<refresh_tokens::Entity>("t").text(" FROM refresh_tokens t WHERE id = ");
        let sql = self.identity_in_reach(sql.bind(id.0).text(" AND "), "user_id")?;
        self.row::<refresh_tokens::Model>(sql).await?.map(RefreshToken::try_from).transpose()
    }

    async fn insert_refresh_token(&self, token: &RefreshToken) -> Result<(), StoreError> {
        self.own_tenant_or_none(token.tenant_id)?;
        let rows = vec![refresh_tokens::Model::from(token)];
        self.add_unless(rows, " ON CONFLICT (token_hash) DO NOTHING").await.map(|_| ())
    }

    async fn use_refresh_token(&self, id: RefreshTokenId, at: Timestamp) -> Result<bool, StoreError> {
        let sql = Sql::new("UPDATE refresh_tokens SET used_at = ")
            .bind(at)
            .text(" WHERE used_at IS NULL AND id = ")
            .bind(id.0)
            .text(" AND ");
        Ok(self.execute(self.identity_in_reach(sql, "user_id")?).await? > 0)
    }
}
