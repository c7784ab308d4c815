//! Databases that an older version filled, brought up to date.

use migration::Migrator;
use sea_orm_migration::MigratorTrait;

use crate::{
    database::{TestDatabase, column},
    fixture::{count, fill_first, refuse, run},
};

const RIGHTS_AND_LIMITS: &str = "m20261127_000008_rights_and_limits";

/// Roles as tenant 1 has had them from its first day, and one of its own; jobs that were queued at
/// once. `#15` of the fixture is the system role `user`, `#141` its queued job about source `#51`.
const OLDER: &str = "
    UPDATE roles SET permissions = '[\"profile:read\"]' WHERE id = #15;
    INSERT INTO roles (id, tenant_id, name, permissions, is_system) VALUES
        (#161, #1, 'tenant_admin', '[\"profile:read\",\"users:read\"]', true),
        (#162, #1, 'editor', '[\"profile:read\",\"knowledge:write\"]', false),
        (#163, #2, 'viewer', '[\"profile:read\"]', true);
    INSERT INTO jobs (id, tenant_id, user_id, kind, payload, source_id, state, progress_done, progress_total,
        attempts, fence, lease_expires_at, run_at, created_at) VALUES
        -- Of #51 one runs: it stays, though it is not the oldest.
        (#142, #1, #11, 'ingest', '{}', #51, 'running', 0, 0, 1, 1, @now, @now, '2099-01-01T00:00:00.000000+00:00'),
        (#143, #1, #11, 'ingest', '{}', #51, 'queued', 0, 0, 0, 0, NULL, @now, '2099-01-02T00:00:00.000000+00:00'),
        (#144, #1, #11, 'ingest', '{}', #51, 'dead', 0, 0, 5, 5, NULL, @now, @now),
        -- Of #52 none runs: the oldest stays.
        (#145, #1, #11, 'ingest', '{}', #52, 'queued', 0, 0, 0, 0, NULL, @now, '2026-01-02T00:00:00.000000+00:00'),
        (#146, #1, #11, 'ingest', '{}', #52, 'queued', 0, 0, 0, 0, NULL, @now, '2026-01-01T00:00:00.000000+00:00'),
        -- #53 has one job, and two jobs are about no source: nothing changes.
        (#147, #1, #11, 'ingest', '{}', #53, 'running', 0, 0, 1, 1, @now, @now, @now),
        (#148, #1, #11, 'other', '{}', NULL, 'queued', 0, 0, 0, 0, NULL, @now, @now),
        (#149, #1, #11, 'other', '{}', NULL, 'queued', 0, 0, 0, 0, NULL, @now, @now)";

/// The rights that the version before wrote into the rows of new tenants.
const ADMIN: &str = "users:read users:write profile:read profile:write api_keys:read api_keys:write conversations:read \
    conversations:write knowledge:read knowledge:write models:use usage:read audit:read";
const USER: &str = "users:read profile:read profile:write api_keys:read api_keys:write conversations:read \
    conversations:write knowledge:read knowledge:write models:use usage:read";
const VIEWER: &str = "users:read profile:read api_keys:read conversations:read knowledge:read usage:read";

async fn older(database: TestDatabase) -> TestDatabase {
    let database = database.migrated_before(RIGHTS_AND_LIMITS).await;
    fill_first(&database).await;
    run(database.admin(), OLDER).await.unwrap();
    database
}

/// Asserts that these rows and no others meet a condition on a table.
async fn only(database: &TestDatabase, table: &str, condition: &str, ids: &str) {
    let those = format!("{table} WHERE {condition}");
    let wanted = ids.split(", ").count() as i64;
    assert_eq!(count(database.admin(), &format!("{those} AND id IN ({ids})")).await, wanted, "{those}: {ids}");
    assert_eq!(count(database.admin(), &those).await, wanted, "{those}: {ids} and no others");
}

async fn system_roles_lose_their_stored_rights(database: TestDatabase) {
    let database = older(database).await;
    assert_eq!(count(database.admin(), "roles WHERE permissions = '[]'").await, 0);
    migration::up(&database.db).await.unwrap();
    only(&database, "roles", "permissions = '[]'", "#15, #161, #163").await;
    only(&database, "roles", "permissions = '[\"profile:read\",\"knowledge:write\"]'", "#162").await;

    // The version before reads them from the rows: taken back, they are whole again.
    let steps = Migrator::migrations().iter().rev().position(|migration| migration.name() == RIGHTS_AND_LIMITS);
    migration::down(&database.db, u32::try_from(steps.unwrap() + 1).unwrap()).await.unwrap();
    let holds = |names: &str| format!("permissions = '[\"{}\"]'", names.replace(' ', "\",\""));
    only(&database, "roles", &holds(USER), "#15").await;
    only(&database, "roles", &holds(ADMIN), "#161").await;
    only(&database, "roles", &holds("profile:read knowledge:write"), "#162").await;
    only(&database, "roles", &holds(VIEWER), "#163").await;
    database.remove().await;
}

#[tokio::test]
async fn system_roles_lose_their_stored_rights_on_sqlite() {
    system_roles_lose_their_stored_rights(TestDatabase::sqlite().await).await;
}

#[tokio::test]
async fn system_roles_lose_their_stored_rights_on_postgres() {
    system_roles_lose_their_stored_rights(TestDatabase::postgres().await).await;
}

async fn a_source_keeps_one_live_job(database: TestDatabase) {
    let database = older(database).await;
    migration::up(&database.db).await.unwrap();
    only(&database, "jobs", "state IN ('queued', 'running')", "#142, #146, #147, #148, #149").await;
    only(&database, "jobs", "state = 'dead'", "#141, #143, #144, #145").await;
    let ended = "lease_expires_at IS NULL AND error LIKE 'ended by an upgrade: another job works on the same file%'";
    only(&database, "jobs", ended, "#141, #143, #145").await;
    let another = |state: &str| {
        format!(
            "INSERT INTO jobs (id, tenant_id, kind, payload, source_id, state, progress_done, progress_total, attempts, \
             fence, lease_expires_at, run_at) VALUES (#150, #1, 'ingest', '{{}}', #51, '{state}', 0, 0, 0, 0, @now, @now)"
        )
    };
    refuse(&database, &another("queued"), "unique constraint").await;
    refuse(&database, &another("running"), "unique constraint").await;
    run(database.admin(), &another("done")).await.unwrap();
    database.remove().await;
}

#[tokio::test]
async fn a_source_keeps_one_live_job_on_sqlite() {
    a_source_keeps_one_live_job(TestDatabase::sqlite().await).await;
}

#[tokio::test]
async fn a_source_keeps_one_live_job_on_postgres() {
    a_source_keeps_one_live_job(TestDatabase::postgres().await).await;
}

const QUOTAS: &str = "m20261128_000019_quotas";

/// What tenants have by the counts, one row for each tenant and kind, and for each user.
const HELD: &str = "
    SELECT h.name || ' ' || q.kind || ' ' || sum(q.amount) FROM quota_counts q
    JOIN (SELECT id, username AS name FROM users UNION ALL SELECT id, slug FROM tenants) AS h ON h.id = q.holder_id
    GROUP BY h.name, q.kind HAVING sum(q.amount) <> 0 ORDER BY 1";

/// Deleted and revoked ones, and those of nobody, among what is there before.
const UNCOUNTED: &str = "
    UPDATE conversations SET deleted_at = @now WHERE id = #22;
    UPDATE collections SET user_id = NULL WHERE id = #41;
    INSERT INTO api_keys (id, tenant_id, user_id, name, prefix, last_four, key_hash, is_active)
        VALUES (#171, #1, #11, 'old', 'byn_2', 'abcd', @hash1, false)";

async fn what_is_there_is_counted(database: TestDatabase) {
    let database = database.migrated_before(QUOTAS).await;
    fill_first(&database).await;
    let admin = database.admin();
    run(admin, UNCOUNTED).await.unwrap();
    migration::up(&database.db).await.unwrap();
    let there = [
        "ada api_keys 1",
        "ada collections 1",
        "ada conversations 1",
        "ada file_bytes 3",
        "ada files 3",
        "bob conversations 1",
        "one api_keys 1",
        "one collections 2",
        "one conversations 1",
        "one file_bytes 3",
        "one files 3",
        "two conversations 1",
    ];
    assert_eq!(column::<String>(admin, HELD).await.unwrap(), there);

    // From now on each row that comes and goes is. Taken back and brought up again, the same is found.
    run(
        admin,
        "UPDATE api_keys SET is_active = NOT is_active WHERE tenant_id = #1;
        INSERT INTO api_keys (id, tenant_id, user_id, name, prefix, last_four, key_hash, is_active)
            VALUES (#172, #2, #12, 'new', 'byn_2', 'abcd', @hash2, true);
        UPDATE conversations SET deleted_at = @now WHERE id = #21;
        UPDATE conversations SET deleted_at = NULL WHERE id = #22;
        UPDATE conversations SET title = 'x', deleted_at = deleted_at;
        DELETE FROM sources WHERE id = #53",
    )
    .await
    .unwrap();
    let changed = [
        "ada api_keys 1",
        "ada collections 1",
        "ada file_bytes 2",
        "ada files 2",
        "bob api_keys 1",
        "bob conversations 1",
        "eve conversations 1",
        "one api_keys 1",
        "one collections 2",
        "one conversations 1",
        "one file_bytes 2",
        "one files 2",
        "two api_keys 1",
        "two conversations 1",
    ];
    assert_eq!(column::<String>(admin, HELD).await.unwrap(), changed);
    let steps = Migrator::migrations().iter().rev().position(|migration| migration.name() == QUOTAS);
    migration::down(&database.db, u32::try_from(steps.unwrap() + 1).unwrap()).await.unwrap();
    migration::up(&database.db).await.unwrap();
    assert_eq!(column::<String>(admin, HELD).await.unwrap(), changed);

    // With a user its own goes, what others may read stays; with a tenant all of it.
    run(admin, "DELETE FROM users WHERE id = #11").await.unwrap();
    let left: Vec<String> = column(admin, HELD).await.unwrap();
    let of_tenant: Vec<_> = left.iter().filter(|row| row.starts_with("one ")).collect();
    let collections = count(admin, "collections WHERE tenant_id = #1").await;
    let files = count(admin, "sources WHERE tenant_id = #1").await;
    let counted = ["collections", "conversations", "file_bytes", "files"];
    let counted: Vec<_> = counted.iter().zip([collections, 1, files, files]).filter(|(_, n)| *n > 0).collect();
    let counted: Vec<_> = counted.iter().map(|(kind, n)| format!("one {kind} {n}")).collect();
    assert_eq!(of_tenant, counted.iter().collect::<Vec<_>>());
    assert!(!left.iter().any(|row| row.starts_with("ada ")), "{left:?}");
    run(admin, "DELETE FROM tenants WHERE id = #1").await.unwrap();
    let left: Vec<String> = column(admin, HELD).await.unwrap();
    assert_eq!(left, ["bob api_keys 1", "bob conversations 1", "two api_keys 1", "two conversations 1"]);
    database.remove().await;
}

#[tokio::test]
async fn what_is_there_is_counted_on_sqlite() {
    what_is_there_is_counted(TestDatabase::sqlite().await).await;
}

#[tokio::test]
async fn what_is_there_is_counted_on_postgres() {
    what_is_there_is_counted(TestDatabase::postgres().await).await;
}

const EMAIL_PER_TENANT: &str = "m20261128_000018_email_per_tenant";

async fn an_address_becomes_free_elsewhere(database: TestDatabase) {
    let database = database.migrated_before(EMAIL_PER_TENANT).await;
    fill_first(&database).await;
    let same = "UPDATE users SET email = 'ada@one.example' WHERE id = #12";
    refuse(&database, same, "unique constraint").await;
    migration::up(&database.db).await.unwrap();
    run(database.admin(), same).await.unwrap();
    only(&database, "users", "email = 'ada@one.example'", "#11, #12").await;

    // The version before could not tell the two apart: it is not taken back until one of them has another.
    let steps = Migrator::migrations().iter().rev().position(|migration| migration.name() == EMAIL_PER_TENANT);
    let steps = u32::try_from(steps.unwrap() + 1).unwrap();
    let refused = migration::down(&database.db, steps).await.unwrap_err();
    assert!(format!("{refused:?}").to_lowercase().contains("unique"), "{refused:?}");
    run(database.admin(), "UPDATE users SET email = 'bob@two.example' WHERE id = #12").await.unwrap();
    migration::down(&database.db, steps).await.unwrap();
    refuse(&database, same, "unique constraint").await;
    database.remove().await;
}

#[tokio::test]
async fn an_address_becomes_free_elsewhere_on_sqlite() {
    an_address_becomes_free_elsewhere(TestDatabase::sqlite().await).await;
}

#[tokio::test]
async fn an_address_becomes_free_elsewhere_on_postgres() {
    an_address_becomes_free_elsewhere(TestDatabase::postgres().await).await;
}

const HITS_IN_RUNS: &str = "m20261127_000013_hits_in_runs";

/// Hits of the fixture's search `#101`, the last of which is the better one.
const HITS: &str = "
    INSERT INTO chunks (id, tenant_id, collection_id, source_id, source_version_id, ordinal, content, heading_path,
        start_offset, end_offset, token_count) VALUES (#72, #1, #41, #51, #61, 1, 'more', '[]', 0, 4, 1);
    INSERT INTO retrieval_hits (tenant_id, retrieval_run_id, chunk_id, rank, score, vector_rank, vector_score,
        lexical_rank, lexical_score, is_used) VALUES
        (#1, #101, #71, 2, 0.25, NULL, NULL, 1, 3.5, false),
        (#1, #101, #72, 1, 0.5, 1, 0.75, NULL, NULL, true)";

async fn hits_move_into_their_search_and_back(database: TestDatabase) {
    let database = database.migrated_before(HITS_IN_RUNS).await;
    fill_first(&database).await;
    run(database.admin(), HITS).await.unwrap();
    migration::up(&database.db).await.unwrap();
    let of_rank = |place: usize, condition: &str| {
        let hit = if database.is_postgres() { format!("hits -> {place}") } else { format!("(hits -> '$[{place}]')") };
        format!("retrieval_runs WHERE id = #101 AND {}", condition.replace("hit", &hit))
    };
    let better =
        "hit ->> 'chunk_id' = '00000000-0000-0000-0000-000000000048' AND CAST(hit ->> 'vector_score' AS real) = 0.75";
    assert_eq!(count(database.admin(), &of_rank(0, better)).await, 1);
    let worse = "hit ->> 'lexical_rank' IS NOT NULL AND hit ->> 'vector_rank' IS NULL";
    assert_eq!(count(database.admin(), &of_rank(1, worse)).await, 1);

    // Taken back, they are rows again, but for those whose chunk is gone meanwhile.
    run(database.admin(), "DELETE FROM chunks WHERE id = #71").await.unwrap();
    let steps = Migrator::migrations().iter().rev().position(|migration| migration.name() == HITS_IN_RUNS);
    migration::down(&database.db, u32::try_from(steps.unwrap() + 1).unwrap()).await.unwrap();
    let back = "chunk_id = #72 AND rank = 1 AND score = 0.5 AND vector_rank = 1 AND vector_score = 0.75 \
        AND lexical_rank IS NULL AND lexical_score IS NULL AND is_used";
    assert_eq!(count(database.admin(), &format!("retrieval_hits WHERE {back}")).await, 1);
    assert_eq!(count(database.admin(), "retrieval_hits").await, 1);
    database.remove().await;
}

#[tokio::test]
async fn hits_move_into_their_search_and_back_on_sqlite() {
    hits_move_into_their_search_and_back(TestDatabase::sqlite().await).await;
}

#[tokio::test]
async fn hits_move_into_their_search_and_back_on_postgres() {
    hits_move_into_their_search_and_back(TestDatabase::postgres().await).await;
}

const PEOPLE: &str = "m20261128_000021_people_of_the_tenant";

/// What `#10`, the superadmin of the fixture, did in tenant 1 and on the installation.
const FROM_OUTSIDE: &str = "
    UPDATE user_roles SET assigned_by = #10 WHERE id = #16;
    INSERT INTO audit_logs (id, tenant_id, action, entity_type, changes) VALUES
        (#133, #1, 'tenant_entered', 'tenant', '{\"superadmin\": \"00000000-0000-0000-0000-00000000000a\"}'),
        (#134, #1, 'user_created', 'user', '{\"after\": null}')";

async fn who_acts_from_outside_has_a_column(database: TestDatabase) {
    let database = database.migrated_before(PEOPLE).await;
    fill_first(&database).await;
    run(database.admin(), FROM_OUTSIDE).await.unwrap();
    migration::up(&database.db).await.unwrap();
    only(&database, "audit_logs", "superadmin_id = #10 AND user_id IS NULL", "#132, #133").await;
    only(&database, "audit_logs", "superadmin_id IS NULL", "#131, #134").await;
    only(&database, "user_roles", "assigned_by IS NULL", "#16").await;
    for sql in [
        "UPDATE jobs SET user_id = #12 WHERE id = #141",
        "UPDATE jobs SET user_id = #10 WHERE id = #141",
        "UPDATE provider_calls SET user_id = #12",
        "UPDATE idempotency_keys SET user_id = #12",
        "UPDATE user_roles SET assigned_by = #10 WHERE id = #16",
        "INSERT INTO audit_logs (id, tenant_id, user_id, action, entity_type) VALUES (#135, #1, #12, 'x', 'x')",
        "INSERT INTO audit_logs (id, tenant_id, superadmin_id, action, entity_type) VALUES (#135, #1, #9, 'x', 'x')",
    ] {
        refuse(&database, sql, "foreign key").await;
    }
    for sql in [
        "UPDATE audit_logs SET action = 'x' WHERE id = #131",
        "UPDATE audit_logs SET superadmin_id = #11 WHERE id = #131",
        "UPDATE audit_logs SET user_id = #13 WHERE id = #131",
        "UPDATE audit_logs SET user_id = #11 WHERE id = #131",
    ] {
        refuse(&database, sql, "append-only").await;
    }
    // Who is gone is cleared from what it did.
    for user in ["#11", "#10"] {
        run(database.admin(), &format!("DELETE FROM users WHERE id = {user}")).await.unwrap();
    }
    for table in ["audit_logs", "jobs", "provider_calls", "usage_logs"] {
        assert_eq!(count(database.admin(), &format!("{table} WHERE user_id IS NOT NULL")).await, 0, "{table}");
    }
    assert_eq!(count(database.admin(), "audit_logs WHERE superadmin_id IS NOT NULL").await, 0);
    assert_eq!(count(database.admin(), "idempotency_keys").await, 0);
    // And back.
    let steps = Migrator::migrations().iter().rev().position(|migration| migration.name() == PEOPLE);
    migration::down(&database.db, u32::try_from(steps.unwrap() + 1).unwrap()).await.unwrap();
    run(
        database.admin(),
        "INSERT INTO audit_logs (id, tenant_id, user_id, action, entity_type) VALUES (#136, #1, #12, 'x', 'x')",
    )
    .await
    .unwrap();
    database.remove().await;
}

#[tokio::test]
async fn who_acts_from_outside_has_a_column_on_sqlite() {
    who_acts_from_outside_has_a_column(TestDatabase::sqlite().await).await;
}

#[tokio::test]
async fn who_acts_from_outside_has_a_column_on_postgres() {
    who_acts_from_outside_has_a_column(TestDatabase::postgres().await).await;
}

const WORDS: &str = "m20261128_000023_words";

/// What the version before cut by other rules: chunks of the fixture's source `#51`, whose version `#61` is current, and
/// one of a version that is not.
const CHUNKS: &str = "
    INSERT INTO chunks (id, tenant_id, collection_id, source_id, source_version_id, ordinal, content, heading_path,
        start_offset, end_offset, token_count) VALUES
        (#72, #1, #41, #51, #61, 1, '合同有效期为十五年', '[\"Verträge\"]', 0, 9, 9),
        (#73, #1, #41, #51, #61, 2, 'Договоры и сроки', '[]', 0, 9, 9);
    INSERT INTO source_versions (id, tenant_id, source_id, collection_id, version, status, content_hash, character_count,
        chunking, chunk_count) SELECT #69, tenant_id, source_id, collection_id, 9, status, content_hash, 1, chunking, 1
        FROM source_versions WHERE id = #61;
    INSERT INTO chunks (id, tenant_id, collection_id, source_id, source_version_id, ordinal, content, heading_path,
        start_offset, end_offset, token_count) VALUES (#74, #1, #41, #51, #69, 0, '有效', '[]', 0, 2, 2)";

async fn what_is_there_is_cut_anew(database: TestDatabase) {
    let database = database.migrated_before(WORDS).await;
    fill_first(&database).await;
    run(database.admin(), CHUNKS).await.unwrap();
    migration::up(&database.db).await.unwrap();
    let holds = async |term: &str| {
        let rows = if database.is_postgres() {
            format!("chunk_words WHERE search @@ '''{term}'''::tsquery")
        } else {
            format!("chunk_words WHERE chunk_words MATCH '\"{term}\"'")
        };
        count(database.admin(), &rows).await
    };
    assert_eq!(holds("有效").await, 1, "of the current version alone");
    assert_eq!(holds("договор").await, 1);
    assert_eq!(holds("forestri·en").await, 1, "headings as well");
    let tenant = migration::chunk_words::tenant_token(sea_orm_migration::sea_orm::prelude::Uuid::from_u128(1));
    assert_eq!(holds(&tenant).await, 3);

    // Taken back, the rule before holds.
    let steps = Migrator::migrations().iter().rev().position(|migration| migration.name() == WORDS);
    migration::down(&database.db, u32::try_from(steps.unwrap() + 1).unwrap()).await.unwrap();
    let before = if database.is_postgres() {
        "chunks WHERE source_version_id = #61 AND search @@ to_tsquery('chunk_words', 'forestry')"
    } else {
        "chunk_words WHERE chunk_words MATCH 'forestry'"
    };
    assert_eq!(count(database.admin(), before).await, 1);
    migration::up(&database.db).await.unwrap();
    assert_eq!(holds("有效").await, 1);
    database.remove().await;
}

#[tokio::test]
async fn what_is_there_is_cut_anew_on_sqlite() {
    what_is_there_is_cut_anew(TestDatabase::sqlite().await).await;
}

#[tokio::test]
async fn what_is_there_is_cut_anew_on_postgres() {
    what_is_there_is_cut_anew(TestDatabase::postgres().await).await;
}
