//! What a child may use, and how it is told.

/// Names of the arguments.
const MIME_TYPE: &str = "--mime-type";
const INPUT_BYTES: &str = "--input-bytes";
const MEMORY_BYTES: &str = "--memory-bytes";
const CPU_SECONDS: &str = "--cpu-seconds";

/// What a child may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChildLimits {
    /// Most bytes of a file.
    pub input_bytes: u64,
    /// Most bytes of address space: the file, its text and all that is made on the way.
    pub memory_bytes: u64,
    /// Most seconds of a processor's time.
    pub cpu_seconds: u64,
}

impl Default for ChildLimits {
    /// A file of 200 MiB, 512 MiB of memory, 25 seconds.
    fn default() -> Self {
        Self { input_bytes: 200 * 1024 * 1024, memory_bytes: 512 * 1024 * 1024, cpu_seconds: 25 }
    }
}

impl ChildLimits {
    pub(super) fn to_arguments(self, mime_type: &str) -> Vec<String> {
        vec![
            MIME_TYPE.to_owned(),
            mime_type.to_owned(),
            INPUT_BYTES.to_owned(),
            self.input_bytes.to_string(),
            MEMORY_BYTES.to_owned(),
            self.memory_bytes.to_string(),
            CPU_SECONDS.to_owned(),
            self.cpu_seconds.to_string(),
        ]
    }

    /// Reads the MIME type and the limits; those that are not told are the default ones.
    pub(super) fn from_arguments(arguments: impl IntoIterator<Item = String>) -> Result<(String, Self), String> {
        let mut limits = Self::default();
        let mut mime_type = None;
        let mut arguments = arguments.into_iter();
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            let number = || value.parse().map_err(|_| format!("{name} needs a whole number, not {value}"));
            match name.as_str() {
                MIME_TYPE => mime_type = Some(value),
                INPUT_BYTES => limits.input_bytes = number()?,
                MEMORY_BYTES => limits.memory_bytes = number()?,
                CPU_SECONDS => limits.cpu_seconds = number()?,
                _ => return Err(format!("there is no argument {name}")),
            }
        }
        Ok((mime_type.ok_or_else(|| format!("{MIME_TYPE} is missing"))?, limits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_as_they_are_written() {
        let limits = ChildLimits { input_bytes: 1, memory_bytes: 2, cpu_seconds: 3 };
        let read = ChildLimits::from_arguments(limits.to_arguments("text/plain"));
        assert_eq!(read, Ok(("text/plain".to_owned(), limits)));
        for wrong in [&["--mime-type"][..], &[], &["--x", "1"], &["--cpu-seconds", "-1"]] {
            assert!(ChildLimits::from_arguments(wrong.iter().map(ToString::to_string)).is_err(), "{wrong:?}");
        }
    }
}
