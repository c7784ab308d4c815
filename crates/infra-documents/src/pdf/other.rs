//! What a document shows besides text, and what that means for a user if there is none.

/// What pages show besides text.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Other {
    /// Pictures.
    pub(super) pictures: bool,
    /// Lines and areas.
    pub(super) shapes: bool,
    /// Letters of a font that does not say which they are.
    pub(super) unknown_letters: bool,
}

impl Other {
    /// Adds what another page shows.
    pub(super) fn add(&mut self, page: Self) {
        self.pictures |= page.pictures;
        self.shapes |= page.shapes;
        self.unknown_letters |= page.unknown_letters;
    }

    /// A sentence for the user of a document without text.
    pub(super) fn without_text(self) -> &'static str {
        if self.unknown_letters {
            "the PDF shows letters, but its fonts do not say which they are: save it from the program that made it \
             with its text kept, or run it through a program that recognises text (OCR), and upload the result"
        } else if self.pictures {
            "the PDF holds no text, only pictures. If they show text (a scan), run it through a program that \
             recognises text (OCR), which is not included, and upload the result"
        } else if self.shapes {
            "the PDF holds no text, only drawings. If they show text, run it through a program that recognises text \
             (OCR), which is not included, and upload the result"
        } else {
            "the pages of the PDF are empty: upload a file with text"
        }
    }
}
