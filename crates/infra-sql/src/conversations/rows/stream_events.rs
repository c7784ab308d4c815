//! The rows of `stream_events`.

use domain::{
    clock::Timestamp,
    conversations::{
        StreamEvent,
        stored_events::{from_stored, to_stored},
    },
    ids::{StreamId, TenantId},
    store::StoreError,
};
use sea_orm::entity::prelude::*;

use crate::values::stored;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stream_events")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub stream_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    /// Of the first event.
    pub number: i64,
    /// Of the first event.
    pub event_type: String,
    /// All events that were appended together.
    pub data: Json,
    pub created_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The row of the events that one append writes; `None` without any.
    pub(crate) fn new(
        tenant: TenantId,
        stream: StreamId,
        events: &[StreamEvent],
        now: Timestamp,
    ) -> Result<Option<Self>, StoreError> {
        let Some(first) = events.first() else { return Ok(None) };
        Ok(Some(Self {
            tenant_id: tenant.0,
            stream_id: stream.0,
            number: first.number,
            event_type: first.event.name().to_owned(),
            data: to_stored(events).map_err(|error| StoreError::Backend(Box::new(error)))?,
            created_at: now,
        }))
    }

    /// The events of the row.
    pub(crate) fn events(self) -> Result<Vec<StreamEvent>, StoreError> {
        stored(from_stored(self.number, self.data))
    }
}
