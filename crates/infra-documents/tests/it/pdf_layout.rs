//! Lines, columns and tables of PDFs, whatever the order in which they are drawn.

use infra_documents::PDF;

use crate::{blocks, parse, pdf_file};

/// The text of a page whose lines are drawn one by one: font, size, place and text.
async fn drawn(lines: &[(&str, u32, f64, f64, &str)]) -> String {
    let drawing: String = lines
        .iter()
        .map(|(font, size, x, y, text)| format!("BT /{font} {size} Tf {x} {y} Td ({text}) Tj ET\n"))
        .collect();
    text(&drawing).await
}

async fn text(drawing: &str) -> String {
    let document = parse(PDF, pdf_file::page(drawing, &["x"], &[])).await.unwrap();
    let blocks: Vec<String> = blocks(&document).into_iter().map(|(_, text)| text).collect();
    blocks.join("\n\n")
}

/// Every order of a few lines.
fn orders<T: Copy>(lines: &[T]) -> Vec<Vec<T>> {
    if lines.len() < 2 {
        return vec![lines.to_vec()];
    }
    (0..lines.len())
        .flat_map(|first| {
            let mut rest = lines.to_vec();
            let first = rest.remove(first);
            orders(&rest).into_iter().map(move |order| [vec![first], order].concat())
        })
        .collect()
}

#[tokio::test]
async fn a_word_in_another_font_stays_in_its_line() {
    let lines = [
        ("F1", 10, 72.0, 700.0, "Variable data of the packages in the add-on folder must be installed in "),
        ("F2", 10, 398.0, 700.0, "/var/opt/<name>"),
        ("F1", 10, 490.0, 700.0, ", where"),
        ("F1", 10, 72.0, 688.0, "the name is that of the subtree where the static data of the package is kept, and"),
        ("F1", 10, 72.0, 676.0, "no structure is imposed on the rest."),
    ];
    let read = "Variable data of the packages in the add-on folder must be installed in /var/opt/<name> , where\n\
                the name is that of the subtree where the static data of the package is kept, and\n\
                no structure is imposed on the rest.";
    for order in orders(&lines) {
        assert_eq!(drawn(&order).await, read, "{order:?}");
    }
}

#[tokio::test]
async fn raised_and_lowered_letters_stand_at_their_letter() {
    let lines = [
        ("F1", 10, 72.0, 700.0, "The mass is E = mc"),
        ("F1", 7, 160.0, 704.0, "2"),
        ("F1", 10, 165.0, 700.0, " and water is H"),
        ("F1", 7, 232.0, 698.0, "2"),
        ("F1", 10, 236.0, 700.0, "O."),
        ("F1", 10, 72.0, 688.0, "The next line follows."),
    ];
    for order in [lines.to_vec(), lines.iter().rev().copied().collect()] {
        let read = drawn(&order).await;
        assert_eq!(read, "The mass is E = mc2 and water is H2O.\nThe next line follows.", "{order:?}");
    }
}

const LEFT: [&str; 4] = [
    "The first column begins here and its",
    "text goes on for several long lines,",
    "none of which may be mixed with any",
    "of those that stand to the right of it.",
];
const RIGHT: [&str; 4] = [
    "The second column is read when the",
    "first one has come to its end, and it",
    "has as many lines as the first one,",
    "all of them on the same heights.",
];

#[tokio::test]
async fn columns_are_read_one_after_the_other_however_they_are_drawn() {
    let left = || LEFT.iter().enumerate().map(|(at, text)| ("F1", 10, 72.0, 680.0 - 12.0 * at as f64, *text));
    let right = || RIGHT.iter().enumerate().map(|(at, text)| ("F1", 10, 320.0, 680.0 - 12.0 * at as f64, *text));
    let heading =
        ("F1", 10, 72.0, 710.0, "A heading stands over both columns and is as wide as they are, as those of papers do");
    let footer =
        ("F1", 10, 72.0, 600.0, "A note under both columns is read at the end of the page, as wide as it may be set");
    let one_by_one: Vec<_> = left().chain(right()).collect();
    let mut across: Vec<_> = left().zip(right()).flat_map(|(left, right)| [left, right]).collect();
    // The second column is one line shorter.
    across.pop();
    let one_by_one = one_by_one[..one_by_one.len() - 1].to_vec();
    let backwards: Vec<_> = one_by_one.iter().rev().copied().collect();
    let read = [heading.4, &LEFT.join("\n"), &RIGHT[..3].join("\n"), footer.4].join("\n\n");
    for columns in [one_by_one, across, backwards] {
        let first = [vec![heading], columns.clone(), vec![footer]].concat();
        let last = [columns, vec![footer, heading]].concat();
        for lines in [first, last] {
            assert_eq!(drawn(&lines).await, read, "{lines:?}");
        }
    }
}

#[tokio::test]
async fn three_columns_drawn_across_are_three() {
    let column = |name: &str| -> Vec<String> { (1..5).map(|at| format!("line {at} of the {name} column")).collect() };
    let columns = [column("first"), column("second"), column("third")];
    let mut lines = Vec::new();
    for at in 0..4 {
        for (place, column) in columns.iter().enumerate() {
            lines.push(("F1", 10, 60.0 + 170.0 * place as f64, 700.0 - 12.0 * at as f64, column[at].as_str()));
        }
    }
    assert_eq!(drawn(&lines).await, columns.map(|column| column.join("\n")).join("\n\n"));
}

#[tokio::test]
async fn tables_are_read_row_by_row() {
    let rows =
        [["Package", "Version", "Size"], ["banyan", "1.0", "12 MB"], ["oak", "2.31", "8 MB"], ["elm", "0.4", "7 MB"]];
    let mut lines = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        for (column, cell) in row.iter().enumerate() {
            let font = if column == 0 { "F2" } else { "F1" };
            lines.push((font, 10, 72.0 + 120.0 * column as f64, 700.0 - 14.0 * at as f64, *cell));
        }
    }
    assert_eq!(drawn(&lines).await, "Package Version Size\nbanyan 1.0 12 MB\noak 2.31 8 MB\nelm 0.4 7 MB");
    // One string with wide gaps.
    let gaps = "BT /F1 10 Tf 14 TL 72 700 Td [(Name) -6000 (Size)] TJ T* [(oak) -6500 (20)] TJ ET";
    assert_eq!(text(gaps).await, "Name Size\noak 20");
}

#[tokio::test]
async fn a_large_initial_begins_its_word() {
    let lines = [
        ("F1", 34, 72.0, 676.0, "T"),
        ("F1", 10, 96.0, 688.0, "here was an owl in the tree that stood"),
        ("F1", 10, 96.0, 676.0, "by the river, and it hunted at night"),
        ("F1", 10, 72.0, 664.0, "while the others slept."),
    ];
    let read = "There was an owl in the tree that stood\nby the river, and it hunted at night\nwhile the others slept.";
    for order in orders(&lines) {
        assert_eq!(drawn(&order).await.replace("\n\n", "\n"), read, "{order:?}");
    }
}

#[tokio::test]
async fn turned_text_does_not_mix_with_that_beside_it() {
    let drawing = "BT /F1 10 Tf 12 TL 72 700 Td (A line of text) Tj T* (and the next one.) Tj ET
        BT /F1 10 Tf 0 1 -1 0 60 600 Tm (Turned in the margin) Tj ET";
    assert_eq!(text(drawing).await, "A line of text\nand the next one.\n\nTurned in the margin");
}

#[tokio::test]
async fn words_that_lines_and_columns_split_are_joined() {
    let lines = [("F1", 10, 72.0, 700.0, "Das Installa-"), ("F1", 10, 72.0, 688.0, "tionssystem wird gestartet.")];
    assert_eq!(drawn(&lines).await, "Das Installationssystem wird gestartet.");
    let columns = [
        ("F1", 10, 72.0, 700.0, "The first column ends with a word in two: admini-"),
        ("F1", 10, 320.0, 760.0, "stration goes on here."),
    ];
    assert!(drawn(&columns).await.contains("two: administration goes on here."));
    let kept = [("F1", 10, 72.0, 700.0, "The province of North-"), ("F1", 10, 72.0, 688.0, "Brabant")];
    assert_eq!(drawn(&kept).await, "The province of North-\nBrabant");
}

#[tokio::test]
async fn running_heads_and_page_numbers_are_left_out_and_nothing_else() {
    let page = |at: usize| {
        let body: String = (0..5).map(|line| format!("(Page {at} has line {line} of the text.) Tj T* ")).collect();
        let number = if at.is_multiple_of(2) { 72 } else { 500 };
        format!(
            "BT /F1 9 Tf 72 760 Td (Manual of the owl) Tj ET BT /F1 11 Tf 14 TL 72 700 Td {body} ET
             BT /F1 11 Tf 72 600 Td (Yours faithfully,) Tj ET BT /F1 9 Tf {number} 40 Td ({at}) Tj ET"
        )
        .into_bytes()
    };
    let pages: Vec<Vec<u8>> = (8..16).map(page).collect();
    let text = parse(PDF, pdf_file::document(&pages, &[])).await.unwrap().text;
    assert!(!text.contains("Manual of the owl"), "{text}");
    for at in 8..16 {
        for line in 0..5 {
            assert!(text.contains(&format!("Page {at} has line {line} of the text.")), "{text}");
        }
        assert!(!text.lines().any(|line| line.trim() == at.to_string()), "{text}");
    }
    // What repeats within the text is text.
    assert_eq!(text.matches("Yours faithfully,").count(), 8, "{text}");
    // Two pages prove nothing.
    let text = parse(PDF, pdf_file::document(&pages[..2], &[])).await.unwrap().text;
    assert_eq!(text.matches("Manual of the owl").count(), 2);
}

#[tokio::test]
async fn the_title_of_a_section_in_a_running_head_goes_with_the_number_of_its_page() {
    let page = |at: usize| {
        format!(
            "BT /F1 9 Tf 72 760 Td (Section {at}: on the {at}th owl) Tj ET BT /F1 9 Tf 500 760 Td ({at}) Tj ET
             BT /F1 11 Tf 72 700 Td (Owl {at} sleeps.) Tj ET"
        )
        .into_bytes()
    };
    let text = parse(PDF, pdf_file::document(&(1..6).map(page).collect::<Vec<_>>(), &[])).await.unwrap().text;
    assert_eq!(text, (1..6).map(|at| format!("Owl {at} sleeps.")).collect::<Vec<_>>().join("\n\n"));
}

#[tokio::test]
async fn the_number_of_a_page_does_not_part_a_note_in_small_type() {
    let page = |at: usize| {
        format!(
            "BT /F1 7 Tf 9 TL 72 80 Td (A note in small type that is as long as the text of the page is wide) Tj T* (ends.) Tj ET
             BT /F1 10 Tf 300 46 Td ({at}) Tj ET"
        )
        .into_bytes()
    };
    let text = parse(PDF, pdf_file::document(&(1..6).map(page).collect::<Vec<_>>(), &[])).await.unwrap().text;
    let note = "A note in small type that is as long as the text of the page is wide\nends.";
    assert_eq!(text, [note; 5].join("\n\n"));
}

#[tokio::test]
async fn numbers_of_lines_are_left_out_and_those_of_a_table_kept() {
    let lines = |size: usize| -> String {
        let line = |at: usize| {
            let y = 700 - 12 * at;
            format!("BT /F1 {size} Tf 50 {y} Td ({}) Tj ET BT /F1 10 Tf 72 {y} Td (A line of the law) Tj ET\n", at + 10)
        };
        (0..8).map(line).collect()
    };
    assert_eq!(text(&lines(6)).await, ["A line of the law"; 8].join("\n"));
    assert!(text(&lines(10)).await.starts_with("10 A line of the law\n11 A line"));
}

#[tokio::test]
async fn an_accent_over_a_letter_is_one_letter_with_it() {
    // As old typesetters draw it: the accent, back by its width, the letter.
    let drawing = "BT /F3 10 Tf 72 700 Td [(\"!) 500 (#$)] TJ ET";
    let document = parse(PDF, pdf_file::page(drawing, &["\u{a8}", "f", "u", "r"], &[])).await.unwrap();
    assert_eq!(document.text, "f\u{fc}r");
}

#[tokio::test]
async fn pictures_of_icon_fonts_leave_no_trace() {
    let drawing = "BT /F3 10 Tf 72 700 Td (!) Tj /F1 10 Tf ( Call us) Tj ET BT /F3 10 Tf 72 680 Td (!) Tj ET";
    for icon in ["\u{e001}", "\u{f8ff}", "\u{f0001}"] {
        let document = parse(PDF, pdf_file::page(drawing, &[icon], &[])).await.unwrap();
        assert_eq!(document.text, "Call us");
    }
}
