//! Stop an answer that is being written. The text so far stays.

use domain::{
    access::{Actor, Permission},
    gateways::Topic,
    ids::StreamId,
};

use crate::{Error, Result, audit::Act, conversations::Conversations};

impl Conversations {
    /// Asks a stream to stop. Stopping one that has ended changes nothing.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn stop(&self, actor: &Actor, stream: StreamId) -> Result<()> {
        let scope = self.app.parts.policy.allow(actor, Permission::ConversationsWrite)?;
        let this = self.clone();
        let actor = actor.clone();
        self.app
            .detached(async move {
                let tx = this.app.write(&scope).await?;
                if tx.streams().get(stream).await?.is_none() {
                    return Err(Error::not_found("stream", stream.0));
                }
                if tx.streams().request_stop(stream, this.app.now()).await? {
                    this.app.audit(tx.as_ref(), &actor, Act::on("stream_stop_requested", "stream", stream.0)).await?;
                }
                tx.commit().await?;
                if let Some(live) = this.app.parts.live.get(stream) {
                    live.nudge.notify_one();
                }
                this.app.parts.wakeups.send(Topic::Stream(stream.0)).await;
                Ok(())
            })
            .await
    }
}
