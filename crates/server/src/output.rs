//! What commands print.

use std::{
    fmt::Display,
    io::{self, ErrorKind, Write},
};

use crate::error::StartError;

/// Prints a line to standard output. Whoever reads it may stop when it has seen enough, as `head` does; that is no fault.
///
/// # Errors
/// [`StartError::Output`], such as when the disk of the file behind it is full.
pub(crate) fn say(text: impl Display) -> Result<(), StartError> {
    write(&mut io::stdout().lock(), text).map_err(StartError::Output)
}

fn write(out: &mut impl Write, text: impl Display) -> io::Result<()> {
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails as its kind says.
    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_has_seen_enough_is_no_fault_and_a_full_disk_is() {
        assert!(write(&mut Failing(ErrorKind::BrokenPipe), "a").is_ok());
        assert!(write(&mut Failing(ErrorKind::StorageFull), "a").is_err());
        let mut written = Vec::new();
        write(&mut written, "a").unwrap();
        assert_eq!(written, b"a\n");
    }
}
