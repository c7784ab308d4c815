//! Server-sent events, read as they come: any split of the bytes gives the same events.

/// Longest line and longest data of one event, in bytes: twice what an answer may have, as some peers send all of it, or a
/// picture, in one.
pub const MAX_EVENT_BYTES: usize = 8 * 1024 * 1024;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SseEvent {
    /// Its name; empty for the default.
    pub event: String,
    /// Its lines of data, joined by line feeds.
    pub data: String,
}

/// A line or an event is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event has more than {MAX_EVENT_BYTES} bytes")]
pub struct TooLong;

/// Reads an event stream (WHATWG HTML, "Server-sent events"): lines end in CRLF, LF or CR, and bytes that are no UTF-8
/// become U+FFFD. Unlike there a line that is `whole` by itself is an event by itself: some peers leave out the blank
/// lines between.
#[derive(Debug)]
pub struct SseParser {
    is_whole: fn(&str) -> bool,
    line: Vec<u8>,
    event: String,
    data: Option<String>,
    after_return: bool,
    after_first_line: bool,
}

impl SseParser {
    /// A reader at the beginning of a stream; `is_whole` says of a line of data whether nothing can follow it.
    #[must_use]
    pub fn new(is_whole: fn(&str) -> bool) -> Self {
        let (line, event) = Default::default();
        Self { is_whole, line, event, data: None, after_return: false, after_first_line: false }
    }

    /// Reads more bytes and returns the events that they complete. After an error nothing more is to be fed.
    ///
    /// # Errors
    /// [`TooLong`]; the events before it are in `events`.
    pub fn feed(&mut self, mut bytes: &[u8], events: &mut Vec<SseEvent>) -> Result<(), TooLong> {
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
    /// [`TooLong`].
    pub fn finish(&mut self) -> Result<Option<SseEvent>, TooLong> {
        let mut events = Vec::new();
        self.end_line(&mut events)?;
        self.dispatch(&mut events);
        Ok(events.pop())
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.line.len() + bytes.len() > MAX_EVENT_BYTES {
            return Err(TooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, events: &mut Vec<SseEvent>) -> Result<(), TooLong> {
        let bytes = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&bytes);
        let mut line = line.as_ref();
        if !std::mem::replace(&mut self.after_first_line, true) {
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        if line.is_empty() {
            self.dispatch(events);
            return Ok(());
        }
        let (field, value) = match line.split_once(':') {
            // Ollama tells an error in the middle of a stream as a line of JSON, in no field at all.
            Some(_) if line.starts_with('{') => ("data", line),
            Some((field, value)) => (field, value.strip_prefix(' ').unwrap_or(value)),
            None => (line, ""),
        };
        match field {
            "data" => {
                // Only the first line of an event is looked at, so that no text is read again and again.
                if self.data.as_ref().is_some_and(|data| !data.contains('\n') && (self.is_whole)(data)) {
                    self.dispatch(events);
                }
                match &mut self.data {
                    Some(data) if data.len() + value.len() >= MAX_EVENT_BYTES => return Err(TooLong),
                    Some(data) => {
                        data.push('\n');
                        data.push_str(value);
                    }
                    None => self.data = Some(value.to_owned()),
                }
            }
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
    fn parse(bytes: &[u8], lengths: &[usize]) -> (Vec<SseEvent>, Option<TooLong>) {
        let mut parser = SseParser::new(|data| data == "[DONE]" || data.starts_with('{'));
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
        assert_eq!(data(b"data: {}\ndata: {1\ndata: [DONE]\n\ndata: a\ndata: {}\n\n"), ["{}", "{1", "[DONE]", "a\n{}"]);
        assert_eq!(data(b"data: caf\xe9 \xf0\x9f\n\n"), ["caf\u{fffd} \u{fffd}"]);
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
    fn json_by_itself_is_data() {
        assert_eq!(data(b"data: {}\n\n{\"error\":{}}\n\ndata: b\n\n"), ["{}", "{\"error\":{}}", "b"]);
    }

    #[test]
    fn the_end_may_come_without_a_blank_line() {
        assert_eq!(data(b"data: a\n\ndata: [DONE]"), ["a", "[DONE]"]);
    }

    #[test]
    fn lines_events_and_bytes_are_bounded() {
        let long = vec![b'x'; MAX_EVENT_BYTES + 1];
        assert_eq!(parse(&long, &[]).1, Some(TooLong));
        assert_eq!(parse(&long, &[MAX_EVENT_BYTES / 2, 7]).1, Some(TooLong));
        let line = [b"data: ".as_slice(), &vec![b'x'; MAX_EVENT_BYTES / 2], b"\n"].concat();
        assert_eq!(parse(&line.repeat(3), &[]).1, Some(TooLong));
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
