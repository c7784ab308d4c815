//! The stored installation.

use async_trait::async_trait;
use domain::{
    admin::{Installation, InstallationRepo},
    clock::Timestamp,
    identity::TokenHash,
    store::StoreError,
};
use sea_orm::FromQueryResult;

use crate::{SqlBackend, SqlRepos, sql::Sql, values::stored};

#[derive(FromQueryResult)]
struct InstallationRow {
    setup_token_hash: Option<String>,
    set_up_at: Option<Timestamp>,
}

#[async_trait]
impl<B: SqlBackend> InstallationRepo for SqlRepos<B> {
    async fn get(&self) -> Result<Installation, StoreError> {
        // That one row is no secret: before anybody signs in, it tells whether there is somebody to.
        let sql = Sql::new("installation.get", "SELECT setup_token_hash, set_up_at FROM installation WHERE id = 1");
        let row = self.row(sql.met()).await?;
        let InstallationRow { setup_token_hash, set_up_at } =
            row.ok_or_else(|| StoreError::Corrupt("the row of the installation is missing".to_owned()))?;
        let setup_token_hash = setup_token_hash.map(|hash| stored(TokenHash::parse(&hash))).transpose()?;
        Ok(Installation { setup_token_hash, set_up_at })
    }

    async fn offer_setup(&self, token: &TokenHash) -> Result<bool, StoreError> {
        let sql = Sql::new("installation.offer_setup", "UPDATE installation SET setup_token_hash = ")
            .bind(token.as_str())
            .text(", updated_at = ")
            .bind(self.now())
            .text(" WHERE id = 1 AND set_up_at IS NULL");
        Ok(self.execute(self.of_no_tenant(sql)?).await? > 0)
    }

    async fn complete_setup(&self, token: Option<&TokenHash>, at: Timestamp) -> Result<bool, StoreError> {
        let mut sql = Sql::new("installation.complete_setup", "UPDATE installation SET set_up_at = ")
            .bind(at)
            .text(", updated_at = ")
            .bind(at)
            .text(" WHERE id = 1 AND set_up_at IS NULL");
        if let Some(token) = token {
            sql = sql.text(" AND setup_token_hash = ").bind(token.as_str());
        }
        Ok(self.execute(self.of_no_tenant(sql)?).await? > 0)
    }
}
