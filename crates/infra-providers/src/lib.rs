//! What lies outside the process: models over the wire, the extractive model that needs none, the
//! object store, and the one guarded way out to the network.

pub mod blobs;
pub mod egress;
pub mod extractive;
pub mod openai;
pub mod registry;
#[cfg(feature = "scripted")]
pub mod scripted;
pub mod settings;

pub use blobs::ObjectBlobStore;
pub use egress::{AllowList, Egress};
pub use extractive::ExtractiveModel;
pub use openai::{OpenAiChat, OpenAiConnection, OpenAiEmbedder, Timeouts};
pub use registry::ProviderRegistry;
pub use settings::{Provider, ProviderSettings};
