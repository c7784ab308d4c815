//! Tests of the whole: its architecture, and the server as a black box.

mod architecture;
mod bad_input;
mod charsets;
mod clients;
mod edge;
mod embeddings;
mod faults;
mod first_hour;
mod isolation;
mod main_job;
mod openai_sdk;
mod openapi;
mod providers;
mod quotas;
mod races;
mod rights;

mod sign_in;
mod social_links;
mod versions;
mod watched;
mod world;
