//! Stored sessions and refresh tokens.

use async_trait::async_trait;
use domain::{
    clock::Timestamp,
    identity::{RefreshToken, Session, SessionRepo},
    ids::{RefreshTokenId, SessionId},
    store::StoreError,
};
use sea_orm::{ColumnTrait, ExprTrait, sea_query::OnConflict};

use super::rows::{
    refresh_tokens,
    sessions::{Column, Entity},
};
use crate::{SqlBackend, SqlRepos};

#[async_trait]
impl<B: SqlBackend> SessionRepo for SqlRepos<B> {
    async fn get(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.one(self.reached::<Entity>("sessions.get")?.filter(Column::Id.eq(id.0))).await
    }

    async fn insert(&self, session: &Session) -> Result<(), StoreError> {
        self.insert_one::<Entity>("sessions.insert", session).await
    }

    async fn extend(&self, id: SessionId, idle_expires_at: Timestamp) -> Result<(), StoreError> {
        let command = self
            .changing::<Entity>("sessions.extend")?
            .set(Column::IdleExpiresAt, idle_expires_at)
            .set(Column::UpdatedAt, self.now())
            .filter(Column::Id.eq(id.0));
        self.change_one(command).await
    }

    async fn revoke(&self, id: SessionId, at: Timestamp) -> Result<(), StoreError> {
        let command = self
            .changing::<Entity>("sessions.revoke")?
            .set_to(Column::Version, Column::Version.into_expr().add(1))
            .set(Column::UpdatedAt, at)
            .set(Column::RevokedAt, at)
            .filter(Column::Id.eq(id.0))
            .filter(Column::RevokedAt.is_null());
        // One that has ended already stays as it is, its times too, which a command would move.
        if self.change(command).await? > 0 || SessionRepo::get(self, id).await?.is_some() {
            Ok(())
        } else {
            Err(StoreError::Stale)
        }
    }

    async fn refresh_token(&self, id: RefreshTokenId) -> Result<Option<RefreshToken>, StoreError> {
        let query = self.reached::<refresh_tokens::Entity>("sessions.refresh_token")?;
        self.one(query.filter(refresh_tokens::Column::Id.eq(id.0))).await
    }

    async fn insert_refresh_token(&self, token: &RefreshToken) -> Result<(), StoreError> {
        let same = OnConflict::column(refresh_tokens::Column::TokenHash).do_nothing().to_owned();
        let name = "sessions.insert_refresh_token";
        self.insert_unless::<refresh_tokens::Entity>(name, token, Some(same)).await.map(|_| ())
    }

    async fn use_refresh_token(&self, id: RefreshTokenId, at: Timestamp) -> Result<bool, StoreError> {
        let command = self
            .changing::<refresh_tokens::Entity>("sessions.use_refresh_token")?
            .set(refresh_tokens::Column::UsedAt, at)
            .filter(refresh_tokens::Column::Id.eq(id.0))
            .filter(refresh_tokens::Column::UsedAt.is_null());
        Ok(self.change(command).await? > 0)
    }
}
