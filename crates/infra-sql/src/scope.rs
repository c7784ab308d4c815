//! Where a statement meets its scope. What a scope reaches is decided in `domain` ([`Protected`]);
//! here it becomes a condition, once for all tables.

use domain::{
    access::{Filter, Protected, Purpose, Rows, Scope, TenantScope},
    ids::{TenantId, UserId},
    store::StoreError,
};
use sea_orm::{DynIden, EntityTrait, ExprTrait, Value, prelude::Expr, sea_query::IntoIden};

use crate::{
    SqlBackend, SqlRepos,
    sql::{Met, Sql},
};

/// Which rows of a table everybody in the tenant may read.
pub(crate) enum Shown<C> {
    /// None.
    Never,
    /// All.
    Always,
    /// Those whose column has this value.
    Where(C, &'static str),
}

/// A table of protected rows: the columns that hold what [`Protected`] declares.
pub(crate) trait Scoped: EntityTrait {
    /// The entity of its rows.
    type Row: Protected;
    /// The tenant.
    const TENANT: Self::Column;
    /// The owner, where rows have one.
    const OWNER: Option<Self::Column>;
    /// What is shown.
    const SHOWN: Shown<Self::Column>;
}

/// Declares the columns of a table that hold what its entity declares.
macro_rules! scoped {
    ($row:ty, tenant $tenant:ident $(, owner $owner:ident)? $(, shown $($shown:tt)+)?) => {
        impl $crate::scope::Scoped for Entity {
            type Row = $row;
            const TENANT: Column = Column::$tenant;
            const OWNER: Option<Column> = $crate::scope::scoped!(@owner $($owner)?);
            const SHOWN: $crate::scope::Shown<Column> = $crate::scope::scoped!(@shown $($($shown)+)?);
        }
    };
    (@owner) => { None };
    (@owner $owner:ident) => { Some(Column::$owner) };
    (@shown) => { $crate::scope::Shown::Never };
    (@shown always) => { $crate::scope::Shown::Always };
    (@shown $column:ident = $value:literal) => { $crate::scope::Shown::Where(Column::$column, $value) };
}
pub(crate) use scoped;

/// A constant truth, as both databases write it.
fn constant(holds: bool) -> Expr {
    if holds { Expr::cust("1 = 1") } else { Expr::cust("1 = 0") }
}

/// The condition that a row of the table (by its alias) is among these.
fn among<E: Scoped>(table: &DynIden, rows: Rows) -> Expr {
    let column = |column: E::Column| Expr::col((table.clone(), column));
    let owned = |user: UserId| match E::OWNER {
        Some(owner) => column(owner).eq(user.0),
        None => constant(false),
    };
    let shown = || match E::SHOWN {
        Shown::Never => constant(false),
        Shown::Always => constant(true),
        Shown::Where(by, value) => column(by).eq(Expr::Constant(Value::from(value))),
    };
    match rows {
        Rows::All => constant(true),
        Rows::Own(user) => owned(user),
        Rows::OwnOrShown(user) => owned(user).or(shown()),
        Rows::Shown => shown(),
        Rows::Nothing => constant(false),
    }
}

/// The condition that the filter lets a row of the table (by its alias) through.
pub(crate) fn reach<E: Scoped>(table: impl IntoIden, filter: Filter) -> Expr {
    let table = table.into_iden();
    let tenant = Expr::col((table.clone(), E::TENANT));
    match filter {
        Filter::Everything => constant(true),
        Filter::Tenantless => tenant.is_null(),
        Filter::Within(id, Rows::All) => tenant.eq(id.0),
        Filter::Within(id, rows) => tenant.eq(id.0).and(among::<E>(&table, rows)),
    }
}

impl<S> Sql<S> {
    /// Adds the condition that the rows of a table, by its alias, are those that the scope reaches in
    /// its tenant.
    pub(crate) fn in_reach<E: Scoped>(self, table: &'static str, scope: &TenantScope, purpose: Purpose) -> Sql<Met> {
        let filter = Filter::Within(scope.tenant_id, scope.rows::<E::Row>(purpose));
        self.expr(&reach::<E>(table, filter)).met()
    }
}

impl<B: SqlBackend> SqlRepos<B> {
    /// The scope inside a tenant.
    pub(crate) fn tenant(&self) -> Result<&TenantScope, StoreError> {
        match self.backend.scope() {
            Scope::Tenant(scope) => Ok(scope),
            Scope::Installation { .. } => Err(StoreError::OutOfScope("this needs the scope of a tenant")),
            Scope::SignIn => Err(StoreError::OutOfScope("sign-in reaches its own look-ups only")),
        }
    }

    /// The rows of a type that the unit of work reaches.
    pub(crate) fn filter<T: Protected>(&self, purpose: Purpose) -> Result<Filter, StoreError> {
        self.backend.scope().filter::<T>(purpose)
    }

    /// Adds the condition that the rows of a table, by its alias, are in reach.
    pub(crate) fn in_reach<E: Scoped, S>(
        &self,
        sql: Sql<S>,
        table: &'static str,
        purpose: Purpose,
    ) -> Result<Sql<Met>, StoreError> {
        Ok(sql.expr(&reach::<E>(table, self.filter::<E::Row>(purpose)?)).met())
    }

    /// Adds `column = tenant`. See [`Sql::of_tenant`].
    pub(crate) fn of_tenant<S>(&self, sql: Sql<S>, column: &'static str) -> Result<Sql<Met>, StoreError> {
        Ok(sql.of_tenant(column, self.tenant()?))
    }

    /// Refuses rows of another tenant than the scope's: for parts, whose right is that of their whole.
    pub(crate) fn all_of_tenant(&self, tenants: impl IntoIterator<Item = TenantId>) -> Result<(), StoreError> {
        let own = self.tenant()?.tenant_id;
        if tenants.into_iter().all(|tenant| tenant == own) {
            Ok(())
        } else {
            Err(StoreError::OutOfScope("the row belongs to another tenant than the scope"))
        }
    }

    /// A statement across tenants, which only the installation runs.
    pub(crate) fn across_tenants<S>(&self, sql: Sql<S>) -> Result<Sql<Met>, StoreError> {
        match self.backend.scope() {
            Scope::Installation { .. } => Ok(sql.met()),
            Scope::Tenant(_) | Scope::SignIn => Err(StoreError::OutOfScope("this needs the scope of the installation")),
        }
    }

    /// A statement on what belongs to no tenant and is no secret of one (prices, the installation):
    /// every scope but sign-in's runs it.
    pub(crate) fn of_no_tenant<S>(&self, sql: Sql<S>) -> Result<Sql<Met>, StoreError> {
        match self.backend.scope() {
            Scope::Tenant(_) | Scope::Installation { .. } => Ok(sql.met()),
            Scope::SignIn => Err(StoreError::OutOfScope("sign-in reaches its own look-ups only")),
        }
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::DbBackend;

    use super::*;
    use crate::{identity::rows::users, knowledge::rows::collections, tenancy::tenants};

    fn condition<E: Scoped>(filter: Filter) -> String {
        Sql::part("").expr(&reach::<E>("k", filter)).met().statement(DbBackend::Sqlite).sql
    }

    #[test]
    fn a_filter_is_written_as_the_domain_means_it() {
        let within = |rows| Filter::Within(TenantId(uuid()), rows);
        let user = UserId(uuid());
        let collections = condition::<collections::Entity>;
        assert_eq!(collections(within(Rows::All)), r#""k"."tenant_id" = $1"#);
        assert_eq!(collections(within(Rows::Own(user))), r#""k"."tenant_id" = $1 AND "k"."user_id" = $2"#);
        let shown = r#""k"."tenant_id" = $1 AND ("k"."user_id" = $2 OR "k"."visibility" = 'shared')"#;
        assert_eq!(collections(within(Rows::OwnOrShown(user))), shown);
        assert_eq!(collections(within(Rows::Nothing)), r#""k"."tenant_id" = $1 AND (1 = 0)"#);
        assert_eq!(condition::<users::Entity>(Filter::Tenantless), r#""k"."tenant_id" IS NULL"#);
        assert_eq!(condition::<tenants::Entity>(Filter::Everything), "1 = 1");
    }

    fn uuid() -> sea_orm::prelude::Uuid {
        sea_orm::prelude::Uuid::nil()
    }
}
