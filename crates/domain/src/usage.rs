//! The ledger: tokens, prices, costs.

pub mod call;
pub mod daily;
pub mod estimate;
pub mod ledger;
pub mod price;
pub mod quota;
pub mod repo;

pub use call::ProviderCall;
pub use daily::{Folding, UsageDay};
pub use ledger::{AgentType, TokenUsage, UsageLog};
pub use price::{ModelPrice, PricedUsage};
pub use quota::{Held, QuotaBounds, QuotaHolder, QuotaKind, QuotaRepo};
pub use repo::{PriceRepo, UsageFilter, UsageGroup, UsageGrouping, UsageRepo, UsageTotals};
