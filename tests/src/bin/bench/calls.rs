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

/// What clients saw that called for some seconds, and what that took.
pub(crate) struct Load {
    done: u64,
    times: Times,
    spent: Spent,
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
        let clients = (0..clients).map(|client| {
            let call = call.clone();
            tokio::spawn(async move {
                let mut times = Times::default();
                for number in 0.. {
                    let begun = Instant::now();
                    call(client, number).await?;
                    let now = Instant::now();
                    if now >= end {
                        break;
                    }
                    if now >= start {
                        times.add(now - begun);
                    }
                }
                anyhow::Ok(times)
            })
        });
        let clients: Vec<_> = clients.collect();
        tokio::time::sleep_until(start.into()).await;
        let meter = installation.meter()?;
        tokio::time::sleep_until(end.into()).await;
        let spent = meter.spent()?;
        let mut times = Times::default();
        for client in clients {
            times.extend(client.await??);
        }
        Ok(Self { done: times.count(), times, spent })
    }

    /// Calls a second.
    pub(crate) fn rate(&self) -> f64 {
        self.done as f64 / COUNTED.as_secs_f64()
    }

    /// What it was, as figures: calls a second, their times, and the processor time of each, of which
    /// `tokens` are told apart where there are any.
    pub(crate) fn figures(&self, name: &str, tokens: Option<usize>, rate: Goal, processor: Goal) -> Vec<Figure> {
        let mut figures = vec![
            Figure::new(name, self.rate(), "1/s", rate),
            Figure::plain(format!("{name}: p50"), self.times.median(), "ms"),
            Figure::plain(format!("{name}: p99"), self.times.quantile(0.99), "ms"),
            Figure::new(
                format!("{name}: processor time of each, server and database"),
                self.spent.each(self.done),
                "ms",
                processor,
            ),
            Figure::plain(format!("{name}: of the server alone"), self.spent.server_each(self.done), "ms"),
            Figure::plain(format!("{name}: of clients and provider, for each"), self.spent.own_each(self.done), "ms"),
        ];
        if let Some(tokens) = tokens {
            let each = self.spent.each(self.done) * 1e3 / tokens as f64;
            figures.push(Figure::plain(format!("{name}: processor time of a token, server and database"), each, "µs"));
        }
        figures
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
