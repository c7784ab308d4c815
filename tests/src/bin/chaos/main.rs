//! Long forms of the faults, against the real program: one line each, with counts.
//!
//! `cargo xtask chaos [--seed N]` runs all. Some alone: `BANYAN_TEST_POSTGRES_URL=… chaos f03 f05`.

mod accounting;
mod disconnect;
mod flushes;
mod held;
mod ingestion;
mod random;
mod refusals;
mod shutdown;
mod slow;
mod stall;
mod storm;
mod usage;
mod verdict;

use std::{process::ExitCode, time::Instant};

use anyhow::{Context, Result, bail};
use random::Random;
use verdict::Verdict;

const FAULTS: &[&str] = &["f01", "f03", "f04", "f05", "f07", "f13", "f14", "f16", "f20", "f25", "f55"];
const DEFAULT_SEED: u64 = 1;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let (seed, wanted) = arguments()?;
    println!("seed {seed}");
    let mut failed = 0;
    for &fault in FAULTS.iter().filter(|fault| wanted.is_empty() || wanted.iter().any(|named| named == *fault)) {
        let random = Random::new(seed);
        let start = Instant::now();
        let outcome = match fault {
            "f01" => storm::run(seed).await,
            "f03" => disconnect::run(random).await,
            "f04" => usage::run(random).await,
            "f05" => accounting::run(random).await,
            "f07" => ingestion::run(random).await,
            "f13" => stall::run().await,
            "f14" => held::run().await,
            "f16" => refusals::run().await,
            "f20" => slow::run().await,
            "f25" => shutdown::run().await,
            _ => flushes::run(random).await,
        };
        let verdict = outcome.unwrap_or_else(|error| Verdict::broken(format!("{error:#}")));
        println!("{}", verdict.line(fault, start.elapsed()));
        failed += usize::from(!verdict.passed());
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn arguments() -> Result<(u64, Vec<String>)> {
    let (mut seed, mut wanted) = (DEFAULT_SEED, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--seed" {
            seed = arguments.next().context("--seed wants a number")?.parse().context("the seed is a whole number")?;
        } else if FAULTS.contains(&argument.as_str()) {
            wanted.push(argument);
        } else {
            bail!("there is no fault {argument}; they are {}", FAULTS.join(", "));
        }
    }
    Ok((seed, wanted))
}
