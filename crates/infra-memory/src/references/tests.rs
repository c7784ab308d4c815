//! References and keys are those of the schema, and removals do what it says.

mod filled;
mod removal;
mod schema;
