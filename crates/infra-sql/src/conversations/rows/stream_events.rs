//! The rows of `stream_events`.

use domain::{
    clock::Timestamp,
    conversations::StreamEvent,
    ids::{StreamId, TenantId},
    store::StoreError,
};
use sea_orm::entity::prelude::*;

use crate::values::{from_json, to_json};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stream_events")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub stream_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    pub event_type: String,
    pub data: Json,
    pub created_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The row of an event of this stream.
    pub(crate) fn new(tenant: TenantId, stream: StreamId, event: &StreamEvent) -> Result<Self, StoreError> {
        Ok(Self {
            tenant_id: tenant.0,
            stream_id: stream.0,
            number: event.number,
            event_type: event.event.name().to_owned(),
            data: to_json(&event.event)?,
            created_at: event.created_at,
        })
    }
}

impl TryFrom<Model> for StreamEvent {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self { number: row.number, event: from_json(row.data)?, created_at: row.created_at })
    }
}
