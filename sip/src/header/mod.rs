//! Header values, each type read from the text it stands in and borrowing from it. A value is parsed when it is
//! asked for and never before.

mod cseq;
mod list;
mod name_addr;
mod number;
mod params;
mod scan;
mod uri;
mod uri_equivalence;
mod via;

pub use cseq::CSeq;
pub use name_addr::NameAddr;
pub use params::{Param, Params};
pub use uri::Uri;
pub use via::Via;

pub(crate) use list::Elements;
pub(crate) use number::{number, write_number};
pub(crate) use scan::{is_token, token, trim, trim_bytes};
