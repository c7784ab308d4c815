//! The answers of the model that is none, for people to judge.

use anyhow::Result;
use serde_json::json;

use super::{
    library::{Library, text},
    questions::Question,
};

/// Asks questions in conversations over the documents of their language, and prints what is answered.
pub(crate) async fn print(name: &str, library: &Library, questions: &[Question]) -> Result<()> {
    println!("\n#### Answers: {name}");
    for question in questions {
        let about = json!({ "collection_ids": [library.collection(question.language)?] });
        let made = library.client.post("/api/v1/conversations", &about).await?.expect(201)?;
        let path = format!("/api/v1/conversations/{}/messages", text(&made["id"])?);
        let asked = json!({ "content": question.question, "model": "banyan/extractive" });
        let events = library.client.post_stream(&path, &asked).await?.rest().await?;
        let mut answer = String::new();
        for event in events.iter().filter(|event| event.name == "text.delta") {
            answer.push_str(&text(&event.json()?["text"])?);
        }
        println!("\n**{}: {}**\n\n{answer}", question.language, question.question);
    }
    Ok(())
}
