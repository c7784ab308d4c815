//! What users and tenants have, as the triggers of the schema count it.

use async_trait::async_trait;
use domain::{
    ids::UserId,
    store::StoreError,
    usage::{Held, QuotaBounds, QuotaKind, QuotaRepo},
};
use sea_orm::FromQueryResult;

use crate::{SqlBackend, SqlRepos, values::number};

#[derive(FromQueryResult)]
struct HeldRow {
    by_user: i64,
    by_tenant: i64,
}

#[async_trait]
impl<B: SqlBackend> QuotaRepo for SqlRepos<B> {
    async fn held(&self, kind: QuotaKind, user: Option<UserId>, fence: QuotaBounds) -> Result<Held, StoreError> {
        let row = self.row(self.held_query(self.tenant()?, kind, user, fence)).await?;
        let HeldRow { by_user, by_tenant } = row.unwrap_or(HeldRow { by_user: 0, by_tenant: 0 });
        let by_user: u64 = number(by_user)?;
        Ok(Held { by_user: user.map(|_| by_user), by_tenant: number(by_tenant)? })
    }
}
