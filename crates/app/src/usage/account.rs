//! Accounting: a call becomes a row of the ledger, once, with its price pinned.

use std::time::Duration;

use domain::{
    clock::Timestamp,
    ids::UsageLogId,
    money::Money,
    usage::{AgentType, PricedUsage, ProviderCall, TokenUsage, UsageLog, UsageTotals},
};
use serde_json::Value;

use super::{CallRecorder, is_in_process};
use crate::{App, Result, unit_of_work::Uow};

/// Pause between tries of a settlement that the database does not take.
pub(crate) const SETTLEMENT_RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Tries before it is left to the reconciler (of any instance).
pub(crate) const MAX_SETTLEMENT_TRIES: u32 = 120;

/// A call that is over.
pub(crate) struct Spent {
    pub(crate) call: ProviderCall,
    pub(crate) tokens: TokenUsage,
    pub(crate) is_estimated: bool,
    pub(crate) responded_at: Timestamp,
    pub(crate) metadata: Value,
    /// Keeps the record of the call until it is accounted for, and knows its price; a turn's call is on
    /// record with its stream.
    pub(crate) recorder: Option<CallRecorder>,
}

impl App {
    /// Writes the call into the ledger and its conversation's totals, unless that was done before.
    pub(crate) async fn account(&self, tx: &Uow, spent: &Spent) -> Result<UsageLog> {
        let row = self.ledger_row(tx, spent).await?;
        let is_new = tx.usage().insert(&row).await?;
        if let (true, Some(conversation)) = (is_new, row.conversation_id) {
            let totals = UsageTotals {
                requests: 1,
                input_tokens: row.tokens.input_tokens,
                output_tokens: row.tokens.output_tokens,
                cost: row.cost.unwrap_or_default(),
                unknown_costs: u64::from(row.cost.is_none()),
            };
            let last_context = (row.agent_type == AgentType::Chat).then_some(row.tokens);
            tx.conversations().add_usage(conversation, totals, last_context).await?;
        }
        Ok(row)
    }

    /// The same for a call that has a record of its own, which ends with it.
    pub(crate) async fn settle_call(&self, tx: &Uow, spent: &Spent) -> Result<()> {
        if !is_in_process(&spent.call.provider) {
            tx.usage().forget_call(spent.call.request_id).await?;
        }
        self.account(tx, spent).await.map(|_| ())
    }

    async fn ledger_row(&self, tx: &Uow, spent: &Spent) -> Result<UsageLog> {
        let call = &spent.call;
        let is_free = is_in_process(&call.provider);
        let price = match &spent.recorder {
            _ if is_free => None,
            Some(recorder) => recorder.price(),
            None => tx.prices().find_in_force(&call.provider, &call.model, call.requested_at).await?,
        };
        let nothing = PricedUsage { input_cost: Money::ZERO, output_cost: Money::ZERO, cost: Money::ZERO };
        let priced = match &price {
            Some(price) => price.cost_of(spent.tokens),
            // No tokens cost nothing, whatever the price.
            None => (is_free || spent.tokens.total() == 0).then_some(nothing),
        };
        let duration = (spent.responded_at - call.requested_at).num_milliseconds();
        Ok(UsageLog {
            id: UsageLogId(self.parts.ids.ordered()),
            request_id: call.request_id,
            tenant_id: call.tenant_id,
            user_id: call.user_id,
            api_key_id: call.api_key_id,
            conversation_id: call.conversation_id,
            message_id: call.message_id,
            message_deleted: false,
            agent_type: call.agent_type,
            provider: call.provider.clone(),
            model: call.model.clone(),
            price_id: price.map(|price| price.id),
            tokens: spent.tokens,
            input_cost: priced.map(|priced| priced.input_cost),
            output_cost: priced.map(|priced| priced.output_cost),
            cost: priced.map(|priced| priced.cost),
            is_estimated: spent.is_estimated,
            corrects_id: None,
            requested_at: call.requested_at,
            responded_at: Some(spent.responded_at),
            duration_ms: u64::try_from(duration).ok(),
            metadata: spent.metadata.clone(),
        })
    }
}
