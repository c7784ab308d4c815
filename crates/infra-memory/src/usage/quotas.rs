//! What users and tenants have, as the tables count it.

use async_trait::async_trait;
use domain::{
    ids::UserId,
    store::StoreError,
    usage::{Held, QuotaBounds, QuotaKind, QuotaRepo},
};

use crate::store::MemoryTx;

#[async_trait]
impl QuotaRepo for MemoryTx {
    async fn held(&self, kind: QuotaKind, user: Option<UserId>, _fence: QuotaBounds) -> Result<Held, StoreError> {
        let tenant = self.tenant()?.tenant_id;
        // Whoever adds is the one writer: others wait for it as it is.
        self.read(|state| {
            let counted = |holder| match kind {
                QuotaKind::ApiKeys => state.api_keys.counted(kind, holder),
                QuotaKind::Collections => state.collections.counted(kind, holder),
                QuotaKind::Conversations => state.conversations.counted(kind, holder),
                QuotaKind::Files | QuotaKind::FileBytes => state.sources.counted(kind, holder),
            };
            let of_tenant = |user: &UserId| state.users.get(user).is_some_and(|row| row.tenant_id == Some(tenant));
            let by_user = user.map(|user| if of_tenant(&user) { counted(user.0) } else { 0 });
            Ok(Held { by_user, by_tenant: counted(tenant.0) })
        })
    }
}
