//! The main job: documents in, cited answers out, branches, and every token counted.

mod answers;
mod branches;
mod crashes;
mod repeats;
