//! A tiny BERT with random weights, written as a sentence-transformers folder.

use std::{collections::BTreeMap, fs, path::PathBuf};

use half::{bf16, f16};
use safetensors::{Dtype, serialize_to_file, tensor::TensorView};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const HIDDEN: usize = 16;
pub(crate) const HEADS: usize = 2;
pub(crate) const INNER: usize = 24;
pub(crate) const LAYERS: usize = 2;
pub(crate) const POSITIONS: usize = 70;
pub(crate) const EPSILON: f32 = 1e-3;

/// Token ids of [`ids`]'s special tokens.
const SPECIAL: &[&str] = &["[PAD]", "[UNK]", "[CLS]", "[SEP]"];

/// Words that the model knows beside the special tokens.
const WORDS: &[&str] =
    &["query", "passage", ":", "tree", "root", "leaf", "branch", "fig", "rain", "wind", "stone", "river"];

/// Numbers by name.
pub(crate) type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// A folder, and what is in its weights as the network must see them.
pub(crate) struct Tiny {
    pub(crate) folder: TempDir,
    pub(crate) tensors: Tensors,
}

/// What differs from folder to folder.
pub(crate) struct Shape {
    pub(crate) dtype: Dtype,
    pub(crate) prefix: &'static str,
    pub(crate) pooling: Value,
    pub(crate) prompts: Value,
    pub(crate) lower_case: bool,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            dtype: Dtype::F32,
            prefix: "",
            pooling: json!({ "pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true }),
            prompts: json!({}),
            lower_case: false,
        }
    }
}

/// Writes a folder.
pub(crate) fn write(shape: &Shape) -> Tiny {
    let folder = tempfile::tempdir().unwrap();
    let mut tensors = random_tensors();
    let mut bytes = BTreeMap::new();
    for (name, (sizes, numbers)) in &mut tensors {
        let encoded: Vec<u8> = match shape.dtype {
            Dtype::F16 => round(numbers, |number| {
                let half = f16::from_f32(number);
                (half.to_f32(), half.to_le_bytes().to_vec())
            }),
            Dtype::BF16 => round(numbers, |number| {
                let half = bf16::from_f32(number);
                (half.to_f32(), half.to_le_bytes().to_vec())
            }),
            _ => round(numbers, |number| (number, number.to_le_bytes().to_vec())),
        };
        bytes.insert(format!("{}{name}", shape.prefix), (sizes.clone(), encoded));
    }
    let views: Vec<(&String, TensorView<'_>)> = bytes
        .iter()
        .map(|(name, (sizes, bytes))| (name, TensorView::new(shape.dtype, sizes.clone(), bytes).unwrap()))
        .collect();
    serialize_to_file(views, None, &folder.path().join("model.safetensors")).unwrap();

    let tiny = Tiny { folder, tensors };
    tiny.write_json(
        "modules.json",
        &json!([
            { "idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer" },
            { "idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling" },
        ]),
    );
    tiny.write_json("config.json", &config());
    tiny.write_json("1_Pooling/config.json", &shape.pooling);
    tiny.write_json("sentence_bert_config.json", &json!({ "max_seq_length": 64, "do_lower_case": shape.lower_case }));
    tiny.write_json("tokenizer_config.json", &json!({ "model_max_length": 1e30 }));
    tiny.write_json("config_sentence_transformers.json", &shape.prompts);
    tiny.write_json("tokenizer.json", &tokenizer());
    tiny
}

impl Tiny {
    /// Writes one of the folder's files again.
    pub(crate) fn write_json(&self, name: &str, content: &Value) {
        let file = self.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content.to_string()).unwrap();
    }

    /// The folder.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }
}

/// The network's `config.json`.
pub(crate) fn config() -> Value {
    json!({
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "max_position_embeddings": POSITIONS,
        "vocab_size": SPECIAL.len() + WORDS.len(),
        "type_vocab_size": 2,
        "layer_norm_eps": EPSILON,
    })
}

/// The ids of known words with the special tokens around them.
pub(crate) fn ids(words: &[&str]) -> Vec<usize> {
    let id = |word: &&str| SPECIAL.len() + WORDS.iter().position(|known| known == word).unwrap();
    [2].into_iter().chain(words.iter().map(id)).chain([3]).collect()
}

fn tokenizer() -> Value {
    let vocabulary: BTreeMap<&str, usize> =
        SPECIAL.iter().chain(WORDS).enumerate().map(|(id, word)| (*word, id)).collect();
    let special = |id: usize| {
        json!({ "id": id, "content": SPECIAL[id], "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true })
    };
    json!({
        "version": "1.0",
        // Both must have no effect: nothing is cut, nothing is padded.
        "truncation": { "direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0 },
        "padding": { "strategy": { "Fixed": 9 }, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
                     "pad_type_id": 0, "pad_token": "[PAD]" },
        "added_tokens": (0..SPECIAL.len()).map(special).collect::<Vec<_>>(),
        "normalizer": null,
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                { "SpecialToken": { "id": "[CLS]", "type_id": 0 } },
                { "Sequence": { "id": "A", "type_id": 0 } },
                { "SpecialToken": { "id": "[SEP]", "type_id": 0 } },
            ],
            "pair": [],
            "special_tokens": {
                "[CLS]": { "id": "[CLS]", "ids": [2], "tokens": ["[CLS]"] },
                "[SEP]": { "id": "[SEP]", "ids": [3], "tokens": ["[SEP]"] },
            },
        },
        "decoder": null,
        "model": { "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                   "max_input_chars_per_word": 100, "vocab": vocabulary },
    })
}

fn random_tensors() -> Tensors {
    let mut shapes: Vec<(String, Vec<usize>)> = vec![
        ("embeddings.word_embeddings.weight".into(), vec![SPECIAL.len() + WORDS.len(), HIDDEN]),
        ("embeddings.position_embeddings.weight".into(), vec![POSITIONS, HIDDEN]),
        ("embeddings.token_type_embeddings.weight".into(), vec![2, HIDDEN]),
    ];
    let mut with_bias = |name: String, shape: Vec<usize>| {
        shapes.push((format!("{name}.bias"), vec![shape[0]]));
        shapes.push((format!("{name}.weight"), shape));
    };
    with_bias("embeddings.LayerNorm".into(), vec![HIDDEN]);
    for layer in 0..LAYERS {
        let parts = [
            ("attention.self.query", vec![HIDDEN, HIDDEN]),
            ("attention.self.key", vec![HIDDEN, HIDDEN]),
            ("attention.self.value", vec![HIDDEN, HIDDEN]),
            ("attention.output.dense", vec![HIDDEN, HIDDEN]),
            ("attention.output.LayerNorm", vec![HIDDEN]),
            ("intermediate.dense", vec![INNER, HIDDEN]),
            ("output.dense", vec![HIDDEN, INNER]),
            ("output.LayerNorm", vec![HIDDEN]),
        ];
        for (part, shape) in parts {
            with_bias(format!("encoder.layer.{layer}.{part}"), shape);
        }
    }
    // Knuth's linear congruential generator (MMIX): the same weights in every run.
    let mut state = 42_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    };
    shapes
        .into_iter()
        .map(|(name, shape)| {
            let numbers = (0..shape.iter().product()).map(|_| random()).collect();
            (name, (shape, numbers))
        })
        .collect()
}

/// Rounds numbers to a type and gives their bytes.
fn round(numbers: &mut [f32], encode: impl Fn(f32) -> (f32, Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in numbers {
        let (rounded, encoded) = encode(*number);
        *number = rounded;
        bytes.extend(encoded);
    }
    bytes
}
