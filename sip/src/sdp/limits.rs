//! How much a stranger may make us read.

/// Upper bounds that [`Description::parse`](super::Description::parse) holds a description to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole description.
    pub bytes: usize,
    /// Bytes of one line, without its end.
    pub line_bytes: usize,
    /// Lines.
    pub lines: usize,
    /// `m=` lines: each may cost its receiver a pair of ports.
    pub sections: usize,
}

impl Limits {
    /// No bound but the address space: for descriptions that we wrote ourselves.
    pub const NONE: Limits = Limits {
        bytes: u32::MAX as usize,
        line_bytes: u32::MAX as usize,
        lines: u32::MAX as usize,
        sections: u32::MAX as usize,
    };
}

impl Default for Limits {
    /// Several times what browsers send, which send most: 32 KiB, 1,024 lines of 4 KiB, 16 media.
    fn default() -> Limits {
        Limits { bytes: 32_768, line_bytes: 4_096, lines: 1_024, sections: 16 }
    }
}
