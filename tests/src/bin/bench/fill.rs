//! Fills a tenant with rows as the application would have written them, by a handful of statements that
//! PostgreSQL and SQLite share: users, conversations with their messages and streams, and the ledger.

use anyhow::{Context, Result, ensure};
use domain::clock::{Clock, SystemClock};
use e2e::Installation;
use uuid::Uuid;

use super::sql::{Database, Dialect, Kind};

/// The time that is filled, up to now, in milliseconds.
const YEAR: i64 = 365 * 24 * 60 * 60 * 1_000;
/// Milliseconds between the messages of a conversation, and from a call to its answer.
const BETWEEN_MESSAGES: i64 = 20_000;
const ANSWERED_AFTER: i64 = 1_500;
/// More than the messages of any conversation, so that each message has a number of its own.
const MESSAGES: i64 = 20_000;
/// Characters of a question and of an answer.
const QUESTION: i64 = 150;
const ANSWER: i64 = 600;
/// The models that are used, by turns.
const MODELS: i64 = 4;
/// What people and models say.
const TEXT: &str = "The invoice of March names a rate that the contract does not, so the difference has to be \
    settled before the quarter is closed. Please compare both documents and list every paragraph in which they \
    disagree, with the page on which it stands. A clause on late payment was added in the second version; it sets \
    a limit of thirty days and an interest of four percent a year. The appendix repeats it in other words. ";

/// Conversations to be added.
pub(crate) struct Conversations {
    /// The number of the first and of the last. No number may be filled twice.
    pub(crate) from: i64,
    pub(crate) to: i64,
    /// Messages of the conversation of the number `c.i`, in SQL: even, and at most so many.
    pub(crate) length: String,
    pub(crate) longest: i64,
    /// Users that they belong to by turns; those whose number it divides belong to the admin.
    pub(crate) users: i64,
}

/// Writes the rows of one tenant.
pub(crate) struct Filler {
    dialect: Dialect,
    tenant: String,
    admin: String,
    /// The first millisecond of the year that ends now.
    begun: i64,
    prices: Vec<Price>,
}

/// What a model costs, in whole nano-USD a token, so that nothing is rounded.
struct Price {
    id: Uuid,
    model: String,
    input: i64,
    output: i64,
}

/// The id of a conversation of this number.
pub(crate) fn conversation_id(number: i64) -> Uuid {
    Kind::Conversation.id(number.unsigned_abs())
}

impl Filler {
    /// For the tenant that setup made.
    pub(crate) async fn new(installation: &Installation, database: &mut Database) -> Result<Self> {
        let dialect = database.dialect();
        let id = |field: &str| -> Result<String> {
            let text = installation.admin[field]["id"].as_str().with_context(|| format!("setup named no {field}"))?;
            Ok(dialect.known(Uuid::parse_str(text)?))
        };
        // Prices whose picodollars are whole nanodollars.
        let prices = format!(
            "SELECT id, model, (input_pico_usd_per_token / 1000) || ' ' || (output_pico_usd_per_token / 1000) \
             FROM model_prices WHERE provider = 'openai' AND input_pico_usd_per_token % 1000 = 0 \
             AND output_pico_usd_per_token % 1000 = 0 AND valid_to IS NULL ORDER BY valid_from, model LIMIT {MODELS}"
        );
        let mut found = Vec::new();
        for (id, model, costs) in database.rows(&prices).await? {
            let (input, output) = costs.split_once(' ').context("a price has two parts")?;
            found.push(Price { id, model, input: input.parse()?, output: output.parse()? });
        }
        ensure!(found.len() as i64 == MODELS, "there are {} prices", found.len());
        let begun = SystemClock.now().timestamp_millis() - YEAR;
        Ok(Self { dialect, tenant: id("tenant")?, admin: id("user")?, begun, prices: found })
    }

    /// Users from number 1 on; the admin stands for number 0.
    pub(crate) fn users(&self, users: i64) -> String {
        let (dialect, tenant) = (self.dialect, &self.tenant);
        let (id, of_role, at) =
            (dialect.id(Kind::User, "u.i"), dialect.id(Kind::UserRole, "u.i"), dialect.time(&self.begun.to_string()));
        let numbers = dialect.numbers("u", 1, users - 1);
        format!(
            "INSERT INTO users (id, tenant_id, email, username, is_active, email_verified, created_at, updated_at) \
             SELECT {id}, {tenant}, 'person' || u.i || '@example.org', 'person' || u.i, TRUE, FALSE, {at}, {at} \
             FROM {numbers}; \
             INSERT INTO user_roles (id, tenant_id, user_id, role_id, assigned_at, assigned_by, created_at) \
             SELECT {of_role}, {tenant}, {id}, (SELECT r.id FROM roles r WHERE r.tenant_id = {tenant} \
             AND r.name = 'user'), {at}, {admin}, {at} FROM {numbers};",
            admin = self.admin,
        )
    }

    /// Conversations with their messages, streams, rows of the ledger and of the audit log: each answer is
    /// a turn that its owner has opened and that has been settled.
    pub(crate) fn conversations(&self, wanted: &Conversations) -> String {
        let dialect = self.dialect;
        let Conversations { from, to, length, longest, users } = wanted;
        let each = format!("{} {}", dialect.numbers("c", *from, *to), dialect.each("s", length, *longest));
        // Spread over the year, so that no answer is in the future.
        let step = (YEAR - (longest + 1) * BETWEEN_MESSAGES) / (to + 1);
        let begun = format!("({} + c.i * {step})", self.begun);
        let at = format!("({begun} + s.i * {BETWEEN_MESSAGES})");
        let ended = format!("({at} + {ANSWERED_AFTER})");
        let number = format!("(c.i * {MESSAGES} + s.i)");
        let words = Words {
            user: self.owner("c.i", *users),
            conversation: dialect.id(Kind::Conversation, "c.i"),
            message: dialect.id(Kind::Message, &number),
            before: dialect.id(Kind::Message, &format!("({number} - 1)")),
            after: dialect.id(Kind::Message, &format!("({number} + 1)")),
            last: dialect.id(Kind::Message, &format!("(c.i * {MESSAGES} + {length})")),
            request: dialect.id(Kind::Request, &number),
            input: "(200 + 40 * s.i + c.i % 50)".to_owned(),
            output: "(64 + (c.i + s.i) % 100)".to_owned(),
            begun: dialect.time(&begun),
            moved: dialect.time(&format!("{begun} + {length} * {BETWEEN_MESSAGES} + {ANSWERED_AFTER}")),
            at: dialect.time(&at),
            ended: dialect.time(&ended),
        };
        [
            self.conversation_rows(&words, &each, length),
            self.message_rows(&words, &each, length),
            self.stream_rows(&words, &each, &number),
            self.turn_rows(&words, &each, (&number, &at)),
        ]
        .concat()
    }

    fn conversation_rows(&self, words: &Words, each: &str, length: &str) -> String {
        let Words { user, conversation, last, input, output, begun, moved, .. } = words;
        let tenant = &self.tenant;
        let (model, cost) = (self.by_model("c.i", |price| format!("'openai/{}'", price.model)), self.cost(words));
        let (last_input, last_output) =
            (input.replace("s.i", &format!("({length})")), output.replace("s.i", &format!("({length})")));
        let context = self.dialect.json(&format!(
            "'{{\"input_tokens\": ' || {last_input} || ', \"cached_input_tokens\": 0, \"output_tokens\": ' || \
             {last_output} || ', \"reasoning_tokens\": 0}}'"
        ));
        format!(
            "INSERT INTO conversations (id, tenant_id, user_id, title, visibility, model, retrieval, \
             current_message_id, head_version, next_seq, origin, last_context, message_count, input_tokens, \
             output_tokens, cost_nano_usd, request_count, unknown_cost_count, created_at, updated_at) \
             SELECT {conversation}, {tenant}, {user}, 'Conversation ' || c.i, 'private', {model}, 'none', {last}, \
             {length} / 2, {length} + 1, 'app', {context}, {length}, sum({input}), sum({output}), sum({cost}), \
             {length} / 2, 0, {begun}, {moved} FROM {each} WHERE s.i % 2 = 0 GROUP BY c.i;"
        )
    }

    fn message_rows(&self, words: &Words, each: &str, length: &str) -> String {
        let Words { user, conversation, message, before, after, input, output, at, ended, .. } = words;
        let (tenant, dialect) = (&self.tenant, self.dialect);
        let text = TEXT.repeat(4);
        let parts = dialect.json(&format!(
            "'{{\"parts\": [{{\"text\": \"' || substr('{text}', CAST(1 + (c.i * 7 + s.i * 13) % 400 AS integer), \
             CASE WHEN s.i % 2 = 1 THEN {QUESTION} ELSE {ANSWER} END) || '\", \"type\": \"text\"}}], \"version\": 1}}'"
        ));
        let (model, cost) = (self.by_model("c.i", |price| format!("'openai/{}'", price.model)), self.cost(words));
        let (list, object) = (dialect.json("'[]'"), dialect.json("'{}'"));
        format!(
            "INSERT INTO messages (id, tenant_id, conversation_id, user_id, parent_id, seq, role, status, parts, \
             attachments, model, input_tokens, output_tokens, cost_nano_usd, version, is_edited, content_version, \
             active_child_id, finish_reason, irregular, metadata, created_at, updated_at) \
             SELECT {message}, {tenant}, {conversation}, {user}, CASE WHEN s.i > 1 THEN {before} END, s.i, \
             CASE WHEN s.i % 2 = 1 THEN 'user' ELSE 'assistant' END, 'complete', {parts}, {list}, \
             CASE WHEN s.i % 2 = 0 THEN {model} END, CASE WHEN s.i % 2 = 0 THEN {input} END, \
             CASE WHEN s.i % 2 = 0 THEN {output} END, CASE WHEN s.i % 2 = 0 THEN {cost} END, 1, FALSE, 1, \
             CASE WHEN s.i < {length} THEN {after} END, CASE WHEN s.i % 2 = 0 THEN 'stop' END, FALSE, {object}, \
             {at}, {ended} FROM {each};"
        )
    }

    fn stream_rows(&self, words: &Words, each: &str, number: &str) -> String {
        let Words { user, conversation, message, request, input, output, at, ended, .. } = words;
        let (tenant, stream) = (&self.tenant, self.dialect.id(Kind::Stream, number));
        format!(
            "INSERT INTO streams (id, tenant_id, conversation_id, message_id, user_id, request_id, \
             estimated_input_tokens, state, epoch, lease_expires_at, last_event, ended_at, created_at, updated_at) \
             SELECT {stream}, {tenant}, {conversation}, {message}, {user}, {request}, {input}, 'completed', 1, \
             {ended}, {output} + 2, {ended}, {at}, {ended} FROM {each} WHERE s.i % 2 = 0;"
        )
    }

    /// The ledger's row and the audit log's of each turn.
    fn turn_rows(&self, words: &Words, each: &str, (number, at): (&str, &str)) -> String {
        let Words { user, conversation, message, request, .. } = words;
        let dialect = self.dialect;
        let usage = self.usage_rows(&Usage {
            id: dialect.ordered_id(Kind::Turn, number, at),
            request: request.clone(),
            user: user.clone(),
            place: Some((conversation.clone(), message.clone())),
            model: "c.i".to_owned(),
            input: words.input.clone(),
            output: words.output.clone(),
            at: at.to_owned(),
            from: format!("{each} WHERE s.i % 2 = 0"),
        });
        let id = dialect.ordered_id(Kind::Audit, number, at);
        let (question, answer) =
            (dialect.digits(Kind::Message, &format!("({number} - 1)")), dialect.digits(Kind::Message, number));
        let changes = dialect.json(&format!(
            "'{{\"before\": null, \"after\": {{\"question\": \"' || {question} || '\", \"answers\": [\"' || {answer} \
             || '\"], \"head_version\": ' || s.i / 2 || '}}}}'"
        ));
        format!(
            "{usage} INSERT INTO audit_logs (id, tenant_id, user_id, action, entity_type, entity_id, changes, \
             created_at) SELECT {id}, {tenant}, {user}, 'turn_opened', 'conversation', {conversation}, {changes}, {at} \
             FROM {each} WHERE s.i % 2 = 0;",
            tenant = self.tenant,
            at = words.at,
        )
    }

    /// Calls of `/v1`, which belong to no conversation, spread over the year.
    pub(crate) fn calls(&self, from: i64, to: i64, users: i64) -> String {
        let at = format!("({} + {YEAR} / {} * n.i)", self.begun, to + 1);
        self.usage_rows(&Usage {
            id: self.dialect.ordered_id(Kind::Call, "n.i", &at),
            request: self.dialect.id(Kind::Call, "n.i"),
            user: self.owner("n.i", users),
            place: None,
            model: "n.i".to_owned(),
            input: "(300 + n.i % 700)".to_owned(),
            output: "(20 + n.i % 180)".to_owned(),
            at,
            from: self.dialect.numbers("n", from, to),
        })
    }

    fn usage_rows(&self, usage: &Usage) -> String {
        let Usage { id, request, user, place, model, input, output, at, from } = usage;
        let (columns, values) = match place {
            Some((conversation, message)) => ("conversation_id, message_id, ", format!("{conversation}, {message}, ")),
            None => ("", String::new()),
        };
        let name = self.by_model(model, |price| format!("'{}'", price.model));
        let price = self.by_model(model, |price| self.dialect.known(price.id));
        let of_input = self.by_model(model, |price| price.input.to_string());
        let of_output = self.by_model(model, |price| price.output.to_string());
        let (requested, responded) = (self.dialect.time(at), self.dialect.time(&format!("{at} + {ANSWERED_AFTER}")));
        let metadata = self.dialect.json("'{\"finish_reason\": \"stop\", \"error\": null}'");
        format!(
            "INSERT INTO usage_logs (id, request_id, tenant_id, user_id, {columns}message_deleted, agent_type, \
             provider, model, price_id, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, \
             total_tokens, input_cost_nano_usd, output_cost_nano_usd, cost_nano_usd, is_estimated, requested_at, \
             responded_at, duration_ms, metadata, created_at) \
             SELECT {id}, {request}, {tenant}, {user}, {values}FALSE, 'chat', 'openai', {name}, {price}, {input}, 0, \
             {output}, 0, {input} + {output}, {input} * {of_input}, {output} * {of_output}, {input} * {of_input} + \
             {output} * {of_output}, FALSE, {requested}, {responded}, {ANSWERED_AFTER}, {metadata}, {requested} \
             FROM {from};",
            tenant = self.tenant,
        )
    }

    fn owner(&self, number: &str, users: i64) -> String {
        let of_number = self.dialect.id(Kind::User, &format!("({number} % {users})"));
        format!("CASE WHEN {number} % {users} = 0 THEN {} ELSE {of_number} END", self.admin)
    }

    fn by_model(&self, number: &str, value: impl Fn(&Price) -> String) -> String {
        let cases = self.prices.iter().enumerate().map(|(place, price)| format!("WHEN {place} THEN {}", value(price)));
        format!("CASE {number} % {MODELS} {} END", cases.collect::<Vec<_>>().join(" "))
    }

    /// What an answer costs, in nano-USD.
    fn cost(&self, words: &Words) -> String {
        let of_input = self.by_model("c.i", |price| price.input.to_string());
        let of_output = self.by_model("c.i", |price| price.output.to_string());
        format!("({} * {of_input} + {} * {of_output})", words.input, words.output)
    }
}

/// Expressions of SQL for the message `s.i` of the conversation `c.i`.
struct Words {
    user: String,
    conversation: String,
    message: String,
    /// The messages before and after it, and the last one of the conversation.
    before: String,
    after: String,
    last: String,
    request: String,
    /// Tokens.
    input: String,
    output: String,
    /// When the conversation began, and when its last answer was there.
    begun: String,
    moved: String,
    /// The same of the message.
    at: String,
    ended: String,
}

/// Expressions of SQL for rows of the ledger.
struct Usage {
    id: String,
    request: String,
    user: String,
    /// The conversation and the message.
    place: Option<(String, String)>,
    /// The number that chooses the model.
    model: String,
    input: String,
    output: String,
    /// In milliseconds.
    at: String,
    /// The tables.
    from: String,
}
