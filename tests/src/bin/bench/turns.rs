//! What a durable turn adds to the provider, alone and among many.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Result;
use e2e::{Client, Installation, installation::message};
use infra_providers::scripted::Script;

use super::{
    calls::{
        CLIENTS, COMPLETIONS, Load, PROCESSOR_CLIENTS, Wanted, answer, conversations, direct_completion, streamed,
        timed,
    },
    figures::{Figure, Goal, Times},
    floors::{self, Hop},
    left::Left,
};

/// Tokens of the answers. The goals are those of the first; the other is told beside it.
const TOKENS: [usize; 2] = [64, 512];
/// Rounds of one client; in each every kind is called once. Those before them are not counted.
const ROUNDS: usize = 1_000;
const WARM_UP: usize = 300;
/// Conversations that the turns of one measurement go round among, so that no branch becomes long: a
/// multiple of every number of clients, each of which has its own.
const CONVERSATIONS: usize = 1_536;
/// Milliseconds that one turn alone may add, p50 and p99.
const ADDED: (f64, f64) = (2.5, 6.0);
/// How long the database's own transactions are counted.
const TRANSACTIONS: Duration = Duration::from_secs(4);

/// On PostgreSQL, with the floors of its database.
pub(crate) async fn on_postgres() -> Result<Vec<Figure>> {
    let installation = Installation::on_postgres().await?;
    let program = std::env::current_exe()?;
    let wanted = Wanted { processor: 1.5, rate: 1_000.0 };
    let mut figures = measure(&installation, program.parent().unwrap_or(Path::new(".")), wanted).await?;
    let url = installation.postgres()?.superuser_url().to_owned();
    let (one, two) = floors::commits(&url).await?;
    figures.push(Figure::plain("floor: commit of one row, p50", one, "ms"));
    figures.push(Figure::plain("floor: transaction of two rows, p50", two, "ms"));
    let rate = floors::transactions(&url, PROCESSOR_CLIENTS, TRANSACTIONS).await?;
    figures.push(Figure::plain(
        format!("floor: transactions of two rows, {PROCESSOR_CLIENTS} connections"),
        rate,
        "1/s",
    ));
    Ok(figures)
}

/// On SQLite.
pub(crate) async fn on_sqlite() -> Result<Vec<Figure>> {
    let installation = Installation::on_sqlite().await?;
    let folder = installation.server.folder().to_owned();
    measure(&installation, &folder, Wanted { processor: 1.0, rate: 900.0 }).await
}

async fn measure(installation: &Installation, disk: &Path, wanted: Wanted) -> Result<Vec<Figure>> {
    let flush = floors::flush(disk)?;
    let mut figures = vec![Figure::plain("floor: one flush of this disk, p50", flush, "ms")];
    for tokens in TOKENS {
        let has_goals = tokens == TOKENS[0];
        let text = answer(tokens);
        installation.upstream.set_default(Script::reply(&text));
        figures.extend(alone(installation, tokens, flush, has_goals).await?);
        for clients in CLIENTS {
            let name = format!("{tokens} tokens, {clients} clients: turns");
            figures.push(direct(installation, tokens, clients).await?);
            let client = installation.client()?;
            let paths: Arc<[String]> = conversations(&client, CONVERSATIONS).await?.into();
            installation.analyze().await?;
            let left = Left::now(installation).await?;
            let load = Load::run(installation, clients, move |number, round| {
                let (client, paths) = (client.clone(), Arc::clone(&paths));
                let place = (number + round * clients) % paths.len();
                async move { streamed(&client, &paths[place], &message("Hello?")).await }
            });
            let load = load.await?;
            figures.extend(load.figures(&name, tokens, has_goals.then_some(&wanted)));
            if has_goals && clients == PROCESSOR_CLIENTS {
                figures.extend(left.since(installation, &name, &text).await?);
            }
        }
    }
    Ok(figures)
}

/// One turn after the other, beside the provider and a bare hop.
async fn alone(installation: &Installation, tokens: usize, flush: f64, has_goals: bool) -> Result<Vec<Figure>> {
    let provider = format!("http://{}", installation.upstream.address());
    let hop = Hop::start(&provider)?;
    let (direct, through, ours) = (Client::new(&provider)?, hop.client()?, installation.client()?);
    let mut times: [Times; _] = Default::default();
    let mut open = Vec::new();
    for round in 0..WARM_UP + ROUNDS {
        // What is measured begins in conversations of its own.
        if round == 0 || round == WARM_UP {
            installation.analyze().await?;
            open = conversations(&ours, ROUNDS / 10).await?;
        }
        let calls = [
            timed(streamed(&direct, COMPLETIONS, &direct_completion(true))).await?,
            timed(streamed(&through, COMPLETIONS, &direct_completion(true))).await?,
            timed(streamed(&ours, &open[round % open.len()], &message("Hello?"))).await?,
        ];
        if round >= WARM_UP {
            times.iter_mut().zip(calls).for_each(|(times, call)| times.add(call));
        }
    }
    hop.stop().await;
    let [direct, through, turn] = &times;
    let added = |share| turn.quantile(share) - direct.quantile(share);
    let goal = |most| if has_goals { Goal::AtMost(most) } else { Goal::None };
    let name = |figure: &str| format!("{tokens} tokens, alone: {figure}");
    Ok(vec![
        Figure::plain(name("floor: provider called directly, p50"), direct.median(), "ms"),
        Figure::plain(name("floor: provider called directly, p99"), direct.quantile(0.99), "ms"),
        Figure::plain(name("floor: through a bare hop, p50"), through.median(), "ms"),
        Figure::plain(name("durable turn, p50"), turn.median(), "ms"),
        Figure::plain(name("durable turn, p99"), turn.quantile(0.99), "ms"),
        Figure::new(name("added p50"), added(0.5), "ms", goal(ADDED.0)),
        Figure::new(name("added p99"), added(0.99), "ms", goal(ADDED.1)),
        Figure::plain(name("added p50 in flushes"), added(0.5) / flush, "flushes"),
        Figure::plain(
            name("added p50 over that of a bare hop"),
            added(0.5) / (through.median() - direct.median()),
            "ratio",
        ),
    ])
}

async fn direct(installation: &Installation, tokens: usize, clients: usize) -> Result<Figure> {
    let client = Client::new(&format!("http://{}", installation.upstream.address()))?;
    let load = Load::run(installation, clients, move |_, _| {
        let client = client.clone();
        async move { streamed(&client, COMPLETIONS, &direct_completion(true)).await }
    });
    let name = format!("{tokens} tokens, {clients} clients: floor: provider called directly");
    Ok(Figure::plain(name, load.await?.rate(), "1/s"))
}
