//! Quotas: what users and tenants may have of what is kept.

use domain::{
    ids::UserId,
    usage::{QuotaBounds, QuotaHolder, QuotaKind},
};
use serde_json::json;

use crate::{App, Error, ErrorKind, Result, unit_of_work::Uow};

const GIB: u64 = 1024 * 1024 * 1024;

/// The bounds of all quotas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// API keys that are not revoked.
    pub api_keys: QuotaBounds,
    /// Collections.
    pub collections: QuotaBounds,
    /// Conversations that are not deleted.
    pub conversations: QuotaBounds,
    /// Files in collections.
    pub files: QuotaBounds,
    /// The bytes of these files together.
    pub file_bytes: QuotaBounds,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            api_keys: QuotaBounds { per_user: 1_000, per_tenant: 100_000 },
            collections: QuotaBounds { per_user: 10_000, per_tenant: 100_000 },
            conversations: QuotaBounds { per_user: 1_000_000, per_tenant: 100_000_000 },
            files: QuotaBounds { per_user: 100_000, per_tenant: 10_000_000 },
            file_bytes: QuotaBounds { per_user: 100 * GIB, per_tenant: 10_000 * GIB },
        }
    }
}

impl Quotas {
    const fn of(&self, kind: QuotaKind) -> QuotaBounds {
        match kind {
            QuotaKind::ApiKeys => self.api_keys,
            QuotaKind::Collections => self.collections,
            QuotaKind::Conversations => self.conversations,
            QuotaKind::Files => self.files,
            QuotaKind::FileBytes => self.file_bytes,
        }
    }
}

/// What fits of a file at the moment.
pub(crate) struct FileRoom {
    /// Most bytes.
    pub(crate) bytes: u64,
    /// The refusal of more.
    pub(crate) refusal: Error,
}

impl App {
    /// Refuses more of a kind than a user or its tenant may have. Who adds asks so in the same unit of work, before it
    /// adds: of any number at the same moment exactly as many are let in as fit. Nothing is reserved before, so what
    /// fails gives back nothing.
    ///
    /// # Errors
    /// `quota_exceeded`.
    pub(crate) async fn need_room(&self, tx: &Uow, kind: QuotaKind, user: Option<UserId>, more: u64) -> Result<()> {
        let bounds = self.parts.settings.quotas.of(kind);
        self.refuse_over(tx, kind, user, more, bounds.fence(kind)).await
    }

    /// What fits of a file that is about to come, to refuse it before it is stored. Others may be faster: whether it
    /// fits is asked once more when it has come.
    ///
    /// # Errors
    /// `quota_exceeded` when none does.
    pub(crate) async fn room_for_file(&self, tx: &Uow, user: Option<UserId>) -> Result<FileRoom> {
        self.refuse_over(tx, QuotaKind::Files, user, 1, QuotaBounds::NONE).await?;
        let bounds = self.parts.settings.quotas.file_bytes;
        let held = tx.quotas().held(QuotaKind::FileBytes, user, QuotaBounds::NONE).await?;
        let bytes = bounds.left(held);
        let broken =
            bounds.broken_by(held, bytes.saturating_add(1)).unwrap_or((QuotaHolder::Tenant, bounds.per_tenant));
        Ok(FileRoom { bytes, refusal: exceeded(QuotaKind::FileBytes, broken) })
    }

    async fn refuse_over(
        &self,
        tx: &Uow,
        kind: QuotaKind,
        user: Option<UserId>,
        more: u64,
        fence: QuotaBounds,
    ) -> Result<()> {
        let held = tx.quotas().held(kind, user, fence).await?;
        match self.parts.settings.quotas.of(kind).broken_by(held, more) {
            Some(broken) => Err(exceeded(kind, broken)),
            None => Ok(()),
        }
    }
}

fn exceeded(kind: QuotaKind, (holder, most): (QuotaHolder, u64)) -> Error {
    let (error, things) = match kind {
        QuotaKind::ApiKeys => (ErrorKind::TooManyRequests, "API keys"),
        QuotaKind::Collections => (ErrorKind::TooManyRequests, "collections"),
        QuotaKind::Conversations => (ErrorKind::TooManyRequests, "conversations"),
        QuotaKind::Files => (ErrorKind::TooManyRequests, "files"),
        QuotaKind::FileBytes => (ErrorKind::TooLarge, "bytes of files"),
    };
    let setting = format!("{kind}_PER_{holder}").to_uppercase();
    // Only keys can be removed so far.
    let way_out =
        if kind == QuotaKind::ApiKeys { "revoke some, or raise" } else { "whoever runs the server can raise" };
    let message = format!("a {holder} may have at most {most} {things}; {way_out} BANYAN_LIMITS__{setting}");
    let details = json!({ "quota": kind, "holder": holder, "most": most });
    Error::new(error, "quota_exceeded", message).with_details(details)
}
