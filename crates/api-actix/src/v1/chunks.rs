//! An answer as it is written: the events of a completion as chunks of one of OpenAI's forms.

use std::collections::VecDeque;

use actix_web::web::Bytes;
use app::openai::{Annotation, ChatCompletion, Completion, CompletionEvent};
use domain::{gateways::ChatDelta, usage::TokenUsage};
use futures::{FutureExt, future::LocalBoxFuture, stream};
use tokio::time::timeout;

use crate::{
    authorize::ActorRequest,
    error::{ApiError, HandlerResult},
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

/// Answers a request by chunks, in the form that is made for its completion. It never goes silent.
// A failure before the first word is told by its status, so the head waits for that word. Where the model lets wait for
// longer, the head goes out with a sign of life, as proxies give up after a minute, and a failure is told behind it.
pub(super) async fn respond<F: Form, M: FnOnce(&Completion) -> F + 'static>(
    request: ActorRequest,
    asked: ChatCompletion,
    form: M,
) -> HandlerResult {
    let ActorRequest { http, actor, app, .. } = request;
    let opening = async move { app.openai().complete(&actor, asked).await }.boxed_local();
    let mut chunks = Chunks {
        opening: Some((opening, form)),
        open: None,
        annotations: Vec::new(),
        ready: VecDeque::new(),
        ended: false,
    };
    chunks.begin().await?;
    let events = stream::unfold(chunks, |mut chunks| async { Some((Ok(chunks.next().await?), chunks)) });
    sse::respond(&http, |error| sse::data(&error.openai()), events)
}

type Opening = LocalBoxFuture<'static, app::Result<Completion>>;

struct Chunks<F, M> {
    /// Until the first word, or the failure before it.
    opening: Option<(Opening, M)>,
    open: Option<(Completion, F)>,
    annotations: Vec<Annotation>,
    ready: VecDeque<Bytes>,
    ended: bool,
}

impl<F: Form, M: FnOnce(&Completion) -> F> Chunks<F, M> {
    /// Waits for the first word, but no longer than [`HEARTBEAT`].
    async fn begin(&mut self) -> app::Result<()> {
        let Some((opening, _)) = &mut self.opening else { return Ok(()) };
        match timeout(HEARTBEAT, opening).await {
            Err(_) => self.ready.push_back(COMMENT),
            Ok(completion) => self.open(completion?),
        }
        Ok(())
    }

    fn open(&mut self, completion: Completion) {
        if let Some((_, form)) = self.opening.take() {
            let mut form = form(&completion);
            self.ready.extend(form.begin());
            self.open = Some((completion, form));
        }
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Some(bytes);
            }
            if self.ended {
                return None;
            }
            if self.opening.is_some() {
                if let Err(error) = self.begin().await {
                    self.fail(error);
                }
                continue;
            }
            match timeout(HEARTBEAT, self.open.as_mut()?.0.next()).await {
                Err(_) => return Some(COMMENT),
                Ok(None) => return None,
                Ok(Some(event)) => self.take(event),
            }
        }
    }

    fn take(&mut self, event: CompletionEvent) {
        let Some((_, form)) = &mut self.open else { return };
        match event {
            CompletionEvent::Delta(delta) => self.ready.extend(form.piece(delta)),
            CompletionEvent::Annotated(annotations) => self.annotations = annotations,
            CompletionEvent::Failed(failure) => self.fail(failure.into()),
            CompletionEvent::Finished { finish_reason, usage } => {
                let end = form.end(finish_reason, std::mem::take(&mut self.annotations));
                self.ready.extend([Some(end), form.usage(usage), Some(DONE)].into_iter().flatten());
                self.ended = true;
            }
        }
    }

    fn fail(&mut self, error: app::Error) {
        self.ready.extend([sse::data(&ApiError::from(error).openai()), DONE]);
        self.ended = true;
    }
}
