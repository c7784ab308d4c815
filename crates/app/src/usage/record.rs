//! Recording calls before they are made, so that one whose process dies is still paid for.

use std::time::Duration;

use chrono::TimeDelta;
use domain::usage::{ModelPrice, ProviderCall, call::CALL_LEASE_SECONDS};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{App, Result};

/// How often the record's lease is renewed.
const RENEW_INTERVAL: Duration = Duration::from_secs(5);
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
    /// Records a call that is about to be made. When this returns, the record outlives the process.
    ///
    /// # Errors
    /// When it cannot be written: then the call must not be made.
    // Keeping the lease. The record says that money may be spent and not accounted for yet. Its lease
    // is renewed four times in its length, in a task of its own, as long as this value lives; should
    // the process die, nothing renews it, and the reconciler settles the call by estimate. A renewal
    // that fails is tried again at the next turn: one of four may go well. `finish` waits for a renewal
    // under way, which would otherwise write the record anew after it was taken off.
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
    pub(super) async fn finish(mut self) {
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
