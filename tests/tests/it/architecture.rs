//! Rules of `docs/ARCHITECTURE.md` that the compiler does not keep.

mod crates;
mod secrets;
mod sources;
mod sql;
mod stored_json;
mod tree;
