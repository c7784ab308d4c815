//! Signals: the first asks to end well, the second ends at once.

use std::process;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::StartError;

/// Listens for SIGTERM and SIGINT.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    /// [`StartError::Part`] when the system refuses.
    pub(crate) fn new() -> Result<Self, StartError> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(StartError::part)?,
            interrupt: signal(SignalKind::interrupt()).map_err(StartError::part)?,
        })
    }

    /// The next signal.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Ends the process at the next signal, whatever still runs.
    pub(crate) fn end_at_next(mut self) {
        tokio::spawn(async move {
            self.next().await;
            tracing::warn!("told to stop again; ending at once");
            process::exit(1);
        });
    }
}
