//! The ends of calls that are on record: forgotten where they cost nothing, settled by our estimate
//! where their process is gone.

use domain::{
    access::Scope,
    usage::{ProviderCall, TokenUsage},
};
use serde_json::json;

use super::{CallRecorder, Spent};
use crate::{App, Result, unit_of_work::Uow};

/// Most abandoned calls that are settled at once.
const BATCH: u32 = 100;

impl App {
    /// Takes a call that cost nothing off the record. What cannot be written now is settled by our
    /// estimate when its lease has run out.
    pub(crate) async fn forget_call(&self, call: &ProviderCall, recorder: CallRecorder) {
        recorder.finish().await;
        let id = call.request_id;
        let forget = |tx: Uow| async move { Ok(tx.usage().forget_call(id).await?) };
        let why = "a call that cost nothing leaves nothing";
        if let Err(error) = self.unaudited(&Scope::system_in(call.tenant_id), why, forget).await {
            tracing::warn!(request = %id, error = ?error, "a call that cost nothing stays on record");
        }
    }

    /// Settles calls whose process is gone, by our estimate; returns how many.
    // Renewing a record and ending it are the caller's; a record whose lease has run out has lost its
    // caller, or its caller has lost the database. Nobody knows what the provider was paid, so the call
    // is taken to have cost what was sent. Nothing is taken over here: several instances, and a caller
    // that comes back, may settle the same call, and the ledger keeps the first row of a request id.
    pub(crate) async fn reconcile_calls(&self) -> Result<usize> {
        let now = self.now();
        let find = async |tx: &Uow| Ok(tx.usage().abandoned_calls(now, BATCH).await?);
        let calls = self.query_in(&Scope::system("settle abandoned calls"), find).await?;
        for call in &calls {
            match self.settle_abandoned(call).await {
                Ok(()) => tracing::info!(request = %call.request_id, "settled a call whose process was gone"),
                Err(error) => tracing::error!(request = %call.request_id, error = ?error, "could not settle a call"),
            }
        }
        Ok(calls.len())
    }

    async fn settle_abandoned(&self, call: &ProviderCall) -> Result<()> {
        let spent = &Spent {
            call: call.clone(),
            tokens: TokenUsage { input_tokens: call.estimated_input_tokens, ..TokenUsage::default() },
            is_estimated: true,
            responded_at: self.now(),
            metadata: json!({ "error": "interrupted" }),
            recorder: None,
        };
        let settle = |tx: Uow| async move { self.settle_call(&tx, spent).await };
        self.unaudited(&Scope::system_in(call.tenant_id), "the ledger's row is the record", settle).await
    }
}
