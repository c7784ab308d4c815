//! The only place that asks which database it is.

use domain::{
    access::TenantScope,
    clock::Timestamp,
    ids::{ApiKeyId, TenantId, UserId},
    store::StoreError,
    usage::{ModelPrice, ProviderCall, QuotaBounds, QuotaKind},
};
use sea_orm::{DbBackend, FromQueryResult, QueryResult, Statement};

use crate::{
    SqlBackend, SqlRepos,
    error::store_error,
    sql::{Met, Sql},
    usage::{calls, prices, rows::model_prices},
};

/// PostgreSQL's statement that puts a call on record by itself, as a transaction of its own, and returns
/// its price: it sets the tenant for the policies of row-level security, and that its commit does not
/// wait for the disk, before there is a row to be checked.
///
/// # Errors
/// [`StoreError::Check`] for a value that does not fit its column.
pub fn record_call_at_once(call: &ProviderCall, now: Timestamp) -> Result<Statement, StoreError> {
    let tenant = call.tenant_id.to_string();
    let sql = calls::record(call, now, |insert, row| {
        insert
            .text("SELECT v.* FROM set_config('app.tenant_id', ")
            .bind(tenant)
            .text(", true) AS tenant, set_config('synchronous_commit', 'off', true) AS disk, (")
            .append(row)
            .text(") AS v")
    })?;
    let price = prices::in_force(&call.provider, &call.model, call.requested_at);
    // The row names its tenant, and row-level security holds it to that; prices are nobody's.
    Ok(price.met().with_others(vec![sql.met()]).refuse_nul()?.statement(DbBackend::Postgres))
}

/// The price that [`record_call_at_once`] returns, from its rows.
///
/// # Errors
/// [`StoreError::Corrupt`] for a row that cannot be read.
pub fn recorded_price(rows: &[QueryResult]) -> Result<Option<ModelPrice>, StoreError> {
    let price = rows.first().map(|row| model_prices::Model::from_query_result(row, "")).transpose();
    price.map_err(store_error)?.map(ModelPrice::try_from).transpose()
}

/// The hash of a password up to its last `$`: trimmed of all characters it has but that one.
const SALT: &str = "rtrim(u.password_hash, replace(u.password_hash, '$', '')) AS password_salt";

impl<B: SqlBackend> SqlRepos<B> {
    pub(crate) fn is_postgres(&self) -> bool {
        self.backend.get_database_backend() == DbBackend::Postgres
    }

    /// Whether others cannot be sent together with this statement.
    pub(crate) fn stands_alone(&self, sql: &Sql<Met>) -> bool {
        self.is_postgres() && sql.as_text().starts_with("WITH")
    }

    /// The statement, and others before it that write, sent together. How many rows it changed is told
    /// of the statement alone.
    pub(crate) fn together(&self, others: Vec<Sql<Met>>, sql: Sql<Met>) -> Sql<Met> {
        if self.is_postgres() { sql.with_others(others) } else { sql.behind_others(others) }
    }

    /// These statements, sent together; each row that one of those changes which are to be counted becomes a
    /// row with its number among them as `mark`.
    pub(crate) fn marked(&self, statements: impl Iterator<Item = (Sql<Met>, bool)>) -> Sql<Met> {
        if self.is_postgres() { Sql::marked_with(statements) } else { Sql::marked_in_order(statements) }
    }

    /// Adds text on PostgreSQL only.
    fn on_postgres<S>(&self, sql: Sql<S>, text: &'static str) -> Sql<S> {
        if self.is_postgres() { sql.text(text) } else { sql }
    }

    /// Locks the rows of a query against other writers until the transaction ends, but lets others
    /// refer to them. SQLite has one writer.
    pub(crate) fn for_update<S>(&self, sql: Sql<S>) -> Sql<S> {
        self.on_postgres(sql, " FOR NO KEY UPDATE")
    }

    /// The same, leaving out rows that another transaction holds.
    pub(crate) fn for_update_skipping_locked<S>(&self, sql: Sql<S>) -> Sql<S> {
        self.on_postgres(sql, " FOR NO KEY UPDATE SKIP LOCKED")
    }

    /// The same for the table with this alias among the joined ones: `j`.
    pub(crate) fn for_update_of_j_skipping_locked<S>(&self, sql: Sql<S>) -> Sql<S> {
        self.on_postgres(sql, " FOR NO KEY UPDATE OF j SKIP LOCKED")
    }

    /// Adds the number of running streams of an API key, or of a user without one. On PostgreSQL a function of
    /// the schema counts them, near the bound under a lock that lasts until the transaction ends: two that
    /// open streams at the same moment count one after the other, and the later one counts what the earlier
    /// one added. As a sub-select it is asked once, not for each row that is added. SQLite has one writer.
    pub(crate) fn running_streams_of<S>(
        &self,
        sql: Sql<S>,
        tenant: TenantId,
        user: UserId,
        key: Option<ApiKeyId>,
        most: i64,
    ) -> Sql<S> {
        let key = key.map(|key| key.0);
        if self.is_postgres() {
            let sql = sql.text("(SELECT count_running_streams(").bind(tenant.0).text(", ").bind(user.0);
            sql.text(", ").bind(key).text(", ").bind(most).text("))")
        } else {
            sql.text("(SELECT COUNT(*) FROM streams WHERE state = 'running' AND tenant_id = ")
                .bind(tenant.0)
                .text(" AND user_id = ")
                .bind(user.0)
                .text(" AND api_key_id IS ")
                .bind(key)
                .text(")")
        }
    }

    /// What a user and the tenant have of a kind. On PostgreSQL a function of the schema looks, from the fence on under a
    /// lock that lasts until the transaction ends. SQLite has one writer.
    pub(crate) fn held_query(
        &self,
        scope: &TenantScope,
        kind: QuotaKind,
        user: Option<UserId>,
        fence: QuotaBounds,
    ) -> Sql<Met> {
        let (kind, user) = (kind.as_str(), user.map(|user| user.0));
        if self.is_postgres() {
            let bound = |bound: u64| i64::try_from(bound).unwrap_or(i64::MAX);
            return Sql::new("quotas.held", "SELECT by_user, by_tenant FROM held_of_quota(")
                .bind_tenant(scope)
                .text(", ")
                .bind(user)
                .text(", ")
                .bind(kind)
                .text(", ")
                .bind(bound(fence.per_user))
                .text(", ")
                .bind(bound(fence.per_tenant))
                .text(")");
        }
        Sql::new("quotas.held", "SELECT COALESCE((SELECT SUM(amount) FROM quota_counts WHERE ")
            .of_tenant("tenant_id", scope)
            .text(" AND holder_id = ")
            .bind(user)
            .text(" AND kind = ")
            .bind(kind)
            .text("), 0) AS by_user, COALESCE((SELECT SUM(amount) FROM quota_counts WHERE ")
            .of_tenant("tenant_id", scope)
            .text(" AND holder_id = tenant_id AND kind = ")
            .bind(kind)
            .text("), 0) AS by_tenant")
    }

    /// Adds the condition that the title of the conversation `c` holds this text, without regard to
    /// ASCII case (`lower` knows more letters on PostgreSQL, unless told not to).
    pub(crate) fn title_holds<S>(&self, sql: Sql<S>, text: &str) -> Sql<S> {
        let sql = if self.is_postgres() {
            sql.text("strpos(lower(c.title COLLATE \"C\"), ")
        } else {
            sql.text("instr(lower(c.title), ")
        };
        sql.bind(text.to_ascii_lowercase()).text(") > 0")
    }

    /// Adds the UTC day of a column of times as text.
    pub(crate) fn day_as_text<S>(&self, sql: Sql<S>, column: &'static str) -> Sql<S> {
        if self.is_postgres() {
            sql.text("to_char(").text(column).text(" AT TIME ZONE 'UTC', 'YYYY-MM-DD')")
        } else {
            sql.text("substr(").text(column).text(", 1, 10)")
        }
    }

    /// Adds a column of ids as text in hexadecimal, with or without dashes.
    pub(crate) fn id_as_text<S>(&self, sql: Sql<S>, column: &'static str) -> Sql<S> {
        if self.is_postgres() {
            sql.text(column).text("::text")
        } else {
            sql.text("lower(hex(").text(column).text("))")
        }
    }

    /// The account with this e-mail address in a tenant, or the superadmin's, or the only one there is.
    pub(crate) fn account_by_email_query(&self, email: &str, slug: Option<&str>) -> Sql {
        if self.is_postgres() {
            return Sql::new(
                "sign_in.account_by_email",
                "SELECT user_id, tenant_id, password_salt FROM sign_in_account_by_email(",
            )
            .bind(email)
            .text(", ")
            .bind(slug)
            .text(")");
        }
        let sql = Sql::new("sign_in.account_by_email", "SELECT u.id AS user_id, u.tenant_id, ")
            .text(SALT)
            .text(" FROM users u WHERE u.deleted_at IS NULL AND u.is_active AND u.email = ")
            .bind(email);
        match slug {
            Some(slug) => {
                sql.text(" AND u.tenant_id = (SELECT t.id FROM tenants t WHERE t.slug = ").bind(slug).text(")")
            }
            None => sql
                .text(" AND (u.tenant_id IS NULL OR NOT EXISTS (SELECT 1 FROM users other WHERE other.id <> u.id")
                .text(" AND other.email = u.email AND other.deleted_at IS NULL AND other.is_active))"),
        }
    }

    /// The account with this user name in a tenant, or in the only one there is.
    pub(crate) fn account_by_username_query(&self, username: &str, slug: Option<&str>) -> Sql {
        if self.is_postgres() {
            return Sql::new(
                "sign_in.account_by_username",
                "SELECT user_id, tenant_id, password_salt FROM sign_in_account_by_username(",
            )
            .bind(username)
            .text(", ")
            .bind(slug)
            .text(")");
        }
        let sql = Sql::new("sign_in.account_by_username", "SELECT u.id AS user_id, u.tenant_id, ")
            .text(SALT)
            .text(" FROM tenants t")
            .text(" JOIN users u ON u.tenant_id = t.id WHERE u.deleted_at IS NULL AND u.is_active AND u.username = ")
            .bind(username);
        match slug {
            Some(slug) => sql.text(" AND t.slug = ").bind(slug),
            None => sql.text(" AND NOT EXISTS (SELECT 1 FROM tenants other WHERE other.id <> t.id)"),
        }
    }

    /// A row if this is the hash of the account's password.
    pub(crate) fn has_password_query(&self, user: UserId, hash: &str) -> Sql {
        let sql = if self.is_postgres() {
            Sql::new("sign_in.has_password", "SELECT 1 WHERE sign_in_has_password(").bind(user.0).text(", ").bind(hash)
        } else {
            Sql::new("sign_in.has_password", "SELECT 1 FROM users WHERE deleted_at IS NULL AND is_active AND (id = ")
                .bind(user.0)
                .text(" AND password_hash = ")
                .bind(hash)
        };
        sql.text(")")
    }

    /// The owner of a refresh token.
    pub(crate) fn refresh_token_owner_query(&self, hash: &str) -> Sql {
        if self.is_postgres() {
            return Sql::new("sign_in.refresh_token", "SELECT id, user_id, tenant_id FROM sign_in_refresh_token(")
                .bind(hash)
                .text(")");
        }
        Sql::new(
            "sign_in.refresh_token",
            "SELECT r.id, r.user_id, r.tenant_id FROM refresh_tokens r JOIN users u ON u.id = r.user_id",
        )
        .text(" WHERE u.deleted_at IS NULL AND u.is_active AND r.token_hash = ")
        .bind(hash)
    }

    /// The owner of an API key.
    pub(crate) fn api_key_owner_query(&self, hash: &str) -> Sql {
        if self.is_postgres() {
            return Sql::new("sign_in.api_key", "SELECT id, user_id, tenant_id FROM sign_in_api_key(")
                .bind(hash)
                .text(")");
        }
        Sql::new(
            "sign_in.api_key",
            "SELECT k.id, k.user_id, k.tenant_id FROM api_keys k JOIN users u ON u.id = k.user_id",
        )
        .text(" WHERE u.deleted_at IS NULL AND u.is_active AND k.key_hash = ")
        .bind(hash)
    }
}
