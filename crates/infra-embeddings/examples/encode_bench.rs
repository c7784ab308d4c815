//! Speed of the local encoder over 512 chunks of real text, as a share of the machine's bare matrix
//! products of the same shapes.
//!
//! ```text
//! cargo run --profile dist -p infra-embeddings --example encode_bench -- MODEL_FOLDER OUT_FOLDER [THREADS]
//! ```
//!
//! Writes `chunks.jsonl` and `vectors.f32` into the out folder, for `reference/compare.py`, and
//! prints one JSON object a line: `{"name":…,"value":…,"unit":…}`.

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    thread::available_parallelism,
    time::Instant,
};

use domain::gateways::{Embedder, EmbeddingInput, EmbeddingPurpose};
use infra_embeddings::{
    LocalEmbedder,
    matrix::{COLUMN_STEP, PackedMatrix},
};
use rayon::prelude::*;
use serde::Deserialize;

/// Chunks of a round.
const CHUNKS: usize = 512;

/// Rounds; the fastest of each kind counts.
const ROUNDS: usize = 3;

/// The sizes in the folder's `config.json`.
#[derive(Deserialize)]
struct Sizes {
    hidden_size: usize,
    intermediate_size: usize,
    num_attention_heads: usize,
    num_hidden_layers: usize,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, out, rest @ ..] = arguments.as_slice() else {
        return Err("usage: encode_bench MODEL_FOLDER OUT_FOLDER [THREADS]".into());
    };
    let (folder, out) = (PathBuf::from(folder), PathBuf::from(out));
    let threads = match rest.first() {
        Some(threads) => threads.parse()?,
        None => available_parallelism()?,
    };
    let model = Arc::new(LocalEmbedder::load(&folder, Some(threads))?);
    let sizes: Sizes = serde_json::from_slice(&fs::read(folder.join("config.json"))?)?;
    let window = model.model().max_tokens;
    let chunks = chunk(&text()?, window, &model);
    if chunks.len() < CHUNKS {
        return Err(format!("the text gives {} chunks, {CHUNKS} are needed", chunks.len()).into());
    }
    let tokens: Vec<usize> = chunks.iter().map(|chunk| model.count_tokens(chunk) as usize).collect();
    let products = Products::new(&sizes, &tokens);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.get()).build()?;

    let (mut encoding, mut multiplying) = (f64::MAX, f64::MAX);
    let mut vectors = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        vectors = encode(&model, &chunks).await?;
        encoding = encoding.min(start.elapsed().as_secs_f64());
        let start = Instant::now();
        pool.install(|| tokens.par_iter().with_max_len(1).for_each(|tokens| products.multiply(*tokens)));
        multiplying = multiplying.min(start.elapsed().as_secs_f64());
    }
    let question = EmbeddingInput::Texts(vec!["How do I reset my password?".to_owned()]);
    let mut latencies = Vec::new();
    for _ in 0..200 {
        let start = Instant::now();
        model.embed(&question, EmbeddingPurpose::Query).await?;
        latencies.push(start.elapsed().as_secs_f64());
    }
    latencies.sort_by(f64::total_cmp);

    fs::create_dir_all(&out)?;
    let lines: Result<Vec<String>, _> = chunks.iter().map(serde_json::to_string).collect();
    fs::write(out.join("chunks.jsonl"), lines?.join("\n"))?;
    fs::write(out.join("vectors.f32"), vectors.iter().flatten().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())?;
    let count = CHUNKS as f64;
    print("threads", threads.get() as f64, "threads");
    print("tokens_per_chunk", tokens.iter().sum::<usize>() as f64 / count, "tokens");
    print("chunks_per_second", count / encoding, "chunks/s");
    print("bare_products_chunks_per_second", count / multiplying, "chunks/s");
    print("bare_products_speed", products.operations(&tokens) / multiplying / 1e9, "Gflop/s");
    print("share_of_bare_products", multiplying / encoding, "ratio");
    print("question_p50", latencies[latencies.len() / 2] * 1e3, "ms");
    Ok(())
}

fn print(name: &str, value: f64, unit: &str) {
    println!("{}", serde_json::json!({ "name": format!("local_encoder.{name}"), "value": value, "unit": unit }));
}

/// All vectors in order, by batches as an ingestion sends them.
async fn encode(model: &Arc<LocalEmbedder>, chunks: &[String]) -> Result<Vec<Vec<f32>>, Box<dyn Error>> {
    let batches: Vec<_> = chunks
        .chunks(model.max_batch())
        .map(|batch| {
            let (model, batch) = (Arc::clone(model), EmbeddingInput::Texts(batch.to_vec()));
            tokio::spawn(async move { model.embed(&batch, EmbeddingPurpose::Document).await })
        })
        .collect();
    let mut vectors = Vec::with_capacity(chunks.len());
    for batch in batches {
        vectors.extend(batch.await??.vectors);
    }
    Ok(vectors)
}

/// The text of "The Rust Programming Language" that comes with the toolchain, page by page.
fn text() -> Result<String, Box<dyn Error>> {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output()?.stdout;
    let book = Path::new(String::from_utf8(sysroot)?.trim()).join("share/doc/rust/html/book");
    let mut pages: Vec<PathBuf> = fs::read_dir(&book)
        .map_err(|error| format!("{}: {error}; install it with 'rustup component add rust-docs'", book.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    pages.retain(|page| {
        let name = page.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("ch") && name.ends_with(".html")
    });
    pages.sort();
    let mut text = String::new();
    for page in pages {
        let html = fs::read_to_string(page)?;
        let main = html.split_once("<main>").map_or("", |(_, main)| main);
        let main = main.split_once("</main>").map_or(main, |(main, _)| main);
        for piece in main.split('<') {
            text.push_str(piece.split_once('>').map_or(piece, |(_, text)| text));
        }
    }
    Ok(text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&"))
}

/// Joins paragraphs to chunks up to the window, and splits longer ones between words.
fn chunk(text: &str, window: u32, model: &LocalEmbedder) -> Vec<String> {
    let special = model.count_tokens("");
    let mut chunks = Vec::new();
    let (mut open, mut used) = (String::new(), special);
    for paragraph in text.split("\n\n") {
        let words: Vec<&str> = paragraph.split_whitespace().collect();
        // A piece of 64 words is far below the window, whatever the words are.
        for piece in words.chunks(64).map(|words| words.join(" ")) {
            let tokens = model.count_tokens(&piece) - special;
            if used + tokens > window && !open.is_empty() {
                chunks.push(std::mem::take(&mut open));
                used = special;
                if chunks.len() == CHUNKS {
                    return chunks;
                }
            }
            if used + tokens <= window {
                open.push_str(&piece);
                open.push('\n');
                used += tokens;
            }
        }
    }
    chunks
}

/// Operands of every shape, made before the clock starts.
struct Products {
    layers: usize,
    heads: usize,
    /// Attention in, attention out, up, down: matrix, and its depth.
    linear: Vec<(PackedMatrix, usize)>,
    /// By padded length: keys, and values, of a head.
    attention: BTreeMap<usize, [(PackedMatrix, usize); 2]>,
    numbers: Vec<f32>,
}

impl Products {
    fn new(sizes: &Sizes, tokens: &[usize]) -> Self {
        let (hidden, inner) = (sizes.hidden_size, sizes.intermediate_size);
        let longest = tokens.iter().max().copied().unwrap_or(0).next_multiple_of(COLUMN_STEP);
        let most = (3 * hidden).max(inner) * hidden.max(longest);
        let numbers: Vec<f32> = (0..most).map(|i| (i * 7919 % 1009) as f32 / 1009.0 - 0.5).collect();
        let matrix = |rows, depth| (PackedMatrix::pack(&numbers[..rows * depth], rows, depth), depth);
        let width = hidden / sizes.num_attention_heads;
        let linear =
            vec![matrix(3 * hidden, hidden), matrix(hidden, hidden), matrix(inner, hidden), matrix(hidden, inner)];
        let attention =
            tokens.iter().map(|tokens| (*tokens, [matrix(*tokens, width), matrix(width, *tokens)])).collect();
        Self { layers: sizes.num_hidden_layers, heads: sizes.num_attention_heads, linear, attention, numbers }
    }

    /// The products of a text of this many tokens.
    fn multiply(&self, tokens: usize) {
        let columns = tokens.next_multiple_of(COLUMN_STEP);
        let mut out = vec![0.0; self.numbers.len()];
        let mut run = |(matrix, depth): &(PackedMatrix, usize)| {
            let bias = &self.numbers[..matrix.rows()];
            matrix.multiply(bias, &self.numbers[..depth * columns], columns, &mut out);
        };
        for _ in 0..self.layers {
            self.linear.iter().for_each(&mut run);
            for _ in 0..self.heads {
                self.attention[&tokens].iter().for_each(&mut run);
            }
        }
        std::hint::black_box(out);
    }

    /// Additions and multiplications that the texts need, without padding.
    fn operations(&self, tokens: &[usize]) -> f64 {
        let of = |tokens: &usize| {
            let linear: usize = self.linear.iter().map(|(matrix, depth)| matrix.rows() * depth).sum();
            let width = self.linear[1].1 / self.heads;
            let attention = 2 * self.heads * tokens * width;
            2.0 * (self.layers * tokens * (linear + attention)) as f64
        };
        tokens.iter().map(of).sum()
    }
}
