use domain::gateways::ParsedDocument;

use super::*;

fn page(source: &str) -> ParsedDocument {
    parse(source).finish().unwrap()
}

/// Kind and text of each block.
fn blocks(source: &str) -> Vec<(BlockKind, String)> {
    let document = page(source);
    let scalars: Vec<char> = document.text.chars().collect();
    let text = |start: u32, end: u32| scalars[start as usize..end as usize].iter().collect();
    document.blocks.iter().map(|block| (block.kind, text(block.start, block.end))).collect()
}

fn texts(source: &str) -> Vec<String> {
    blocks(source).into_iter().map(|(_, text)| text).collect()
}

fn pair(kind: BlockKind, text: &str) -> (BlockKind, String) {
    (kind, text.to_owned())
}

#[test]
fn headings_paragraphs_and_the_title_are_told_apart() {
    let source = "<!DOCTYPE html><html><head><title> A &amp; B\n page</title><style>p{}</style></head>
        <body><h1>Gr&ouml;&szlig;e <em>x</em></h1><p>One<br>two &lt;tag&gt;<p>Thr<b>ee</b>&nbsp;words&#x1F600;
        <h2>Sub</h2>bare text<div>in a div</div>";
    let expected = [
        pair(BlockKind::Heading { level: 1 }, "Größe x"),
        pair(BlockKind::Paragraph, "One\ntwo <tag>"),
        pair(BlockKind::Paragraph, "Three words😀"),
        pair(BlockKind::Heading { level: 2 }, "Sub"),
        pair(BlockKind::Paragraph, "bare text"),
        pair(BlockKind::Paragraph, "in a div"),
    ];
    assert_eq!(blocks(source), expected);
    assert_eq!(page(source).title.as_deref(), Some("A & B page"));
}

#[test]
fn lists_keep_their_marks_and_their_nesting() {
    let source = "<ul><li>one<li><p>two</p><p>more</p><ol><li>first</li><li>second</li></ol></li><li></li></ul>after";
    let list = "- one\n- two\nmore\n  1. first\n  2. second";
    assert_eq!(blocks(source), [pair(BlockKind::List, list), pair(BlockKind::Paragraph, "after")]);
}

#[test]
fn tables_have_a_row_a_line() {
    let source = "<table><caption>Sizes</caption><thead><tr><th>a<th>b<th>c</thead>
        <tbody><tr><td>1</td><td></td><td><p>x</p><p>y</p></td></tr><tr><td></td><td>2</td></tr></table>";
    assert_eq!(blocks(source), [pair(BlockKind::Table, "Sizes\na | b | c\n1 |  | x y\n| 2")]);
}

#[test]
fn preformatted_text_keeps_its_white_space() {
    let source = "<p>See</p><pre>\n  let a = 1;\n\n<span>  let</span> b;<br>c\n</pre>";
    let expected = [pair(BlockKind::Paragraph, "See"), pair(BlockKind::Code, "  let a = 1;\n\n  let b;\nc")];
    assert_eq!(blocks(source), expected);
}

#[test]
fn what_is_not_content_is_dropped() {
    let source = "<nav><ul><li>Home</ul></nav><div role=navigation>menu</div><script>var a = '<p>no</p>';</script>
        <noscript>no</noscript><svg><title>icon</title><text>no</text></svg><aside>ad</aside><p hidden>no</p>
        <main><h1>Yes<a class=headerlink href=#>¶</a></h1><aside>note</aside><footer>sources</footer></main>
        <button>Buy</button><footer>imprint</footer><!-- no -->";
    assert_eq!(texts(source), ["Yes", "note", "sources"]);
    assert_eq!(page(source).title, None);
}

#[test]
fn an_end_tag_closes_what_is_left_open_in_it() {
    assert_eq!(texts("<div><nav>menu</div>text"), ["text"]);
    assert_eq!(texts("</div></li></table>text</p>"), ["text"]);
    assert_eq!(texts("<h1>Title</h2>text"), ["Title", "text"]);
    assert_eq!(texts("<head><title>t</title><body><p>text"), ["text"]);
}

#[test]
fn nesting_of_any_depth_is_read_in_one_pass() {
    for (open, close) in [("<div>", "</div>"), ("<ul><li>", "</ul>"), ("<table><tr><td>", ""), ("<b><p>", "</p>")] {
        let source = format!("{}deep{}", open.repeat(100_000), close.repeat(100_000));
        let document = page(&source);
        assert!(document.text.trim_start_matches(['-', ' ', '|']) == "deep", "{open}: {}", document.text);
    }
    assert_eq!(texts(&format!("{}end", "</nav></p><a></b>".repeat(100_000))), ["end"]);
}

#[test]
fn broken_pages_are_read_as_far_as_they_go() {
    for source in ["<", "<p", "<p class=", "&#xffffffff;", "&#0;", "<![CDATA[x]]>", "<!--", "<title>x", "<a<b><c/d e>"]
    {
        let _ = page(source);
    }
}
