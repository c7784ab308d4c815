//! What the catalogues say: created_at everywhere, the named indexes, row-level security, keys.

use sea_orm_migration::sea_orm::ConnectionTrait;

use crate::database::{TestDatabase, column};

/// Indexes that the data model names, by their columns.
const INDEXES: &[(&str, &str)] = &[
    ("usage_logs", "user_id, requested_at"),
    ("usage_logs", "tenant_id, requested_at"),
    ("usage_daily", "tenant_id, day, number"),
    ("usage_daily", "user_id, day"),
    ("audit_logs", "tenant_id, entity_type, entity_id"),
    ("audit_logs", "tenant_id, created_at, id"),
    ("sessions", "tenant_id, expires_at"),
    ("api_keys", "tenant_id, expires_at"),
    ("users", "tenant_id, is_active"),
    ("users", "tenant_id, created_at, id"),
    ("users", "email"),
    ("conversations", "tenant_id, user_id, created_at, id"),
    ("messages", "tenant_id, parent_id, seq"),
    ("messages", "tenant_id, conversation_id, seq"),
    ("sources", "tenant_id, collection_id, content_hash"),
    ("chunks", "tenant_id, source_version_id, ordinal"),
    ("chunk_embeddings", "tenant_id, collection_id"),
    ("jobs", "run_at, created_at"),
    ("idempotency_keys", "expires_at"),
    ("provider_calls", "lease_expires_at"),
    ("streams", "tenant_id, user_id"),
];

async fn indexes_and_times_are_there(database: TestDatabase) {
    let (indexes, timeless) = if database.is_postgres() {
        (
            "SELECT i.indrelid::regclass || ': ' || string_agg(a.attname, ', ' ORDER BY k.place)
             FROM pg_index i, unnest(i.indkey) WITH ORDINALITY k (number, place), pg_attribute a
             WHERE a.attrelid = i.indrelid AND a.attnum = k.number GROUP BY i.indexrelid, i.indrelid",
            "SELECT relname::text FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
             AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'created_at' AND attnotnull)",
        )
    } else {
        (
            "SELECT t.name || ': ' || (SELECT group_concat(name, ', ') FROM pragma_index_info(i.name))
             FROM sqlite_schema t, pragma_index_list(t.name) i WHERE t.type = 'table'",
            "SELECT name FROM sqlite_schema t WHERE type = 'table' AND name NOT LIKE 'chunk_words%'
             AND name NOT LIKE 'sqlite_%' AND NOT EXISTS
                (SELECT 1 FROM pragma_table_info(t.name) WHERE name = 'created_at' AND \"notnull\")",
        )
    };
    let there: Vec<String> = column(database.admin(), indexes).await.unwrap();
    for (table, columns) in INDEXES {
        assert!(there.contains(&format!("{table}: {columns}")), "no index on {table} ({columns})");
    }
    let timeless: Vec<String> = column(database.admin(), timeless).await.unwrap();
    assert_eq!(timeless, ["seaql_migrations"]);
    database.remove().await;
}

#[tokio::test]
async fn indexes_and_times_are_there_on_sqlite() {
    indexes_and_times_are_there(TestDatabase::sqlite().await.migrated().await).await;
}

#[tokio::test]
async fn indexes_and_times_are_there_on_postgres() {
    indexes_and_times_are_there(TestDatabase::postgres().await.migrated().await).await;
}

/// Every foreign key can be checked by an index when what it names is deleted: without one a deletion
/// of a conversation or tenant would cost the square of its rows.
#[tokio::test]
async fn every_foreign_key_has_an_index() {
    let database = TestDatabase::postgres().await.migrated().await;
    let sql = "SELECT c.conrelid::regclass || ' ' || pg_get_constraintdef(c.oid) FROM pg_constraint c
        WHERE c.contype = 'f' AND c.conparentid = 0
        -- Holds no more than the calls under way.
        AND c.conrelid <> 'provider_calls'::regclass
        AND NOT EXISTS (
            SELECT FROM pg_index i WHERE i.indrelid = c.conrelid
            AND ((SELECT bool_and(k = ANY ((i.indkey::int2[])[0:cardinality(c.conkey) - 1])) FROM unnest(c.conkey) k)
                -- Of a key within a tenant the id alone is as good: no two tenants have the same.
                OR i.indkey[0] = c.conkey[cardinality(c.conkey)])
        )
        -- The row itself is found by its own key.
        AND NOT (c.confrelid IN ('messages'::regclass, 'source_versions'::regclass) AND c.condeferrable)";
    let mut bare: Vec<String> = column(database.admin(), sql).await.unwrap();
    bare.sort();
    // Prices are never deleted while the ledger exists.
    assert_eq!(bare, ["usage_logs FOREIGN KEY (price_id) REFERENCES model_prices(id)"]);
    database.remove().await;
}

#[tokio::test]
async fn row_level_security_is_forced_everywhere() {
    let database = TestDatabase::postgres().await.migrated().await;
    let admin = database.admin();
    let open = "SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
        AND c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity AND c.relforcerowsecurity) ORDER BY 1";
    assert_eq!(column::<String>(admin, open).await.unwrap(), ["installation", "model_prices", "seaql_migrations"]);

    // Each has one policy for the application and one for work across tenants, for all commands.
    let policies = "SELECT c.relname || ': ' || string_agg(
            concat_ws(' ', p.polcmd, p.polroles::regrole[]::text, pg_get_expr(p.polqual, p.polrelid),
                pg_get_expr(p.polwithcheck, p.polrelid)), ' | ' ORDER BY p.polname DESC)
        FROM pg_class c LEFT JOIN pg_policy p ON p.polrelid = c.oid AND p.polname NOT LIKE '%sign_in'
            -- Counts what a cascade takes along, which is done as the owner.
            AND p.polname <> 'quota_counts_owner'
        WHERE c.relnamespace = 'public'::regnamespace AND c.relrowsecurity AND NOT c.relispartition GROUP BY c.relname";
    let tables: Vec<String> = column(admin, policies).await.unwrap();
    assert!(tables.len() >= 24, "{tables:?}");
    for table in tables {
        let (name, policies) = table.split_once(": ").unwrap();
        let column = if name == "tenants" { "id" } else { "tenant_id" };
        let own = format!("({column} = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid)");
        // Of people and their acts work across tenants sees those that belong to none.
        let is_of_people = ["users", "sessions", "refresh_tokens", "audit_logs"].contains(&name);
        let across = if is_of_people { "(tenant_id IS NULL)" } else { "true" };
        let wanted = format!("* {{banyan_app}} {own} {own} | * {{banyan_jobs}} {across} {across}");
        assert_eq!(policies, wanted, "{name}");
    }
    database.remove().await;
}

#[tokio::test]
async fn the_application_owns_nothing_and_has_no_more_than_it_needs() {
    let database = TestDatabase::postgres().await.migrated().await;
    let admin = database.admin();
    let owners = "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION SELECT proowner::regrole::text FROM pg_proc p WHERE pronamespace = 'public'::regnamespace
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')";
    assert_eq!(column::<String>(admin, owners).await.unwrap(), ["banyan_owner", "banyan_sign_in"]);
    let tables = "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    assert_eq!(column::<String>(admin, tables).await.unwrap(), ["banyan_owner"]);
    let dangerous = "SELECT c.relname || ' ' || r.role || ' ' || p.privilege
        FROM pg_class c, (VALUES ('banyan_app'), ('banyan_jobs'), ('banyan_migration_tests')) r (role),
            (VALUES ('TRUNCATE'), ('TRIGGER'), ('REFERENCES')) p (privilege)
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
        AND has_table_privilege(r.role, c.oid, p.privilege)";
    assert_eq!(column::<String>(admin, dangerous).await.unwrap(), Vec::<String>::new());
    let fixed = "SELECT c.relname || ' ' || r.role || ' ' || p.privilege
        FROM (VALUES ('usage_logs'), ('audit_logs')) c (relname), (VALUES ('banyan_app'), ('banyan_jobs')) r (role),
            (VALUES ('UPDATE'), ('DELETE')) p (privilege)
        WHERE has_table_privilege(r.role, c.relname, p.privilege)";
    assert_eq!(column::<String>(admin, fixed).await.unwrap(), Vec::<String>::new());
    // The login by itself may do nothing, and a partition is nobody's.
    let reach = "SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
        AND c.relkind IN ('r', 'p') AND (has_table_privilege('banyan_migration_tests', c.oid, 'SELECT')
            OR (c.relispartition AND has_table_privilege('banyan_jobs', c.oid, 'SELECT')))";
    assert_eq!(column::<String>(admin, reach).await.unwrap(), Vec::<String>::new());
    let create = database.begin_as("banyan_app", "").await;
    create.execute_unprepared("CREATE TABLE mine (id integer)").await.expect_err("the application may create tables");
    drop(create);
    database.remove().await;
}
