//! Recording calls that are under way, so that one whose process dies is still paid for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use domain::{
    access::Scope,
    usage::{ProviderCall, TokenUsage, call::CALL_LEASE_SECONDS},
};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Spent;
use crate::{App, Result};

/// A call that ends sooner is not recorded: its settlement is on its way, and a record would cost
/// as much as the settlement itself. With the commit's own time this bounds how much of a call a
/// crash can hide from the ledger.
const RECORD_AFTER: Duration = Duration::from_millis(5);
/// How often the record's lease is renewed.
const RENEW_INTERVAL: Duration = Duration::from_secs(5);
/// Most abandoned calls that are settled at once.
const BATCH: u32 = 100;

/// Keeps the record of a call that is under way; dropping it ends that.
pub(crate) struct CallRecorder {
    task: JoinHandle<()>,
    end: CancellationToken,
    begun: Arc<AtomicBool>,
}

impl CallRecorder {
    /// Begins to record a call, after a moment and beside it.
    pub(crate) fn start(app: &App, call: ProviderCall) -> Self {
        let begun = Arc::new(AtomicBool::new(false));
        let end = CancellationToken::new();
        let (app, flag, ended) = (app.clone(), Arc::clone(&begun), end.clone());
        let task = tokio::spawn(async move {
            let mut wait = RECORD_AFTER;
            while ended.run_until_cancelled(tokio::time::sleep(wait)).await.is_some() {
                flag.store(true, Ordering::Release);
                if let Err(error) = record(&app, call.clone()).await {
                    tracing::warn!(request = %call.request_id, error = ?error, "a call could not be recorded yet");
                }
                wait = RENEW_INTERVAL;
            }
        });
        Self { task, end, begun }
    }

    /// Whether a row may be there.
    pub(crate) fn may_have_recorded(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }

    /// Ends recording, and waits until nothing is written any more. Answers whether a row may be there.
    async fn finish(mut self) -> bool {
        self.end.cancel();
        if let Err(error) = (&mut self.task).await {
            tracing::error!(error = ?error, "the recorder of a call has failed");
        }
        self.may_have_recorded()
    }
}

impl Drop for CallRecorder {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

async fn record(app: &App, mut call: ProviderCall) -> Result<()> {
    let tx = app.write(&Scope::system_in(call.tenant_id)).await?;
    call.lease_expires_at = app.now() + TimeDelta::seconds(CALL_LEASE_SECONDS);
    tx.usage().record_call(&call).await?;
    Ok(tx.commit().await?)
}

impl App {
    /// Takes a call that cost nothing off the record. What cannot be written now is settled by our
    /// estimate when its lease has run out.
    pub(crate) async fn forget_call(&self, call: &ProviderCall, recorder: CallRecorder) {
        if !recorder.finish().await {
            return;
        }
        let forget = || async {
            let tx = self.write(&Scope::system_in(call.tenant_id)).await?;
            tx.usage().forget_call(call.request_id).await?;
            Ok(tx.commit().await?)
        };
        if let Err(error) = self.retrying(forget).await {
            tracing::warn!(request = %call.request_id, error = ?error, "a call that cost nothing stays on record");
        }
    }

    /// Settles calls whose process is gone, by our estimate; answers how many.
    pub(crate) async fn reconcile_calls(&self) -> Result<usize> {
        // The rows are locked, so that of several instances one settles each.
        let tx = self.write(&Scope::system("settle abandoned calls")).await?;
        let calls = tx.usage().abandoned_calls(self.now(), BATCH).await?;
        tx.commit().await?;
        for call in &calls {
            let settle = || async {
                let tx = self.write(&Scope::system_in(call.tenant_id)).await?;
                let spent = Spent {
                    call: call.clone(),
                    tokens: TokenUsage { input_tokens: call.estimated_input_tokens, ..TokenUsage::default() },
                    is_estimated: true,
                    responded_at: self.now(),
                    metadata: json!({ "error": "interrupted" }),
                    recorder: None,
                };
                self.account(tx.as_ref(), &spent).await?;
                Ok(tx.commit().await?)
            };
            match self.retrying(settle).await {
                Ok(()) => tracing::info!(request = %call.request_id, "settled a call whose process was gone"),
                Err(error) => tracing::error!(request = %call.request_id, error = ?error, "could not settle a call"),
            }
        }
        Ok(calls.len())
    }
}
