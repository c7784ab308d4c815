//! Who may see and do what, over HTTP.

mod answers;
mod credentials;
mod foreign;
mod start;
mod tenants;
