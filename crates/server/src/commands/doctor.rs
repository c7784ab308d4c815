//! `banyan doctor`: looks at each part and says what is wrong and what to do. It makes nothing and changes nothing, so
//! it may be run before the first start and beside a server.

use std::{process::ExitCode, time::Duration};

use domain::gateways::{ByteStream, DocumentParser};
use infra_documents::{ChildParser, ChildParserSettings, MARKDOWN};
use tokio::time::timeout;

use crate::{
    config::Config,
    error::{StartError, sentence},
    output::say,
};

mod database;
mod host;
mod ports;
mod providers;

/// A document that every parser reads.
const SAMPLE: &[u8] = b"# A heading\n\nA paragraph.\n";
/// How long one look may take.
const LIMIT: Duration = Duration::from_secs(30);

/// What was found, told line by line as it is.
struct Report {
    is_healthy: bool,
    /// Why a line could not be told.
    untold: Option<StartError>,
}

impl Report {
    fn tell(&mut self, what: &str, found: Result<String, String>) {
        self.is_healthy &= found.is_ok();
        let line = match found {
            Ok(text) => format!("ok    {what}: {text}"),
            Err(text) => format!("wrong {what}: {text}"),
        };
        if let Err(error) = say(line) {
            self.untold = Some(error);
        }
    }

    /// The same of what somebody else might keep waiting.
    async fn look(&mut self, what: &str, at: impl Future<Output = Result<String, String>>) {
        let slow = || format!("took longer than {} s; see why it is slow", LIMIT.as_secs());
        let found = timeout(LIMIT, at).await.unwrap_or_else(|_| Err(slow()));
        self.tell(what, found);
    }
}

pub(super) async fn run(config: &Config) -> Result<ExitCode, StartError> {
    let mut report = Report { is_healthy: true, untold: None };
    host::look(&mut report, config);
    let app = database::look(&mut report, config).await;
    providers::look(&mut report, config, app.as_ref()).await;
    report.look("document parser", parser()).await;
    ports::look(&mut report, config).await;
    if let Some(error) = report.untold {
        return Err(error);
    }
    Ok(if report.is_healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn parser() -> Result<String, String> {
    let parser = ChildParser::new(ChildParserSettings::new("/proc/self/exe"));
    let content: ByteStream = Box::pin(futures::stream::once(async { Ok(bytes::Bytes::from_static(SAMPLE)) }));
    let parsed = parser.parse(MARKDOWN, content).await;
    parsed.map(|_| "reads in a process of its own".to_owned()).map_err(|error| error.message)
}

/// What a part says of itself, as a line of the report.
fn told(error: impl Into<StartError>) -> String {
    sentence(&error.into())
}
