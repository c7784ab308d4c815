use super::*;

/// Kind and text of each block.
fn blocks(document: &ParsedDocument) -> Vec<(BlockKind, String)> {
    let scalars: Vec<char> = document.text.chars().collect();
    document
        .blocks
        .iter()
        .map(|block| (block.kind, scalars[block.start as usize..block.end as usize].iter().collect()))
        .collect()
}

fn markdown(text: &str) -> Vec<(BlockKind, String)> {
    blocks(&parse_markdown(text))
}

fn pair(kind: BlockKind, text: &str) -> (BlockKind, String) {
    (kind, text.to_owned())
}

const fn heading(level: u8) -> BlockKind {
    BlockKind::Heading { level }
}

#[test]
fn headings_of_both_styles_are_found_without_their_marks() {
    let found = markdown("# Zürich #\nText\n\nUnder\n=====\n\nSecond\n------\n\n####### seven\n#no\n");
    let expected = [
        pair(heading(1), "Zürich"),
        pair(BlockKind::Paragraph, "Text"),
        pair(heading(1), "Under"),
        pair(heading(2), "Second"),
        pair(BlockKind::Paragraph, "####### seven\n#no"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn code_tables_and_lists_are_blocks_of_their_own() {
    let text =
        "Intro\n- one\n- two\n  more\n\n```rust\n# not a heading\n\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\nafter\n";
    let expected = [
        pair(BlockKind::Paragraph, "Intro"),
        pair(BlockKind::List, "- one\n- two\n  more"),
        pair(BlockKind::Code, "```rust\n# not a heading\n\n```"),
        pair(BlockKind::Table, "| a | b |\n|---|---|\n| 1 | 2 |"),
        pair(BlockKind::Paragraph, "after"),
    ];
    assert_eq!(markdown(text), expected);
}

#[test]
fn indented_text_is_code_but_for_the_rest_of_a_list_item() {
    let found = markdown("Text\n\n    let a = 1;\n\n    let b = 2;\n\n1. item\n\n    still item\n");
    let expected = [
        pair(BlockKind::Paragraph, "Text"),
        pair(BlockKind::Code, "    let a = 1;\n\n    let b = 2;"),
        pair(BlockKind::List, "1. item"),
        pair(BlockKind::List, "still item"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_year_at_the_start_of_a_wrapped_line_is_no_list() {
    assert_eq!(markdown("It was\n1984. And so\n").len(), 1);
}

#[test]
fn a_fence_that_never_closes_ends_with_the_text() {
    assert_eq!(markdown("~~~\na\n\n# b"), [pair(BlockKind::Code, "~~~\na\n\n# b")]);
}

#[test]
fn the_title_comes_from_the_metadata_or_the_first_outer_heading() {
    let document = parse_markdown("---\ntitle: \"The Book\"\ndate: x\n---\n# Chapter\n");
    assert_eq!(document.title.as_deref(), Some("The Book"));
    assert_eq!(blocks(&document)[0].0, BlockKind::Code);
    assert_eq!(parse_markdown("## a\n# b\n").title.as_deref(), Some("b"));
    assert_eq!(parse_markdown("---\nno end").title, None);
}

#[test]
fn plain_text_has_paragraphs_only_and_loses_nul() {
    let document = parse_plain_text("# a\r\nb\0\r\n\r\n\r\n  c  \n");
    assert_eq!(document.text, "# a\nb\n\n\n  c  \n");
    assert_eq!(blocks(&document), [pair(BlockKind::Paragraph, "# a\nb"), pair(BlockKind::Paragraph, "c")]);
}

#[test]
fn deep_nesting_is_read_line_by_line() {
    let quotes = format!("{} deep", ">".repeat(100_000));
    assert_eq!(markdown(&quotes).len(), 1);
    let list: String = (0..2_000).map(|depth| format!("{}- x\n", " ".repeat(depth))).collect();
    assert_eq!(markdown(&list).len(), 1);
    assert!(markdown(&"#".repeat(100_000)).len() == 1);
}

#[test]
fn every_end_of_a_line_is_one() {
    for end in ["\n", "\r\n", "\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}"] {
        let text = ["# Title", "Text one", "", "Text two", "- item", "", "Under", "="].join(end);
        let expected = [
            pair(heading(1), "Title"),
            pair(BlockKind::Paragraph, "Text one"),
            pair(BlockKind::Paragraph, "Text two"),
            pair(BlockKind::List, "- item"),
            pair(heading(1), "Under"),
        ];
        assert_eq!(markdown(&text), expected, "{end:?}");
        assert_eq!(parse_plain_text(format!("one{end}{end}two")).blocks.len(), 2, "{end:?}");
        assert_eq!(parse_markdown(format!("---{end}title: T{end}---{end}x")).title.as_deref(), Some("T"), "{end:?}");
    }
    assert_eq!(parse_plain_text("a\r\r\nb\n\rc").text, "a\n\nb\n\nc");
    assert_eq!(parse_markdown("+++\ntitle = \"T\"\n+++\nx").title.as_deref(), Some("T"));
}

#[test]
fn tags_and_comments_of_html_are_no_words() {
    let text = "<p align=\"center\"><img src=logo.svg></p>\n\n# Fig <a name=fig></a>\nPress <kbd>Ctrl</kbd><br/>now<!-- or not\n\
        at all --> and here.\n\n<!-- hidden -->\n<details>\n<summary>More</summary>\n\nIn it: 1 < 2 <Vec> `<b>` a<b.\n</details>";
    let expected = [
        pair(heading(1), "Fig"),
        pair(BlockKind::Paragraph, "Press Ctrl now\n and here."),
        pair(BlockKind::Paragraph, "More"),
        pair(BlockKind::Paragraph, "In it: 1 < 2 <Vec> `<b>` a<b."),
    ];
    assert_eq!(markdown(text), expected);
    let code = "```html\n<!-- kept -->\n<b>\n```";
    assert_eq!(markdown(code), [pair(BlockKind::Code, code)]);
    assert_eq!(markdown("x\n\n    <b>indented</b>")[1], pair(BlockKind::Code, "    <b>indented</b>"));
    // Nothing ends these.
    for open in ["<!-- never", "a <b", "a `<T>"] {
        assert_eq!(markdown(open), [pair(BlockKind::Paragraph, open)]);
    }
}

#[test]
fn hostile_markup_costs_its_length() {
    for text in ["<a ", "`` ` ", "<!--", "<b><", "-\n", "ab-\nc "] {
        let text = text.repeat(200_000);
        let _ = (parse_markdown(text.as_str()), parse_plain_text(text));
    }
}

#[test]
fn words_that_the_end_of_a_line_broke_are_put_together() {
    for (broken, whole) in [
        ("Das Installa-\ntionssystem läuft.", "Das Installationssystem läuft."),
        ("the effi-\n   cient way", "the efficient way"),
        ("une instal\u{2010}\r\nlation", "une installation"),
        ("Прави-\nтельство", "Правительство"),
        // Its own hyphen, by how the text writes it elsewhere.
        ("a long-\nterm plan is a long-term plan", "a long-\nterm plan is a long-term plan"),
        ("a well-\nknown man is known well", "a well-\nknown man is known well"),
        // Nothing was broken.
        ("Vor-\nund Nachteile", "Vor-\nund Nachteile"),
        ("an e-\nmail", "an e-\nmail"),
        ("Karl-\nMarx", "Karl-\nMarx"),
        ("- one -\ntwo 5-\nfold", "- one -\ntwo 5-\nfold"),
        ("end-\n\nnew", "end-\n\nnew"),
    ] {
        assert_eq!(parse_plain_text(broken).text, whole, "{broken}");
    }
}
