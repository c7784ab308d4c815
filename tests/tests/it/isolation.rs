//! Who may see and do what, over HTTP.

mod answers;
mod credentials;
mod foreign;
mod operations;
mod start;
mod tenants;
