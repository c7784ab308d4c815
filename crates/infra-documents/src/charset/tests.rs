use encoding_rs::{Encoding, ISO_8859_15, MACINTOSH};

use super::*;

fn text(bytes: impl Into<Vec<u8>>) -> String {
    decode_text(bytes.into()).unwrap().text
}

fn html(bytes: Vec<u8>) -> String {
    decode_html(bytes).unwrap().text
}

fn in_charset(label: &str, text: &str) -> Vec<u8> {
    let (bytes, encoding, has_errors) = Encoding::for_label(label.as_bytes()).unwrap().encode(text);
    assert!(!has_errors && encoding.name().eq_ignore_ascii_case(label), "{label} cannot hold {text}");
    bytes.into_owned()
}

/// Bytes of a charset for which `encoding_rs` has no encoder by this name: found letter by letter.
fn in_single_bytes(encoding: &'static Encoding, text: &str) -> Vec<u8> {
    let letter = |wanted: char| {
        (0..=255).find(|byte| encoding.decode_without_bom_handling(&[*byte]).0.chars().eq([wanted])).unwrap()
    };
    text.chars().map(letter).collect()
}

/// What is said in each charset.
const SENTENCES: &[(&str, &[&str])] = &[
    ("会議は東京で開かれる。次の議題は予算である。", &["Shift_JIS", "EUC-JP", "ISO-2022-JP"]),
    ("契約期間は十五年とする。カタカナも読める。", &["Shift_JIS", "EUC-JP", "ISO-2022-JP"]),
    ("合同有效期为十五年，双方同意。", &["gb18030", "GBK"]),
    ("图书馆星期一不开门，请星期二再来。", &["gb18030", "GBK"]),
    ("合約有效期為十五年", &["Big5"]),
    ("圖書館星期一不開門，請星期二再來。", &["Big5"]),
    ("계약 기간은 십오 년이다.", &["EUC-KR"]),
    ("도서관은 월요일에 문을 닫는다.", &["EUC-KR"]),
    ("Договор действует пятнадцать лет.", &["windows-1251", "KOI8-R", "ISO-8859-5", "IBM866", "x-mac-cyrillic"]),
    ("Библиотека закрыта по понедельникам.", &["windows-1251", "KOI8-R", "ISO-8859-5", "IBM866", "x-mac-cyrillic"]),
    ("Договір діє п'ятнадцять років, і їх продовжують.", &["windows-1251", "KOI8-U"]),
    ("Śnieg spadł w górach zimą", &["ISO-8859-2", "windows-1250"]),
    ("Příliš žluťoučký kůň úpěl ďábelské ódy.", &["ISO-8859-2", "windows-1250"]),
    ("Az ügyfél a szerződést tizenöt évre köti meg, és őrzi a tűz ellen.", &["ISO-8859-2", "windows-1250"]),
    ("สัญญามีอายุสิบห้าปี", &["windows-874"]),
    ("ห้องสมุดปิดวันจันทร์", &["windows-874"]),
    ("العقد ساري المفعول", &["windows-1256", "ISO-8859-6"]),
    ("المكتبة مغلقة يوم الاثنين", &["windows-1256", "ISO-8859-6"]),
    ("Η σύμβαση ισχύει για δεκαπέντε χρόνια.", &["windows-1253", "ISO-8859-7"]),
    ("החוזה תקף לחמש עשרה שנים", &["windows-1255", "ISO-8859-8"]),
    ("Sözleşme on beş yıl geçerlidir.", &["windows-1254"]),
    ("Līgums ir spēkā piecpadsmit gadus.", &["windows-1257", "ISO-8859-13", "ISO-8859-4"]),
    ("Das Gerät wird täglich geprüft; die Größe beträgt fünf Meter.", &["windows-1252", "macintosh"]),
    ("Le café où l’élève a été reçu est fermé à Noël.", &["windows-1252", "macintosh"]),
    ("“Smart quotes” aren’t ASCII — they’re easy to lose…", &["windows-1252", "macintosh"]),
];

#[test]
fn a_sentence_is_enough_to_tell_a_charset() {
    for (sentence, charsets) in SENTENCES {
        for charset in *charsets {
            let bytes = match *charset {
                "macintosh" => in_single_bytes(MACINTOSH, sentence),
                _ => in_charset(charset, sentence),
            };
            assert_eq!(text(bytes), *sentence, "{charset}");
        }
    }
}

#[test]
fn the_charset_is_told() {
    let charset = |bytes: Vec<u8>| decode_text(bytes).unwrap().charset;
    assert_eq!(charset(b"plain".to_vec()), "UTF-8");
    assert_eq!(charset(in_charset("KOI8-R", "Договор действует пятнадцать лет.")), "KOI8-U");
    assert_eq!(charset(in_single_bytes(MACINTOSH, "Das Gerät wird täglich geprüft.")), "macintosh");
    assert_eq!(
        charset(in_single_bytes(ISO_8859_15, "Le cœur et l’œuvre à 5 €".replace('’', "'").as_str())),
        "ISO-8859-15"
    );
}

#[test]
fn what_cannot_be_told_is_said() {
    // Russian in IBM855 and Korean in Johab, which nothing here reads, and no text at all.
    let ibm855 = b"\xa7\xd6\xac\xd6\xeb\xd6\xe1 \xa6\xa8\xbd\xe3\xe5\xeb\xe7\xa8\xe5 \xd8\xde\xe5\xd4\xa0\xa6\xa4\
        \xa0\xe5\xed \xd0\xa8\xe5. \xa3\xb7\xa2\xd0\xb7\xd6\xe5\xa8\xc6\xa0 \xf3\xa0\xc6\xe1\xf1\xe5\xa0\
         \xd8\xd6 \xd8\xd6\xd4\xa8\xa6\xa8\xd0\xed\xd4\xb7\xc6\xa0\xd2, \xa0 \xd2\xe7\xf3\xa8\xbd \xd6\
        \xe5\xc6\xe1\xf1\xe5 \xc6\xa0\xe9\xa6\xf1\xbd \xa6\xa8\xd4\xed, \xc6\xe1\xd6\xd2\xa8 \xe3\xe1\
        \xa8\xa6\xf1.";
    let johab = b"\x89\x81\xb4\xa2 \x8b\xa1\x88e\xb7e \xaf\xb3\xb5\xa1 \x91e\xb7\xa1\xa1a \x95\xa1\xac\xe1\x89\xc5\
        \xb7e \xb6\xa9\xb6a\xb7\xa9\xb5A \xa2\x85\xb7i \x94h\x93e\x94a. \xa4b\xa2\x89\x89\xc5\xb7e \xae\
        \x81\xb6a\xb7\xa9\xb7i \xa8\x81\x89\xa1 \x90i\xa0a\x94a \xa2\x85\xb7i \xb5e\x94a.";
    let all: Vec<u8> = (0x80..=0xff).collect();
    for bytes in [&ibm855[..], johab, &all] {
        let error = decode_text(bytes.to_vec()).unwrap_err();
        assert!(error.message.contains("save it as UTF-8"), "{error}");
    }
}

/// ISO-2022-KR and ISO-2022-CN are ASCII with escapes, as text of a terminal is.
#[test]
fn escaped_charsets_of_korea_and_china_are_refused() {
    for bytes in [&b"\x1b$)C\n\x0e0h>`\x0f 2006\n"[..], b"\x1b$)A\x0eOqJ$SPU<\x0f"] {
        let error = decode_text(bytes.to_vec()).unwrap_err();
        assert!(error.message.contains("save it as UTF-8"), "{error}");
    }
}

/// The four wide charsets, with and without a mark.
fn wide(text: &str, mark: &str) -> [Vec<u8>; 4] {
    let text = format!("{mark}{text}");
    [
        text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        text.chars().flat_map(|letter| u32::from(letter).to_le_bytes()).collect(),
        text.chars().flat_map(|letter| u32::from(letter).to_be_bytes()).collect(),
    ]
}

#[test]
fn wide_charsets_are_told_with_and_without_their_mark() {
    assert_eq!(text("\u{feff}größer"), "größer");
    let others = ["größer 😀\n", "plain words"].into_iter();
    for sentence in others.chain(SENTENCES.iter().map(|(sentence, _)| *sentence)) {
        for bytes in ["\u{feff}", ""].into_iter().flat_map(|mark| wide(sentence, mark)) {
            assert_eq!(text(bytes.clone()), sentence, "{bytes:x?}");
            assert_eq!(decode_head(&bytes).as_deref(), Some(sentence));
        }
    }
}

#[test]
fn a_few_broken_bytes_make_no_other_charset() {
    assert_eq!(text(*b"gr\xf6\xdfer \x80"), "größer €");
    let broken = [&b"\xf6 "[..], "größer".as_bytes()].concat();
    assert_eq!(text(broken), "\u{fffd} größer");
    assert_eq!(text(*b"\x1b[1mbold\x1b[0m"), "[1mbold[0m");
}

#[test]
fn nul_and_its_like_are_dropped_and_ends_of_lines_are_not() {
    assert_eq!(text(*b"a\0b\x07c\td\r\n"), "abc\td\r\n");
    assert_eq!(text("one\u{c}two\u{b}three\u{85}"), "one\u{c}two\u{b}three\u{85}");
}

#[test]
fn pages_declare_their_charset() {
    let page = |declaration: &str| [declaration.as_bytes(), b"<p>\xe4\xee\xec"].concat();
    let late = format!("<!-- {} --><meta charset=windows-1251>", "x".repeat(1100));
    let very_late = format!("<script>{}</script><meta charset='windows-1251'>", "var charset='latin1';".repeat(2000));
    for declaration in [
        "<meta charset=windows-1251>",
        "<META CHARSET = 'Windows-1251' />",
        "<meta http-equiv='Content-Type' content='text/html; charset=windows-1251'>",
        "<meta content=\"text/html;charset=cp1251\" http-equiv=content-type>",
        "<?xml version=\"1.0\" encoding=\"windows-1251\"?>",
        "<!-- <meta charset=iso-8859-7> --><meta charset=windows-1251>",
        "<meta charset=utf-8><meta charset=windows-1251>",
        "<meta charset=nonsense><meta charset=windows-1251>",
        "<meta charset=shift_jis><meta charset=windows-1251>",
        &late,
        &very_late,
    ] {
        assert!(html(page(declaration)).ends_with("дом"), "{declaration}");
    }
    assert!(html("<meta charset=windows-1251>дом".into()).ends_with("дом"));
}

#[test]
fn of_two_declarations_the_one_that_can_be_true_wins() {
    let page = [&b"<meta charset=\"utf-8\"><meta charset=\"gb2312\"><p>"[..], &in_charset("GBK", "合同有效期为十五年")]
        .concat();
    assert!(html(page).ends_with("合同有效期为十五年"));
    let comment = "x".repeat(1100);
    let page = [
        format!("<!--{comment}--><meta charset=windows-1250><p>").as_bytes(),
        &in_charset("windows-1250", "Śnieg spadł"),
    ]
    .concat();
    assert!(html(page).ends_with("Śnieg spadł"));
    // A wrong declaration does not make a page unreadable.
    let page =
        [&b"<meta charset=euc-kr><p>"[..], &in_charset("windows-1251", "Договор действует пятнадцать лет.")].concat();
    assert!(html(page).ends_with("Договор действует пятнадцать лет."));
}
