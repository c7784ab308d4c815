//! Rows of knowledge, the index apart.

use domain::{
    conversations::{Conversation, Message},
    identity::User,
    ids::{ChunkId, CitationId, CollectionId, RetrievalRunId, SourceId, SourceVersionId, TenantId},
    knowledge::{Chunk, Citation, Collection, CollectionVisibility, RetrievalHit, RetrievalRun, Source, SourceVersion},
    store::StoreError,
    tenancy::Tenant,
    usage::QuotaKind,
};
use uuid::Uuid;

use crate::{
    check::{fits_column, no_nul, no_nul_json, require},
    references::Reference,
    table::{Counted, Key, Row, columns, place},
};

/// Characters of a SHA-256 in hexadecimal.
const HASH_CHARS: usize = 64;

// What only its owner could read goes with the user; the rest passes to the tenant.
impl Row for Collection {
    const REFERENCES: &'static [Reference<Self>] = &[
        Reference::to::<Tenant>(&["tenant_id"]).cascades(),
        Reference::to::<User>(&["tenant_id", "user_id"])
            .clears_unless(|row| row.visibility != CollectionVisibility::Shared, |row| row.user_id = None),
        Reference::to::<Self>(&["tenant_id", "parent_id"]).cascades(),
    ];
    const COUNTED: &'static [Counted<Self>] = &[Counted { kind: QuotaKind::Collections, amount: |_| 1 }];
    columns!(id: CollectionId, tenant_id; user_id, parent_id);

    fn check(&self) -> Result<(), StoreError> {
        no_nul([&self.name].into_iter().chain(&self.description))?;
        fits_column([self.chunk_count])?;
        require(self.parent_id != Some(self.id), "a collection is not its own parent")
    }
}

impl Row for Source {
    const KEYS: &'static [Key<Self>] = &[Key {
        name: "uq_sources_content_hash",
        of: |source| Some(place![source.collection_id.0, source.content_hash.as_str()]),
    }];
    const REFERENCES: &'static [Reference<Self>] = &[
        Reference::to::<SourceVersion>(&["tenant_id", "id", "current_version_id"])
            .by(&["tenant_id", "source_id", "id"])
            .deferred()
            .clears(|row| row.current_version_id = None),
        Reference::to::<User>(&["tenant_id", "user_id"]).clears_unless(
            |row| row.visibility.is_some_and(|visibility| visibility != CollectionVisibility::Shared),
            |row| row.user_id = None,
        ),
        Reference::to::<Collection>(&["tenant_id", "collection_id"]).cascades(),
    ];
    const COUNTED: &'static [Counted<Self>] = &[
        Counted { kind: QuotaKind::Files, amount: |_| 1 },
        Counted { kind: QuotaKind::FileBytes, amount: |source| source.size_bytes },
    ];
    columns!(id: SourceId, tenant_id, collection_id; user_id, current_version_id);

    fn check(&self) -> Result<(), StoreError> {
        let texts = [&self.name, &self.filename, &self.storage_type, &self.mime_type, &self.content_hash];
        no_nul(texts.into_iter().chain(&self.error))?;
        no_nul_json([&self.metadata])?;
        fits_column([self.size_bytes])?;
        require(self.content_hash.chars().count() == HASH_CHARS, "a content hash has 64 characters")
    }
}

impl Row for SourceVersion {
    const KEYS: &'static [Key<Self>] = &[Key {
        name: "uq_source_versions_version",
        of: |version| Some(place![version.source_id.0, i64::from(version.version)]),
    }];
    const REFERENCES: &'static [Reference<Self>] =
        &[Reference::to::<Source>(&["tenant_id", "collection_id", "source_id"]).cascades()];
    columns!(id: SourceVersionId, tenant_id, source_id, collection_id);

    fn check(&self) -> Result<(), StoreError> {
        no_nul([&self.content_hash].into_iter().chain(&self.error).chain(&self.embedding_model))?;
        fits_column([self.character_count, self.chunk_count])?;
        require(self.version >= 1, "versions of a source count from 1")?;
        require(self.content_hash.chars().count() == HASH_CHARS, "a content hash has 64 characters")
    }
}

impl Row for Chunk {
    const KEYS: &'static [Key<Self>] = &[Key {
        name: "uq_chunks_ordinal",
        of: |chunk| Some(place![chunk.source_version_id.0, i64::from(chunk.ordinal)]),
    }];
    const REFERENCES: &'static [Reference<Self>] =
        &[Reference::to::<SourceVersion>(&["tenant_id", "collection_id", "source_id", "source_version_id"]).cascades()];
    columns!(id: ChunkId, tenant_id, collection_id, source_id, source_version_id);

    fn check(&self) -> Result<(), StoreError> {
        no_nul(self.heading_path.iter().chain([&self.content]))?;
        require(self.page != Some(0), "pages count from 1")?;
        require(self.start <= self.end, "a chunk does not end before it starts")
    }
}

impl Row for RetrievalRun {
    const REFERENCES: &'static [Reference<Self>] = &[
        Reference::to::<Tenant>(&["tenant_id"]).cascades(),
        Reference::to::<User>(&["tenant_id", "user_id"]).cascades(),
        Reference::to::<Conversation>(&["tenant_id", "conversation_id"]).clears(|run| run.conversation_id = None),
        Reference::to::<Message>(&["tenant_id", "message_id"]).clears(|run| run.message_id = None),
    ];
    columns!(id: RetrievalRunId, tenant_id; user_id, conversation_id, message_id);

    fn check(&self) -> Result<(), StoreError> {
        no_nul([&self.query].into_iter().chain(&self.embedding_model))?;
        no_nul_json([&self.parameters])?;
        fits_column([self.duration_ms])
    }
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredHits {
    pub(crate) tenant_id: TenantId,
    pub(crate) retrieval_run_id: RetrievalRunId,
    pub(crate) hits: Vec<RetrievalHit>,
}

impl Row for StoredHits {
    type Id = RetrievalRunId;
    const REFERENCES: &'static [Reference<Self>] =
        &[Reference::to::<RetrievalRun>(&["tenant_id", "retrieval_run_id"]).cascades()];

    fn id(&self) -> Self::Id {
        self.retrieval_run_id
    }

    fn column(&self, name: &str) -> Option<Uuid> {
        match name {
            "tenant_id" => Some(self.tenant_id.0),
            "retrieval_run_id" => Some(self.retrieval_run_id.0),
            _ => None,
        }
    }

    fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Row for Citation {
    const KEYS: &'static [Key<Self>] = &[Key {
        name: "uq_citations_index",
        of: |citation| Some(place![citation.message_id.0, i64::from(citation.index)]),
    }];
    const REFERENCES: &'static [Reference<Self>] = &[
        Reference::to::<Message>(&["tenant_id", "conversation_id", "message_id"]).cascades(),
        Reference::to::<Chunk>(&["tenant_id", "chunk_id"]).clears(|citation| citation.chunk_id = None),
        Reference::to::<Source>(&["tenant_id", "source_id"]).clears(|citation| citation.source_id = None),
        Reference::to::<SourceVersion>(&["tenant_id", "source_version_id"])
            .clears(|citation| citation.source_version_id = None),
    ];
    columns!(id: CitationId, tenant_id, conversation_id, message_id; chunk_id, source_id, source_version_id);

    fn check(&self) -> Result<(), StoreError> {
        no_nul([&self.filename, &self.quote])?;
        let is_ordered = self.quote_start <= self.quote_end && self.index >= 1;
        require(is_ordered, "a quote does not end before it starts, and citations count from 1")
    }
}
