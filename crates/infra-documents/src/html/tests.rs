use domain::{gateways::ParsedDocument, knowledge::BlockKind};

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
    assert_eq!(texts(source), ["Yes", "note"]);
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

#[test]
fn no_page_is_lost_to_its_own_markup() {
    for (source, expected) in [
        (
            "<body><header role=banner><h1>Logo</h1><main role=main><article><p>The harbour closes at nine.</p></article>
                </main></header></body>",
            &["The harbour closes at nine."][..],
        ),
        ("<header><nav>Home</nav><div role=main><p>In the header.</p></div></header>", &["In the header."]),
        ("<h1>Owls</h1><svg viewBox='0 0 8 8'><title/><path d='M0'/></svg><p>They hunt.</p>", &["Owls", "They hunt."]),
        ("<h1>Owls</h1><svg><style/><g><script/></g></svg><p>They hunt.</p>", &["Owls", "They hunt."]),
        ("<h1>Owls</h1><svg><title>icon</title><p>They hunt.</p>", &["Owls", "They hunt."]),
        ("<h1>Owls</h1><svg><text>no</text></svg><p>They hunt.</p>", &["Owls", "They hunt."]),
        ("<title>Owls<p>They hunt.</p>", &["They hunt."]),
        ("<noscript><p>Turn scripts on.</p></noscript>", &["Turn scripts on."]),
        ("<div class=footer><p>All there is.</p></div>", &["All there is."]),
        ("<nav><ul><li><a href=a>One</a></li><li><a href=b>Two</a></li></ul></nav>", &["- One\n- Two"]),
        ("<template shadowrootmode=open><p>Shown.</p></template><template><p>no</p></template>", &["Shown."]),
        ("<p>One <span hidden>no</span><b>two</p><p>three</b></p>", &["One two", "three"]),
    ] {
        assert_eq!(texts(source), expected, "{source}");
    }
}

#[test]
fn how_a_word_is_spoken_is_not_part_of_it() {
    for source in [
        "<p>会議は<ruby>東京<rt>とうきょう</rt></ruby>で開かれる。</p>",
        "<p>会議は<ruby>東京<rp>（</rp><rt>とうきょう</rt><rp>）</rp></ruby>で開かれる。</p>",
        "<p>会議は<ruby>東<rt>とう京<rt>きょう</ruby>で開かれる。</p>".replace("とう京", "とう<rb>京").as_str(),
        "<p>会議は<ruby><rb>東京</rb><rtc><rt>とうきょう</rt></rtc></ruby>で開かれる。</p>",
    ] {
        assert_eq!(texts(source), ["会議は東京で開かれる。"], "{source}");
    }
}

#[test]
fn what_stands_on_every_page_of_a_site_is_dropped() {
    let text = "Owls hunt at night, by ear, and fly without a sound. They swallow what they catch whole.";
    let site = "<div class='cookie-banner'>We use cookies. Accept all</div>
        <div id=nav><ul><li><a href=/>Home</a></li><li><a href=/a>About</a></li></ul></div>
        <div class=content><h1>Owls</h1><p>TEXT</p></div>
        <div class=sidebar><h3>Related posts</h3><ul><li><a href=/x>Ten more birds</a></li></ul></div>
        <div class=footer>Imprint</div>";
    assert_eq!(texts(&site.replace("TEXT", text)), ["Owls", text]);
    for margin in [
        "<div style='display: none'>x</div>",
        "<div style='color:red;DISPLAY:NONE!important'>x</div>",
        "<p hidden>x</p>",
        "<p aria-hidden=true>x</p>",
        "<span class=sr-only>x</span>",
        "<section id=relatedPosts>x</section>",
        "<div class='post__share'>x</div>",
        "<ul class=breadcrumbs><li>x</ul>",
        "<div class=navheader><table><tr><th>8.6. Owls</th></tr><tr><th>Chapter 8. Birds</th></tr></table></div>",
        "<ul class='docnav top'><li>Previous</li><li>A book of birds</li></ul>",
        "<div role=complementary>x</div>",
        "<div role=navigation>x</div>",
        "<div class=NewsletterSignup>x</div>",
        "<aside>x</aside>",
        "<ul><li><a href=/a>x</a></li><li><a href=/b>y</a></li></ul>",
        "<template>x</template>",
        "<iframe>x</iframe>",
        "<select><option>x</select>",
        "<noscript>x</noscript>",
    ] {
        assert_eq!(texts(&format!("{margin}<h1>Owls</h1><p>{text}</p>{margin}")), ["Owls", text], "{margin}");
    }
}

#[test]
fn a_box_of_a_book_is_not_the_sidebar_of_a_page() {
    let text = "Owls hunt at night, by ear, and fly without a sound. They swallow what they catch whole.";
    let told = "Feathers are told from hair by their shaft, which is hollow and bears the barbs of the vane.";
    let source = format!(
        "<div class=wrap><div class=chapter><div class=para>{text}</div><div class=para>{text} Twice.</div>\
        <div class=sidebar><p class=title>Feathers</p><div class=para>{told}</div></div>\
        <div class=para>{text} Thrice.</div></div><div class=sidebar><p>{told} Beside.</p></div></div>"
    );
    let found = texts(&source);
    assert!(found.iter().any(|block| block == told), "{found:?}");
    assert!(found.iter().all(|block| !block.ends_with("Beside.")), "{found:?}");
}

#[test]
fn content_is_not_dropped_for_what_is_around_it() {
    let text = "Owls hunt at night, by ear, and fly without a sound. They swallow what they catch whole.";
    for source in [
        "<div class='page-with-sidebar'><p>TEXT</p></div>",
        "<body class='has-cookie-banner single'><p>TEXT</p></body>",
        "<div class=widget><p>TEXT</p></div>",
        "<form><p>TEXT</p></form>",
        "<details><summary>TEXT</summary></details>",
        "<table><tr><td>TEXT</td></tr></table>",
        "<div class=comment><main>TEXT</main></div>",
        "<nav><p>Menu</p></nav><footer><p>TEXT</p></footer>",
    ] {
        let found = texts(&source.replace("TEXT", text));
        assert!(found.iter().any(|block| block == text), "{source}: {found:?}");
    }
    // A link in a line of text is text.
    let source = format!("<p>{text} <a href=/more>More of them</a> is to be read.</p>");
    assert_eq!(texts(&source), [format!("{text} More of them is to be read.")]);
}
#[test]
fn headings_that_lead_back_to_the_contents_are_kept() {
    let text = "Owls hunt at night, by ear, and fly without a sound. They swallow what they catch whole.";
    let source = format!(
        "<h1>Birds</h1><ul><li><a href='#id1'>Owls</a></li></ul>\
        <h2><a class=toc-backref href='#id1' role=doc-backlink>Of owls</a></h2><p>{text}</p>\
        <h3><a href=/other>Another page</a></h3>"
    );
    assert_eq!(texts(&source), ["Birds", "Of owls", text]);
}

#[test]
fn a_heading_is_kept_though_all_text_is_in_one_paragraph() {
    let text = "Owls hunt at night, by ear, and fly without a sound. They swallow what they catch whole.";
    for (start, end) in
        [("<p>", "</p>"), ("<blockquote><p>", "</p></blockquote>"), ("<dl><dt>x</dt><dd>", "</dd></dl>")]
    {
        let found = texts(&format!("<h1>Birds</h1><h2>Of owls</h2>{start}{text}{end}"));
        assert_eq!((found[0].as_str(), found[1].as_str()), ("Birds", "Of owls"), "{start}");
    }
}
