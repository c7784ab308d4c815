//! Audit rows: who did what, in the transaction that did it.

use domain::{
    access::Actor,
    admin::AuditLog,
    ids::{AuditLogId, TenantId},
    store::Tx,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{App, Result};

/// An act to be recorded. `after` holds allow-listed fields only.
pub(crate) struct Act<'a> {
    pub(crate) action: &'a str,
    pub(crate) entity_type: &'a str,
    pub(crate) entity_id: Option<Uuid>,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
}

impl<'a> Act<'a> {
    /// An act on a thing, without changed fields.
    pub(crate) fn on(action: &'a str, entity_type: &'a str, entity_id: impl Into<Uuid>) -> Self {
        Self { action, entity_type, entity_id: Some(entity_id.into()), before: None, after: None }
    }

    /// The same with the fields as they are now.
    pub(crate) fn now(mut self, after: Value) -> Self {
        self.after = Some(after);
        self
    }
}

impl App {
    /// Writes an act of `actor` in its tenant.
    pub(crate) async fn audit(&self, tx: &dyn Tx, actor: &Actor, act: Act<'_>) -> Result<()> {
        self.audit_in(tx, actor.tenant_id, Some(actor), act).await
    }

    /// Writes an act in a tenant (`None`: on the installation), by an actor or by ourselves.
    pub(crate) async fn audit_in(
        &self,
        tx: &dyn Tx,
        tenant_id: Option<TenantId>,
        actor: Option<&Actor>,
        act: Act<'_>,
    ) -> Result<()> {
        // A superadmin is no user of the tenant that it entered; it is named among the facts.
        let superadmin = actor.filter(|actor| actor.is_superadmin && tenant_id.is_some()).map(|actor| actor.user_id);
        let changes = match (act.before, act.after, superadmin) {
            (None, None, None) => None,
            (before, after, None) => Some(json!({ "before": before, "after": after })),
            (before, after, superadmin) => Some(json!({ "before": before, "after": after, "superadmin": superadmin })),
        };
        let row = AuditLog {
            id: AuditLogId(self.parts.ids.ordered()),
            tenant_id,
            user_id: actor.filter(|_| superadmin.is_none()).map(|actor| actor.user_id),
            action: act.action.to_owned(),
            entity_type: act.entity_type.to_owned(),
            entity_id: act.entity_id,
            changes,
            ip_address: actor.and_then(|actor| actor.ip_address),
            user_agent: actor.and_then(|actor| actor.user_agent.clone()),
            created_at: self.now(),
        };
        Ok(tx.audit().insert(&row).await?)
    }

    /// Records that `actor` asked for something that is not there for it. One row for what exists
    /// elsewhere and for what exists nowhere, so that neither rows nor time tell them apart.
    ///
    /// # Errors
    /// When the row cannot be written.
    pub async fn record_denial(&self, actor: &Actor, entity_type: &'static str, entity_id: Option<Uuid>) -> Result<()> {
        let Some(tenant_id) = actor.tenant_id else { return Ok(()) };
        let app = self.clone();
        let actor = actor.clone();
        self.detached(async move {
            let tx = app.write(&domain::access::Scope::system_in(tenant_id)).await?;
            let act = Act { action: "authz_denied", entity_type, entity_id, before: None, after: None };
            app.audit(tx.as_ref(), &actor, act).await?;
            Ok(tx.commit().await?)
        })
        .await
    }
}
