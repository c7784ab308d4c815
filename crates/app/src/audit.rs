//! Audit rows: who did what, in the transaction that did it.

mod counted;

use domain::{access::Actor, admin::AuditLog, ids::AuditLogId};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) use self::counted::CountedActs;
use crate::{Result, unit_of_work::Uow};

/// An act to be recorded. `after` holds allow-listed fields only.
#[derive(Clone)]
#[must_use = "an act is recorded when its change returns it"]
pub(crate) struct Act {
    action: &'static str,
    entity_type: &'static str,
    entity_id: Option<Uuid>,
    before: Option<Value>,
    after: Option<Value>,
    by: Option<Actor>,
}

impl Act {
    /// An act on a thing, without changed fields.
    pub(crate) fn on(action: &'static str, entity_type: &'static str, entity_id: impl Into<Uuid>) -> Self {
        Self { action, entity_type, entity_id: Some(entity_id.into()), before: None, after: None, by: None }
    }

    /// The same with the fields as they were.
    pub(crate) fn before(mut self, before: Value) -> Self {
        self.before = Some(before);
        self
    }

    /// The same with the fields as they are now.
    pub(crate) fn now(mut self, after: Value) -> Self {
        self.after = Some(after);
        self
    }

    /// The same by somebody who became known in the work itself.
    pub(crate) fn by(mut self, actor: Actor) -> Self {
        self.by = Some(actor);
        self
    }
}

/// What a change leaves in the audit log. A change returns it with its value, so that one which says
/// nothing of an audit row does not compile.
pub(crate) struct Audited(Option<Act>);

impl From<Act> for Audited {
    fn from(act: Act) -> Self {
        Self(Some(act))
    }
}

impl Audited {
    /// No row, because nothing was done that needs one.
    pub(crate) fn nothing(why: &'static str) -> Self {
        tracing::trace!(why, "no audit row");
        Self(None)
    }

    /// Writes the row, unless that was done in the course of the work.
    pub(crate) async fn write(self, tx: &Uow) -> Result<()> {
        match self.0 {
            Some(act) => Ok(tx.audit().insert(&row_of(tx, act)).await?),
            None => Ok(()),
        }
    }
}

impl Uow {
    /// Writes an act at once. A work that returns its act has it written last, behind its other
    /// statements; one whose round trips count writes it before its last statement, which takes the
    /// row along (ADR 12), and one that does two things writes the first of them so.
    pub(crate) async fn record(&self, act: Act) -> Result<Audited> {
        Audited::from(act).write(self).await?;
        Ok(Audited(None))
    }
}

/// The row of an act, in the tenant of the unit of work (or on the installation), by whom the act
/// names, or else by whom the unit of work was begun for.
fn row_of(tx: &Uow, act: Act) -> AuditLog {
    let tenant_id = tx.scope().tenant_id();
    let actor = act.by.as_ref().or(tx.by());
    let changes = match (act.before, act.after) {
        (None, None) => None,
        (before, after) => Some(json!({ "before": before, "after": after })),
    };
    AuditLog {
        id: AuditLogId(tx.app().parts.ids.ordered()),
        tenant_id,
        user_id: actor.and_then(Actor::owner),
        superadmin_id: actor.filter(|actor| actor.is_superadmin).map(|actor| actor.user_id),
        action: act.action.to_owned(),
        entity_type: act.entity_type.to_owned(),
        entity_id: act.entity_id,
        changes,
        ip_address: actor.and_then(|actor| actor.ip_address),
        user_agent: actor.and_then(|actor| actor.user_agent.clone()),
        created_at: tx.now(),
    }
}
