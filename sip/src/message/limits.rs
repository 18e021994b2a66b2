//! How much a stranger may make us read.

/// Upper bounds that [`Message::parse`](crate::Message::parse) holds a message to, and [`Framer`](crate::Framer) a stream.
///
/// There is no bound for nesting because nothing that is read here nests: a quoted string ends at its first bare quote
/// and a URI at its first closing bracket, comments are carried unopened, and no function of the parser calls itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole message, start line to end of body.
    pub message_bytes: usize,
    /// Bytes of one logical line: the start line, or a header with all its folds.
    pub line_bytes: usize,
    /// Header lines in one message.
    pub headers: usize,
    /// Via values in one request, however they are spread over lines: each is read, to find loops.
    pub vias: usize,
}

impl Limits {
    /// No bound but the address space: for messages that we built ourselves.
    pub const NONE: Limits = Limits {
        message_bytes: usize::MAX,
        line_bytes: usize::MAX,
        headers: u16::MAX as usize,
        vias: usize::MAX,
    };
}

impl Default for Limits {
    /// A datagram's worth of message, 8 KiB a line, 256 headers, and more hops than Max-Forwards mostly allows (70).
    fn default() -> Limits {
        Limits { message_bytes: 65_535, line_bytes: 8_192, headers: 256, vias: 100 }
    }
}
