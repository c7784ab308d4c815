//! Server-sent events, read as they come: any split of the bytes gives the same events.

/// Longest line and longest data of one event, in bytes.
pub const MAX_EVENT_BYTES: usize = 1024 * 1024;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SseEvent {
    /// Its name; empty for the default.
    pub event: String,
    /// Its lines of data, joined by line feeds.
    pub data: String,
}

/// Bytes that are no event stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    /// A line or an event is too long.
    #[error("an event has more than {MAX_EVENT_BYTES} bytes")]
    TooLong,
    /// A line is not UTF-8.
    #[error("an event is not valid UTF-8")]
    NotUtf8,
}

/// Reads an event stream (WHATWG HTML, "Server-sent events"): lines end in CRLF, LF or CR.
#[derive(Debug, Default)]
pub struct SseParser {
    line: Vec<u8>,
    event: String,
    data: Option<String>,
    after_return: bool,
    after_first_line: bool,
}

impl SseParser {
    /// Reads more bytes and returns the events that they complete. After an error nothing more is to be fed.
    ///
    /// # Errors
    /// [`SseError`]; the events before it are in `events`.
    pub fn feed(&mut self, mut bytes: &[u8], events: &mut Vec<SseEvent>) -> Result<(), SseError> {
        if self.after_return && bytes.first() == Some(&b'\n') {
            bytes = &bytes[1..];
            self.after_return = false;
        }
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.extend(&bytes[..end])?;
            let length = match &bytes[end..] {
                [b'\r', b'\n', ..] => 2,
                _ => 1,
            };
            self.after_return = bytes[end..] == [b'\r'];
            bytes = &bytes[end + length..];
            self.end_line(events)?;
        }
        if !bytes.is_empty() {
            self.after_return = false;
        }
        self.extend(bytes)
    }

    /// The event that the end of the stream cut off before its blank line, if it has data. What it
    /// holds may be whole or not.
    ///
    /// # Errors
    /// [`SseError`].
    pub fn finish(&mut self) -> Result<Option<SseEvent>, SseError> {
        let mut events = Vec::new();
        self.end_line(&mut events)?;
        self.dispatch(&mut events);
        Ok(events.pop())
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), SseError> {
        if self.line.len() + bytes.len() > MAX_EVENT_BYTES {
            return Err(SseError::TooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, events: &mut Vec<SseEvent>) -> Result<(), SseError> {
        let bytes = std::mem::take(&mut self.line);
        let mut line = std::str::from_utf8(&bytes).map_err(|_| SseError::NotUtf8)?;
        if !std::mem::replace(&mut self.after_first_line, true) {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        if line.is_empty() {
            self.dispatch(events);
            return Ok(());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => match &mut self.data {
                Some(data) if data.len() + value.len() >= MAX_EVENT_BYTES => return Err(SseError::TooLong),
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            "event" => self.event = value.to_owned(),
            // Older servers of llama.cpp tell an error in a field of its own, which the standard does not know.
            "error" => {
                "error".clone_into(&mut self.event);
                self.data = Some(value.to_owned());
            }
            // Comments, ids, retry times and the unknown.
            _ => {}
        }
        Ok(())
    }

    fn dispatch(&mut self, events: &mut Vec<SseEvent>) {
        let event = std::mem::take(&mut self.event);
        if let Some(data) = self.data.take().filter(|data| !data.is_empty()) {
            events.push(SseEvent { event, data });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All events, fed in pieces of the given lengths, with the error that ended them.
    fn parse(bytes: &[u8], lengths: &[usize]) -> (Vec<SseEvent>, Option<SseError>) {
        let mut parser = SseParser::default();
        let mut events = Vec::new();
        let mut rest = bytes;
        for length in lengths {
            let (piece, after) = rest.split_at((*length).min(rest.len()));
            if let Err(error) = parser.feed(piece, &mut events) {
                return (events, Some(error));
            }
            rest = after;
        }
        if let Err(error) = parser.feed(rest, &mut events) {
            return (events, Some(error));
        }
        match parser.finish() {
            Ok(last) => events.extend(last),
            Err(error) => return (events, Some(error)),
        }
        (events, None)
    }

    fn data(bytes: &[u8]) -> Vec<String> {
        parse(bytes, &[]).0.into_iter().map(|event| event.data).collect()
    }

    #[test]
    fn line_ends_comments_and_several_lines_of_data() {
        assert_eq!(data(b"data: a\n\ndata: b\r\n\r\ndata: c\r\rdata:d\n\n"), ["a", "b", "c", "d"]);
        assert_eq!(data(b": hello\n\ndata: a\n: there\ndata:  b\nid: 7\nretry: 1\n\n"), ["a\n b"]);
        assert_eq!(data(b"data\n\nevent: x\n\ndata: \n\n"), [""; 0]);
        assert_eq!(data("\u{feff}data: ä\n\n".as_bytes()), ["ä"]);
    }

    #[test]
    fn names_belong_to_one_event() {
        let (events, _) = parse(b"event: error\ndata: a\n\ndata: b\n\n", &[]);
        assert_eq!(events.iter().map(|event| event.event.as_str()).collect::<Vec<_>>(), ["error", ""]);
        let (events, _) = parse(b"error: {\"code\":500}\n\ndata: b\n\n", &[]);
        assert_eq!((events[0].event.as_str(), events[0].data.as_str()), ("error", "{\"code\":500}"));
    }

    #[test]
    fn the_end_may_come_without_a_blank_line() {
        assert_eq!(data(b"data: a\n\ndata: [DONE]"), ["a", "[DONE]"]);
    }

    #[test]
    fn lines_events_and_bytes_are_bounded() {
        let long = vec![b'x'; MAX_EVENT_BYTES + 1];
        assert_eq!(parse(&long, &[]).1, Some(SseError::TooLong));
        assert_eq!(parse(&long, &[MAX_EVENT_BYTES / 2, 7]).1, Some(SseError::TooLong));
        let line = [b"data: ".as_slice(), &vec![b'x'; MAX_EVENT_BYTES / 2], b"\n"].concat();
        assert_eq!(parse(&line.repeat(3), &[]).1, Some(SseError::TooLong));
        assert_eq!(parse(b"data: \xc3\n\n", &[]).1, Some(SseError::NotUtf8));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn f41_any_split_of_any_bytes_gives_the_same_events(
            pieces in prop::collection::vec(
                prop_oneof![
                    Just(b"data: ".to_vec()), Just(b"data:".to_vec()), Just(b"event: e".to_vec()), Just(b"\n".to_vec()),
                    Just(b"\r".to_vec()), Just(b"\r\n".to_vec()), Just("ä€😀".as_bytes().to_vec()), Just(b": c".to_vec()),
                    Just(vec![0xef, 0xbb, 0xbf]), Just(b"[DONE]".to_vec()), prop::collection::vec(any::<u8>(), 0..4),
                ],
                0..40,
            ),
            lengths in prop::collection::vec(0usize..7, 0..60),
        ) {
            let bytes = pieces.concat();
            prop_assert_eq!(parse(&bytes, &lengths), parse(&bytes, &[]));
        }
    }
}
