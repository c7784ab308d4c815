//! The tables, and the one way of each row into and out of them.

use std::sync::Arc;

use domain::{
    admin::{AuditLog, IdempotencyRecord, Installation, Job},
    conversations::{Conversation, Message, Stream},
    identity::{ApiKey, RefreshToken, Role, Session, User, UserRole},
    ids::UserId,
    knowledge::{Chunk, Citation, Collection, RetrievalRun, Source, SourceVersion},
    store::StoreError,
    tenancy::{SocialLink, Tenant},
    usage::{ModelPrice, ProviderCall, UsageDay, UsageLog},
};
use rpds::RedBlackTreeMapSync;

use crate::{
    check::conflict,
    conversations::{ChosenCollection, StoredEvent},
    knowledge::{Posting, StoredHits, StoredVector},
    references::{AnyTable, Gone},
    table::{Row, Table},
    usage::rows::{LateUsage, UsageFold},
};

/// A type of rows that has a table.
pub(crate) trait Stored: Sized {
    /// The table's name, as in the schema.
    const TABLE: &'static str;

    fn table(state: &State) -> &Table<Self>
    where
        Self: Row;
    fn table_mut(state: &mut State) -> &mut Table<Self>
    where
        Self: Row;
}

/// What is done with every type of rows in turn.
#[cfg(test)]
pub(crate) trait Visitor {
    fn visit<R: Row<Id: std::fmt::Debug>>(&mut self, state: &State);
}

/// Declares the tables. What is asked of all of them finds each one here.
macro_rules! tables {
    ($($name:ident: $row:ty,)+) => {
        /// Everything that is stored. Cloning costs two pointers per table.
        #[derive(Clone)]
        pub(crate) struct State {
            pub(crate) installation: Installation,
            /// PHC strings of passwords.
            pub(crate) passwords: RedBlackTreeMapSync<UserId, String>,
            /// References that a command could not see fulfilled, and the commit must.
            pub(crate) deferred: Vec<Deferred>,
            $(pub(crate) $name: Table<$row>,)+
        }

        impl Default for State {
            fn default() -> Self {
                Self {
                    installation: Installation { setup_token_hash: None, set_up_at: None },
                    passwords: RedBlackTreeMapSync::new_sync(),
                    deferred: Vec::new(),
                    $($name: Table::default(),)+
                }
            }
        }

        impl State {
            fn tables(&mut self) -> Vec<&mut dyn AnyTable> {
                vec![$(&mut self.$name),+]
            }

            /// Visits every type of rows.
            #[cfg(test)]
            pub(crate) fn visit(&self, visitor: &mut impl Visitor) {
                $(visitor.visit::<$row>(self);)+
            }
        }

        $(impl Stored for $row {
            const TABLE: &'static str = stringify!($name);

            fn table(state: &State) -> &Table<Self> {
                &state.$name
            }

            fn table_mut(state: &mut State) -> &mut Table<Self> {
                &mut state.$name
            }
        })+
    };
}

tables! {
    tenants: Tenant,
    social_links: SocialLink,
    users: User,
    roles: Role,
    user_roles: UserRole,
    sessions: Session,
    refresh_tokens: RefreshToken,
    api_keys: ApiKey,
    collections: Collection,
    sources: Source,
    source_versions: SourceVersion,
    chunks: Chunk,
    chunk_embeddings: StoredVector,
    chunk_words: Posting,
    conversations: Conversation,
    conversation_collections: ChosenCollection,
    messages: Message,
    streams: Stream,
    stream_events: StoredEvent,
    retrieval_runs: RetrievalRun,
    retrieval_hits: StoredHits,
    citations: Citation,
    model_prices: ModelPrice,
    usage_logs: UsageLog,
    usage_folds: UsageFold,
    usage_late: LateUsage,
    usage_daily: UsageDay,
    provider_calls: ProviderCall,
    audit_logs: AuditLog,
    jobs: Job,
    idempotency_keys: IdempotencyRecord,
}

/// Whether a reference holds by now.
pub(crate) type Deferred = Arc<dyn Fn(&State) -> bool + Send + Sync>;

impl State {
    /// Adds a row.
    pub(crate) fn insert<R: Row>(&mut self, row: R) -> Result<(), StoreError> {
        row.check()?;
        if R::table(self).get(&row.id()).is_some() {
            return Err(conflict(&format!("{}_pkey", R::TABLE)));
        }
        self.put(row)
    }

    /// Puts a row in place of the one with its id.
    pub(crate) fn replace<R: Row>(&mut self, row: R) -> Result<(), StoreError> {
        row.check()?;
        self.put(row)
    }

    /// Changes the row with this id.
    pub(crate) fn change<R: Row>(&mut self, id: &R::Id, change: impl FnOnce(&mut R)) -> Result<(), StoreError> {
        let mut row = R::table(self).get(id).ok_or(StoreError::Stale)?.clone();
        change(&mut row);
        self.replace(row)
    }

    /// Keeps a row whose values are checked, if its keys are free and what it refers to is there.
    fn put<R: Row>(&mut self, row: R) -> Result<(), StoreError> {
        R::table(self).refuse_taken(&row)?;
        for reference in R::REFERENCES {
            if reference.holds(self, &row) {
                continue;
            }
            if !reference.is_deferred {
                return Err(StoreError::ForeignKey);
            }
            let id = row.id();
            let holds = move |state: &Self| R::table(state).get(&id).is_none_or(|row| reference.holds(state, row));
            self.deferred.push(Arc::new(holds));
        }
        R::table_mut(self).put(row);
        Ok(())
    }

    /// Removes a row, and does with those that refer to it what each reference says. A row that is not
    /// there is no error.
    pub(crate) fn remove<R: Row>(&mut self, id: &R::Id) -> Result<(), StoreError> {
        let Some(row) = R::table_mut(self).take(id) else { return Ok(()) };
        // Those that go along are found level by level, before any reference is cleared: whether a row
        // still needs a removed one shows only when all that go are gone.
        let mut level: Gone = row.column("id").map(|id| (R::TABLE, id)).into_iter().collect();
        let mut gone = Gone::new();
        while !level.is_empty() {
            let next = self.tables().into_iter().flat_map(|table| table.take_along(&level)).collect();
            gone.append(&mut level);
            level = next;
        }
        self.tables().into_iter().try_for_each(|table| table.let_go(&gone))
    }
}
