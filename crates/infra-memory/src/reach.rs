//! The scope as a predicate: what it does not reach is as if it did not exist.

use domain::{
    access::{Area, Reach, Scope, TenantScope},
    conversations::{Conversation, Visibility},
    ids::{ConversationId, TenantId, UserId},
    knowledge::{Collection, CollectionVisibility, Source},
};

use crate::state::State;

/// Whether `user` is the one for whom the work is done.
pub(crate) fn is_own(scope: &TenantScope, user: Option<UserId>) -> bool {
    user.is_some() && scope.user_id == user
}

/// Users, sessions and API keys. An installation scope reaches those without a tenant.
pub(crate) fn identity(scope: &Scope, tenant: Option<TenantId>, user: UserId) -> bool {
    match scope {
        Scope::Tenant(scope) => {
            tenant == Some(scope.tenant_id)
                && match scope.reach(Area::Identity) {
                    Reach::Tenant => true,
                    Reach::Own | Reach::Visible => is_own(scope, Some(user)),
                    Reach::Nothing => false,
                }
        }
        Scope::Installation { .. } => tenant.is_none(),
        Scope::SignIn => false,
    }
}

/// Living conversations.
pub(crate) fn conversation(scope: &TenantScope, conversation: &Conversation) -> bool {
    conversation.tenant_id == scope.tenant_id
        && conversation.deleted_at.is_none()
        && match scope.reach(Area::Conversations) {
            Reach::Tenant => true,
            Reach::Visible => {
                conversation.visibility == Visibility::Public || is_own(scope, Some(conversation.user_id))
            }
            Reach::Own => is_own(scope, Some(conversation.user_id)),
            Reach::Nothing => false,
        }
}

/// Collections.
pub(crate) fn collection(scope: &TenantScope, collection: &Collection) -> bool {
    collection.tenant_id == scope.tenant_id
        && match scope.reach(Area::Knowledge) {
            Reach::Tenant => true,
            Reach::Visible => {
                collection.visibility == CollectionVisibility::Shared || is_own(scope, collection.user_id)
            }
            Reach::Own => is_own(scope, collection.user_id),
            Reach::Nothing => false,
        }
}

/// Rows of the ledger.
pub(crate) fn usage(scope: &TenantScope, tenant: TenantId, user: Option<UserId>) -> bool {
    tenant == scope.tenant_id
        && match scope.reach(Area::Usage) {
            Reach::Tenant => true,
            Reach::Own | Reach::Visible => is_own(scope, user),
            Reach::Nothing => false,
        }
}

impl State {
    /// The conversation, if the scope reaches it.
    pub(crate) fn reached_conversation(&self, scope: &TenantScope, id: ConversationId) -> Option<&Conversation> {
        self.conversations.get(&id).filter(|found| conversation(scope, found))
    }

    /// Sources: the user's own, and what the collection shows unless the source is narrowed.
    pub(crate) fn reaches_source(&self, scope: &TenantScope, source: &Source) -> bool {
        let narrowed = source.visibility.is_some_and(|visibility| visibility != CollectionVisibility::Shared);
        let shown = || self.collections.get(&source.collection_id).is_some_and(|found| collection(scope, found));
        source.tenant_id == scope.tenant_id
            && match scope.reach(Area::Knowledge) {
                Reach::Tenant => true,
                Reach::Visible => is_own(scope, source.user_id) || (!narrowed && shown()),
                Reach::Own => is_own(scope, source.user_id),
                Reach::Nothing => false,
            }
    }
}
