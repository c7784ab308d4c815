//! The rows of the context, one table a file, and how they become entities.

pub(crate) mod model_prices;
pub(crate) mod provider_calls;
pub(crate) mod usage_daily;
pub(crate) mod usage_logs;
