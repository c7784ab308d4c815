//! Faults that must lose nothing, in their short form.

mod accounting;
mod full;
mod ingestion;
mod readers;
mod slow;
