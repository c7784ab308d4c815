//! Recording calls before they are made, so that one whose process dies is still paid for.

use std::time::Duration;

use chrono::TimeDelta;
use domain::{
    access::Scope,
    usage::{ModelPrice, ProviderCall, TokenUsage, call::CALL_LEASE_SECONDS},
};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Spent;
use crate::{App, Result};

/// How often the record's lease is renewed.
const RENEW_INTERVAL: Duration = Duration::from_secs(5);
/// Most abandoned calls that are settled at once.
const BATCH: u32 = 100;
/// Providers whose price is a known nothing: the built-in model, and encoders in this process. They
/// end with the process, so that their calls need no record.
const IN_PROCESS: &[&str] = &["banyan", "local"];

/// Whether a provider works in this process and is paid by nobody.
pub(crate) fn is_in_process(provider: &str) -> bool {
    IN_PROCESS.contains(&provider)
}

/// Keeps the record of a call that is under way from expiring; dropping it ends that.
pub(crate) struct CallRecorder {
    renewing: Option<JoinHandle<()>>,
    end: CancellationToken,
    /// The price of the model in force when the call was requested.
    price: Option<ModelPrice>,
}

impl CallRecorder {
    /// Records a call that is about to be made. When this answers, the record outlives the process.
    ///
    /// # Errors
    /// When it cannot be written: then the call must not be made.
    pub(crate) async fn start(app: &App, call: ProviderCall) -> Result<Self> {
        let end = CancellationToken::new();
        if is_in_process(&call.provider) {
            return Ok(Self { renewing: None, end, price: None });
        }
        let price = record(app, call.clone()).await?;
        let (app, ended) = (app.clone(), end.clone());
        let renewing = tokio::spawn(async move {
            while ended.run_until_cancelled(tokio::time::sleep(RENEW_INTERVAL)).await.is_some() {
                if let Err(error) = record(&app, call.clone()).await {
                    tracing::warn!(request = %call.request_id, error = ?error, "a call's lease is not renewed yet");
                }
            }
        });
        Ok(Self { renewing: Some(renewing), end, price })
    }

    /// The price of the call's model, as it was when the call was recorded.
    pub(crate) fn price(&self) -> Option<ModelPrice> {
        self.price.clone()
    }

    /// Ends renewing, and waits until nothing is written any more.
    async fn finish(mut self) {
        self.end.cancel();
        if let Some(renewing) = self.renewing.take()
            && let Err(error) = renewing.await
        {
            tracing::error!(error = ?error, "the recorder of a call has failed");
        }
    }
}

impl Drop for CallRecorder {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

async fn record(app: &App, mut call: ProviderCall) -> Result<Option<ModelPrice>> {
    call.lease_expires_at = app.now() + TimeDelta::seconds(CALL_LEASE_SECONDS);
    Ok(app.parts.store.record_call(&call).await?)
}

impl App {
    /// Takes a call that cost nothing off the record. What cannot be written now is settled by our
    /// estimate when its lease has run out.
    pub(crate) async fn forget_call(&self, call: &ProviderCall, recorder: CallRecorder) {
        recorder.finish().await;
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
        // Several instances may find the same call: its row in the ledger is unique.
        let tx = self.read(&Scope::system("settle abandoned calls")).await?;
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
                self.settle_call(tx.as_ref(), &spent).await?;
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
