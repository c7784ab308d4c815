//! What a server wrote on standard output and standard error.

use std::{
    io::{BufRead, BufReader, Read},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use serde_json::Value;

/// How often the log is looked at while something is waited for.
const POLL: Duration = Duration::from_millis(20);

/// Lines of both streams in the order in which they were read, filled by a thread for each.
#[derive(Clone, Default)]
pub(crate) struct Logs(Arc<Mutex<Vec<String>>>);

impl Logs {
    /// Reads a stream to its end in a thread.
    pub(crate) fn follow(&self, stream: Option<impl Read + Send + 'static>) {
        let Some(stream) = stream else { return };
        let logs = self.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(|line| line.ok()) {
                logs.lines().push(String::from_utf8_lossy(&line).into_owned());
            }
        });
    }

    /// All lines so far.
    pub(crate) fn snapshot(&self) -> Vec<String> {
        self.lines().clone()
    }

    /// Waits until `find` finds something in a line.
    pub(crate) async fn wait_for<T>(
        &self,
        what: &str,
        limit: Duration,
        mut ended: impl FnMut() -> bool,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<T> {
        let started = Instant::now();
        loop {
            // Asked first, so that the last lines of a server that ended are still seen.
            let over = ended() || started.elapsed() > limit;
            if let Some(found) = self.lines().iter().find_map(|line| find(line)) {
                return Ok(found);
            }
            if over {
                bail!("the server did not say {what}; it said:\n{}", self.snapshot().join("\n"));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn lines(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The address that a JSON line with this message names.
pub(crate) fn address(line: &str, message: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = if line["message"].is_string() { &line } else { &line["fields"] };
    (fields["message"] == message).then(|| fields["address"].as_str().map(str::to_owned)).flatten()
}

/// The one-time token of a line that holds the setup URL.
pub(crate) fn setup_token(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("/api/v1/setup#token=")?;
    let token: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_.~".contains(*c)).collect();
    (!token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_both_shapes_of_a_line() {
        let flat = r#"{"level":"INFO","message":"listening","address":"127.0.0.1:41"}"#;
        let nested = r#"{"level":"INFO","fields":{"message":"listening","address":"127.0.0.1:42"}}"#;
        assert_eq!(address(flat, "listening").as_deref(), Some("127.0.0.1:41"));
        assert_eq!(address(nested, "listening").as_deref(), Some("127.0.0.1:42"));
        assert_eq!(address(flat, "metrics listening"), None);
        assert_eq!(address("listening on 127.0.0.1:41", "listening"), None);
    }

    #[test]
    fn the_setup_token_ends_where_the_url_does() {
        let line = "open http://127.0.0.1:8080/api/v1/setup#token=aB-9_z to begin";
        assert_eq!(setup_token(line).as_deref(), Some("aB-9_z"));
        assert_eq!(setup_token("http://127.0.0.1:8080/api/v1/setup"), None);
    }
}
