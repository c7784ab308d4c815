//! F16: a provider that refuses is asked again twice, then left alone, and asked again when it is well.

use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::{Client, Installation, installation::CHAT_MODEL};
use infra_providers::scripted::{Fault, Script};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep};

use super::verdict::Verdict;

/// How it refuses: status, `Retry-After`.
const REFUSALS: &[(u16, Option<&str>)] = &[(429, Some("1")), (429, None), (500, None), (503, Some("1")), (503, None)];
const CALLS: usize = 200;
const AT_ONCE: usize = 8;
/// Most requests of one call.
const TRIES: usize = 3;
/// Calls that are made before half of twenty have failed, with those under way then.
const BEFORE_IT_IS_OPEN: usize = 20 + AT_ONCE;
/// How long it is left alone.
const OPEN: Duration = Duration::from_secs(5);
/// A call's deadline, and what two cores are late.
const LONGEST: Duration = Duration::from_secs(62);
/// After this a provider that is well is asked again, with slack.
const WELL: Duration = Duration::from_secs(6);
/// What a refusal without a call may take, as p99.
const AT_ONCE_REFUSED: Duration = Duration::from_millis(250);

pub(crate) async fn run() -> Result<Verdict> {
    let installation = Installation::on_postgres().await?;
    let client = installation.client()?;
    let mut verdict = Verdict::default();
    for &(code, retry_after) in REFUSALS {
        let retry_after = retry_after.map(str::to_owned);
        let name = format!("{code}{}", if retry_after.is_some() { " with a time to wait" } else { "" });
        let fault = Fault::Status { code, retry_after, body: json!({ "error": { "message": "scripted" } }) };
        installation.upstream.set_default(Script::fault(fault));
        let before = installation.upstream.requests().len();
        let (mut longest, mut left_alone, mut answered) = (Duration::ZERO, Vec::new(), 0);
        let begun = Instant::now();
        let mut calling = JoinSet::new();
        for _ in 0..AT_ONCE {
            calling.spawn(call(client.clone(), CALLS / AT_ONCE));
        }
        for called in calling.join_all().await {
            for (code, took) in called? {
                longest = longest.max(took);
                match code.as_deref() {
                    None => answered += 1,
                    Some("upstream_unreachable") => left_alone.push(took),
                    Some(_) => {}
                }
            }
        }
        // An open circuit lets one call through each five seconds.
        let most_calls = BEFORE_IT_IS_OPEN + begun.elapsed().div_duration_f64(OPEN).ceil() as usize;
        let requests = installation.upstream.requests().len() - before;
        installation.upstream.set_default(Script::default());
        let healed = Instant::now();
        while client.post("/v1/chat/completions", &question()).await?.status != 200 && healed.elapsed() < WELL {
            sleep(Duration::from_millis(50)).await;
        }
        left_alone.sort();
        let p99 = left_alone.get(left_alone.len() * 99 / 100).copied().unwrap_or_default();
        verdict = verdict
            .at_least(&format!("{name}: calls that were not made"), left_alone.len(), CALLS / 2)
            .must_be("answered", answered, 0)
            .at_most("requests to the provider", requests, most_calls * TRIES)
            .at_most("ms of the longest call", longest.as_millis(), LONGEST.as_millis())
            .at_most("ms of p99 of those not made", p99.as_millis(), AT_ONCE_REFUSED.as_millis())
            .at_most("ms until it was asked again", healed.elapsed().as_millis(), WELL.as_millis());
    }
    let mut database = installation.postgres()?.superuser().await?;
    let paid = "SELECT count(*) FROM usage_logs WHERE total_tokens > 0";
    let paid: i64 = sqlx::query_scalar(paid).fetch_one(&mut database).await?;
    Ok(verdict.must_be("rows with tokens: one for each that was well again", paid, i64::try_from(REFUSALS.len())?))
}

/// Calls one behind the other: the code of each that failed, and how long it took.
async fn call(client: Client, calls: usize) -> Result<Vec<(Option<String>, Duration)>> {
    let mut called = Vec::new();
    for _ in 0..calls {
        let begun = Instant::now();
        let answer = client.post("/v1/chat/completions", &question()).await?;
        let code = answer.json()?["error"]["code"].as_str().map(str::to_owned);
        called.push((code, begun.elapsed()));
    }
    Ok(called)
}

fn question() -> Value {
    json!({ "model": CHAT_MODEL, "messages": [{ "role": "user", "content": "What?" }] })
}
