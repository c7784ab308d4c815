//! A server that does not answer any more, with every connection open.

use std::time::{Duration, Instant};

use domain::{
    access::Scope,
    store::{Mode, Store},
};
use infra_postgres::{PostgresOptions, PostgresStore};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};
use url::Url;

use crate::database::{TestDatabase, system_clock};

/// A relay to the server at this URL, and its switch: while that is off nothing comes through.
async fn relay(url: &mut Url) -> watch::Sender<bool> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = (url.host_str().unwrap().to_owned(), url.port().unwrap_or(5432));
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
    let (switch, is_on) = watch::channel(true);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let (server, mut is_on) = (server.clone(), is_on.clone());
            tokio::spawn(async move {
                let mut server = TcpStream::connect(server).await.unwrap();
                loop {
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server), if *is_on.borrow() => return,
                        changed = is_on.changed() => if changed.is_err() { return },
                    }
                }
            });
        }
    });
    switch
}

#[tokio::test]
async fn a_server_that_falls_silent_is_not_waited_for() {
    let database = TestDatabase::create().await;
    let mut url = Url::parse(&database.url).unwrap();
    let switch = relay(&mut url).await;
    let options = PostgresOptions { statement_timeout: Duration::from_secs(1), ..PostgresOptions::default() };
    let store = PostgresStore::connect(&url.as_str().into(), &options, system_clock()).await.unwrap();
    store.ping().await.unwrap();
    let scope = Scope::system("test");
    let tx = store.begin(&scope, Mode::Write).await.unwrap();
    switch.send(false).unwrap();
    let begun = Instant::now();
    store.ping().await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    // Neither the end of a unit of work nor the beginning of another waits for ever.
    let (ended, other) = tokio::join!(tx.commit(), store.begin(&scope, Mode::Read));
    ended.unwrap_err();
    assert!(other.is_err());
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    switch.send(true).unwrap();
    store.ping().await.unwrap();
}
