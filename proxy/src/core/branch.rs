//! Branches and tokens: what ties a response to a request, copies of a request to each other, and a request that
//! came back to its first visit.

use ringway_sip::{Message, Name, Via};
use std::{
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
};

/// Marks all copies of one request that the ingress sends over different paths, on the ingress' Via.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(u64);

impl Token {
    /// The Via parameter that carries it.
    pub const PARAM: &'static str = "rw-token";

    /// Reads the value of the Via parameter.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 16).then(|| u64::from_str_radix(text, 16).ok().map(Self)).flatten()
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Mints branches and tokens from a seed, so that a run can be repeated.
#[derive(Debug)]
pub struct Mint {
    seed: u64,
    count: u64,
}

impl Mint {
    /// `seed` should be unknown to strangers and different for every process.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, count: 0 }
    }

    /// RFC 3261 §16.6 step 8: unique, with the magic cookie, and ending in the request's loop mark.
    pub fn branch(&mut self, mark: LoopMark) -> String {
        branch(self.next(), mark)
    }

    /// A token for one request.
    pub fn token(&mut self) -> Token {
        Token(self.next())
    }

    /// A tag for the To header of an answer of our own. The same request gets the same one (RFC 3261 §8.2.7), so an
    /// answer can be given without remembering it.
    #[must_use]
    pub fn tag(&self, request: &Message) -> String {
        let mut hasher = DefaultHasher::new();
        (self.seed, request.from_tag(), request.call_id()).hash(&mut hasher);
        (request.cseq().number, request.branch()).hash(&mut hasher);
        hex(hasher.finish())
    }

    /// Likewise for a datagram that is no message.
    #[must_use]
    pub fn tag_of(&self, datagram: &[u8]) -> String {
        let mut hasher = DefaultHasher::new();
        (self.seed, datagram).hash(&mut hasher);
        hex(hasher.finish())
    }

    /// RFC 3261 §16.11: the branch of a request forwarded without state is a function of the request, so that a
    /// retransmission gets the same one.
    #[must_use]
    pub fn stateless_branch(&self, request: &Message) -> String {
        let mark = LoopMark::of(self.identity(request));
        let mut hasher = DefaultHasher::new();
        (self.seed, request.branch(), request.call_id(), request.cseq().number).hash(&mut hasher);
        branch(hasher.finish(), mark)
    }

    /// A hash over all that says which request this is and decides where it goes: what a request shares with itself when
    /// it comes over another way (RFC 3261 §8.2.2.2), and with no other.
    #[must_use]
    pub fn identity(&self, request: &Message) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.seed.hash(&mut hasher);
        request.uri().hash(&mut hasher);
        for route in request.lines(Name::Route) {
            route.hash(&mut hasher);
        }
        (request.from_tag(), request.to_tag(), request.call_id()).hash(&mut hasher);
        (request.cseq().number, request.first(Name::ProxyRequire)).hash(&mut hasher);
        hasher.finish()
    }

    fn next(&mut self) -> u64 {
        self.count += 1;
        let mut hasher = DefaultHasher::new();
        (self.seed, self.count).hash(&mut hasher);
        hasher.finish()
    }
}

fn branch(number: u64, mark: LoopMark) -> String {
    let mut branch = String::with_capacity(32);
    branch.push_str(Via::COOKIE);
    push_hex(&mut branch, number, 16);
    branch.push('-');
    push_hex(&mut branch, mark.0.into(), 8);
    branch
}

fn hex(number: u64) -> String {
    let mut text = String::with_capacity(16);
    push_hex(&mut text, number, 16);
    text
}

/// `number` in so many hexadecimal digits: `{:016x}` takes three times as long, and this is done for every request.
fn push_hex(text: &mut String, number: u64, digits: u32) {
    let digit = |place: u32| char::from(b"0123456789abcdef"[(number >> (4 * place) & 15) as usize]);
    text.extend((0..digits).rev().map(digit));
}

/// The second half of our branches (RFC 3261 §16.6 step 8). The same request coming back with the same mark is a loop;
/// with another one it is a spiral, and legal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoopMark(u32);

impl LoopMark {
    /// The mark of a request of this [`Mint::identity`].
    #[must_use]
    pub fn of(identity: u64) -> Self {
        Self((identity & 0xffff_ffff) as u32)
    }

    /// Whether `branch` (one of ours) carries this mark.
    #[must_use]
    pub fn is_in(self, branch: &str) -> bool {
        branch.rsplit_once('-').is_some_and(|(_, mark)| mark == self.to_string())
    }
}

impl fmt::Display for LoopMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}
