//! Identifiers: one newtype per entity, so that ids of different things never mix.
//!
//! What people meet gets a random UUID (v4); append-only logs get an ordered one (v7).

use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// The raw UUID, for storage and the wire.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )*};
}

ids! {
    /// A tenant: the wall that no data crosses.
    TenantId;
    /// A link of a tenant to one of its pages elsewhere.
    SocialLinkId;
    /// A person with an account.
    UserId;
    /// A named set of permissions of one tenant.
    RoleId;
    /// The assignment of a role to a user.
    UserRoleId;
    /// A signed-in device; the family of its refresh tokens.
    SessionId;
    /// One refresh token of a session.
    RefreshTokenId;
    /// A key for programs.
    ApiKeyId;
    /// A conversation: a tree of messages with a head.
    ConversationId;
    /// A node of a conversation's tree.
    MessageId;
    /// A durable stream: the events of one answer.
    StreamId;
    /// A folder of sources.
    CollectionId;
    /// A document of a collection.
    SourceId;
    /// One indexed form of a source.
    SourceVersionId;
    /// A passage of a source version.
    ChunkId;
    /// One search, kept with its hits.
    RetrievalRunId;
    /// A quotation of a chunk in an answer.
    CitationId;
    /// A row of the ledger.
    UsageLogId;
    /// One call to a provider; unique in the ledger.
    RequestId;
    /// A dated price of a model.
    ModelPriceId;
    /// A row of the audit log.
    AuditLogId;
    /// A unit of background work.
    JobId;
}

/// Where new identifiers and secrets come from. A port, so that tests can seed it.
pub trait IdGen: Send + Sync + 'static {
    /// A random UUID (v4), not enumerable: for what people meet.
    fn random(&self) -> Uuid;
    /// A time-ordered UUID (v7): for append-only logs.
    fn ordered(&self) -> Uuid;
    /// 256 bits from the system's secure generator: for tokens and keys.
    fn secret(&self) -> [u8; 32];
}

/// The generator of a running program.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl IdGen for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "the one place where random ids are made")]
    fn random(&self) -> Uuid {
        Uuid::new_v4()
    }

    #[expect(clippy::disallowed_methods, reason = "the one place where ordered ids are made")]
    fn ordered(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn secret(&self) -> [u8; 32] {
        rand::random()
    }
}
