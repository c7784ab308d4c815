//! What the files of a sentence-transformers folder say.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, de::DeserializeOwned};

use crate::{error::LoadError, matrix::STRIP_ROWS};

/// How the vectors of a text's tokens become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pooling {
    /// The mean over all tokens, special ones too.
    Mean,
    /// The vector of the first token.
    Cls,
}

/// Sizes of the network.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct BertConfig {
    /// Features of a token.
    pub hidden_size: usize,
    /// Features inside a feed-forward block.
    pub intermediate_size: usize,
    /// Heads of attention.
    pub num_attention_heads: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Rows of the table of positions.
    pub max_position_embeddings: usize,
    /// Rows of the table of tokens.
    pub vocab_size: usize,
    /// Rows of the table of segments.
    pub type_vocab_size: usize,
    /// Added to variances.
    pub layer_norm_eps: f32,
}

/// A folder that this encoder can run.
#[derive(Debug)]
pub(crate) struct ModelFolder {
    /// Its last component: the model's name.
    pub name: String,
    /// The network.
    pub config: BertConfig,
    /// How tokens become a text.
    pub pooling: Pooling,
    /// Most tokens of a text, special ones and prompt included.
    pub max_tokens: usize,
    /// Texts are put into lower case before they become tokens.
    pub lower_case: bool,
    /// What stands before a question.
    pub query_prompt: String,
    /// What stands before a passage.
    pub document_prompt: String,
    /// The tokenizer's file.
    pub tokenizer: PathBuf,
    /// The weights' file.
    pub weights: PathBuf,
}

impl ModelFolder {
    /// Reads a folder's small files and checks that the encoder can do what they say.
    pub(crate) fn read(folder: &Path) -> Result<Self, LoadError> {
        let unreadable = |source| LoadError::Unreadable { file: folder.to_owned(), source };
        let whole = folder.canonicalize().map_err(unreadable)?;
        let name = whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let unsupported = |reason: String| LoadError::Unsupported { folder: folder.to_owned(), reason };

        let modules: Vec<Module> = read_json(&folder.join("modules.json"))?;
        let kinds: Vec<&str> = modules.iter().map(Module::kind).collect();
        let (transformer, pooling) = match (kinds.as_slice(), modules.as_slice()) {
            (["Transformer", "Pooling"] | ["Transformer", "Pooling", "Normalize"], [first, second, ..]) => {
                (folder.join(&first.path), folder.join(&second.path))
            }
            _ => return Err(unsupported(format!("its modules are {}", kinds.join(", ")))),
        };
        let pooling: PoolingFile = read_json(&pooling.join("config.json"))?;
        let pooling = pooling.mode().map_err(unsupported)?;

        let config = transformer.join("config.json");
        let kind: ModelKind = read_json(&config)?;
        kind.check().map_err(unsupported)?;
        let config: BertConfig = read_json(&config)?;
        config.check().map_err(unsupported)?;

        let sentences: SentenceFile = read_optional_json(&transformer.join("sentence_bert_config.json"))?;
        let tokens: TokenizerFile = read_optional_json(&transformer.join("tokenizer_config.json"))?;
        let given = [sentences.max_seq_length, tokens.model_max_length].into_iter().flatten();
        // Whoever sets no limit writes 1e30: it saturates.
        let max_tokens = given.map(|limit| limit as usize).fold(config.max_position_embeddings, usize::min);
        let prompts: PromptFile = read_optional_json(&folder.join("config_sentence_transformers.json"))?;
        Ok(Self {
            name,
            config,
            pooling,
            max_tokens,
            lower_case: sentences.do_lower_case,
            query_prompt: prompts.first_of(&["query"]),
            document_prompt: prompts.first_of(&["document", "passage", "corpus"]),
            tokenizer: transformer.join("tokenizer.json"),
            weights: transformer.join("model.safetensors"),
        })
    }
}

impl BertConfig {
    fn check(&self) -> Result<(), String> {
        let sizes = [self.hidden_size, self.intermediate_size, self.num_attention_heads, self.num_hidden_layers];
        if sizes.contains(&0) || self.max_position_embeddings == 0 || self.type_vocab_size == 0 {
            return Err("one of its sizes is zero".to_owned());
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads * STRIP_ROWS)
            || !self.intermediate_size.is_multiple_of(STRIP_ROWS)
        {
            return Err(format!("the sizes of its layers and heads are no multiples of {STRIP_ROWS}"));
        }
        Ok(())
    }
}

/// A line of `modules.json`.
#[derive(Deserialize)]
struct Module {
    #[serde(rename = "type")]
    class: String,
    path: String,
}

impl Module {
    /// The class without its Python module, which moved between versions of the library.
    fn kind(&self) -> &str {
        self.class.rsplit('.').next().unwrap_or(&self.class)
    }
}

/// The parts of `config.json` that tell a BERT with absolute positions from everything else.
#[derive(Deserialize)]
struct ModelKind {
    model_type: Option<String>,
    hidden_act: Option<String>,
    position_embedding_type: Option<String>,
    #[serde(default)]
    is_decoder: bool,
}

impl ModelKind {
    fn check(&self) -> Result<(), String> {
        let is = |value: &Option<String>, wanted: &str| value.as_deref().is_none_or(|value| value == wanted);
        match self {
            Self { model_type: Some(kind), .. } if kind == "bert" => {}
            Self { model_type: Some(kind), .. } => return Err(format!("its architecture is '{kind}', not 'bert'")),
            Self { model_type: None, .. } => return Err("its config.json names no architecture".to_owned()),
        }
        if !is(&self.position_embedding_type, "absolute") {
            return Err("its positions are not absolute".to_owned());
        }
        if !is(&self.hidden_act, "gelu") {
            return Err("its activation is not 'gelu'".to_owned());
        }
        if self.is_decoder { Err("it is a decoder".to_owned()) } else { Ok(()) }
    }
}

/// `config.json` of the pooling: older versions of the library write one flag per mode, newer ones the
/// mode's name.
#[derive(Deserialize)]
struct PoolingFile {
    pooling_mode: Option<serde_json::Value>,
    include_prompt: Option<bool>,
    #[serde(flatten)]
    others: BTreeMap<String, serde_json::Value>,
}

impl PoolingFile {
    fn mode(&self) -> Result<Pooling, String> {
        if self.include_prompt == Some(false) {
            return Err("its pooling leaves out the prompt".to_owned());
        }
        let modes: Vec<&str> = match &self.pooling_mode {
            Some(serde_json::Value::String(mode)) => vec![mode],
            Some(serde_json::Value::Array(modes)) => modes.iter().filter_map(|mode| mode.as_str()).collect(),
            Some(_) => Vec::new(),
            None => {
                let set = self.others.iter().filter(|(_, value)| value.as_bool() == Some(true));
                set.filter_map(|(key, _)| key.strip_prefix("pooling_mode_")).collect()
            }
        };
        match modes.as_slice() {
            ["mean" | "mean_tokens"] => Ok(Pooling::Mean),
            ["cls" | "cls_token"] => Ok(Pooling::Cls),
            _ => Err(format!("its pooling is '{}', not 'mean' or 'cls'", modes.join(", "))),
        }
    }
}

#[derive(Default, Deserialize)]
struct SentenceFile {
    max_seq_length: Option<f64>,
    #[serde(default)]
    do_lower_case: bool,
}

#[derive(Default, Deserialize)]
struct TokenizerFile {
    model_max_length: Option<f64>,
}

#[derive(Default, Deserialize)]
struct PromptFile {
    #[serde(default)]
    prompts: BTreeMap<String, String>,
    default_prompt_name: Option<String>,
}

impl PromptFile {
    /// The first prompt of these names, else the default one, else none, as the library chooses.
    fn first_of(&self, names: &[&str]) -> String {
        let named = names.iter().find_map(|name| self.prompts.get(*name));
        let default = || self.default_prompt_name.as_ref().and_then(|name| self.prompts.get(name));
        named.or_else(default).cloned().unwrap_or_default()
    }
}

fn read_json<T: DeserializeOwned>(file: &Path) -> Result<T, LoadError> {
    let bytes = std::fs::read(file).map_err(|source| LoadError::Unreadable { file: file.to_owned(), source })?;
    serde_json::from_slice(&bytes).map_err(|source| LoadError::Damaged {
        file: file.to_owned(),
        reason: "it does not say what a file of this name says".to_owned(),
        source: Some(source.into()),
    })
}

fn read_optional_json<T: DeserializeOwned + Default>(file: &Path) -> Result<T, LoadError> {
    match read_json(file) {
        Err(LoadError::Unreadable { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(T::default()),
        read => read,
    }
}
