//! Lines of scripts that are written from right to left, in the order of reading.

/// What stands between the letters of two directions belongs to neither of them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Left,
    Number,
    Right,
    Neither,
}

/// Whether there is a letter in it that is written from right to left.
pub(super) fn is_from_right(text: &str) -> bool {
    !text.is_ascii() && text.chars().any(|character| of(character) == Direction::Right)
}

/// Letters of a text that are written from left to right, and from right to left.
pub(super) fn letters(text: &str) -> (usize, usize) {
    text.chars().map(of).fold((0, 0), |(left, right), direction| {
        (left + usize::from(direction == Direction::Left), right + usize::from(direction == Direction::Right))
    })
}

/// A line in the order in which it is read, from its glyphs in the order in which they stand, left to
/// right; a glyph of several letters, such as a ligature, holds them as they are read.
///
/// Of the bidirectional algorithm (UAX 9) this is what undoes one line without marks of its own: the
/// direction of most words is the line's, and stretches of the other one are turned within it. On a page that is
/// mostly written from right to left every line is that has such letters, were they few beside foreign names.
/// A number is such a stretch in every line from right to left; beside letters that are written from
/// left to right it belongs to their stretch.
pub(super) fn logical(glyphs: &[&str], is_page_from_right: bool) -> String {
    let words = || glyphs.split(|glyph| glyph.trim().is_empty()).map(|word| letters(&word.concat()));
    let leftwards = words().filter(|(left, right)| right > left).count();
    let rightwards = words().filter(|(left, right)| left > right).count();
    if leftwards == 0 {
        return glyphs.concat();
    }
    let is_leftwards = is_page_from_right || leftwards >= rightwards;
    let mut out: Vec<&str> = glyphs.to_vec();
    if is_leftwards {
        turn(&mut out);
    }
    let is_of_line = |glyph: &str| match direction(glyph) {
        Direction::Right => is_leftwards,
        Direction::Left => !is_leftwards,
        Direction::Number | Direction::Neither => false,
    };
    let is_other = |glyph: &str| match direction(glyph) {
        Direction::Right => !is_leftwards,
        Direction::Left | Direction::Number => is_leftwards,
        Direction::Neither => false,
    };
    let mut at = 0;
    while at < out.len() {
        if !is_other(out[at]) {
            at += 1;
            continue;
        }
        // The stretch ends with its last letter before one of the line's own direction.
        let end = out[at..].iter().position(|glyph| is_of_line(glyph)).map_or(out.len(), |end| at + end);
        let last = at + out[at..end].iter().rposition(|glyph| is_other(glyph)).unwrap_or(0);
        let stretch = &mut out[at..=last];
        if stretch.iter().any(|glyph| matches!(direction(glyph), Direction::Left | Direction::Right)) {
            turn(stretch);
        } else {
            // Numbers with spaces between them are read one by one.
            stretch.split_mut(|glyph| glyph.trim().is_empty()).for_each(turn);
        }
        at = end;
    }
    out.concat()
}

/// Turns a stretch round. A bracket that opened it closes it then, and looks so.
fn turn(stretch: &mut [&str]) {
    const PAIRS: &[(&str, &str)] = &[("(", ")"), ("[", "]"), ("{", "}"), ("<", ">"), ("«", "»"), ("‹", "›")];
    stretch.reverse();
    for glyph in stretch {
        for &(open, close) in PAIRS {
            if *glyph == open {
                *glyph = close;
            } else if *glyph == close {
                *glyph = open;
            }
        }
    }
}

fn direction(glyph: &str) -> Direction {
    glyph.chars().map(of).find(|direction| *direction != Direction::Neither).unwrap_or(Direction::Neither)
}

fn of(character: char) -> Direction {
    match character {
        // Numbers stand from left to right in every script.
        _ if character.is_numeric() => Direction::Number,
        '\u{590}'..='\u{8ff}'
        | '\u{fb1d}'..='\u{fdff}'
        | '\u{fe70}'..='\u{fefc}'
        | '\u{10800}'..='\u{10fff}'
        | '\u{1e800}'..='\u{1efff}'
            if character.is_alphabetic() =>
        {
            Direction::Right
        }
        _ if character.is_alphanumeric() => Direction::Left,
        _ => Direction::Neither,
    }
}

#[cfg(test)]
mod tests {
    use super::logical;

    fn glyphs(visual: &str) -> Vec<&str> {
        visual.split("").filter(|glyph| !glyph.is_empty()).collect()
    }

    #[test]
    fn lines_that_stand_from_right_to_left_are_turned() {
        // As it stands from left to right, and as it is read.
        for (visual, read) in [
            ("plain text, 3.5", "plain text, 3.5"),
            (
                "\u{5dd}\u{5dc}\u{5d5}\u{5e2} \u{5dd}\u{5d5}\u{5dc}\u{5e9}",
                "\u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{5e2}\u{5d5}\u{5dc}\u{5dd}",
            ),
            (".PDF 1.7 \u{5d3}\u{5d2}\u{5d1}\u{5d0}", "\u{5d0}\u{5d1}\u{5d2}\u{5d3} PDF 1.7."),
            (".(\u{5d3}\u{5d2}) \u{5d1}\u{5d0}", "\u{5d0}\u{5d1} (\u{5d2}\u{5d3})."),
            ("(see 3) \u{5d3}\u{5d2} \u{5d1}\u{5d0}", "\u{5d0}\u{5d1} \u{5d2}\u{5d3} (see 3)"),
            ("the word \u{5d1}\u{5d0} \u{5d3}\u{5d2} means", "the word \u{5d2}\u{5d3} \u{5d0}\u{5d1} means"),
            ("2,500 - 12/05 \u{5d1}\u{5d0}", "\u{5d0}\u{5d1} 12/05 - 2,500"),
            ("\u{661}\u{662} \u{628}\u{627}", "\u{627}\u{628} \u{661}\u{662}"),
        ] {
            assert_eq!(logical(&glyphs(visual), false), read);
        }
    }

    #[test]
    fn a_line_of_foreign_names_is_read_as_its_page_is() {
        let glyphs = glyphs("Debian Linux \u{5d1}\u{5d0}");
        assert_eq!(logical(&glyphs, true), "\u{5d0}\u{5d1} Debian Linux");
        assert_eq!(logical(&glyphs, false), "Debian Linux \u{5d0}\u{5d1}");
    }

    #[test]
    fn a_glyph_of_several_letters_is_not_turned_in_itself() {
        let glyphs = ["\u{645}", "\u{644}\u{627}\u{64e}", "\u{633}"];
        assert_eq!(logical(&glyphs, false), "\u{633}\u{644}\u{627}\u{64e}\u{645}");
    }
}
