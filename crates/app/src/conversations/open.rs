//! Opening a turn: question, pending answers, streams and head in one transaction.

use std::sync::Arc;

use domain::{
    access::Actor,
    conversations::{
        Conversation, HeadMove, Message, MessageRole, MessageStatus, MostRunning, Parts, Stream, StreamEvent,
        TurnEvent, message::may_follow,
    },
    gateways::{ChatOptions, PromptMessage},
    ids::MessageId,
};
use serde_json::json;
use tracing::Instrument as _;

use crate::{
    App, Error, ErrorKind, Result,
    audit::{Act, Audited},
    conversations::{
        Conversations, OpenedTurn, blank,
        models::ResolvedModel,
        tree::message_in,
        turn::{Branch, MAX_PROMPT_MESSAGES, Turn},
    },
    unit_of_work::Uow,
};

/// What [`Conversations::open`] adds to the tree.
pub(super) struct Opening<'a> {
    /// Who asks.
    pub(super) actor: &'a Arc<Actor>,
    /// The conversation, locked.
    pub(super) conversation: &'a Conversation,
    /// The branch that what is new hangs under; empty: a new root.
    pub(super) above: Vec<Message>,
    /// The question, if there is a new one; else `above` ends with it, or with what else is answered.
    pub(super) question: Option<Question>,
    pub(super) models: &'a [ResolvedModel],
    /// How they are to answer.
    pub(super) options: &'a ChatOptions,
    /// The answer that is regenerated.
    pub(super) regenerated_from: Option<MessageId>,
    /// The whole prompt, where its client sent it; else it is made of the branch.
    pub(super) prompt: Option<&'a [PromptMessage]>,
}

/// A new user message.
pub(super) struct Question {
    pub(super) parts: Parts,
    pub(super) edited_from: Option<MessageId>,
}

/// The messages that a turn adds.
struct NewMessages {
    /// The question, if it is new, then the answers.
    rows: Vec<Message>,
    /// The message that the new ones hang under.
    parent: Option<MessageId>,
    question_id: MessageId,
    /// Number of new questions: 1, or 0 where the question was there before.
    questions: usize,
    /// The first answer.
    head: MessageId,
    next_seq: i64,
}

impl Conversations {
    /// Writes a turn's messages and streams, moves the head, and has the pumps started after the
    /// commit. Refused when too much runs.
    // The conversation is locked, so nobody else adds to it, moves its head or counts its streams until
    // the commit: sequence numbers, versions and the head follow from what was read here, without a
    // race. All that is needed to bring the turn to its end is in this one transaction. A process that
    // dies before the commit leaves nothing; one that dies after it leaves streams whose lease runs
    // out, and another one ends them. Where no passages are looked for, even the record of the call is
    // in it, so that the pump may call the provider without a further commit. The streams come last,
    // because they are what may be refused, and take the audit row along with them (ADR 12). A pump
    // started before the commit would write to rows that are not there.
    pub(super) async fn open(&self, tx: &Uow, mut opening: Opening<'_>) -> Result<(OpenedTurn, Audited)> {
        let conversation = opening.conversation;
        let new = self.new_messages(tx, &mut opening).await?;
        let head_version = insert(tx, conversation, &new).await?;
        let NewMessages { mut rows, question_id, questions, head, .. } = new;
        let answers = rows.split_off(questions);
        opening.above.extend(rows);
        let branch = std::mem::take(&mut opening.above);
        let branch = Branch::new(tx, branch, opening.prompt, &conversation.retrieval).await?;
        let branch = Arc::new(branch);
        let turns: Vec<Turn> = answers
            .into_iter()
            .zip(opening.models)
            .map(|(answer, resolved)| self.turn(tx, &opening, &branch, answer, resolved, (question_id, head_version)))
            .collect();
        let opened = OpenedTurn {
            conversation_id: conversation.id,
            user_message_id: question_id,
            answers: turns.iter().map(|turn| (turn.answer.id, turn.stream.id)).collect(),
            current_message_id: head,
            head_version,
        };
        let audited = tx.record(act_of(&opened)).await?;
        self.insert_streams(tx, &turns).await?;
        tx.after_commit(move |app| start(app, turns));
        Ok((opened, audited))
    }

    /// The messages of a turn, not stored yet.
    async fn new_messages(&self, tx: &Uow, opening: &mut Opening<'_>) -> Result<NewMessages> {
        let (app, conversation, actor) = (&self.app, opening.conversation, opening.actor);
        let parent = opening.above.last().map(|parent| parent.id);
        let mut next_seq = conversation.next_seq;
        let mut rows = Vec::with_capacity(opening.models.len() + 1);
        if let Some(Question { parts, edited_from }) = opening.question.take() {
            let mut message = blank::message(app, conversation, actor, parent, MessageRole::User, next_seq);
            message.parts = parts;
            message.status = MessageStatus::Complete;
            message.edited_from_id = edited_from;
            // A child comes after its parent (I2), so the message that came last has none yet.
            let is_last = opening.above.last().map_or(0, |parent| parent.seq) == conversation.next_seq - 1;
            message.version = match is_last {
                true => 1,
                false => tx.messages().next_version(conversation.id, parent).await?,
            };
            next_seq += 1;
            rows.push(message);
        }
        let questions = rows.len();
        let question_id = rows.first().map(|question| question.id).or(parent);
        let question_id = question_id.ok_or_else(|| Error::internal("a turn needs a question"))?;
        let first_version = match questions {
            0 => tx.messages().next_version(conversation.id, Some(question_id)).await?,
            _ => 1,
        };
        let role = MessageRole::Assistant;
        let above = if questions > 0 { Some(MessageRole::User) } else { opening.above.last().map(|above| above.role) };
        for (offset, resolved) in (0i32..).zip(opening.models) {
            let mut answer = blank::message(app, conversation, actor, Some(question_id), role, next_seq);
            answer.model = Some(resolved.name.to_string());
            answer.version = first_version + offset;
            answer.regenerated_from_id = opening.regenerated_from;
            answer.irregular = !may_follow(above, role);
            next_seq += 1;
            rows.push(answer);
        }
        let head = rows.get(questions).map(|answer| answer.id);
        let head = head.ok_or_else(|| Error::internal("a turn needs a model"))?;
        for question in &mut rows[..questions] {
            question.active_child_id = Some(head);
        }
        Ok(NewMessages { rows, parent, question_id, questions, head, next_seq })
    }

    /// The turn of one answer, with its stream. Where no passages have to be looked for, its call is
    /// noted in the stream.
    fn turn(
        &self,
        tx: &Uow,
        opening: &Opening<'_>,
        branch: &Arc<Branch>,
        answer: Message,
        resolved: &ResolvedModel,
        (question_id, head_version): (MessageId, i64),
    ) -> Turn {
        let conversation = opening.conversation;
        let stream = blank::stream(&self.app, conversation, opening.actor, answer.id);
        let event = TurnEvent::TurnStarted {
            user_message_id: question_id,
            assistant_message_id: answer.id,
            stream_id: stream.id,
            conversation_id: conversation.id,
            head_version,
        };
        let mut turn = Turn {
            scope: tx.scope().clone(),
            actor: Arc::clone(opening.actor),
            tenant_id: conversation.tenant_id,
            conversation_id: conversation.id,
            started: StreamEvent { number: 1, event },
            answer,
            stream,
            name: resolved.name.clone(),
            model: Arc::clone(&resolved.model),
            system_prompt: conversation.system_prompt.clone(),
            retrieval: conversation.retrieval.clone(),
            options: opening.options.clone(),
            branch: Arc::clone(branch),
            ready: None,
        };
        turn.prepare(&self.app);
        turn
    }

    /// Adds the streams, unless as many run as may.
    async fn insert_streams(&self, tx: &Uow, turns: &[Turn]) -> Result<()> {
        let streams: Vec<Stream> = turns.iter().map(|turn| turn.stream.clone()).collect();
        let settings = &self.app.parts.settings;
        let has_key = streams.iter().any(|stream| stream.api_key_id.is_some());
        let most = MostRunning {
            in_conversation: settings.max_running_per_conversation,
            of_asker: if has_key { settings.max_running_per_api_key } else { settings.max_running_per_user },
        };
        if tx.streams().insert(&streams, most).await? {
            return Ok(());
        }
        let message = "too many answers are being written; wait for one to end, or stop one";
        Err(Error::new(ErrorKind::Conflict, "generation_active", message))
    }
}

/// Stores the messages of a turn, shows the branch through them and moves the head; returns the head's
/// new version.
async fn insert(tx: &Uow, conversation: &Conversation, new: &NewMessages) -> Result<i64> {
    tx.messages().insert(&new.rows).await?;
    let first = new.rows.first().map_or(new.head, |first| first.id);
    match new.parent {
        None => {}
        // The branch to the head is the active one already.
        Some(parent) if conversation.current_message_id == Some(parent) => {
            tx.messages().set_active_child(parent, first).await?;
        }
        Some(_) => tx.messages().activate_path(first).await?,
    }
    let head_version = conversation.head_version + 1;
    let moved = HeadMove {
        current_message_id: Some(new.head),
        head_version,
        next_seq: new.next_seq,
        message_count: conversation.message_count + new.rows.len() as i64,
        at: tx.now(),
    };
    tx.conversations().move_head(conversation.id, &moved).await?;
    Ok(head_version)
}

fn act_of(opened: &OpenedTurn) -> Act {
    let answers: Vec<MessageId> = opened.answers.iter().map(|(answer, _)| *answer).collect();
    let after = json!({ "question": opened.user_message_id, "answers": answers, "head_version": opened.head_version });
    Act::on("turn_opened", "conversation", opened.conversation_id.0).now(after)
}

/// Starts the pumps of an opened turn, each in a task of the application.
fn start(app: &App, turns: Vec<Turn>) {
    for turn in turns {
        let app = app.clone();
        let live = app.parts.live.open(turn.stream.clone());
        let span = tracing::info_span!("turn", stream = %turn.stream.id);
        app.clone().parts.tasks.spawn(async move { turn.pump(&app, live).await }.instrument(span));
    }
}

/// The branch of this conversation that ends in a message, as much of it as goes into a prompt, or the
/// error that says what is wrong.
pub(super) async fn branch_in(
    tx: &Uow,
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
