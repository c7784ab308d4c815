//! The elements of HTML that shape a text. Others (`em`, `code` …) only carry it.

/// What an element does to the text in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A block of running text.
    Flow,
    /// The content that a page is about.
    Main,
    /// A block that stands beside the content that the page is about.
    Margin,
    /// A drawing or a formula, of which nothing is read.
    Drawing,
    /// Text in a line, with its neighbours.
    Inline,
    /// How a word is spoken, beside the word.
    Annotation,
    /// Never read.
    Dropped,
    /// The page's title.
    Title,
    /// A heading of this level.
    Heading(u8),
    /// Text whose white space counts.
    Preformatted,
    /// A list with bullets.
    Bullets,
    /// A list with numbers.
    Numbers,
    /// An item of a list.
    Item,
    /// A table.
    Table,
    /// A row of a table.
    Row,
    /// A cell of a table.
    Cell,
}

impl Role {
    /// Whether the element stands in a line and ends no block.
    pub(super) const fn is_inline(self) -> bool {
        matches!(self, Self::Inline | Self::Annotation)
    }

    /// Whether a new block begins and ends with the element.
    pub(super) const fn is_block(self) -> bool {
        !self.is_inline() && !matches!(self, Self::Dropped | Self::Drawing)
    }

    /// Whether a start tag ends a drawing that was not ended: drawings have no such elements.
    pub(super) const fn leaves_drawing(self) -> bool {
        !matches!(self, Self::Inline | Self::Annotation | Self::Drawing | Self::Dropped | Self::Title)
    }
}

/// The elements by name, sorted.
const ELEMENTS: &[(&str, Role)] = &[
    ("a", Role::Inline),
    ("abbr", Role::Inline),
    ("address", Role::Flow),
    ("annotation", Role::Dropped),
    ("article", Role::Main),
    ("aside", Role::Margin),
    ("audio", Role::Dropped),
    ("blockquote", Role::Flow),
    ("body", Role::Flow),
    ("button", Role::Dropped),
    ("canvas", Role::Dropped),
    ("caption", Role::Row),
    ("center", Role::Flow),
    ("datalist", Role::Dropped),
    ("dd", Role::Flow),
    ("details", Role::Flow),
    ("dialog", Role::Margin),
    ("dir", Role::Bullets),
    ("div", Role::Flow),
    ("dl", Role::Flow),
    ("dt", Role::Flow),
    ("fieldset", Role::Flow),
    ("figcaption", Role::Flow),
    ("figure", Role::Flow),
    ("footer", Role::Margin),
    ("form", Role::Flow),
    ("h1", Role::Heading(1)),
    ("h2", Role::Heading(2)),
    ("h3", Role::Heading(3)),
    ("h4", Role::Heading(4)),
    ("h5", Role::Heading(5)),
    ("h6", Role::Heading(6)),
    ("head", Role::Flow),
    ("header", Role::Flow),
    ("html", Role::Flow),
    ("iframe", Role::Dropped),
    ("legend", Role::Flow),
    ("li", Role::Item),
    ("listing", Role::Preformatted),
    ("main", Role::Main),
    ("map", Role::Dropped),
    ("menu", Role::Bullets),
    ("nav", Role::Margin),
    ("noembed", Role::Dropped),
    ("noscript", Role::Margin),
    ("object", Role::Dropped),
    ("ol", Role::Numbers),
    ("optgroup", Role::Dropped),
    ("option", Role::Dropped),
    ("p", Role::Flow),
    ("pre", Role::Preformatted),
    ("rb", Role::Inline),
    ("rp", Role::Annotation),
    ("rt", Role::Annotation),
    ("rtc", Role::Annotation),
    ("ruby", Role::Inline),
    ("script", Role::Dropped),
    ("search", Role::Margin),
    ("section", Role::Flow),
    ("select", Role::Dropped),
    ("span", Role::Inline),
    ("style", Role::Dropped),
    ("summary", Role::Flow),
    ("svg", Role::Drawing),
    ("table", Role::Table),
    ("tbody", Role::Flow),
    ("td", Role::Cell),
    ("template", Role::Dropped),
    ("textarea", Role::Dropped),
    ("tfoot", Role::Flow),
    ("th", Role::Cell),
    ("thead", Role::Flow),
    ("title", Role::Title),
    ("tr", Role::Row),
    ("ul", Role::Bullets),
    ("video", Role::Dropped),
    ("xmp", Role::Preformatted),
];

/// How many elements there are.
pub(super) const COUNT: usize = ELEMENTS.len();

/// An element that shapes the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element(u8);

impl Element {
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        let at = ELEMENTS.binary_search_by(|(known, _)| known.as_bytes().cmp(name)).ok()?;
        u8::try_from(at).ok().map(Self)
    }

    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }

    pub(super) fn role(self) -> Role {
        ELEMENTS[self.index()].1
    }

    /// A note of the content where it stands in it, and beside it elsewhere.
    pub(super) fn is_aside(self) -> bool {
        ELEMENTS[self.index()].0 == "aside"
    }

    /// Holds a piece of running text, and so is never all that a page is about.
    pub(super) fn is_piece(self) -> bool {
        matches!(
            ELEMENTS[self.index()].0,
            "address" | "blockquote" | "dd" | "dl" | "dt" | "figcaption" | "legend" | "p" | "summary"
        )
    }

    /// Whether a start tag of this element ends an open one of the other, which has no end tag then.
    pub(super) fn ends(self, open: Self) -> bool {
        let name = |element: Self| ELEMENTS[element.index()].0;
        match (name(open), name(self)) {
            ("p", _) if !self.role().is_block() => false,
            ("title" | "style", _) => true,
            ("p", "tbody" | "thead" | "tfoot" | "caption" | "body") => false,
            ("p", _) | ("head", "body") | ("li", "li") | ("dt" | "dd", "dt" | "dd") => true,
            ("td" | "th", "td" | "th" | "tr" | "tbody" | "tfoot") => true,
            ("tr" | "caption", "tr" | "tbody" | "tfoot" | "thead") => true,
            ("thead" | "tbody" | "tfoot", "tbody" | "tfoot" | "thead") => true,
            ("rt" | "rp" | "rb", "rt" | "rp" | "rb" | "rtc") | ("a", "a") => true,
            ("option" | "optgroup", "option" | "optgroup") => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_sorted_for_the_search() {
        assert!(ELEMENTS.is_sorted_by(|before, after| before.0 < after.0));
        assert_eq!(Element::named(b"h3").map(Element::role), Some(Role::Heading(3)));
        assert_eq!(Element::named(b"em"), None);
    }
}
