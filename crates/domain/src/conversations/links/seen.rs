//! What of the text before a place says how it will be read.

use super::own::SCHEMES;

/// Last bytes that are remembered: as many as the longest of what is looked for.
const REMEMBERED: usize = 12;
/// Character references for the marks of an address. A number may stand for any character, so that those are looked
/// for by their sign.
const REFERENCES: [&str; 4] = ["&colon", "&sol", "&bsol", "&period"];
/// Beginnings of autolinks that do more than lead somewhere.
const AUTOLINKS: [&str; 5] = ["<javascript", "<vbscript", "<data", "<file", "<blob"];

/// What has been seen of a text.
#[derive(Debug)]
pub(super) struct Seen {
    /// The last bytes, in lower case; one that is not ASCII for each other character.
    last: [u8; REMEMBERED],
    line: Line,
    has_picture: bool,
    has_label: bool,
    tag: Tag,
}

/// What has been seen of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Blank,
    /// Marks of quotations and lists.
    Marks,
    Text,
}

/// What has been seen of a tag of HTML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tag {
    No,
    Opened,
    Inside,
    /// Behind the equals sign of an attribute.
    Equals,
    /// In its value: the quote that ends it, and whether a slash came last.
    Value(Option<char>, bool),
}

impl Default for Seen {
    fn default() -> Self {
        Self { last: [b' '; REMEMBERED], line: Line::Blank, has_picture: false, has_label: false, tag: Tag::No }
    }
}

impl Seen {
    /// Goes on by a character.
    pub(super) fn note(&mut self, char: char) {
        match char {
            '\n' if self.ends_with("\r") => {}
            '\n' | '\r' => {
                if self.line == Line::Blank {
                    // Neither brackets nor a tag go beyond a blank line.
                    (self.has_picture, self.has_label, self.tag) = (false, false, Tag::No);
                }
                self.line = Line::Blank;
            }
            ' ' | '\t' => {}
            '>' | '-' | '*' | '+' | '.' | ')' | '0'..='9' if self.line != Line::Text => self.line = Line::Marks,
            _ => {
                self.has_picture |= char == '[' && self.ends_with("!");
                self.has_label |= char == '[' && self.line != Line::Text;
                self.line = Line::Text;
            }
        }
        self.tag = self.tag.after(char);
        self.last.rotate_left(1);
        self.last[REMEMBERED - 1] = u8::try_from(char).map_or(0x80, |byte| byte.to_ascii_lowercase());
    }

    /// Whether these bytes, in lower case, came last.
    pub(super) fn ends_with(&self, word: &str) -> bool {
        self.last.ends_with(word.as_bytes())
    }

    /// Whether a bracket since the last blank line may be that of a picture.
    pub(super) const fn has_picture(&self) -> bool {
        self.has_picture
    }

    /// Whether a bracket since the last blank line may be that of a definition.
    pub(super) const fn has_label(&self) -> bool {
        self.has_label
    }

    /// The scheme that came last, as a word of its own.
    pub(super) fn scheme(&self) -> Option<&'static str> {
        SCHEMES.into_iter().find(|scheme| self.ends_with_word(scheme))
    }

    /// Whether `www` came last, where an address may begin.
    pub(super) fn is_www(&self) -> bool {
        self.ends_with_word("www") && !self.ends_with("/www")
    }

    /// Whether a character reference ends here that stands for a mark of an address.
    pub(super) fn is_in_reference(&self) -> bool {
        REFERENCES.into_iter().any(|begin| self.ends_with(begin))
    }

    /// Whether a pointed bracket and this scheme came last.
    pub(super) fn is_pointed(&self, scheme: &str) -> bool {
        self.ends_with(scheme) && self.before(scheme) == b'<'
    }

    /// Whether an autolink begins that does more than lead somewhere.
    pub(super) fn is_in_autolink(&self) -> bool {
        AUTOLINKS.into_iter().any(|begin| self.ends_with(begin))
    }

    /// Whether an attribute's value goes on or begins.
    pub(super) const fn is_in_value(&self) -> bool {
        matches!(self.tag, Tag::Equals | Tag::Value(..))
    }

    /// Whether a slash came last in an attribute's value, as a browser reads it.
    pub(super) const fn is_after_slash_in_value(&self) -> bool {
        matches!(self.tag, Tag::Value(_, true))
    }

    fn ends_with_word(&self, word: &str) -> bool {
        self.ends_with(word) && !self.before(word).is_ascii_alphanumeric()
    }

    /// The byte before a word that came last.
    const fn before(&self, word: &str) -> u8 {
        self.last[REMEMBERED - 1 - word.len()]
    }
}

impl Tag {
    fn after(self, char: char) -> Self {
        let is_slash = matches!(char, '/' | '\\');
        match (self, char) {
            (Self::No | Self::Opened, '<') => Self::Opened,
            (Self::Opened, _) if char.is_ascii_alphabetic() => Self::Inside,
            (Self::No | Self::Opened, _) => Self::No,
            (Self::Inside | Self::Equals | Self::Value(None, _), '>') => Self::No,
            (Self::Inside, '=') => Self::Equals,
            (Self::Inside, _) => Self::Inside,
            (Self::Equals, '"' | '\'') => Self::Value(Some(char), false),
            (Self::Equals, _) if char.is_whitespace() => Self::Equals,
            (Self::Equals, _) => Self::Value(None, is_slash),
            (Self::Value(Some(quote), _), _) if char == quote => Self::Inside,
            (Self::Value(None, _), _) if char.is_whitespace() => Self::Inside,
            // A browser leaves these out of an address.
            (Self::Value(..), '\t' | '\n' | '\r') => self,
            (Self::Value(quote, _), _) => Self::Value(quote, is_slash),
        }
    }
}
