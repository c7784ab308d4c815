//! Faults that must lose nothing, in their short form.

mod accounting;
mod ingestion;
mod slow;
