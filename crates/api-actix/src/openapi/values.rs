//! What single values look like on the wire, by the rules of the domain. Each stands in the document under its own name.
//!
//! A pattern is written so that the regular expressions of ECMAScript, Python and Rust read it alike; what none of them
//! can say (letters of all scripts but not of two that look alike, passwords that everybody tries) is left to the server.

use app::{
    conversations::{MAX_MODELS, MAX_SYSTEM_PROMPT_BYTES},
    identity::{MAX_API_KEY_DESCRIPTION_BYTES, MAX_AVATAR_URL_BYTES, MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS},
    knowledge::{MAX_COLLECTION_DESCRIPTION_BYTES, MAX_NAMED_COLLECTIONS, MAX_QUERY_BYTES},
    openai::MAX_INPUTS,
};
use domain::{
    access::{Permission, SystemRole},
    conversations::{MessageRole, MessageStatus, Origin, Visibility, part::MAX_PARTS},
    gateways::{PromptRole, chat_model::MAX_MODEL_NAME_BYTES},
    identity::user::{MAX_EMAIL_CHARS, MAX_USERNAME_CHARS},
    knowledge::{CitationStanding, CollectionVisibility, ProcessingStatus, RetrievalMode, retrieval},
    page::{DEFAULT_PAGE_LIMIT, MAX_PAGE_LIMIT},
    tenancy::{Platform, social_link::MAX_URL_BYTES, tenant::MAX_SLUG_CHARS},
    text::{MAX_NAME_CHARS, MAX_TEXT_BYTES},
};
use utoipa::openapi::{
    RefOr, Schema,
    schema::{
        AdditionalProperties, Array, ArrayBuilder, KnownFormat, Object, ObjectBuilder, OneOf, OneOfBuilder, Ref,
        SchemaFormat, Type,
    },
};

use crate::{conversations::dto::MAX_TITLE_PART_BYTES, v1::text::MAX_PROMPTS};

/// Any text but NUL, which no database keeps.
const NO_NUL: &str = r"^[^\u0000]*$";
/// Something to read is in it.
const NOT_BLANK: &str = r"^[^\u0000]*[^\s\u0000\u0085][^\u0000]*$";
/// The same on one line, where what shows nothing does not count.
const ONE_LINE: &str = concat!(
    r"^[^\u0000-\u001f\u007f-\u009f]*",
    r"[^\s\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u3164",
    r"\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\uffa0\ufff0-\ufffb]",
    r"[^\u0000-\u001f\u007f-\u009f]*$"
);

fn text(least: usize, most: usize, pattern: &str) -> Object {
    let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(most)).pattern(Some(pattern));
    text.min_length((least > 0).then_some(least)).build()
}

fn formatted(format: KnownFormat, most: usize) -> Object {
    let text = ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(format)));
    text.max_length(Some(most)).build()
}

fn pattern(pattern: &str) -> Object {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).build()
}

fn number(least: u32, most: u32, default: u32) -> Object {
    let format = SchemaFormat::KnownFormat(KnownFormat::Int32);
    let number = ObjectBuilder::new().schema_type(Type::Integer).format(Some(format)).default(Some(default.into()));
    number.minimum(Some(least)).maximum(Some(most)).build()
}

/// One of these names.
pub(crate) fn one_of(names: impl IntoIterator<Item = &'static str>) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).build()
}

fn list(of: &str, least: usize, most: usize) -> Array {
    list_of(Ref::from_schema_name(of), least, Some(most))
}

fn list_of(items: impl Into<RefOr<Schema>>, least: usize, most: Option<usize>) -> Array {
    let list = ArrayBuilder::new().items(items.into()).max_items(most);
    list.min_items((least > 0).then_some(least)).build()
}

/// One, or some in a list.
fn one_or_list(one: impl Into<RefOr<Schema>> + Clone, most: usize) -> OneOfBuilder {
    OneOfBuilder::new().item(one.clone()).item(list_of(one, 1, Some(most)))
}

/// What is embedded: a text or several, the token ids of one input or those of several.
fn embedding_inputs() -> OneOf {
    let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).build();
    let id =
        ObjectBuilder::new().schema_type(Type::Integer).format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)));
    let ids = list_of(id.minimum(Some(0)).build(), 1, None);
    one_or_list(text, MAX_INPUTS).item(ids.clone()).item(list_of(ids, 1, Some(MAX_INPUTS))).build()
}

/// Declares values with their schemas. They are names for the document, and nothing has their type.
macro_rules! values {
    ($($(#[doc = $doc:literal])+ $name:ident = $schema:expr;)+) => {$(
        $(#[doc = $doc])+
        pub(crate) enum $name {}

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                let mut schema = $schema;
                schema.description = Some([$($doc.trim()),+].join(" "));
                utoipa::openapi::RefOr::T(schema.into())
            }
        }

        impl utoipa::ToSchema for $name {}
    )+};
}
pub(crate) use values;

values! {
    /// A name or title, on one line.
    Name = text(1, MAX_NAME_CHARS, ONE_LINE);
    /// An e-mail address.
    EmailAddress = formatted(KnownFormat::Email, MAX_EMAIL_CHARS);
    /// Letters and digits, `.`, `_` and `-`, beginning with a letter or digit. Letters of other scripts than the Latin
    /// one are taken too, if all are of one script.
    NewUsername = text(1, MAX_USERNAME_CHARS, r"^[A-Za-z0-9\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f][A-Za-z0-9\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f._-]*$");
    /// A password that is not one of those that everybody tries.
    NewPassword = text(MIN_PASSWORD_CHARS, MAX_PASSWORD_CHARS, NO_NUL);
    /// Text of a person.
    AnyText = text(0, MAX_TEXT_BYTES, NO_NUL);
    /// Text of a message.
    MessageText = text(1, MAX_TEXT_BYTES, NOT_BLANK);
    /// What to search for.
    QueryText = text(1, MAX_QUERY_BYTES, NOT_BLANK);
    /// Part of a title.
    TitlePart = text(0, MAX_TITLE_PART_BYTES, NO_NUL);
    /// Instructions that stand before every prompt.
    SystemPrompt = text(0, MAX_SYSTEM_PROMPT_BYTES, NO_NUL);
    /// What an API key is for.
    ApiKeyDescription = text(0, MAX_API_KEY_DESCRIPTION_BYTES, NO_NUL);
    /// What a collection holds.
    CollectionDescription = text(0, MAX_COLLECTION_DESCRIPTION_BYTES, NO_NUL);
    /// `<provider>/<model>`, or a bare model name where it is unambiguous. `GET /v1/models` lists those that there are.
    ModelName = text(1, MAX_MODEL_NAME_BYTES, r"^[^\u0000-\u001f\u007f-\u009f]+$");
    /// Several models, one answer each.
    ModelNames = list("ModelName", 1, MAX_MODELS);
    /// What a message says, in parts.
    MessageParts = list("PartRequest", 1, MAX_PARTS);
    /// A tenant's name for URLs.
    TenantSlug = text(1, MAX_SLUG_CHARS, "^[a-z0-9]+(-[a-z0-9]+)*$");
    /// An https URL of a picture.
    PictureUrl = text(0, MAX_AVATAR_URL_BYTES, r"^https://[^\s\u0000\u0085]*$");
    /// An https URL on a domain of the platform.
    PlatformUrl = text(0, MAX_URL_BYTES, &platform_urls(&Platform::ALL));
    /// A text, or several.
    Prompts = one_or_list(Ref::from_schema_name("AnyText"), MAX_PROMPTS).build();
    /// Up to 2,048 inputs, none of them empty: a text, several texts, the token ids of one input, or those of several.
    ///
    /// Ids are of the tokenizer of the model that is served. Those of tiktoken, which some clients send by default, are
    /// of OpenAI's models only; for any other model send texts. A model in the process puts its special tokens
    /// (`[CLS]`, `[SEP]`) around ids that do not begin with them, and no prompt before them. More ids in one input than
    /// the model reads are refused.
    EmbeddingInputs = embedding_inputs();
    /// Who speaks in a prompt.
    PromptRoleName = one_of(PromptRole::ALL.map(PromptRole::as_str).into_iter().chain(["developer"]));
    /// Further fields that a provider knows.
    ProviderFields = ObjectBuilder::new().schema_type(Type::Object).additional_properties(Some(AdditionalProperties::FreeForm(true))).build();
    /// The `head_version` of a conversation, in double quotes.
    HeadVersion = pattern("^\"[0-9]{1,18}\"$");
    /// USD with nine places.
    Usd = pattern("^-?[0-9]+[.][0-9]{9}$");
    /// A place in a list, as an answer named it.
    PageCursor = pattern("^AA[A-Za-z0-9_-]{30}$");
    /// A place among messages, as an answer named it.
    MessageCursor = pattern("^([0-9]{1,18}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$");
    /// Most items of a page.
    PageLimit = number(1, MAX_PAGE_LIMIT, DEFAULT_PAGE_LIMIT);
    /// Most passages.
    PassageLimit = number(1, retrieval::MAX_PASSAGES, retrieval::DEFAULT_PASSAGES);
    /// Collections and those below them.
    CollectionIds = list("CollectionId", 0, MAX_NAMED_COLLECTIONS);
    /// The id of a collection.
    CollectionId = ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid))).build();
    /// Permissions, each once.
    Scopes = list("ScopeName", 1, Permission::ALL.len());
    /// A permission that somebody in a tenant may have.
    ScopeName = one_of(SystemRole::TenantAdmin.permissions().into_iter().map(Permission::as_str));
    /// A permission.
    PermissionName = one_of(Permission::ALL.map(Permission::as_str));
    /// How to send an access token.
    TokenType = one_of(["Bearer"]);
    /// A role of a tenant.
    TenantRole = one_of(SystemRole::OF_TENANTS.iter().map(|role| role.as_str()));
    /// A platform with a public page of the tenant.
    PlatformName = one_of(Platform::ALL.map(Platform::as_str));
    /// Who may read a conversation: its owner, or everybody in the tenant.
    ConversationVisibility = one_of(Visibility::ALL.map(Visibility::as_str));
    /// Where a conversation comes from.
    ConversationOrigin = one_of(Origin::ALL.map(Origin::as_str));
    /// Who may read a new collection: its owner, or everybody in the tenant.
    NewCollectionVisibility = one_of([CollectionVisibility::Private, CollectionVisibility::Shared].map(CollectionVisibility::as_str));
    /// Who may read a collection.
    CollectionVisibilityName = one_of(CollectionVisibility::ALL.map(CollectionVisibility::as_str));
    /// Who wrote a message.
    MessageRoleName = one_of(MessageRole::ALL.map(MessageRole::as_str));
    /// How far a message is.
    MessageStatusName = one_of(MessageStatus::ALL.map(MessageStatus::as_str));
    /// What became of a cited passage. Of one that may no longer be read (`access_revoked`) the words are left out.
    CitationStandingName = one_of(CitationStanding::ALL.map(CitationStanding::as_str));
    /// How far the work on a source is.
    SourceStatus = one_of(ProcessingStatus::ALL.map(ProcessingStatus::as_str));
    /// By what passages are found: words, meaning, or both.
    SearchMode = one_of(RetrievalMode::ALL.map(RetrievalMode::as_str));
}

/// URLs on the domains of these platforms.
pub(crate) fn platform_urls(platforms: &[Platform]) -> String {
    let domains: Vec<&str> = platforms.iter().flat_map(|platform| platform.domains()).copied().collect();
    format!("^https://([a-z0-9-]+[.])*({})(/[!-~]*)?$", domains.join("|").replace('.', "[.]"))
}
