//! The network once more, in the plainest Rust and in 64-bit floats: token by token, sum by sum.

use crate::tiny::{EPSILON, HEADS, HIDDEN, LAYERS, Tensors};

type Row = Vec<f64>;

/// The L2-normalised vector of tokens.
pub(crate) fn embed(tensors: &Tensors, ids: &[usize], is_mean: bool) -> Row {
    let network = Network(tensors);
    let mut state: Vec<Row> = ids.iter().enumerate().map(|(position, id)| network.embed(*id, position)).collect();
    for layer in 0..LAYERS {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        let project = |part: &str| -> Vec<Row> { state.iter().map(|row| network.linear(&name(part), row)).collect() };
        let queries = project("attention.self.query");
        let (keys, values) = (project("attention.self.key"), project("attention.self.value"));
        state = state
            .iter()
            .zip(&queries)
            .map(|(row, query)| {
                let attended = network.linear(&name("attention.output.dense"), &attend(query, &keys, &values));
                let row = network.norm(&name("attention.output.LayerNorm"), &add(row, &attended));
                let inner: Row = network.linear(&name("intermediate.dense"), &row).into_iter().map(gelu).collect();
                let outer = network.linear(&name("output.dense"), &inner);
                network.norm(&name("output.LayerNorm"), &add(&row, &outer))
            })
            .collect();
    }
    let pooled: Row = if is_mean {
        (0..HIDDEN).map(|feature| state.iter().map(|row| row[feature]).sum::<f64>() / state.len() as f64).collect()
    } else {
        state[0].clone()
    };
    let norm = dot(&pooled, &pooled).sqrt();
    pooled.into_iter().map(|value| value / norm).collect()
}

struct Network<'a>(&'a Tensors);

impl Network<'_> {
    fn row(&self, name: &str, number: usize) -> Row {
        let (shape, numbers) = &self.0[name];
        let width = shape.last().unwrap();
        numbers[number * width..][..*width].iter().map(|number| f64::from(*number)).collect()
    }

    fn embed(&self, id: usize, position: usize) -> Row {
        let word = self.row("embeddings.word_embeddings.weight", id);
        let position = self.row("embeddings.position_embeddings.weight", position);
        let segment = self.row("embeddings.token_type_embeddings.weight", 0);
        self.norm("embeddings.LayerNorm", &add(&add(&word, &position), &segment))
    }

    fn linear(&self, name: &str, input: &Row) -> Row {
        let bias = self.row(&format!("{name}.bias"), 0);
        let row = |(number, bias): (usize, f64)| dot(&self.row(&format!("{name}.weight"), number), input) + bias;
        bias.into_iter().enumerate().map(row).collect()
    }

    fn norm(&self, name: &str, input: &Row) -> Row {
        let mean = input.iter().sum::<f64>() / input.len() as f64;
        let variance = input.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / input.len() as f64;
        let (gain, bias) = (self.row(&format!("{name}.weight"), 0), self.row(&format!("{name}.bias"), 0));
        let scaled = input.iter().map(|value| (value - mean) / (variance + f64::from(EPSILON)).sqrt());
        scaled.zip(gain.iter().zip(bias)).map(|(value, (gain, bias))| value * gain + bias).collect()
    }
}

fn attend(query: &Row, keys: &[Row], values: &[Row]) -> Row {
    let width = HIDDEN / HEADS;
    let mut out = Vec::new();
    for head in 0..HEADS {
        let part = |row: &Row| row[head * width..(head + 1) * width].to_vec();
        let weigh = |key: &Row| (dot(&part(query), &part(key)) / (width as f64).sqrt()).exp();
        let weights: Row = keys.iter().map(weigh).collect();
        let total: f64 = weights.iter().sum();
        for feature in 0..width {
            let sum: f64 = values.iter().zip(&weights).map(|(value, weight)| part(value)[feature] * weight).sum();
            out.push(sum / total);
        }
    }
    out
}

/// `x · Φ(x)`, with the error function as its Maclaurin series (the tests' numbers are small).
fn gelu(x: f64) -> f64 {
    let z = x / 2_f64.sqrt();
    if z.abs() > 5.0 {
        return if z > 0.0 { x } else { 0.0 };
    }
    let (mut term, mut sum) = (z, z);
    for n in 1..200 {
        let n = f64::from(n);
        term *= -z * z / n;
        sum += term / (2.0 * n + 1.0);
    }
    0.5 * x * (1.0 + sum * 2.0 / std::f64::consts::PI.sqrt())
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(a: &Row, b: &Row) -> Row {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}
