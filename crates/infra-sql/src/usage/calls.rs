//! Statements on calls under way.

use domain::{
    access::Purpose,
    clock::Timestamp,
    ids::RequestId,
    store::StoreError,
    usage::{ModelPrice, ProviderCall},
};

use sea_orm::ColumnTrait;

use super::{
    prices::in_force,
    rows::{
        model_prices,
        provider_calls::{self, Entity},
    },
};
use crate::{SqlBackend, SqlRepos, sql::Sql};

/// The statement that puts a call on record, or renews it; `join` puts the row behind the INSERT.
pub(crate) fn record(
    call: &ProviderCall,
    now: Timestamp,
    join: impl FnOnce(Sql, Sql) -> Sql,
) -> Result<Sql, StoreError> {
    let row = provider_calls::Model { created_at: now, updated_at: now, ..provider_calls::Model::try_from(call)? };
    let row = Sql::default().values([row]);
    let insert = Sql::new("usage.record_call", "INSERT INTO ").table_with_columns::<provider_calls::Entity>().text(" ");
    Ok(join(insert, row).text(
        " ON CONFLICT (tenant_id, request_id) DO UPDATE SET lease_expires_at = excluded.lease_expires_at, \
         updated_at = excluded.updated_at",
    ))
}

fn select(name: &'static str) -> Sql {
    Sql::new(name, "SELECT ").columns::<provider_calls::Entity>("p").text(" FROM provider_calls p WHERE ")
}

impl<B: SqlBackend> SqlRepos<B> {
    pub(super) async fn put_call(&self, call: &ProviderCall) -> Result<Option<ModelPrice>, StoreError> {
        self.backend.scope().may_add(call)?;
        self.execute_later(vec![record(call, self.now(), Sql::append)?.met()]).await?;
        let price = self.of_no_tenant(in_force(&call.provider, &call.model, call.requested_at))?;
        self.returning::<model_prices::Model>(price).await?.pop().map(ModelPrice::try_from).transpose()
    }

    pub(super) async fn remove_call(&self, request: RequestId) -> Result<(), StoreError> {
        let sql = Sql::new("usage.forget_call", "DELETE FROM provider_calls WHERE request_id = ").bind(request.0);
        let sql = self.in_reach::<Entity, _>(sql.text(" AND "), "provider_calls", Purpose::Change)?;
        self.execute_later(vec![sql]).await
    }

    pub(super) async fn find_call(&self, request: RequestId) -> Result<Option<ProviderCall>, StoreError> {
        let query = self.reached::<Entity>("usage.call")?;
        self.one(query.filter(provider_calls::Column::RequestId.eq(request.0))).await
    }

    pub(super) async fn find_abandoned_calls(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<ProviderCall>, StoreError> {
        let sql = select("usage.abandoned_calls")
            .text("p.lease_expires_at <= ")
            .bind(now)
            .text(" ORDER BY p.lease_expires_at, p.request_id LIMIT ")
            .bind(i64::from(limit));
        let rows = self.rows::<provider_calls::Model>(self.across_tenants(sql)?).await?;
        rows.into_iter().map(ProviderCall::try_from).collect()
    }
}
