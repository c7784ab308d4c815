//! Weights out of a `model.safetensors`, as 32-bit floats.

use std::path::Path;

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};

use crate::error::LoadError;

/// Tensors of one file.
pub(crate) struct Weights<'a> {
    file: &'a Path,
    tensors: SafeTensors<'a>,
    prefix: &'static str,
}

impl<'a> Weights<'a> {
    /// Reads the table of a file's bytes.
    pub(crate) fn parse(file: &'a Path, bytes: &'a [u8]) -> Result<Self, LoadError> {
        let tensors = SafeTensors::deserialize(bytes).map_err(|source| LoadError::Damaged {
            file: file.to_owned(),
            reason: "its table of tensors cannot be read".to_owned(),
            source: Some(source.into()),
        })?;
        // Folders saved from a model with a head name the encoder inside it.
        let has_prefix = tensors.names().iter().any(|name| name.starts_with("bert."));
        Ok(Self { file, tensors, prefix: if has_prefix { "bert." } else { "" } })
    }

    /// A tensor of exactly this shape, row by row.
    pub(crate) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, LoadError> {
        let full_name = format!("{}{name}", self.prefix);
        let tensor = self
            .tensors
            .tensor(&full_name)
            .map_err(|source| self.damaged(format!("it has no tensor '{full_name}'"), Some(source.into())))?;
        if tensor.shape() != shape {
            let reason = format!("its tensor '{full_name}' has the shape {:?}, not {shape:?}", tensor.shape());
            return Err(self.damaged(reason, None));
        }
        let (words, _) = tensor.data().as_chunks::<2>();
        match tensor.dtype() {
            Dtype::F32 => {
                let (numbers, _) = tensor.data().as_chunks::<4>();
                Ok(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
            }
            Dtype::F16 => Ok(words.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect()),
            Dtype::BF16 => Ok(words.iter().map(|bytes| bf16::from_le_bytes(*bytes).to_f32()).collect()),
            other => Err(self.damaged(format!("its tensor '{full_name}' holds {other:?}, not floats"), None)),
        }
    }

    fn damaged(&self, reason: String, source: Option<Box<dyn std::error::Error + Send + Sync>>) -> LoadError {
        LoadError::Damaged { file: self.file.to_owned(), reason, source }
    }
}
