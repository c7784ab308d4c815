//! What `/v1/chat/completions`, which keeps only usage and audit, adds to the provider, alone and among
//! many: whole answers of 64 tokens.

use anyhow::Result;
use e2e::{Client, Installation};
use infra_providers::scripted::Script;

use super::{
    calls::{CLIENTS, Load, Wanted, answer, completion, direct_completion, timed, whole},
    figures::{Figure, Times},
    floors::Hop,
};

/// Tokens of an answer.
const TOKENS: usize = 64;
/// Rounds of one client; in each every kind is called once. Those before them are not counted.
const ROUNDS: usize = 1_000;
const WARM_UP: usize = 300;

/// On PostgreSQL.
pub(crate) async fn on_postgres() -> Result<Vec<Figure>> {
    measure(&Installation::on_postgres().await?, Wanted { processor: 0.8, rate: 2_500.0 }).await
}

/// On SQLite.
pub(crate) async fn on_sqlite() -> Result<Vec<Figure>> {
    measure(&Installation::on_sqlite().await?, Wanted { processor: 0.45, rate: 4_000.0 }).await
}

async fn measure(installation: &Installation, wanted: Wanted) -> Result<Vec<Figure>> {
    installation.upstream.set_default(Script::reply(answer(TOKENS)));
    let mut figures = alone(installation).await?;
    for clients in CLIENTS {
        let direct = Client::new(&format!("http://{}", installation.upstream.address()))?;
        let floor = Load::run(installation, clients, move |_, _| {
            let client = direct.clone();
            async move { whole(&client, &direct_completion(false)).await }
        });
        let name = format!("{clients} clients: floor: provider called directly");
        figures.push(Figure::plain(name, floor.await?.rate(), "1/s"));
        let ours = installation.client()?;
        let load = Load::run(installation, clients, move |_, _| {
            let client = ours.clone();
            async move { whole(&client, &completion(false)).await }
        });
        let name = format!("{clients} clients: completions");
        figures.extend(load.await?.figures(&name, TOKENS, Some(&wanted)));
    }
    Ok(figures)
}

/// One completion after the other, beside the provider and a bare hop.
async fn alone(installation: &Installation) -> Result<Vec<Figure>> {
    let provider = format!("http://{}", installation.upstream.address());
    let hop = Hop::start(&provider)?;
    let (direct, through, ours) = (Client::new(&provider)?, hop.client()?, installation.client()?);
    let mut times: [Times; _] = Default::default();
    for round in 0..WARM_UP + ROUNDS {
        if round == WARM_UP {
            installation.analyze().await?;
        }
        let calls = [
            timed(whole(&direct, &direct_completion(false))).await?,
            timed(whole(&through, &direct_completion(false))).await?,
            timed(whole(&ours, &completion(false))).await?,
        ];
        if round >= WARM_UP {
            times.iter_mut().zip(calls).for_each(|(times, call)| times.add(call));
        }
    }
    hop.stop().await;
    let [direct, through, ours] = times.map(|times| times.median());
    Ok(vec![
        Figure::plain("alone: floor: provider called directly, p50", direct, "ms"),
        Figure::plain("alone: floor: through a bare hop, p50", through, "ms"),
        Figure::plain("alone: completion, p50", ours, "ms"),
        Figure::plain("alone: added p50", ours - direct, "ms"),
        Figure::plain("alone: added p50 over that of a bare hop", (ours - direct) / (through - direct), "ratio"),
    ])
}
