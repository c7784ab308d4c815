//! Stored sessions and refresh tokens.

use async_trait::async_trait;
use domain::{
    clock::Timestamp,
    identity::{RefreshToken, Session, SessionRepo},
    ids::{RefreshTokenId, SessionId},
    store::StoreError,
};
use sea_orm::{ColumnTrait, ExprTrait, prelude::Expr, sea_query::OnConflict};

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
        // A session that has ended already keeps its version and its times.
        let unless_ended = |value: Expr, column: Column| {
            Expr::case(Column::RevokedAt.is_null(), value).finally(column.into_expr()).into()
        };
        let command = self
            .changing::<Entity>("sessions.revoke")?
            .set_to(Column::Version, unless_ended(Column::Version.into_expr().add(1), Column::Version))
            .set_to(Column::UpdatedAt, unless_ended(Expr::value(at), Column::UpdatedAt))
            .set_to(Column::RevokedAt, unless_ended(Expr::value(at), Column::RevokedAt))
            .filter(Column::Id.eq(id.0));
        self.change_one(command).await
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
