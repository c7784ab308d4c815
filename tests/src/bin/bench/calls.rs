//! Calls that several parts measure, and many clients that make them at once.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::{
    Client, Installation, Response,
    installation::{CHAT_MODEL, conversation},
    processor::Spent,
};
use reqwest::{Method, header::ACCEPT};
use serde_json::{Value, json};

use super::figures::{Figure, Goal, Times};

/// Where chat completions are asked for, of us and of the provider.
pub(crate) const COMPLETIONS: &str = "/v1/chat/completions";
/// How long clients call before anything is counted. Calls go over all connections of the pool, and each
/// of them prepares every statement, which PostgreSQL plans anew for its first five runs.
const WARM_UP: Duration = Duration::from_secs(4);
/// How long they are counted.
const COUNTED: Duration = Duration::from_secs(8);

/// An answer of so many tokens, each of which the scripted model sends as a piece of its own.
pub(crate) fn answer(tokens: usize) -> String {
    let words: Vec<String> = (0..tokens).map(|number| format!("word{number}")).collect();
    words.join(" ")
}

/// The body of a chat completion by our server.
pub(crate) fn completion(stream: bool) -> Value {
    completion_by(CHAT_MODEL, stream)
}

/// The same for the provider itself.
pub(crate) fn direct_completion(stream: bool) -> Value {
    completion_by(CHAT_MODEL.trim_start_matches("openai/"), stream)
}

fn completion_by(model: &str, stream: bool) -> Value {
    json!({ "model": model, "stream": stream, "messages": [{ "role": "user", "content": "Hello?" }] })
}

/// The paths of so many new conversations' messages.
pub(crate) async fn conversations(client: &Client, count: usize) -> Result<Vec<String>> {
    let mut paths = Vec::with_capacity(count);
    for _ in 0..count {
        paths.push(format!("/api/v1/conversations/{}/messages", conversation(client).await?));
    }
    Ok(paths)
}

/// Reads a stream to its end. Its events are not taken apart: that would cost the machine more than the
/// server uses.
pub(crate) async fn streamed(client: &Client, path: &str, body: &Value) -> Result<()> {
    let request = client.request(Method::POST, path).header(ACCEPT, "text/event-stream");
    let answer = Response::of(request.json(body)).await?;
    let text = String::from_utf8_lossy(&answer.body);
    let is_whole = text.contains("event: turn.completed") || text.trim_end().ends_with("data: [DONE]");
    ensure!(answer.status == 200 && is_whole, "{}, and the stream is cut: {text}", answer.status);
    Ok(())
}

/// Reads an answer that comes as a whole.
pub(crate) async fn whole(client: &Client, body: &Value) -> Result<()> {
    client.post(COMPLETIONS, body).await?.expect(200).map(drop)
}

/// How long a call takes.
pub(crate) async fn timed(call: impl Future<Output = Result<()>>) -> Result<Duration> {
    let start = Instant::now();
    call.await?;
    Ok(start.elapsed())
}

/// Clients at once.
pub(crate) const CLIENTS: [usize; 3] = [1, 16, 64];
/// Clients of the goal for processor time, and of that for calls a second.
pub(crate) const PROCESSOR_CLIENTS: usize = 16;
const RATE_CLIENTS: usize = 64;

/// What is wanted of a backend when many call.
pub(crate) struct Wanted {
    /// Milliseconds of processor time of a call, at most, of 16 clients.
    pub(crate) processor: f64,
    /// Calls a second, at least, of 64 clients.
    pub(crate) rate: f64,
}

/// What clients saw that called for some seconds, and what that took.
pub(crate) struct Load {
    clients: usize,
    seen: Seen,
    spent: Spent,
}

#[derive(Default)]
struct Seen {
    times: Times,
    refused: u64,
    /// The first reason for a refusal.
    reason: Option<String>,
}

impl Load {
    /// Lets so many clients call, each one call after the other. `call` gets the number of the client and
    /// of its call.
    pub(crate) async fn run<F, C>(installation: &Installation, clients: usize, call: F) -> Result<Self>
    where
        F: Fn(usize, usize) -> C + Clone + Send + 'static,
        C: Future<Output = Result<()>> + Send,
    {
        let start = Instant::now() + WARM_UP;
        let end = start + COUNTED;
        let tasks = (0..clients).map(|client| {
            let call = call.clone();
            tokio::spawn(async move {
                let mut seen = Seen::default();
                for number in 0.. {
                    let begun = Instant::now();
                    let called = call(client, number).await;
                    let now = Instant::now();
                    if now >= end {
                        break;
                    }
                    match called {
                        _ if now < start => {}
                        Ok(()) => seen.times.add(now - begun),
                        Err(error) => {
                            seen.refused += 1;
                            seen.reason.get_or_insert(format!("{error:#}"));
                        }
                    }
                }
                seen
            })
        });
        let tasks: Vec<_> = tasks.collect();
        tokio::time::sleep_until(start.into()).await;
        let meter = installation.meter()?;
        tokio::time::sleep_until(end.into()).await;
        let spent = meter.spent()?;
        let mut all = Seen::default();
        for task in tasks {
            let seen = task.await?;
            all.times.extend(seen.times);
            all.refused += seen.refused;
            all.reason = all.reason.or(seen.reason);
        }
        if let Some(reason) = &all.reason {
            println!("{clients} clients: the first refusal: {reason}");
        }
        Ok(Self { clients, seen: all, spent })
    }

    /// Calls a second.
    pub(crate) fn rate(&self) -> f64 {
        self.seen.times.count() as f64 / COUNTED.as_secs_f64()
    }

    /// What it was, as figures: calls a second, their times, the processor time of each and of each of its
    /// tokens.
    pub(crate) fn figures(&self, name: &str, tokens: usize, wanted: Option<&Wanted>) -> Vec<Figure> {
        let goal =
            |clients, goal: fn(&Wanted) -> Goal| wanted.filter(|_| self.clients == clients).map_or(Goal::None, goal);
        let (Seen { times, refused, .. }, spent) = (&self.seen, self.spent);
        let (count, name) = (times.count(), |figure: &str| format!("{name}: {figure}"));
        let token = spent.each(count) * 1e3 / tokens as f64;
        vec![
            Figure::new(name("a second"), self.rate(), "1/s", goal(RATE_CLIENTS, |wanted| Goal::AtLeast(wanted.rate))),
            Figure::new(name("refused"), *refused as f64, "calls", Goal::AtMost(0.0)),
            Figure::plain(name("p50"), times.median(), "ms"),
            Figure::plain(name("p99"), times.quantile(0.99), "ms"),
            Figure::new(
                name("processor time of each, server and database"),
                spent.each(count),
                "ms",
                goal(PROCESSOR_CLIENTS, |wanted| Goal::AtMost(wanted.processor)),
            ),
            Figure::plain(name("processor time of each, server"), spent.server_each(count), "ms"),
            Figure::plain(name("processor time of a token, server and database"), token, "µs"),
            Figure::plain(name("of clients and provider, for each"), spent.own_each(count), "ms"),
        ]
    }
}

/// Calls that one client made one after the other, and what they took.
#[derive(Default)]
pub(crate) struct InTurn {
    times: Times,
    spent: Spent,
}

impl InTurn {
    /// Makes so many calls; `call` gets the number of each.
    pub(crate) async fn call(
        installation: &Installation,
        count: usize,
        call: impl AsyncFn(usize) -> Result<()>,
    ) -> Result<Self> {
        let meter = installation.meter()?;
        let mut times = Times::default();
        for number in 0..count {
            times.add(timed(call(number)).await?);
        }
        Ok(Self { times, spent: meter.spent()? })
    }

    /// Takes in others.
    pub(crate) fn extend(&mut self, other: Self) {
        self.times.extend(other.times);
        self.spent += other.spent;
    }

    /// The median time of a call, in milliseconds.
    pub(crate) fn median(&self) -> f64 {
        self.times.median()
    }

    /// Processor time of a call, of server and database, in milliseconds.
    pub(crate) fn each(&self) -> f64 {
        self.spent.each(self.times.count())
    }

    /// What it was, as figures, with a goal for the processor time.
    pub(crate) fn figures(&self, name: &str, processor: Goal) -> [Figure; 2] {
        [
            Figure::plain(format!("{name}: p50"), self.median(), "ms"),
            Figure::new(format!("{name}: processor time, server and database"), self.each(), "ms", processor),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_as_many_words_as_tokens() {
        assert_eq!(answer(64).split(' ').count(), 64);
    }
}
