//! The network: a BERT encoder for one text at a time.
//!
//! After Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers" (2019): tokens,
//! positions and segments are summed; each layer adds attention and a feed-forward block, and
//! normalises after each.

use crate::{
    elementwise::{LayerNorm, gelu, softmax_columns},
    error::LoadError,
    folder::{BertConfig, Pooling},
    matrix::{COLUMN_STEP, Left, PackedMatrix, Right, STRIP_ROWS, product},
    weights::Weights,
};

/// Questions (columns) of one head that are scored at once: three registers wide, so that their
/// scores stay in the first-level cache.
const SCORED_COLUMNS: usize = 3 * COLUMN_STEP;

/// Weights and bias of a linear layer.
struct Linear {
    weights: PackedMatrix,
    bias: Vec<f32>,
}

impl Linear {
    fn load(weights: &Weights<'_>, name: &str, depth: usize, rows: usize) -> Result<Self, LoadError> {
        let matrix = weights.tensor(&format!("{name}.weight"), &[rows, depth])?;
        let bias = weights.tensor(&format!("{name}.bias"), &[rows])?;
        Ok(Self { weights: PackedMatrix::pack(&matrix, rows, depth), bias })
    }

    fn apply(&self, input: &[f32], columns: usize, out: &mut [f32]) {
        self.weights.multiply(&self.bias, input, columns, out);
    }
}

struct Layer {
    /// Queries (scaled), keys and values in one product.
    attention: Linear,
    attention_out: Linear,
    attention_norm: LayerNorm,
    up: Linear,
    down: Linear,
    out_norm: LayerNorm,
}

/// The encoder with its weights.
pub(crate) struct Encoder {
    config: BertConfig,
    pooling: Pooling,
    /// Rows of `hidden_size` numbers.
    tokens: Vec<f32>,
    /// Likewise; the first segment is added already, as a single text is all there is.
    positions: Vec<f32>,
    embedding_norm: LayerNorm,
    layers: Vec<Layer>,
}

impl Encoder {
    /// Takes the weights of a file.
    pub(crate) fn load(config: BertConfig, pooling: Pooling, weights: &Weights<'_>) -> Result<Self, LoadError> {
        let hidden = config.hidden_size;
        let tokens = weights.tensor("embeddings.word_embeddings.weight", &[config.vocab_size, hidden])?;
        let segments = weights.tensor("embeddings.token_type_embeddings.weight", &[config.type_vocab_size, hidden])?;
        let mut positions =
            weights.tensor("embeddings.position_embeddings.weight", &[config.max_position_embeddings, hidden])?;
        for position in positions.chunks_exact_mut(hidden) {
            for (value, segment) in position.iter_mut().zip(&segments) {
                *value += segment;
            }
        }
        let embedding_norm = load_norm(weights, "embeddings.LayerNorm", &config)?;
        let layers = (0..config.num_hidden_layers)
            .map(|layer| Layer::load(weights, layer, &config))
            .collect::<Result<_, _>>()?;
        Ok(Self { config, pooling, tokens, positions, embedding_norm, layers })
    }

    /// The L2-normalised vector of a text.
    ///
    /// # Panics
    /// For more tokens than positions, or ids outside the table of tokens.
    pub(crate) fn encode(&self, ids: &[u32]) -> Vec<f32> {
        let hidden = self.config.hidden_size;
        let columns = ids.len().next_multiple_of(COLUMN_STEP);
        let mut state = self.embed(ids, columns);
        let mut attention = vec![0.0; 3 * hidden * columns];
        let mut mixed = vec![0.0; hidden * columns];
        let mut inner = vec![0.0; self.config.intermediate_size * columns];
        let mut change = vec![0.0; hidden * columns];
        for layer in &self.layers {
            layer.attention.apply(&state, columns, &mut attention);
            self.attend(&attention, ids.len(), columns, &mut mixed);
            layer.attention_out.apply(&mixed, columns, &mut change);
            layer.attention_norm.apply(&mut state, Some(&change), columns);
            layer.up.apply(&state, columns, &mut inner);
            gelu(&mut inner);
            layer.down.apply(&inner, columns, &mut change);
            layer.out_norm.apply(&mut state, Some(&change), columns);
        }
        self.pool(&state, ids.len(), columns)
    }

    /// The sum of token, position and segment, normalised. Columns beyond the tokens are of no
    /// meaning, here and later: no token ever reads them.
    fn embed(&self, ids: &[u32], columns: usize) -> Vec<f32> {
        let hidden = self.config.hidden_size;
        let mut state = vec![0.0; hidden * columns];
        for (column, (id, position)) in ids.iter().zip(self.positions.chunks_exact(hidden)).enumerate() {
            let token = &self.tokens[*id as usize * hidden..][..hidden];
            for (row, (token, position)) in state.chunks_exact_mut(columns).zip(token.iter().zip(position)) {
                row[column] = token + position;
            }
        }
        self.embedding_norm.apply(&mut state, None, columns);
        state
    }

    /// Scaled dot-product attention of every head: what each token reads from all `count` of them.
    fn attend(&self, attention: &[f32], count: usize, columns: usize, mixed: &mut [f32]) {
        let hidden = self.config.hidden_size;
        let width = hidden / self.config.num_attention_heads;
        let keys_count = count.next_multiple_of(STRIP_ROWS);
        let mut scores = vec![0.0; keys_count * SCORED_COLUMNS];
        let mut values = vec![0.0; width * count];
        for head in 0..self.config.num_attention_heads {
            let part = |number: usize| &attention[(number * hidden + head * width) * columns..][..width * columns];
            // Keys lie as strips already: eight neighbours of a row are one step.
            let keys = Left { data: part(1), strip_step: STRIP_ROWS, depth_step: columns };
            for (feature, row) in part(2).chunks_exact(columns).enumerate() {
                let strip = &mut values[feature / STRIP_ROWS * STRIP_ROWS * count..];
                for (step, value) in strip.chunks_exact_mut(STRIP_ROWS).zip(&row[..count]) {
                    step[feature % STRIP_ROWS] = *value;
                }
            }
            let values = Left { data: &values, strip_step: STRIP_ROWS * count, depth_step: STRIP_ROWS };
            for first in (0..columns).step_by(SCORED_COLUMNS) {
                let scored = SCORED_COLUMNS.min(columns - first);
                let queries = Right { data: &part(0)[first..], stride: columns };
                product(keys, queries, (keys_count, width, scored), None, &mut scores, scored);
                softmax_columns(&mut scores[..count * scored], scored);
                let scores = Right { data: &scores, stride: scored };
                let out = &mut mixed[head * width * columns + first..];
                product(values, scores, (width, count, scored), None, out, columns);
            }
        }
    }

    fn pool(&self, state: &[f32], count: usize, columns: usize) -> Vec<f32> {
        let pooled = state.chunks_exact(columns).map(|row| match self.pooling {
            // The norm below divides by the count as well.
            Pooling::Mean => row[..count].iter().sum(),
            Pooling::Cls => row[0],
        });
        let mut vector: Vec<f32> = pooled.collect();
        let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        for value in &mut vector {
            *value /= norm;
        }
        vector
    }
}

impl Layer {
    fn load(weights: &Weights<'_>, number: usize, config: &BertConfig) -> Result<Self, LoadError> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let name = |part: &str| format!("encoder.layer.{number}.{part}");
        let scale = ((hidden / config.num_attention_heads) as f32).sqrt().recip();
        let (mut matrix, mut bias) = (Vec::with_capacity(3 * hidden * hidden), Vec::with_capacity(3 * hidden));
        for (part, factor) in [("query", scale), ("key", 1.0), ("value", 1.0)] {
            let name = name(&format!("attention.self.{part}"));
            let part = weights.tensor(&format!("{name}.weight"), &[hidden, hidden])?;
            matrix.extend(part.into_iter().map(|weight| weight * factor));
            let part = weights.tensor(&format!("{name}.bias"), &[hidden])?;
            bias.extend(part.into_iter().map(|bias| bias * factor));
        }
        Ok(Self {
            attention: Linear { weights: PackedMatrix::pack(&matrix, 3 * hidden, hidden), bias },
            attention_out: Linear::load(weights, &name("attention.output.dense"), hidden, hidden)?,
            attention_norm: load_norm(weights, &name("attention.output.LayerNorm"), config)?,
            up: Linear::load(weights, &name("intermediate.dense"), hidden, inner)?,
            down: Linear::load(weights, &name("output.dense"), inner, hidden)?,
            out_norm: load_norm(weights, &name("output.LayerNorm"), config)?,
        })
    }
}

fn load_norm(weights: &Weights<'_>, name: &str, config: &BertConfig) -> Result<LayerNorm, LoadError> {
    Ok(LayerNorm {
        gain: weights.tensor(&format!("{name}.weight"), &[config.hidden_size])?,
        bias: weights.tensor(&format!("{name}.bias"), &[config.hidden_size])?,
        epsilon: config.layer_norm_eps,
    })
}
