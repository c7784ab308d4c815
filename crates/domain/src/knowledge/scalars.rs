//! Translates between byte offsets and counts of Unicode scalar values, going forward through a text.

/// Walks a text once. Offsets asked must not go back; one that does is answered with where the
/// cursor stands, as is one behind the end.
pub(super) struct ScalarCursor<'a> {
    text: &'a str,
    byte: usize,
    scalar: usize,
}

impl<'a> ScalarCursor<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, byte: 0, scalar: 0 }
    }

    /// Scalar values before the byte offset, which is a character boundary.
    pub(super) fn scalar_of(&mut self, byte: usize) -> u32 {
        if let Some(skipped) = self.text.get(self.byte..byte) {
            self.scalar += skipped.chars().count();
            self.byte = byte;
        }
        u32::try_from(self.scalar).unwrap_or(u32::MAX)
    }

    /// The byte offset of the scalar value with this number.
    pub(super) fn byte_of(&mut self, scalar: u32) -> usize {
        let wanted = scalar as usize;
        for character in self.text[self.byte..].chars() {
            if self.scalar >= wanted {
                break;
            }
            self.scalar += 1;
            self.byte += character.len_utf8();
        }
        self.byte
    }
}
