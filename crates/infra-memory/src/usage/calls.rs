//! Calls under way.

use domain::{
    access::Purpose,
    clock::Timestamp,
    conversations::{Conversation, Message},
    identity::{ApiKey, User},
    ids::{RequestId, TenantId},
    store::StoreError,
    tenancy::Tenant,
    usage::{ModelPrice, ProviderCall},
};

use crate::{
    check::{fits_column, no_nul},
    references::Reference,
    store::MemoryTx,
    table::{Row, columns},
};

impl Row for ProviderCall {
    type Id = (TenantId, RequestId);
    const REFERENCES: &'static [Reference<Self>] = &[
        Reference::to::<Tenant>(&["tenant_id"]).cascades(),
        Reference::to::<User>(&["user_id"]).clears(|call| call.user_id = None),
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

impl MemoryTx {
    /// The primary key of the scope's tenant's call.
    fn call_id(&self, request: RequestId) -> Result<(TenantId, RequestId), StoreError> {
        Ok((self.tenant()?.tenant_id, request))
    }

    pub(super) fn put_call(&self, call: &ProviderCall) -> Result<Option<ModelPrice>, StoreError> {
        self.scope.may_add(call)?;
        let filter = self.scope.filter::<ProviderCall>(Purpose::Change)?;
        self.write(|state| {
            match state.provider_calls.get(&call.id()) {
                None => state.insert(call.clone())?,
                Some(stored) if filter.admits(stored) => {
                    state.change(&call.id(), |stored: &mut ProviderCall| {
                        stored.lease_expires_at = call.lease_expires_at;
                    })?;
                }
                Some(_) => {}
            }
            Ok(state.price_in_force(&call.provider, &call.model, call.requested_at))
        })
    }

    pub(super) fn remove_call(&self, request: RequestId) -> Result<(), StoreError> {
        let filter = self.scope.filter::<ProviderCall>(Purpose::Change)?;
        let id = self.call_id(request)?;
        self.write(|state| match state.reached::<ProviderCall>(filter, &id) {
            Some(_) => state.remove::<ProviderCall>(&id),
            None => Ok(()),
        })
    }

    pub(super) fn find_call(&self, request: RequestId) -> Result<Option<ProviderCall>, StoreError> {
        self.get_row(&self.call_id(request)?)
    }

    pub(super) fn find_abandoned_calls(&self, now: Timestamp, limit: u32) -> Result<Vec<ProviderCall>, StoreError> {
        self.need_installation()?;
        self.read(|state| {
            let abandoned = state.provider_calls.iter().filter(|call| call.lease_expires_at <= now);
            let mut abandoned: Vec<ProviderCall> = abandoned.cloned().collect();
            abandoned.sort_by_key(|call| (call.lease_expires_at, call.request_id));
            abandoned.truncate(limit as usize);
            Ok(abandoned)
        })
    }
}
