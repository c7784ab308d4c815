//! The second wall: what the application's role reaches when a query forgets its tenant.

use domain::{
    access::Scope,
    ids::TenantId,
    store::{Mode, Store},
};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use storage_testkit::{Harness, World};

use crate::{
    database::{run, system_clock},
    harness,
};

/// Every table with a `tenant_id` that the application may read, from the catalogue.
async fn tenant_tables(admin: &mut PgConnection) -> Vec<String> {
    let rows = sqlx::query(
        "SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' \
         WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace \
           AND has_any_column_privilege('banyan_app', c.oid, 'SELECT') ORDER BY 1",
    )
    .fetch_all(admin)
    .await
    .unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn every_table_with_a_tenant_has_forced_policies_for_all_commands() {
    let harness = harness(system_clock()).await;
    let mut admin = harness.database.superuser().await;
    let rows = sqlx::query(
        "SELECT c.relname::text, c.relrowsecurity AND c.relforcerowsecurity, \
           has_table_privilege('banyan_app', c.oid, 'DELETE') \
             OR has_any_column_privilege('banyan_app', c.oid, 'SELECT, INSERT, UPDATE'), \
           EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polcmd = '*' AND p.polqual IS NOT NULL \
             AND p.polwithcheck IS NOT NULL AND 'banyan_app'::regrole = ANY (p.polroles)), \
           has_table_privilege('banyan_app', c.oid, 'TRUNCATE') \
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' \
         WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace",
    )
    .fetch_all(&mut admin)
    .await
    .unwrap();
    assert!(rows.len() > 100, "the partitions of vectors alone are more than {}", rows.len());
    for row in rows {
        let table: String = row.get(0);
        assert!(row.get::<bool, _>(1), "{table}: row-level security is not forced");
        assert!(!row.get::<bool, _>(2) || row.get::<bool, _>(3), "{table}: no policy for all commands");
        assert!(!row.get::<bool, _>(4), "{table}: the application may truncate it");
    }
    admin.close().await.unwrap();
    harness.close().await;
}

/// A value of a column's type; the row's tenant where the column is the tenant.
const VALUES: &str = "SELECT c.relname::text, \
    string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum), \
    string_agg(CASE WHEN a.attname = 'tenant_id' THEN '$1' ELSE CASE format_type(a.atttypid, NULL) \
        WHEN 'uuid' THEN 'gen_random_uuid()' WHEN 'text' THEN 'md5(random()::text)' WHEN 'boolean' THEN 'true' \
        WHEN 'jsonb' THEN '''{}''' WHEN 'bytea' THEN '''\\x00''' WHEN 'tsvector' THEN '''x''' WHEN 'halfvec' THEN '''[1,2,3]''' \
        WHEN 'timestamp with time zone' THEN 'now()' ELSE '7' END END, ', ' ORDER BY a.attnum) \
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
        AND a.attgenerated = '' \
    WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY ($1) GROUP BY c.oid, c.relname ORDER BY 1";

/// A table, its columns, and for each tenant the one row that it has.
struct Filled {
    table: String,
    columns: String,
}

/// Gives each tenant one row in each table. Checks and keys are set aside for it: what the rows say
/// does not matter, only whose they are.
async fn fill(admin: &mut PgConnection, tables: &[String], tenants: [TenantId; 2]) -> Vec<Filled> {
    let checks = sqlx::query(
        "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) FROM pg_constraint \
         WHERE contype = 'c' AND coninhcount = 0 AND conrelid <> 0 AND connamespace = 'public'::regnamespace",
    );
    for drop in checks.fetch_all(&mut *admin).await.unwrap() {
        run(admin, drop.get::<String, _>(0)).await;
    }
    run(admin, "SET session_replication_role = replica").await;
    let mut filled = Vec::new();
    for row in sqlx::query(VALUES).bind(tables).fetch_all(&mut *admin).await.unwrap() {
        let (table, columns, values): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        for tenant in tenants {
            let values = values.replace("$1", &format!("'{tenant}'"));
            run(admin, format!("INSERT INTO {table} ({columns}) VALUES ({values})")).await;
        }
        filled.push(Filled { table, columns });
    }
    run(admin, "RESET session_replication_role").await;
    filled
}

/// Runs a statement inside a savepoint that is then undone: the rows touched, or the SQLSTATE.
async fn attempt(connection: &mut PgConnection, sql: String) -> Result<u64, String> {
    run(connection, "SAVEPOINT attempt").await;
    let outcome = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await;
    run(connection, "ROLLBACK TO attempt").await;
    outcome
        .map(|done| done.rows_affected())
        .map_err(|error| error.as_database_error().and_then(|error| error.code()).unwrap_or_default().into_owned())
}

async fn count(connection: &mut PgConnection, table: &str, condition: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table} WHERE {condition}");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(connection).await.unwrap()
}

async fn may(connection: &mut PgConnection, table: &str, privilege: &str) -> bool {
    sqlx::query_scalar("SELECT has_table_privilege(current_user, $1, $2)")
        .bind(table)
        .bind(privilege)
        .fetch_one(connection)
        .await
        .unwrap()
}

/// RLS refused the row.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

#[tokio::test]
async fn without_the_predicate_only_own_rows_are_there_in_every_table() {
    let harness = harness(system_clock()).await;
    let world = World::new(harness.store());
    let [own, other] = [world.make.id::<TenantId>(), world.make.id::<TenantId>()];
    let mut admin = harness.database.superuser().await;
    let tables = tenant_tables(&mut admin).await;
    assert!(tables.len() > 20, "the application reads more tables than {tables:?}");
    let filled = fill(&mut admin, &tables, [own, other]).await;

    let mut app = harness.store.app_pool().get().await.unwrap();
    for Filled { table, .. } in &filled {
        assert_eq!(count(&mut app, table, "true").await, 0, "{table}: rows without a tenant");
    }
    run(&mut app, format!("BEGIN; SELECT set_config('app.tenant_id', '{own}', true)")).await;
    for Filled { table, columns } in &filled {
        assert_eq!(count(&mut app, table, "true").await, 1, "{table}: own row, and no other");
        assert_eq!(count(&mut app, table, &format!("tenant_id = '{other}'")).await, 0, "{table}: a row of another");
        // What other walls (keys, triggers) refuse as well has its own SQLSTATE.
        if may(&mut app, table, "UPDATE").await {
            let touched = attempt(&mut app, format!("UPDATE {table} SET tenant_id = tenant_id")).await;
            assert!(touched.as_ref().map_or(true, |rows| *rows == 1), "{table}: update touched {touched:?}");
            let moved = attempt(&mut app, format!("UPDATE {table} SET tenant_id = '{other}'")).await;
            assert_eq!(moved, Err(INSUFFICIENT_PRIVILEGE.to_owned()), "{table}: a row was moved to another tenant");
        }
        if may(&mut app, table, "DELETE").await {
            let touched = attempt(&mut app, format!("DELETE FROM {table}")).await;
            assert!(touched.as_ref().map_or(true, |rows| *rows == 1), "{table}: delete touched {touched:?}");
        }
        if may(&mut app, table, "INSERT").await {
            let row: String = sqlx::query_scalar(AssertSqlSafe(format!(
                "SELECT to_jsonb(t)::text FROM {table} t WHERE tenant_id = '{other}'"
            )))
            .fetch_one(&mut admin)
            .await
            .unwrap();
            let row = row.replace('\'', "''");
            let insert = format!(
                "INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_record(NULL::{table}, '{row}')"
            );
            assert_eq!(attempt(&mut app, insert).await, Err(INSUFFICIENT_PRIVILEGE.to_owned()), "{table}: inserted");
        }
    }
    run(&mut app, "ROLLBACK").await;
    drop(app);
    admin.close().await.unwrap();
    harness.close().await;
}

#[tokio::test]
async fn a_scope_of_one_tenant_does_not_set_another_free() {
    let harness = harness(system_clock()).await;
    let world = World::new(harness.store());
    let acme = world.tenant("acme").await;
    world.tenant("other").await;
    let tx = harness.store.begin(&Scope::system_in(acme.id), Mode::Write).await.unwrap();
    drop(tx);
    // A connection that served a tenant and was let go has none.
    let mut app = harness.store.app_pool().get().await.unwrap();
    assert_eq!(count(&mut app, "tenants", "true").await, 0);
    drop(app);
    harness.close().await;
}
