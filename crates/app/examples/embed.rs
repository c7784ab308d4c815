//! Banyan inside another service: a Markdown file goes in, a cited answer comes out (`cargo run -p app --example embed`).

use std::{error::Error, sync::Arc, time::Duration};

use app::{
    AppBuilder,
    conversations::NewMessage,
    knowledge::{NewCollection, NewSource},
};
use domain::conversations::Parts;
use futures::{StreamExt, stream};
use infra_memory::{MemoryBlobStore, MemoryStore, MemoryWakeups};
use infra_providers::ProviderRegistry;

const HANDBOOK: &str = "# Holidays\n\nEvery employee has 30 days of holiday a year.\n\n# Meals\n\nSend receipts.\n";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Storage, models (here no provider is set, so answers are quotations), files, wake-ups.
    let (store, models) = (Arc::new(MemoryStore::default()), Arc::new(ProviderRegistry::default()));
    let (blobs, wakeups) = (Arc::new(MemoryBlobStore::default()), Arc::new(MemoryWakeups::default()));
    let app = AppBuilder::new(store, models, blobs, wakeups).build();
    app.start_background();
    // The host knows its people itself; later it takes `act_as` with the ids of this actor.
    let actor = app.identity().set_up_embedded("Acme", "ada@example.com", "ada").await?;

    let new = NewCollection { name: "Handbook".to_owned(), ..NewCollection::default() };
    let collection = app.knowledge().create_collection(&actor, new, None).await?.into_done()?;
    let content = stream::iter([Ok(HANDBOOK.into())]).boxed();
    let new = NewSource { filename: "handbook.md".to_owned(), content, may_be_repeated: false };
    let staged = app.knowledge().stage(&actor, collection.id, new).await?;
    let source = app.knowledge().add_source(&actor, staged, Default::default(), None).await?.into_done()?.source.id;
    while app.knowledge().source(&actor, source).await?.progress.step != "done" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let conversation = app.conversations().create(&actor, Default::default(), None).await?.into_done()?;
    let question = Parts::text("How many days of holiday do I have?");
    let message = NewMessage { parts: question, ..NewMessage::default() };
    let opened = app.conversations().send(&actor, conversation.id, message, None).await?.into_done()?;
    let mut events = app.conversations().follow(&actor, opened.answers[0].1, 0).await?;
    while let Some(event) = events.next().await? {
        let Some(answer) = event.message else { continue };
        println!("{}\n", answer.message.parts.plain_text());
        for cited in answer.citations {
            println!("[{}] {}: “{}”", cited.citation.index, cited.citation.filename, cited.citation.quote);
        }
    }
    app.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
