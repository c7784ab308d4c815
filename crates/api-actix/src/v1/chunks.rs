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

    /// Turns to the next of several completions that are told in one stream.
    fn next(&mut self) {}

    /// The last chunk of an answer.
    fn end(&mut self, finish_reason: String, annotations: Vec<Annotation>) -> Bytes;

    /// The chunk that counts the tokens, where the client asks for one.
    fn usage(&mut self, usage: TokenUsage) -> Option<Bytes>;
}

/// Answers a request by chunks, in the form that is made for its first completion: one completion behind the other, and
/// what all have cost at the end. It never goes silent.
// A failure before the first word is told by its status, so the head waits for that word. Where the model lets wait for
// longer, the head goes out with a sign of life, as proxies give up after a minute, and a failure is told behind it.
pub(super) async fn respond<F: Form, M: FnOnce(&Completion) -> F + 'static>(
    request: ActorRequest,
    asked: impl IntoIterator<Item = ChatCompletion>,
    form: M,
) -> HandlerResult {
    let ActorRequest { http, actor, app, .. } = request;
    let mut later: VecDeque<Opening> = asked
        .into_iter()
        .map(|asked| {
            let (app, actor) = (app.clone(), actor.clone());
            async move { app.openai().complete(&actor, asked).await }.boxed_local()
        })
        .collect();
    let mut chunks = Chunks {
        opening: later.pop_front(),
        later,
        making: Some(form),
        open: None,
        usage: TokenUsage::default(),
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
    /// Until the first word of a completion, or the failure before it.
    opening: Option<Opening>,
    /// The completions behind it, none of which has been asked for.
    later: VecDeque<Opening>,
    /// Makes the form.
    making: Option<M>,
    open: Option<(Completion, F)>,
    /// What the completions that have ended have cost.
    usage: TokenUsage,
    annotations: Vec<Annotation>,
    ready: VecDeque<Bytes>,
    ended: bool,
}

impl<F: Form, M: FnOnce(&Completion) -> F> Chunks<F, M> {
    /// Waits for the first word, but no longer than [`HEARTBEAT`].
    async fn begin(&mut self) -> app::Result<()> {
        let Some(opening) = &mut self.opening else { return Ok(()) };
        match timeout(HEARTBEAT, opening).await {
            Err(_) => self.ready.push_back(COMMENT),
            Ok(completion) => self.open(completion?),
        }
        Ok(())
    }

    fn open(&mut self, completion: Completion) {
        self.opening = None;
        if let Some((before, form)) = &mut self.open {
            form.next();
            *before = completion;
        } else if let Some(make) = self.making.take() {
            let mut form = make(&completion);
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
                self.ready.push_back(form.end(finish_reason, std::mem::take(&mut self.annotations)));
                self.usage = self.usage.saturating_add(usage);
                self.opening = self.later.pop_front();
                if self.opening.is_none() {
                    self.ready.extend([form.usage(self.usage), Some(DONE)].into_iter().flatten());
                    self.ended = true;
                }
            }
        }
    }

    fn fail(&mut self, error: app::Error) {
        self.ready.extend([sse::data(&ApiError::from(error).openai()), DONE]);
        self.ended = true;
    }
}
