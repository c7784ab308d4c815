//! Lines of scripts that are written from right to left, in the order of reading.

/// What stands between the letters of two directions belongs to neither of them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Left,
    Right,
    Neither,
}

/// A line in the order in which it is read, from the order in which it stands, left to right.
///
/// Of the bidirectional algorithm (UAX 9) this is what undoes one line without marks of its own: the
/// direction of most letters is the line's, and stretches of the other one are turned within it.
pub(super) fn logical(line: &str) -> String {
    let characters: Vec<char> = line.chars().collect();
    let letters = || characters.iter().filter(|character| character.is_alphabetic());
    let count = |direction| letters().filter(|character| of(**character) == direction).count();
    let leftwards = count(Direction::Right);
    if leftwards == 0 {
        return line.to_owned();
    }
    let is_leftwards = leftwards >= count(Direction::Left);
    let other = if is_leftwards { Direction::Left } else { Direction::Right };
    let is_of_line = |character: &char| !matches!(of(*character), Direction::Neither) && of(*character) != other;
    let mut out: Vec<char> = characters;
    if is_leftwards {
        turn(&mut out);
    }
    let mut at = 0;
    while at < out.len() {
        if of(out[at]) != other {
            at += 1;
            continue;
        }
        // The stretch ends with its last letter before one of the line's own direction.
        let end = out[at..].iter().position(is_of_line).map_or(out.len(), |end| at + end);
        let last = out[at..end].iter().rposition(|character| of(*character) == other).unwrap_or(0);
        turn(&mut out[at..=at + last]);
        at = end;
    }
    out.into_iter().collect()
}

/// Turns a stretch round. A bracket that opened it closes it then, and looks so.
fn turn(stretch: &mut [char]) {
    const PAIRS: &[(char, char)] = &[('(', ')'), ('[', ']'), ('{', '}'), ('<', '>'), ('«', '»')];
    stretch.reverse();
    for character in stretch {
        for &(open, close) in PAIRS {
            if *character == open {
                *character = close;
            } else if *character == close {
                *character = open;
            }
        }
    }
}

fn of(character: char) -> Direction {
    match character {
        // Numbers stand from left to right in every script.
        _ if character.is_numeric() => Direction::Left,
        '\u{590}'..='\u{8ff}'
        | '\u{fb1d}'..='\u{fdff}'
        | '\u{fe70}'..='\u{fefc}'
        | '\u{10800}'..='\u{10fff}'
        | '\u{1e800}'..='\u{1efff}' => Direction::Right,
        _ if character.is_alphanumeric() => Direction::Left,
        _ => Direction::Neither,
    }
}

#[cfg(test)]
mod tests {
    use super::logical;

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
        ] {
            assert_eq!(logical(visual), read);
        }
    }
}
