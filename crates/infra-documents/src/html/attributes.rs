//! What the attributes of a start tag say about its element.

use html5gum::StartTag;

/// Landmarks beside the content that a page is about.
const MARGINAL_LANDMARKS: &[&str] = &[
    "banner",
    "complementary",
    "contentinfo",
    "dialog",
    "alertdialog",
    "menu",
    "menubar",
    "navigation",
    "search",
    "toolbar",
];
/// Classes of the links beside headings that show where they are (Sphinx, rustdoc, VuePress).
const HEADING_ANCHORS: &[&str] = &["headerlink", "doc-anchor", "header-anchor"];
/// Words in classes and ids of what stands on every page of a site.
const MARGINAL_WORDS: &[&str] = &[
    "ad",
    "ads",
    "advert",
    "advertisement",
    "advertising",
    "adsense",
    "addtoany",
    "banner",
    "breadcrumb",
    "breadcrumbs",
    "comment",
    "comments",
    "commentlist",
    "consent",
    "cookie",
    "cookies",
    "copyright",
    "disqus",
    "docnav",
    "flyout",
    "footer",
    "gdpr",
    "login",
    "masthead",
    "menu",
    "modal",
    "nav",
    "navbar",
    "navfooter",
    "navheader",
    "navi",
    "navigation",
    "newsletter",
    "outbrain",
    "overlay",
    "pager",
    "pagination",
    "popup",
    "promo",
    "promotion",
    "recommendation",
    "recommendations",
    "recommended",
    "related",
    "relatedposts",
    "respond",
    "share",
    "sharedaddy",
    "sharing",
    "signup",
    "social",
    "socials",
    "sponsor",
    "sponsored",
    "submenu",
    "subscribe",
    "subscription",
    "taboola",
    "toolbar",
    "topbar",
    "trending",
];
/// What columns of links are called, and boxes within the text of a book (DocBook).
const SIDEBAR: &str = "sidebar";
/// Words that take it back: a wrapper that says what it has in it, or has not.
const WRAPPER_WORDS: &[&str] =
    &["has", "no", "with", "without", "page", "wrapper", "layout", "body", "main", "content"];
/// Classes of text that only a screen reader says.
const UNSEEN_CLASSES: &[&str] = &["sr-only", "visually-hidden", "visuallyhidden", "screen-reader-text"];
/// Classes of an element that are looked at, and words of a class.
const MAX_NAMES: usize = 64;

/// How an element that stands beside the content is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum MarginalName {
    /// A sidebar, of a page or of a text.
    Sidebar,
    /// By any other name.
    Margin,
}

/// The attributes of a start tag that matter here.
pub(super) struct Attributes<'a> {
    tag: &'a StartTag<()>,
}

impl<'a> Attributes<'a> {
    pub(super) const fn of(tag: &'a StartTag<()>) -> Self {
        Self { tag }
    }

    fn get(&self, name: &[u8]) -> Option<&str> {
        std::str::from_utf8(&self.tag.attributes.get(name)?.value).ok()
    }

    /// Whether a browser shows nothing of the element.
    pub(super) fn is_hidden(&self) -> bool {
        let is_unseen = |style: &str| {
            let style: String = style.chars().filter(|letter| !letter.is_whitespace()).take(1024).collect();
            let style = style.to_ascii_lowercase();
            style.contains("display:none") || style.contains("visibility:hidden")
        };
        self.get(b"hidden").is_some()
            || self.get(b"aria-hidden") == Some("true")
            || self.get(b"style").is_some_and(is_unseen)
            || self.classes().any(|class| UNSEEN_CLASSES.contains(&class))
    }

    /// Whether a `template` is shown in its place.
    pub(super) fn is_shadow_root(&self) -> bool {
        self.get(b"shadowrootmode").is_some()
    }

    pub(super) fn is_link(&self) -> bool {
        self.get(b"href").is_some()
    }

    /// Whether it leads to a place on the same page.
    pub(super) fn is_link_within(&self) -> bool {
        self.get(b"href").is_some_and(|target| target.starts_with('#'))
    }

    pub(super) fn is_anchor_of_heading(&self) -> bool {
        self.classes().any(|class| HEADING_ANCHORS.contains(&class))
    }

    /// Whether role or name of the element say that it is the content that the page is about.
    pub(super) fn is_main(&self) -> bool {
        self.get(b"role") == Some("main") || self.get(b"itemprop") == Some("articleBody")
    }

    /// Whether the role says that the element stands beside the content.
    pub(super) fn is_marginal_landmark(&self) -> bool {
        self.get(b"role").is_some_and(|role| MARGINAL_LANDMARKS.contains(&role))
    }

    /// What a class or the id says of an element that stands beside the content.
    pub(super) fn marginal_name(&self) -> Option<MarginalName> {
        let names = self.classes().chain(self.get(b"id")).take(MAX_NAMES).filter_map(|name| {
            let words: Vec<String> = words(name).take(MAX_NAMES).collect();
            let has = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
            let name = if has(MARGINAL_WORDS) {
                MarginalName::Margin
            } else if has(&[SIDEBAR]) {
                MarginalName::Sidebar
            } else {
                return None;
            };
            (!has(WRAPPER_WORDS)).then_some(name)
        });
        names.max()
    }

    fn classes(&self) -> impl Iterator<Item = &str> {
        self.get(b"class").unwrap_or_default().split_ascii_whitespace()
    }
}

/// The words of a name: `relatedPosts-2` and `related_posts` have two.
fn words(name: &str) -> impl Iterator<Item = String> {
    name.split(|letter: char| !letter.is_ascii_alphabetic()).flat_map(|part| {
        let mut words = vec![String::new()];
        let mut was_small = false;
        for letter in part.chars() {
            if letter.is_ascii_uppercase() && was_small {
                words.push(String::new());
            }
            was_small = letter.is_ascii_lowercase();
            if let Some(word) = words.last_mut() {
                word.push(letter.to_ascii_lowercase());
            }
        }
        words
    })
}
