//! Opening a turn: question, pending answers, streams and head in one transaction.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::{
    access::{Actor, Credential, Scope},
    conversations::{
        Conversation, HeadMove, Message, MessageRole, MessageStatus, MostRunning, Parts, Stream, StreamEvent,
        StreamState, TurnEvent, stream::STREAM_LEASE_SECONDS,
    },
    gateways::{ChatModel, ChatOptions, ModelName},
    ids::{ConversationId, MessageId, RequestId, StreamId},
    store::Tx,
};
use serde_json::json;

use crate::{
    App, Error, ErrorKind, Result,
    audit::Act,
    conversations::{
        Conversations, OpenedTurn,
        turn::{Branch, MAX_PROMPT_MESSAGES, Turn},
    },
};

/// Most answers that one message asks for.
pub(crate) const MAX_MODELS: usize = 8;

/// A model that was asked for, resolved.
#[derive(Clone)]
pub(crate) struct ResolvedModel {
    pub(crate) name: ModelName,
    pub(crate) model: Arc<dyn ChatModel>,
}

/// What [`Conversations::open`] adds to the tree.
pub(crate) struct Opening<'a> {
    /// The conversation, locked.
    pub(crate) conversation: &'a Conversation,
    /// The branch that what is new hangs under; empty: a new root.
    pub(crate) above: Vec<Message>,
    /// The question, if there is a new one; else `above` ends with it.
    pub(crate) question: Option<Question>,
    pub(crate) models: &'a [ResolvedModel],
    /// How they are to answer.
    pub(crate) options: &'a ChatOptions,
    /// The answer that is regenerated.
    pub(crate) regenerated_from: Option<MessageId>,
}

/// A new user message.
pub(crate) struct Question {
    pub(crate) parts: Parts,
    pub(crate) edited_from: Option<MessageId>,
}

impl Conversations {
    /// Resolves the models of a turn. Outside of any transaction, as a bare name may ask providers.
    pub(crate) async fn resolve_models(
        &self,
        scope: &Scope,
        conversation: ConversationId,
        asked: &[String],
    ) -> Result<Vec<ResolvedModel>> {
        if asked.len() > MAX_MODELS {
            return Err(Error::new(ErrorKind::Invalid, "too_many_models", format!("ask at most {MAX_MODELS} models")));
        }
        let mut names = asked.to_vec();
        if names.is_empty() {
            let tx = self.app.read(scope).await?;
            let found = tx.conversations().get(conversation).await?;
            tx.commit().await?;
            let found = found.ok_or_else(|| Error::not_found("conversation", conversation.0))?;
            let default = self.app.parts.settings.default_chat_model.clone();
            names.push(found.model.or(default).unwrap_or_else(|| "banyan/extractive".to_owned()));
        }
        let mut models = Vec::with_capacity(names.len());
        for name in &names {
            let (name, model) = self.app.parts.models.resolve(name).await?;
            models.push(ResolvedModel { name, model });
        }
        Ok(models)
    }

    /// The conversation, locked; refused when the caller's view of the head is stale.
    pub(crate) async fn lock_for_turn(
        &self,
        tx: &dyn Tx,
        id: ConversationId,
        expected_head: Option<i64>,
    ) -> Result<Conversation> {
        let found = tx.conversations().lock(id).await?;
        let conversation = found.ok_or_else(|| Error::not_found("conversation", id.0))?;
        if expected_head.is_some_and(|version| version != conversation.head_version) {
            return Err(head_moved(&conversation));
        }
        Ok(conversation)
    }

    /// Writes a turn's messages and streams, moves the head, and answers the turns to pump. Refused when
    /// too much runs.
    pub(crate) async fn open(
        &self,
        tx: &dyn Tx,
        actor: &Actor,
        scope: &Scope,
        opening: Opening<'_>,
    ) -> Result<(OpenedTurn, Vec<Turn>)> {
        let app = &self.app;
        let now = app.now();
        let conversation = opening.conversation;
        let parent = opening.above.last().map(|parent| parent.id);
        let mut next_seq = conversation.next_seq;
        let mut messages = Vec::with_capacity(opening.models.len() + 1);
        if let Some(question) = opening.question {
            let mut message = blank(app, conversation, actor, parent, MessageRole::User, next_seq);
            message.parts = question.parts;
            message.status = MessageStatus::Complete;
            message.edited_from_id = question.edited_from;
            message.version = tx.messages().next_version(conversation.id, parent).await?;
            next_seq += 1;
            messages.push(message);
        }
        let question_id = match (messages.first(), parent) {
            (Some(question), _) => question.id,
            (None, Some(parent)) => parent,
            (None, None) => return Err(Error::internal("a turn needs a question")),
        };
        let is_new = !messages.is_empty();
        let first_version =
            if is_new { 1 } else { tx.messages().next_version(conversation.id, Some(question_id)).await? };
        for (offset, resolved) in (0i32..).zip(opening.models) {
            let mut answer = blank(app, conversation, actor, Some(question_id), MessageRole::Assistant, next_seq);
            answer.model = Some(resolved.name.to_string());
            answer.version = first_version + offset;
            answer.regenerated_from_id = opening.regenerated_from;
            next_seq += 1;
            messages.push(answer);
        }
        let answers: Vec<Message> = messages[usize::from(is_new)..].to_vec();
        let Some(head) = answers.first().map(|answer| answer.id) else {
            return Err(Error::internal("a turn needs a model"));
        };
        if is_new {
            messages[0].active_child_id = Some(head);
        }
        let added = messages.len() as i64;
        tx.messages().insert(&messages).await?;
        self.activate(tx, conversation, parent, if is_new { question_id } else { head }).await?;
        let head_version = conversation.head_version + 1;
        let moved = HeadMove {
            current_message_id: Some(head),
            head_version,
            next_seq,
            message_count: conversation.message_count + added,
            at: now,
        };
        tx.conversations().move_head(conversation.id, &moved).await?;

        let mut branch = opening.above;
        branch.extend(messages.into_iter().take(usize::from(is_new)));
        let branch = Arc::new(Branch::new(tx, branch, &conversation.retrieval).await?);
        let mut opened = Vec::with_capacity(answers.len());
        let mut turns = Vec::with_capacity(answers.len());
        let ids: Vec<MessageId> = answers.iter().map(|answer| answer.id).collect();
        for (answer, resolved) in answers.into_iter().zip(opening.models) {
            let stream = self.new_stream(actor, conversation, answer.id);
            let started = StreamEvent {
                number: 1,
                event: TurnEvent::TurnStarted {
                    user_message_id: question_id,
                    assistant_message_id: answer.id,
                    stream_id: stream.id,
                    conversation_id: conversation.id,
                    head_version,
                },
                created_at: now,
            };
            opened.push((answer.id, stream.id));
            let mut turn = Turn {
                scope: scope.clone(),
                actor: actor.clone(),
                tenant_id: conversation.tenant_id,
                conversation_id: conversation.id,
                answer,
                stream,
                name: resolved.name.clone(),
                model: Arc::clone(&resolved.model),
                system_prompt: conversation.system_prompt.clone(),
                retrieval: conversation.retrieval.clone(),
                options: opening.options.clone(),
                started,
                branch: Arc::clone(&branch),
                ready: None,
            };
            turn.prepare(app);
            turns.push(turn);
        }
        let streams: Vec<Stream> = turns.iter().map(|turn| turn.stream.clone()).collect();
        let settings = &app.parts.settings;
        let most = MostRunning {
            in_conversation: settings.max_running_per_conversation,
            of_user: settings.max_running_per_user,
        };
        let after = json!({ "question": question_id, "answers": ids, "head_version": head_version });
        app.audit(tx, actor, Act::on("turn_opened", "conversation", conversation.id.0).now(after)).await?;
        if !tx.streams().insert(&streams, most).await? {
            let message = "too many answers are being written; wait for one to end, or stop one";
            return Err(Error::new(ErrorKind::Conflict, "generation_active", message));
        }
        let turn = OpenedTurn {
            conversation_id: conversation.id,
            user_message_id: question_id,
            answers: opened,
            current_message_id: head,
            head_version,
        };
        Ok((turn, turns))
    }

    /// Makes the branch through `child` the one on show. The path to the head is so already.
    async fn activate(
        &self,
        tx: &dyn Tx,
        conversation: &Conversation,
        parent: Option<MessageId>,
        child: MessageId,
    ) -> Result<()> {
        match parent {
            None => {}
            Some(parent) if conversation.current_message_id == Some(parent) => {
                tx.messages().set_active_child(parent, child).await?;
            }
            Some(_) => tx.messages().activate_path(child).await?,
        }
        Ok(())
    }

    fn new_stream(&self, actor: &Actor, conversation: &Conversation, message_id: MessageId) -> Stream {
        let now = self.app.now();
        Stream {
            id: StreamId(self.app.parts.ids.random()),
            tenant_id: conversation.tenant_id,
            conversation_id: conversation.id,
            message_id,
            user_id: actor.user_id,
            api_key_id: match actor.credential {
                Credential::ApiKey(id) => Some(id),
                Credential::Session(_) | Credential::Embedded => None,
            },
            request_id: RequestId(self.app.parts.ids.random()),
            estimated_input_tokens: None,
            state: StreamState::Running,
            epoch: 1,
            lease_expires_at: now + TimeDelta::seconds(STREAM_LEASE_SECONDS),
            stop_requested_at: None,
            last_event: 0,
            ended_at: None,
            created_at: now,
            updated_at: now,
        }
    }

    /// Starts the pumps of an opened turn. Called after the commit.
    pub(crate) fn start(&self, turns: Vec<Turn>) {
        for turn in turns {
            let app = self.app.clone();
            let live = app.parts.live.open(turn.stream.clone());
            self.app.parts.tasks.spawn(async move { turn.pump(&app, live).await });
        }
    }
}

/// A message with nothing in it yet.
pub(crate) fn blank(
    app: &App,
    conversation: &Conversation,
    actor: &Actor,
    parent_id: Option<MessageId>,
    role: MessageRole,
    seq: i64,
) -> Message {
    let now = app.now();
    Message {
        id: MessageId(app.parts.ids.random()),
        tenant_id: conversation.tenant_id,
        conversation_id: conversation.id,
        user_id: Some(actor.user_id),
        parent_id,
        seq,
        role,
        status: MessageStatus::Pending,
        parts: Parts::default(),
        attachments: Vec::new(),
        model: None,
        input_tokens: None,
        output_tokens: None,
        cost: None,
        version: 1,
        is_edited: false,
        content_version: 1,
        active_child_id: None,
        edited_from_id: None,
        regenerated_from_id: None,
        forked_from_id: None,
        finish_reason: None,
        error: None,
        irregular: false,
        deleted_at: None,
        deletion_id: None,
        metadata: json!({}),
        created_at: now,
        updated_at: now,
    }
}

/// The refusal of a request that has seen an older head.
pub(crate) fn head_moved(conversation: &Conversation) -> Error {
    let message = "the conversation has moved on; read it again, or leave out If-Match to branch";
    let details = json!({
        "head_version": conversation.head_version,
        "current_message_id": conversation.current_message_id,
    });
    Error::new(ErrorKind::PreconditionFailed, "head_moved", message).with_details(details)
}

/// The branch of this conversation that ends in a message, as much of it as goes into a prompt, or the
/// error that tells what is wrong.
pub(crate) async fn branch_in(
    tx: &dyn Tx,
    conversation: &Conversation,
    id: MessageId,
    field: &'static str,
) -> Result<Vec<Message>> {
    let branch = tx.messages().branch(id, MAX_PROMPT_MESSAGES).await?;
    match branch.last() {
        Some(last) if last.conversation_id == conversation.id => Ok(branch),
        _ => Ok(vec![message_in(tx, conversation, id, field).await?]),
    }
}

/// The message of this conversation, or the error that tells what is wrong.
pub(crate) async fn message_in(
    tx: &dyn Tx,
    conversation: &Conversation,
    id: MessageId,
    field: &'static str,
) -> Result<Message> {
    let found = tx.messages().get(id).await?;
    let message = found.ok_or_else(|| Error::not_found("message", id.0))?;
    if message.conversation_id != conversation.id {
        let error =
            domain::error::ValueError::new(field, "other_conversation", "must be a message of this conversation");
        return Err(error.into());
    }
    Ok(message)
}
