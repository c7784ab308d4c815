//! Wake-ups within a process and between processes, and after the listening connection was lost.

use std::time::Duration;

use domain::{
    gateways::{Topic, Wakeups},
    ids::{IdGen, RandomIds},
};
use futures::StreamExt;
use infra_postgres::PostgresWakeups;
use sqlx::Connection;
use tokio::time::timeout;

use crate::database::{TestDatabase, run};

/// Longer than the listener's first pauses.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn wakeups_reach_this_process_and_others_once() {
    let database = TestDatabase::create().await;
    let store = database.store().await;
    let here = PostgresWakeups::start(&store, RandomIds.random());
    let there = PostgresWakeups::start(&store, RandomIds.random());
    let (mut heard_here, mut heard_there) = (here.subscribe(), there.subscribe());

    // Listening begins in the background: send until the other process hears.
    let topic = Topic::Stream(RandomIds.random());
    let heard = timeout(PATIENCE, async {
        loop {
            here.send(topic).await;
            assert_eq!(heard_here.next().await, Some(topic));
            if let Ok(heard) = timeout(Duration::from_millis(200), heard_there.next()).await {
                return heard;
            }
        }
    });
    assert_eq!(heard.await.unwrap(), Some(topic));
    // What came back through the database is not heard a second time.
    // This process may not listen yet, so it is sent until it is heard.
    let last = Topic::Access(RandomIds.random());
    let heard = timeout(PATIENCE, async {
        loop {
            there.send(last).await;
            if let Ok(heard) = timeout(Duration::from_millis(200), heard_here.next()).await {
                return heard;
            }
        }
    });
    assert_eq!(heard.await.unwrap(), Some(last));

    // The listening connections are cut; after a while both listen again.
    let mut admin = database.superuser().await;
    run(
        &mut admin,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'LISTEN%'",
    )
    .await;
    let again = Topic::Stream(RandomIds.random());
    let heard = timeout(PATIENCE, async {
        loop {
            there.send(again).await;
            if let Ok(Some(heard)) = timeout(Duration::from_millis(200), heard_here.next()).await
                && heard == again
            {
                return;
            }
        }
    });
    heard.await.unwrap();
    admin.close().await.unwrap();
    drop((here, there));
    store.close();
}
