//! The installation: whether it is set up.

use crate::{
    clock::Timestamp,
    identity::TokenHash,
    store::{StoreError, repository},
};

/// The one row about the installation as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// Hash of the one-time setup token that was printed last.
    pub setup_token_hash: Option<TokenHash>,
    /// When setup was done.
    pub set_up_at: Option<Timestamp>,
}

repository! {
    /// The stored installation. Any scope reads it; setup is done in the new tenant's scope.
    pub trait InstallationRepo {
        /// The row (there always is one).
        async fn get(&self) -> Result<Installation, StoreError>;
        /// Puts a new setup token in place of the last one, unless setup is done; returns whether it did.
        async fn offer_setup(&self, token: &TokenHash) -> Result<bool, StoreError>;
        /// Marks setup done, if it is not yet and (where one is given) the token is the offered one.
        /// Of any number of callers at once exactly one is told `true`.
        async fn complete_setup(&self, token: Option<&TokenHash>, at: Timestamp) -> Result<bool, StoreError>;
    }
}
