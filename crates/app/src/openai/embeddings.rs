//! Embeddings through the OpenAI face.

use domain::{
    access::{Actor, Permission},
    error::ValueError,
    gateways::{EmbeddingInput, EmbeddingModel, GatewayErrorKind},
    store::Priority,
};

use super::OpenAi;
use crate::{
    Error, ErrorKind, Result,
    knowledge::{Payer, VectorForm},
    unit_of_work::{Uow, tenant_of},
};

/// Most inputs of one call (OpenAI's own bound).
pub const MAX_INPUTS: usize = 2_048;

/// What is to be embedded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddingRequest {
    /// The model, as the client named it.
    pub model: String,
    /// The texts, or their tokens.
    pub input: EmbeddingInput,
    /// Length of the vectors; `None`: the model's own.
    pub dimensions: Option<u32>,
}

/// Vectors with what they cost.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingResult {
    /// The model.
    pub model: EmbeddingModel,
    /// One vector an input, in order, as the model gives them.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens read.
    pub input_tokens: u64,
}

impl OpenAi {
    /// Embeds texts, or tokens of the configured model's own vocabulary, with that model.
    ///
    /// # Errors
    /// `no_embedding_model`; `invalid`, also where the model makes no vectors of the length that is wanted, which is
    /// known when it has made one; `too_many_running`; the provider's errors.
    pub async fn embeddings(&self, actor: &Actor, asked: EmbeddingRequest) -> Result<EmbeddingResult> {
        let EmbeddingRequest { model, input, dimensions } = asked;
        let scope = self.app.allow(actor, Permission::ModelsUse)?;
        let tenant_id = tenant_of(&scope)?;
        if input.count() == 0 || input.count() > MAX_INPUTS || input.has_empty() {
            let message = format!("must be 1 to {MAX_INPUTS} texts or lists of token ids, none of them empty");
            return Err(ValueError::new("input", "out_of_range", message).into());
        }
        if dimensions == Some(0) {
            return Err(ValueError::new("dimensions", "out_of_range", "must be 1 or more, or left out").into());
        }
        let app = self.app.clone();
        let actor = actor.clone();
        let place = app.parts.running_calls.enter(&actor, &app.parts.settings)?;
        self.app
            .detached(async move {
                let _place = place;
                let embedder = app.parts.embedder.clone().ok_or_else(no_model)?;
                let known = named(&model, embedder.model())?;
                check_window(&input, &known)?;
                let mut vectors = Vec::with_capacity(input.count());
                let mut input_tokens = 0;
                for batch in input.batches(embedder.max_batch()) {
                    // Who may no longer ask begins no further call.
                    app.identity().look_again(&actor).await?;
                    let payer = Payer::of(&actor, tenant_id);
                    let form = VectorForm::AsGiven { dimensions };
                    let embedded = app.embed(&embedder, payer, &batch, form).await;
                    let (embedded, spent) = embedded.map_err(|error| about_request(error, dimensions))?;
                    input_tokens += embedded.input_tokens;
                    vectors.extend(embedded.vectors);
                    let (app, spent) = (&app, &spent);
                    let settle = |tx: Uow| async move { app.settle_call(&tx, spent).await };
                    app.at(Priority::Settlement).unaudited(&scope, "the ledger's row is the record", settle).await?;
                    check_length(&vectors, dimensions)?;
                }
                Ok(EmbeddingResult { model: known, vectors, input_tokens })
            })
            .await
    }
}

/// The configured model, if it is the one that was named.
fn named(name: &str, model: &EmbeddingModel) -> Result<EmbeddingModel> {
    if name == model.full_name() || name == model.model {
        return Ok(model.clone());
    }
    let message = format!("'{name}' is no embedding model that is served; name '{}'", model.full_name());
    Err(ValueError::new("model", "model_not_found", message).into())
}

/// Refuses more token ids than the model reads at once, before a batch is paid for. What a text has of them only the
/// embedder can tell.
fn check_window(input: &EmbeddingInput, model: &EmbeddingModel) -> Result<(), ValueError> {
    let EmbeddingInput::Tokens(lists) = input else { return Ok(()) };
    let most = model.max_tokens;
    let Some((index, ids)) = lists.iter().enumerate().find(|(_, ids)| ids.len() > most as usize) else {
        return Ok(());
    };
    let message = format!(
        "has {} token ids at index {index}, and '{}' reads at most {most}; split them, and send the \
         text, or ids of this model's own tokenizer (set BANYAN_EMBEDDINGS__MAX_TOKENS if a model over the wire \
         reads more)",
        ids.len(),
        model.full_name()
    );
    Err(ValueError::new("input", "too_long", message))
}

/// Refuses vectors of another length than was wanted.
fn check_length(vectors: &[Vec<f32>], wanted: Option<u32>) -> Result<(), ValueError> {
    let (Some(wanted), Some(first)) = (wanted, vectors.first()) else { return Ok(()) };
    if first.len() == wanted as usize {
        return Ok(());
    }
    let message = format!("must be {}, the length of this model's vectors, or left out", first.len());
    Err(ValueError::new("dimensions", "not_supported", message))
}

/// Names the field that an embedder refused: beside the model a caller sends the input, and maybe a length of which the
/// refusal then speaks.
fn about_request(mut error: Error, dimensions: Option<u32>) -> Error {
    if [GatewayErrorKind::InvalidRequest, GatewayErrorKind::ContextLength].iter().any(|kind| kind.code() == error.code)
    {
        let is_about_length = dimensions.is_some() && error.message.to_lowercase().contains("dimension");
        let field = if is_about_length { "dimensions" } else { "input" };
        error.fields.push(ValueError::new(field, error.code, error.message.clone()));
    }
    error
}

fn no_model() -> Error {
    let message = "no embedding model is configured; set BANYAN_EMBEDDINGS__MODEL or BANYAN_EMBEDDINGS__PATH";
    Error::new(ErrorKind::Invalid, "no_embedding_model", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_model_than_that_which_is_served_is_told_in_a_sentence() {
        let served = EmbeddingModel { provider: "openai".to_owned(), model: "small".to_owned(), max_tokens: 8 };
        for name in ["small", "openai/small"] {
            assert_eq!(named(name, &served).unwrap(), served);
        }
        let told = named("large", &served).unwrap_err();
        assert_eq!(told.message, "model 'large' is no embedding model that is served; name 'openai/small'");
        assert_eq!(told.fields[0].code, "model_not_found");
    }
}
