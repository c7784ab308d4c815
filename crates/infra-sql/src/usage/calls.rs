//! Statements on calls under way.

use domain::{
    clock::Timestamp,
    ids::RequestId,
    store::StoreError,
    usage::{ModelPrice, ProviderCall},
};

use super::{
    prices::in_force,
    rows::{model_prices, provider_calls},
};
use crate::{SqlBackend, SqlRepos, sql::Sql};

/// The statement that puts a call on record, or renews it; `join` puts the row behind the INSERT.
pub(crate) fn record(
    call: &ProviderCall,
    now: Timestamp,
    join: impl FnOnce(Sql, Sql) -> Sql,
) -> Result<Sql, StoreError> {
    let row = Sql::default().values([provider_calls::Model::new(call, now)?]);
    let insert = Sql::new("INSERT INTO ").table_with_columns::<provider_calls::Entity>().text(" ");
    Ok(join(insert, row).text(
        " ON CONFLICT (tenant_id, request_id) DO UPDATE SET lease_expires_at = excluded.lease_expires_at, \
         updated_at = excluded.updated_at",
    ))
}

fn select() -> Sql {
    Sql::new("SELECT ").columns::<provider_calls::Entity>("p").text(" FROM provider_calls p WHERE ")
}

impl<B: SqlBackend> SqlRepos<B> {
    pub(super) async fn put_call(&self, call: &ProviderCall) -> Result<Option<ModelPrice>, StoreError> {
        self.own_tenant(call.tenant_id)?;
        // The end of this call's record may wait.
        self.send_waiting().await?;
        self.execute_later(record(call, self.now(), Sql::append)?).await?;
        let price = in_force(&call.provider, &call.model, call.requested_at);
        Ok(self.returning::<model_prices::Model>(price).await?.pop().map(ModelPrice::from))
    }

    pub(super) async fn remove_call(&self, request: RequestId) -> Result<(), StoreError> {
        let sql = Sql::new("DELETE FROM provider_calls WHERE tenant_id = ")
            .bind(self.tenant()?.tenant_id.0)
            .text(" AND request_id = ")
            .bind(request.0);
        self.execute_later(sql).await
    }

    pub(super) async fn find_call(&self, request: RequestId) -> Result<Option<ProviderCall>, StoreError> {
        let sql = select()
            .text("p.tenant_id = ")
            .bind(self.tenant()?.tenant_id.0)
            .text(" AND p.request_id = ")
            .bind(request.0);
        self.row::<provider_calls::Model>(sql).await?.map(ProviderCall::try_from).transpose()
    }

    pub(super) async fn find_abandoned_calls(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<ProviderCall>, StoreError> {
        self.installation_only()?;
        let sql = select()
            .text("p.lease_expires_at <= ")
            .bind(now)
            .text(" ORDER BY p.lease_expires_at, p.request_id LIMIT ")
            .bind(i64::from(limit));
        let rows = self.rows::<provider_calls::Model>(sql).await?;
        rows.into_iter().map(ProviderCall::try_from).collect()
    }
}
