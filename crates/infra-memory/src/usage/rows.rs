//! Rows of the ledger, of calls under way, and of prices.

use domain::{
    clock::Timestamp,
    conversations::{Conversation, Message},
    identity::{ApiKey, User},
    ids::{ModelPriceId, RequestId, TenantId, UsageLogId},
    store::StoreError,
    tenancy::Tenant,
    usage::{ModelPrice, ProviderCall, UsageDay, UsageLog},
};

use crate::{
    check::{fits_column, no_nul, no_nul_json, require},
    references::Reference,
    table::{Key, Row, columns, place},
};

impl Row for ModelPrice {
    const KEYS: &'static [Key<Self>] = &[Key {
        name: "uq_model_prices_model",
        of: |price| {
            let from = price.valid_from.timestamp_micros();
            Some(place![price.provider.as_str(), price.model.as_str(), from])
        },
    }];
    columns!(id: ModelPriceId);

    fn check(&self) -> Result<(), StoreError> {
        no_nul([&self.provider, &self.model, &self.source])
    }
}

impl Row for UsageLog {
    const KEYS: &'static [Key<Self>] =
        &[Key { name: "uq_usage_logs_request", of: |row| Some(place![row.tenant_id.0, row.request_id.0]) }];
    const REFERENCES: &'static [Reference<Self>] = &[
        Reference::to::<Tenant>(&["tenant_id"]).cascades(),
        Reference::to::<User>(&["tenant_id", "user_id"]).clears(|row| row.user_id = None),
        Reference::to::<ModelPrice>(&["price_id"]),
        Reference::to::<ApiKey>(&["tenant_id", "api_key_id"]).clears(|row| row.api_key_id = None),
        Reference::to::<Conversation>(&["tenant_id", "conversation_id"]).clears(|row| row.conversation_id = None),
        Reference::to::<Message>(&["tenant_id", "message_id"]).clears(|row| {
            row.message_id = None;
            row.message_deleted = true;
        }),
        Reference::to::<Self>(&["tenant_id", "corrects_id"]),
    ];
    columns!(id: UsageLogId, tenant_id; user_id, api_key_id, conversation_id, message_id, price_id, corrects_id);

    fn check(&self) -> Result<(), StoreError> {
        no_nul([&self.provider, &self.model])?;
        no_nul_json([&self.metadata])?;
        let tokens = self.tokens;
        fits_column([tokens.input_tokens, tokens.cached_input_tokens, tokens.output_tokens, tokens.reasoning_tokens])?;
        fits_column(self.duration_ms.into_iter().chain([tokens.total()]))?;
        let parts = self.input_cost.zip(self.output_cost).map(|(input, output)| input.checked_add(output));
        let is_sum = parts.zip(self.cost).is_none_or(|(parts, cost)| parts == Some(cost));
        require(is_sum, "the cost of a call is the sum of its parts")
    }
}

impl Row for ProviderCall {
    type Id = (TenantId, RequestId);
    const REFERENCES: &'static [Reference<Self>] = &[
        Reference::to::<Tenant>(&["tenant_id"]).cascades(),
        Reference::to::<User>(&["tenant_id", "user_id"]).clears(|call| call.user_id = None),
        Reference::to::<ApiKey>(&["tenant_id", "api_key_id"]).clears(|call| call.api_key_id = None),
        Reference::to::<Conversation>(&["tenant_id", "conversation_id"]).clears(|call| call.conversation_id = None),
        Reference::to::<Message>(&["tenant_id", "message_id"]).clears(|call| call.message_id = None),
    ];
    columns!(tenant_id; user_id, api_key_id, conversation_id, message_id);

    fn id(&self) -> Self::Id {
        (self.tenant_id, self.request_id)
    }

    fn check(&self) -> Result<(), StoreError> {
        no_nul([&self.provider, &self.model])?;
        fits_column([self.estimated_input_tokens])
    }
}

/// How far a tenant's ledger is folded into daily sums.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct UsageFold {
    pub(crate) tenant_id: TenantId,
    pub(crate) closed_before: Timestamp,
    pub(crate) folded_before: Option<Timestamp>,
}

impl Row for UsageFold {
    type Id = TenantId;
    const REFERENCES: &'static [Reference<Self>] = &[Reference::to::<Tenant>(&["tenant_id"]).cascades()];
    columns!(tenant_id);

    fn id(&self) -> Self::Id {
        self.tenant_id
    }

    fn check(&self) -> Result<(), StoreError> {
        let is_closed = self.folded_before.is_none_or(|folded| folded <= self.closed_before);
        require(is_closed, "what is folded has been closed")
    }
}

/// A row of the ledger that came late.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LateUsage {
    pub(crate) tenant_id: TenantId,
    pub(crate) log_id: UsageLogId,
    pub(crate) requested_at: Timestamp,
}

impl Row for LateUsage {
    type Id = (TenantId, UsageLogId);
    const REFERENCES: &'static [Reference<Self>] = &[
        Reference::to::<Tenant>(&["tenant_id"]).cascades(),
        Reference::to::<UsageLog>(&["tenant_id", "log_id"]).cascades(),
    ];
    columns!(tenant_id, log_id);

    fn id(&self) -> Self::Id {
        (self.tenant_id, self.log_id)
    }

    fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Row for UsageDay {
    type Id = (TenantId, Timestamp, i64);
    const REFERENCES: &'static [Reference<Self>] = &[
        Reference::to::<Tenant>(&["tenant_id"]).cascades(),
        Reference::to::<User>(&["tenant_id", "user_id"]).clears(|row| row.user_id = None),
    ];
    columns!(tenant_id; user_id);

    fn id(&self) -> Self::Id {
        (self.tenant_id, self.day, self.number)
    }

    fn check(&self) -> Result<(), StoreError> {
        no_nul([&self.provider, &self.model])?;
        let sums = self.totals;
        fits_column([sums.requests, sums.input_tokens, sums.output_tokens, sums.unknown_costs])
    }
}
