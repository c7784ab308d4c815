//! The encoder against the original library's vectors, and against a plain network of its own.

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tiny;
#[cfg(test)]
mod token_ids;
#[cfg(test)]
mod variants;
