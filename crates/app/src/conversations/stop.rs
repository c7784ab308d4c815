//! Stop an answer that is being written. The text so far stays.

use domain::{
    access::{Actor, Permission},
    gateways::Topic,
    ids::StreamId,
};

use crate::{
    Error, Result,
    audit::{Act, Audited},
    conversations::Conversations,
    unit_of_work::Uow,
};

impl Conversations {
    /// Asks a stream to stop. Stopping one that has ended changes nothing.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn stop(&self, actor: &Actor, stream: StreamId) -> Result<()> {
        let work = move |tx: Uow| async move {
            if tx.streams().get(stream).await?.is_none() {
                return Err(Error::not_found("stream", stream.0));
            }
            let is_new = tx.streams().request_stop(stream, tx.now()).await?;
            tx.after_commit(move |app| {
                if let Some(live) = app.parts.live.get(stream) {
                    live.place.hurry();
                }
            });
            tx.wake(Topic::Flush(stream.0));
            let audited = if is_new {
                Act::on("stream_stop_requested", "stream", stream.0).into()
            } else {
                Audited::nothing("the stream has ended, or was told to stop before")
            };
            Ok(((), audited))
        };
        self.app.change(actor, Permission::ConversationsWrite, None, work).await?.into_done()
    }
}
