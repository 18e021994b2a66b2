//! What nodes tell each other: signed statements and bindings, flooded over one gRPC stream a pair (DESIGN §5).

pub mod convert;
pub mod dialer;
pub mod exchange;
pub mod flood;
pub mod instruction;
pub mod ledger;
pub mod relay;
pub mod seeds;
pub mod server;
pub mod statement;
pub mod stream;
pub mod word;
