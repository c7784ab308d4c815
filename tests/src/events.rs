//! Event streams, read as the standard says.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::Response;
use serde_json::Value;

/// How long the next event may take.
const EVENT_LIMIT: Duration = Duration::from_secs(60);

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// The number in its stream, where the server gave one.
    pub id: Option<u64>,
    /// The type; empty where the server named none, as on `/v1`.
    pub name: String,
    /// The data, as it came.
    pub data: String,
}

/// Events as they come. Dropping this closes the connection.
pub struct Events {
    response: Response,
    parser: Parser,
}

#[derive(Default)]
struct Parser {
    unread: Vec<u8>,
    event: Event,
    has_data: bool,
}

impl Event {
    /// The data as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.data)
            .with_context(|| format!("the data of {} is not JSON: {}", self.name, self.data))
    }
}

impl Events {
    pub(crate) fn new(response: Response) -> Self {
        Self { response, parser: Parser::default() }
    }

    /// The next event, or nothing when the server closed the stream.
    ///
    /// # Errors
    /// When the connection broke or nothing came for a minute.
    pub async fn next(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.parser.next()? {
                return Ok(Some(event));
            }
            let chunk = tokio::time::timeout(EVENT_LIMIT, self.response.chunk()).await;
            match chunk.context("no event came in time")?? {
                Some(bytes) => self.parser.unread.extend_from_slice(&bytes),
                None => return Ok(None),
            }
        }
    }

    /// Reads up to and with the first event of this type.
    ///
    /// # Errors
    /// When the stream ends before; the message names what came.
    pub async fn until(&mut self, name: &str) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await? {
            let found = event.name == name;
            events.push(event);
            if found {
                return Ok(events);
            }
        }
        let came: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
        bail!("the stream ended without {name}, after {}: {:?}", came.join(", "), events.last())
    }

    /// Reads to the end.
    pub async fn rest(&mut self) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await? {
            events.push(event);
        }
        Ok(events)
    }
}

impl Parser {
    fn next(&mut self) -> Result<Option<Event>> {
        while let Some(end) = self.unread.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.unread.drain(..=end).collect();
            let line = std::str::from_utf8(&line).context("the event stream is not UTF-8")?;
            let line = line.trim_end_matches(['\n', '\r']);
            if line.is_empty() {
                let event = std::mem::take(&mut self.event);
                if std::mem::take(&mut self.has_data) {
                    return Ok(Some(event));
                }
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "id" => self.event.id = Some(value.parse().with_context(|| format!("an event has the id {value:?}"))?),
                "event" => self.event.name = value.to_owned(),
                "data" => {
                    if std::mem::replace(&mut self.has_data, true) {
                        self.event.data.push('\n');
                    }
                    self.event.data.push_str(value);
                }
                _ => {}
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_parsed_across_chunks_with_comments_between() -> Result<()> {
        let text =
            ": hello\r\n\r\nid: 1\nevent: text.delta\ndata: {\"text\":\"é\"}\n\n:\n\ndata: [DONE]\ndata:more\n\n";
        let mut parser = Parser::default();
        let mut events = Vec::new();
        for byte in text.bytes() {
            parser.unread.push(byte);
            events.extend(parser.next()?);
        }
        let first = Event { id: Some(1), name: "text.delta".into(), data: "{\"text\":\"é\"}".into() };
        let second = Event { id: None, name: String::new(), data: "[DONE]\nmore".into() };
        assert_eq!(events, [first, second]);
        Ok(())
    }
}
