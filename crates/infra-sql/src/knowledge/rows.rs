//! The rows of knowledge.

pub(crate) mod collections {
    use domain::{
        clock::Timestamp,
        knowledge::{Collection, CollectionVisibility},
        store::StoreError,
    };
    use sea_orm::entity::prelude::*;

    use crate::values::{column, from_json, number, stored, to_json};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "collections")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub tenant_id: Uuid,
        pub user_id: Option<Uuid>,
        pub parent_id: Option<Uuid>,
        pub name: String,
        pub description: Option<String>,
        pub visibility: String,
        pub chunking: Json,
        pub chunk_count: i64,
        pub generation: i64,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}

    impl TryFrom<&Collection> for Model {
        type Error = StoreError;

        fn try_from(collection: &Collection) -> Result<Self, StoreError> {
            let Collection {
                id,
                tenant_id,
                user_id,
                parent_id,
                name,
                description,
                visibility,
                chunking,
                chunk_count,
                generation,
                created_at,
                updated_at,
            } = collection.clone();
            Ok(Self {
                id: id.0,
                tenant_id: tenant_id.0,
                user_id: user_id.map(|id| id.0),
                parent_id: parent_id.map(|id| id.0),
                name,
                description,
                visibility: visibility.as_str().to_owned(),
                chunking: to_json(&chunking)?,
                chunk_count: column(chunk_count)?,
                generation,
                created_at,
                updated_at,
            })
        }
    }

    impl TryFrom<Model> for Collection {
        type Error = StoreError;

        fn try_from(row: Model) -> Result<Self, StoreError> {
            let Model {
                id,
                tenant_id,
                user_id,
                parent_id,
                name,
                description,
                visibility,
                chunking,
                chunk_count,
                generation,
                created_at,
                updated_at,
            } = row;
            Ok(Self {
                id: id.into(),
                tenant_id: tenant_id.into(),
                user_id: user_id.map(Into::into),
                parent_id: parent_id.map(Into::into),
                name,
                description,
                visibility: stored(CollectionVisibility::parse(&visibility))?,
                chunking: from_json(chunking)?,
                chunk_count: number(chunk_count)?,
                generation,
                created_at,
                updated_at,
            })
        }
    }
}

pub(crate) mod sources {
    use domain::{
        clock::Timestamp,
        gateways::BlobKey,
        knowledge::{CollectionVisibility, ProcessingStatus, Source},
        store::StoreError,
    };
    use sea_orm::entity::prelude::*;

    use crate::values::{column, number, stored};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "sources")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub tenant_id: Uuid,
        pub collection_id: Uuid,
        pub user_id: Option<Uuid>,
        pub name: String,
        pub visibility: Option<String>,
        pub filename: String,
        pub storage_key: String,
        pub storage_type: String,
        pub mime_type: String,
        pub size_bytes: i64,
        pub content_hash: String,
        pub status: String,
        pub error: Option<String>,
        pub processed_at: Option<Timestamp>,
        pub current_version_id: Option<Uuid>,
        pub metadata: Json,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}

    impl TryFrom<&Source> for Model {
        type Error = StoreError;

        fn try_from(source: &Source) -> Result<Self, StoreError> {
            let Source {
                id,
                tenant_id,
                collection_id,
                user_id,
                name,
                visibility,
                filename,
                storage_key,
                storage_type,
                mime_type,
                size_bytes,
                content_hash,
                status,
                error,
                processed_at,
                current_version_id,
                metadata,
                created_at,
                updated_at,
            } = source.clone();
            Ok(Self {
                id: id.0,
                tenant_id: tenant_id.0,
                collection_id: collection_id.0,
                user_id: user_id.map(|id| id.0),
                name,
                visibility: visibility.map(|visibility| visibility.as_str().to_owned()),
                filename,
                storage_key: storage_key.as_str().to_owned(),
                storage_type,
                mime_type,
                size_bytes: column(size_bytes)?,
                content_hash,
                status: status.as_str().to_owned(),
                error,
                processed_at,
                current_version_id: current_version_id.map(|id| id.0),
                metadata,
                created_at,
                updated_at,
            })
        }
    }

    impl TryFrom<Model> for Source {
        type Error = StoreError;

        fn try_from(row: Model) -> Result<Self, StoreError> {
            let Model {
                id,
                tenant_id,
                collection_id,
                user_id,
                name,
                visibility,
                filename,
                storage_key,
                storage_type,
                mime_type,
                size_bytes,
                content_hash,
                status,
                error,
                processed_at,
                current_version_id,
                metadata,
                created_at,
                updated_at,
            } = row;
            Ok(Self {
                id: id.into(),
                tenant_id: tenant_id.into(),
                collection_id: collection_id.into(),
                user_id: user_id.map(Into::into),
                name,
                visibility: visibility.map(|name| stored(CollectionVisibility::parse(&name))).transpose()?,
                filename,
                storage_key: stored(BlobKey::parse(&storage_key))?,
                storage_type,
                mime_type,
                size_bytes: number(size_bytes)?,
                content_hash,
                status: stored(ProcessingStatus::parse(&status))?,
                error,
                processed_at,
                current_version_id: current_version_id.map(Into::into),
                metadata,
                created_at,
                updated_at,
            })
        }
    }
}

pub(crate) mod source_versions {
    use domain::{
        clock::Timestamp,
        gateways::BlobKey,
        knowledge::{ProcessingStatus, SourceVersion},
        store::StoreError,
    };
    use sea_orm::entity::prelude::*;

    use crate::values::{column, from_json, number, stored, to_json};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "source_versions")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub tenant_id: Uuid,
        pub source_id: Uuid,
        pub collection_id: Uuid,
        pub version: i32,
        pub status: String,
        pub error: Option<String>,
        pub content_hash: String,
        pub text_storage_key: Option<String>,
        pub character_count: i64,
        pub page_count: Option<i64>,
        pub chunking: Json,
        pub chunk_count: i64,
        pub embedding_model: Option<String>,
        pub embedding_dimension: Option<i64>,
        pub published_at: Option<Timestamp>,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}

    impl TryFrom<&SourceVersion> for Model {
        type Error = StoreError;

        fn try_from(version: &SourceVersion) -> Result<Self, StoreError> {
            let SourceVersion {
                id,
                tenant_id,
                source_id,
                collection_id,
                version,
                status,
                error,
                content_hash,
                text_storage_key,
                character_count,
                page_count,
                chunking,
                chunk_count,
                embedding_model,
                embedding_dimension,
                published_at,
                created_at,
                updated_at,
            } = version.clone();
            Ok(Self {
                id: id.0,
                tenant_id: tenant_id.0,
                source_id: source_id.0,
                collection_id: collection_id.0,
                version,
                status: status.as_str().to_owned(),
                error,
                content_hash,
                text_storage_key: text_storage_key.map(|key| key.as_str().to_owned()),
                character_count: column(character_count)?,
                page_count: page_count.map(i64::from),
                chunking: to_json(&chunking)?,
                chunk_count: column(chunk_count)?,
                embedding_model,
                embedding_dimension: embedding_dimension.map(i64::from),
                published_at,
                created_at,
                updated_at,
            })
        }
    }

    impl TryFrom<Model> for SourceVersion {
        type Error = StoreError;

        fn try_from(row: Model) -> Result<Self, StoreError> {
            let Model {
                id,
                tenant_id,
                source_id,
                collection_id,
                version,
                status,
                error,
                content_hash,
                text_storage_key,
                character_count,
                page_count,
                chunking,
                chunk_count,
                embedding_model,
                embedding_dimension,
                published_at,
                created_at,
                updated_at,
            } = row;
            Ok(Self {
                id: id.into(),
                tenant_id: tenant_id.into(),
                source_id: source_id.into(),
                collection_id: collection_id.into(),
                version,
                status: stored(ProcessingStatus::parse(&status))?,
                error,
                content_hash,
                text_storage_key: text_storage_key.map(|key| stored(BlobKey::parse(&key))).transpose()?,
                character_count: number(character_count)?,
                page_count: page_count.map(number).transpose()?,
                chunking: from_json(chunking)?,
                chunk_count: number(chunk_count)?,
                embedding_model,
                embedding_dimension: embedding_dimension.map(number).transpose()?,
                published_at,
                created_at,
                updated_at,
            })
        }
    }
}

pub(crate) mod chunks {
    use domain::{clock::Timestamp, knowledge::Chunk, store::StoreError};
    use sea_orm::entity::prelude::*;

    use crate::values::{from_json, number, to_json};

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "chunks")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub tenant_id: Uuid,
        pub collection_id: Uuid,
        pub source_id: Uuid,
        pub source_version_id: Uuid,
        pub ordinal: i64,
        pub content: String,
        pub heading_path: Json,
        pub page: Option<i64>,
        pub start_offset: i64,
        pub end_offset: i64,
        pub token_count: i64,
        pub created_at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}

    impl TryFrom<&Chunk> for Model {
        type Error = StoreError;

        fn try_from(chunk: &Chunk) -> Result<Self, StoreError> {
            let Chunk {
                id,
                tenant_id,
                collection_id,
                source_id,
                source_version_id,
                ordinal,
                content,
                heading_path,
                page,
                start,
                end,
                token_count,
                created_at,
            } = chunk.clone();
            Ok(Self {
                id: id.0,
                tenant_id: tenant_id.0,
                collection_id: collection_id.0,
                source_id: source_id.0,
                source_version_id: source_version_id.0,
                ordinal: i64::from(ordinal),
                content,
                heading_path: to_json(&heading_path)?,
                page: page.map(i64::from),
                start_offset: i64::from(start),
                end_offset: i64::from(end),
                token_count: i64::from(token_count),
                created_at,
            })
        }
    }

    impl TryFrom<Model> for Chunk {
        type Error = StoreError;

        fn try_from(row: Model) -> Result<Self, StoreError> {
            let Model {
                id,
                tenant_id,
                collection_id,
                source_id,
                source_version_id,
                ordinal,
                content,
                heading_path,
                page,
                start_offset,
                end_offset,
                token_count,
                created_at,
            } = row;
            Ok(Self {
                id: id.into(),
                tenant_id: tenant_id.into(),
                collection_id: collection_id.into(),
                source_id: source_id.into(),
                source_version_id: source_version_id.into(),
                ordinal: number(ordinal)?,
                content,
                heading_path: from_json(heading_path)?,
                page: page.map(number).transpose()?,
                start: number(start_offset)?,
                end: number(end_offset)?,
                token_count: number(token_count)?,
                created_at,
            })
        }
    }
}
