//! The installation.

use async_trait::async_trait;
use domain::{
    admin::{Installation, InstallationRepo},
    clock::Timestamp,
    identity::TokenHash,
    store::StoreError,
};

use crate::store::MemoryTx;

#[async_trait]
impl InstallationRepo for MemoryTx {
    async fn get(&self) -> Result<Installation, StoreError> {
        self.read(|state| Ok(state.installation.clone()))
    }

    async fn offer_setup(&self, token: &TokenHash) -> Result<bool, StoreError> {
        self.refuse_sign_in()?;
        self.write(|state| {
            let open = state.installation.set_up_at.is_none();
            if open {
                state.installation.setup_token_hash = Some(token.clone());
            }
            Ok(open)
        })
    }

    async fn complete_setup(&self, token: Option<&TokenHash>, at: Timestamp) -> Result<bool, StoreError> {
        self.refuse_sign_in()?;
        self.write(|state| {
            let installation = &mut state.installation;
            let offered = token.is_none_or(|token| installation.setup_token_hash.as_ref() == Some(token));
            let done = offered && installation.set_up_at.is_none();
            if done {
                installation.set_up_at = Some(at);
            }
            Ok(done)
        })
    }
}
