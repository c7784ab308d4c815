//! An answer as it is written: the events of a completion as chunks of one of OpenAI's forms.

use std::collections::VecDeque;

use actix_web::web::Bytes;
use app::openai::{Annotation, Completion, CompletionEvent};
use domain::{gateways::ChatDelta, usage::TokenUsage};
use futures::{Stream, stream};
use tokio::time::timeout;

use crate::{
    error::ApiError,
    sse::{self, COMMENT, HEARTBEAT},
};

/// What says that nothing more comes.
const DONE: Bytes = Bytes::from_static(b"data: [DONE]\n\n");

/// How an answer is written in chunks.
pub(super) trait Form: 'static {
    /// The chunk before the first word, if there is one.
    fn begin(&mut self) -> Option<Bytes>;

    /// The chunk of a piece of the answer, if this form tells of it.
    fn piece(&mut self, delta: ChatDelta) -> Option<Bytes>;

    /// The last chunk of the answer.
    fn end(&mut self, finish_reason: String, annotations: Vec<Annotation>) -> Bytes;

    /// The chunk that counts the tokens, where the client asks for one.
    fn usage(&mut self, usage: TokenUsage) -> Option<Bytes>;
}

/// The answer as it is written. It never goes silent.
pub(super) fn chunks(
    completion: Completion,
    mut form: impl Form,
) -> impl Stream<Item = Result<Bytes, actix_web::Error>> {
    let ready = VecDeque::from_iter(form.begin());
    let state = Chunks { completion, form, annotations: Vec::new(), ready, ended: false };
    stream::unfold(state, |mut state| async {
        loop {
            if let Some(bytes) = state.ready.pop_front() {
                return Some((Ok(bytes), state));
            }
            if state.ended {
                return None;
            }
            match timeout(HEARTBEAT, state.completion.next()).await {
                Err(_) => return Some((Ok(COMMENT), state)),
                Ok(None) => return None,
                Ok(Some(event)) => state.take(event),
            }
        }
    })
}

struct Chunks<F> {
    completion: Completion,
    form: F,
    annotations: Vec<Annotation>,
    ready: VecDeque<Bytes>,
    ended: bool,
}

impl<F: Form> Chunks<F> {
    fn take(&mut self, event: CompletionEvent) {
        match event {
            CompletionEvent::Delta(delta) => self.ready.extend(self.form.piece(delta)),
            CompletionEvent::Annotated(annotations) => self.annotations = annotations,
            CompletionEvent::Failed(failure) => {
                let error = ApiError::from(app::Error::from(failure));
                self.ready.extend([sse::data(&error.openai()), DONE]);
                self.ended = true;
            }
            CompletionEvent::Finished { finish_reason, usage } => {
                let end = self.form.end(finish_reason, std::mem::take(&mut self.annotations));
                self.ready.extend([Some(end), self.form.usage(usage), Some(DONE)].into_iter().flatten());
                self.ended = true;
            }
        }
    }
}
