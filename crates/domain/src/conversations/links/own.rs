//! The addresses that a user wrote.

use std::{collections::BTreeSet, ops::Bound};

/// Most bytes of an address that may be live.
const MAX_ADDRESS: usize = 1_024;
/// Most marks behind an address that are no part of it.
const MAX_TAIL: usize = 16;
/// Schemes whose addresses become links by themselves.
pub(super) const SCHEMES: [&str; 3] = ["https", "http", "ftp"];

/// Addresses of the web, as a user wrote them. Only these are live in a grounded answer, letter for letter: whoever may
/// choose a part of an address can send with it what it likes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnAddresses {
    addresses: BTreeSet<String>,
    longest: usize,
}

/// Where an address stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In brackets.
    Destination,
    /// Behind the label of a definition.
    Definition,
    /// In pointed brackets.
    Pointed,
    /// In the text, which may end it with marks of its own.
    Text,
}

/// What a text begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// An address of the user's, with so many bytes.
    Whole(usize),
    /// The beginning of one, so far.
    Open,
    /// Neither.
    Foreign,
}

impl Found {
    /// What two ways of reading agree on.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Foreign, _) | (_, Self::Foreign) => Self::Foreign,
            (Self::Open, _) | (_, Self::Open) => Self::Open,
            (Self::Whole(one), Self::Whole(two)) => Self::Whole(one.min(two)),
        }
    }
}

impl OwnAddresses {
    /// Those in the texts that a user wrote.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut own = Self::default();
        for text in texts {
            for (at, _) in text.match_indices("://") {
                if let Some(scheme) = SCHEMES.into_iter().find(|scheme| ends_with(&text[..at], scheme)) {
                    own.add(scheme, &text[at..]);
                }
            }
            for (at, _) in text.match_indices("www.").filter(|(at, _)| !text[..*at].ends_with(['/', '.'])) {
                for begin in ["", "http://", "https://"] {
                    own.add(begin, &text[at..]);
                }
            }
        }
        own
    }

    /// Adds the address that begins with `begin` and goes on in `text`, with and without a slash at its end.
    fn add(&mut self, begin: &str, text: &str) {
        let address = format!("{begin}{}", address_of(text));
        let bare = address.trim_end_matches('/');
        if address.len() >= MAX_ADDRESS || bare.ends_with(':') {
            return;
        }
        for address in [format!("{bare}/"), bare.to_owned()] {
            self.longest = self.longest.max(address.len());
            self.addresses.insert(address);
        }
    }

    /// Whether an address of the user's begins with `begin`, which was told before, and goes on in `text`.
    pub(super) fn find(&self, begin: &str, text: &str, place: Place, is_end: bool) -> Found {
        let mut end = None;
        let mut depth = 0_u32;
        for (at, char) in text.char_indices() {
            if at > self.longest + MAX_TAIL {
                return Found::Foreign;
            }
            let is_blank = char.is_whitespace() || char.is_control();
            let ends = match place {
                Place::Destination => is_blank || (char == ')' && depth == 0),
                Place::Definition => is_blank,
                Place::Pointed => char == '>',
                Place::Text => is_blank || char == '<',
            };
            if ends {
                end = Some(at);
                break;
            }
            match char {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        let len = end.unwrap_or(text.len());
        let address = format!("{begin}{}", &text[..len]);
        let is_own = self.addresses.contains(&address) || (place == Place::Text && self.has_with_tail(&address));
        match (is_own, end.is_some() || is_end) {
            (true, true) => Found::Whole(len),
            (true, false) => Found::Open,
            (false, false) if self.has_that_begins_with(&address) => Found::Open,
            (false, _) => Found::Foreign,
        }
    }

    /// Whether this is one of them with marks behind it.
    fn has_with_tail(&self, address: &str) -> bool {
        let tails = address.char_indices().rev().take(MAX_TAIL).take_while(|(_, char)| is_mark(*char));
        tails.map(|(at, _)| at).any(|at| self.addresses.contains(&address[..at]))
    }

    fn has_that_begins_with(&self, begin: &str) -> bool {
        let from = (Bound::Included(begin), Bound::Unbounded);
        self.addresses.range::<str, _>(from).next().is_some_and(|address| address.starts_with(begin))
    }
}

fn ends_with(text: &str, word: &str) -> bool {
    let at = text.len().checked_sub(word.len());
    at.and_then(|at| text.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case(word))
}

/// The address at the beginning of a text, without the marks of the sentence around it.
fn address_of(text: &str) -> &str {
    let mut depth = 0_u32;
    let ends = |char: char| {
        match char {
            '(' | '[' => depth += 1,
            ')' | ']' if depth == 0 => return true,
            ')' | ']' => depth -= 1,
            _ => {}
        }
        char.is_whitespace() || char.is_control() || "<>\"`\\".contains(char)
    };
    let address = text.split(ends).next().unwrap_or_default();
    address.trim_end_matches(|char| char != ')' && is_mark(char))
}

/// A mark that ends a sentence or an emphasis, rather than an address.
fn is_mark(char: char) -> bool {
    ".,;:!?'\"*_~|)]}`>".contains(char)
}
