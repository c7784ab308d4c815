//! What of the text before a place says how it will be read.

use super::{code::Fences, own::SCHEMES};

/// Last bytes that are remembered: as many as the longest of what is looked for.
const REMEMBERED: usize = 12;
/// Character references for the marks of an address. A number may stand for any character, so that those are looked
/// for by their sign.
const REFERENCES: [&str; 4] = ["&colon", "&sol", "&bsol", "&period"];
/// Beginnings of autolinks that do more than lead somewhere.
const AUTOLINKS: [&str; 5] = ["<javascript", "<vbscript", "<data", "<file", "<blob"];

/// Elements whose content goes on behind blank lines.
const RAW: [&str; 5] = ["<pre", "<script", "<style", "<textarea", "<!--"];
/// Beginnings of elements whose content loads by itself, but for the last letter: with a space before that they are none.
const LOADING: [(&str, char); 2] = [("<styl", 'e'), ("<scrip", 't')];

/// What has been seen of a text.
#[derive(Debug)]
pub(super) struct Seen {
    /// The last bytes, in lower case; one that is not ASCII for each other character.
    last: [u8; REMEMBERED],
    line: Line,
    has_picture: bool,
    has_label: bool,
    tag: Tag,
    /// The tag is that of a link, as far as its name is known; whether it is known; whether the attribute is where it leads.
    is_anchor: bool,
    is_named: bool,
    is_href: bool,
    /// A tag began where a link leads: which of both is one depends on what follows, so all is taken for a value.
    is_tangled: bool,
    /// A slash came last, as a browser reads a value.
    is_after_slash: bool,
    /// HTML was opened that a blank line does not end.
    is_raw: bool,
    /// Blocks of code, where links in code are of no interest.
    code: Option<Fences>,
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
    /// In its value, which this quote ends.
    Value(Option<char>),
}

impl Seen {
    /// Of a text in which blocks of code are of no interest, or are.
    pub(super) fn new(skips_code: bool) -> Self {
        Self {
            last: [b' '; REMEMBERED],
            line: Line::Blank,
            has_picture: false,
            has_label: false,
            tag: Tag::No,
            is_anchor: false,
            is_named: false,
            is_href: false,
            is_tangled: false,
            is_after_slash: false,
            is_raw: false,
            code: skips_code.then(Fences::default),
        }
    }

    /// Goes on by a character.
    pub(super) fn note(&mut self, char: char) {
        if let Some(code) = &mut self.code {
            let was_open = code.is_open();
            code.note(char);
            match (was_open, code.is_open()) {
                (true, true) => return,
                (false, false) => {}
                // Nothing goes on from before a block, or from inside it.
                _ => return *self = Self { code: self.code.take(), is_raw: self.is_raw, ..Self::new(false) },
            }
        }
        match char {
            '\n' if self.ends_with("\r") => {}
            '\n' | '\r' => {
                if self.line == Line::Blank {
                    // Neither brackets nor most tags go beyond a blank line.
                    (self.has_picture, self.has_label) = (false, false);
                    if !self.is_raw {
                        (self.tag, self.is_tangled) = (Tag::No, false);
                    }
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
        self.note_tag(char);
        self.last.rotate_left(1);
        self.last[REMEMBERED - 1] = u8::try_from(char).map_or(0x80, |byte| byte.to_ascii_lowercase());
        let is_raw = RAW.into_iter().any(|begin| self.ends_with(begin)) || self.ends_with("<!") || self.ends_with("<?");
        self.is_raw |= is_raw;
        if let Some(code) = self.code.as_mut().filter(|_| is_raw) {
            code.give_up();
        }
    }

    fn note_tag(&mut self, char: char) {
        let before = self.tag;
        self.is_tangled |= self.is_in_value() && self.is_href && char == '<';
        // A browser leaves these out of an address.
        if !matches!(char, '\t' | '\n' | '\r') {
            self.is_after_slash = matches!(char, '/' | '\\');
        }
        self.tag = before.after(char);
        match (before, self.tag) {
            (Tag::Opened, Tag::Inside) => (self.is_anchor, self.is_named) = (matches!(char, 'a' | 'A'), false),
            (Tag::Inside, Tag::Inside | Tag::Equals) if !self.is_named => {
                self.is_named = char.is_ascii_whitespace();
                self.is_anchor &= self.is_named;
            }
            (Tag::Inside, Tag::Equals) => self.is_href = self.is_anchor && self.ends_with_word("href"),
            _ => {}
        }
    }

    /// Whether a block of code is open, and code is of no interest.
    pub(super) fn is_in_code(&self) -> bool {
        self.code.as_ref().is_some_and(Fences::is_open)
    }

    /// Whether with this character the name of an element begins to be one whose content loads by itself.
    pub(super) fn is_loading(&self, char: char) -> bool {
        LOADING.into_iter().any(|(begin, last)| self.ends_with(begin) && char.eq_ignore_ascii_case(&last))
    }

    /// Whether an attribute's value goes on that is no link's destination.
    pub(super) const fn loads(&self) -> bool {
        self.is_in_value() && (!self.is_href || self.is_tangled)
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
        self.is_tangled || matches!(self.tag, Tag::Equals | Tag::Value(..))
    }

    /// Whether a slash came last in an attribute's value, as a browser reads it.
    pub(super) const fn is_after_slash_in_value(&self) -> bool {
        self.is_in_value() && !matches!(self.tag, Tag::Equals) && self.is_after_slash
    }

    fn ends_with_word(&self, word: &str) -> bool {
        self.ends_with(word) && !self.before(word).is_ascii_alphabetic()
    }

    /// The byte before a word that came last.
    const fn before(&self, word: &str) -> u8 {
        self.last[REMEMBERED - 1 - word.len()]
    }
}

impl Tag {
    fn after(self, char: char) -> Self {
        match (self, char) {
            (Self::No | Self::Opened, '<') => Self::Opened,
            (Self::Opened, _) if char.is_ascii_alphabetic() => Self::Inside,
            (Self::No | Self::Opened, _) => Self::No,
            (Self::Inside | Self::Equals | Self::Value(None), '>') => Self::No,
            (Self::Inside, '=') => Self::Equals,
            (Self::Inside, _) => Self::Inside,
            (Self::Equals, '"' | '\'') => Self::Value(Some(char)),
            (Self::Equals, _) if char.is_whitespace() => Self::Equals,
            (Self::Equals, _) => Self::Value(None),
            (Self::Value(Some(quote)), _) if char == quote => Self::Inside,
            (Self::Value(None), _) if char.is_whitespace() => Self::Inside,
            (Self::Value(_), _) => self,
        }
    }
}
