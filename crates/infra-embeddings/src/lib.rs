//! Sentence encoders that run in the process, from a model folder.
//!
//! [`LocalEmbedder`] reads a folder as the sentence-transformers library saves it and computes the
//! same vectors, on the processor alone and without any download. It knows the BERT family with
//! absolute positions (MiniLM, BGE, E5, GTE), which is one shape of network with different sizes.
//!
//! # How it computes
//! - Numbers of a text lie feature by feature: row `f` holds feature `f` of every token, so a vector
//!   register holds neighbouring tokens, and neither softmax nor layer norm sums across a register.
//! - Weights are packed at load into the order in which [`matrix`] reads them.
//! - Each text is a task of its own: no text is padded to the length of another.

mod elementwise;
mod embedder;
mod encoder;
mod error;
mod folder;
pub mod matrix;
mod tokens;
mod weights;

pub use embedder::LocalEmbedder;
pub use error::LoadError;
