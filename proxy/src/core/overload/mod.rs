//! Overload control (RFC 7339, RFC 3261 §21.5.4): who is overloaded gets less, and is never gone around, because every
//! path leads to the same server. Three things: what hops say to each other (`wire`), how much each next hop gets
//! (`element`, which holds what it `told` and the `law` for those that cannot tell), and what this node itself
//! takes in (`admission`).

mod admission;
mod element;
mod flying;
mod law;
mod priority;
mod proof;
mod pulse;
mod round;
mod spread;
mod told;
pub(crate) mod wire;

use admission::{Admission, INTERVAL};
use element::Element;
use ringway_sip::{Message, Name};
use round::ROUND;
use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    time::{Duration, Instant},
};
use wire::{Order, Sequence};

pub use element::{Shed, Why};
pub(crate) use priority::Priority;
pub(crate) use proof::Proofs;

/// Hops that are remembered: more than any region has SBCs and trunks. Phones come and go in it, the longest unused
/// one first, and one phone alone is never overloaded by what this node sees of it.
const ELEMENTS_MAX: usize = 1_024;
/// How long our own order holds: a few intervals, so that a lost response changes nothing.
const VALIDITY: Duration = Duration::from_secs(1);

/// What an operator may turn, and what the node knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Whether anything is held back, told or heard.
    pub enabled: bool,
    /// How long messages may wait here, all the time, before new requests are refused.
    pub target: Duration,
    /// When the node started, in seconds since 1970: orders of one node grow over its restarts (RFC 7339 §4.4).
    pub started_unix_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { enabled: true, target: Duration::from_millis(20), started_unix_s: 0 }
    }
}

/// Something that somebody may want to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// A hop gets less than there is for it, from now on.
    Began(SocketAddr, Why),
    /// It gets everything again.
    Ceased(SocketAddr),
    /// A request was held back from its hop.
    Shed(Why),
    /// A request was refused because this node is overloaded.
    Refused,
    /// What a hop told was `nonsense` or `old`, and ignored.
    Ignored(&'static str),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Overload {
    settings: Settings,
    elements: HashMap<SocketAddr, Element>,
    /// Hops that get less than there is, and why they were the last time that anybody looked.
    troubled: HashMap<SocketAddr, Why>,
    admission: Admission,
    started: Option<Instant>,
    wake: Option<Instant>,
    news: VecDeque<News>,
}

impl Overload {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            elements: HashMap::new(),
            troubled: HashMap::new(),
            admission: Admission::new(settings.target),
            started: None,
            wake: None,
            news: VecDeque::new(),
        }
    }

    /// Messages that come now have waited for so long.
    pub(crate) fn note_wait(&mut self, now: Instant, waited: Duration) {
        if self.settings.enabled {
            self.admission.note(now, waited);
            self.plan(now);
        }
    }

    /// Whether this node is too busy for that request.
    pub(crate) fn refuses(&mut self, request: &Message) -> bool {
        let refuses = self.admission.share() > 0.0
            && self.admission.refuses(Priority::of(request), wire::is_announced(&request.via()));
        if refuses {
            self.news.push_back(News::Refused);
        }
        refuses
    }

    /// The share of new requests that this node refuses, 0 to 1.
    pub(crate) fn share(&self) -> f64 {
        self.admission.share()
    }

    /// How many hops get less than there is for them.
    pub(crate) fn throttled(&self) -> usize {
        self.troubled.len()
    }

    /// What to tell those before us; `None` when all is well.
    pub(crate) fn order(&mut self, now: Instant) -> Option<Order> {
        let share = self.admission.share();
        if share <= 0.0 {
            return None;
        }
        let started = *self.started.get_or_insert(now);
        let since = now.saturating_duration_since(started);
        let sequence = Sequence {
            seconds: self.settings.started_unix_s + since.as_secs(),
            fraction: since.subsec_micros() / 10,
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
        let percent = (share * 100.0).round() as u8;
        Some(Order { percent, validity: VALIDITY, sequence: Some(sequence) })
    }

    /// Whether a request may go to a hop. `infers`: also by how it answers, which says something of an edge element only:
    /// a proxy of the mesh tells.
    ///
    /// # Errors
    /// It may not.
    pub(crate) fn offer(
        &mut self,
        now: Instant,
        to: SocketAddr,
        infers: bool,
        request: &Message,
    ) -> Result<(), Shed> {
        if !self.settings.enabled || (!infers && !self.elements.contains_key(&to)) {
            return Ok(());
        }
        let offered = self.element(now, to).offer(now, Priority::of(request));
        if let Err(shed) = offered {
            self.news.push_back(News::Shed(shed.why));
        }
        self.look(now, to);
        offered
    }

    /// An INVITE went to an edge element.
    pub(crate) fn note_sent(&mut self, now: Instant, to: SocketAddr) {
        self.at(now, to, |element| element.note_sent(now));
    }

    /// An edge element gave its first answer to an INVITE that was sent at `sent`.
    pub(crate) fn note_answer(&mut self, now: Instant, to: SocketAddr, sent: Instant, reliable: bool) {
        self.at(now, to, |element| element.note_answer(now, sent, reliable));
    }

    /// An INVITE that was sent to an edge element at `sent`, and is not answered, is sent again.
    pub(crate) fn note_again(&mut self, now: Instant, to: SocketAddr, sent: Instant) {
        self.at(now, to, |element| element.note_again(now, sent));
    }

    /// An edge element refused a request with 503.
    pub(crate) fn note_refused(&mut self, now: Instant, to: SocketAddr, sent: Instant, response: &Message) {
        let retry_after = retry_after(response);
        self.at(now, to, |element| element.note_refused(now, sent, retry_after));
    }

    /// A response came from a hop: what its topmost Via, which is ours, says.
    pub(crate) fn hear(&mut self, now: Instant, from: SocketAddr, response: &Message) {
        if !self.settings.enabled {
            return;
        }
        match Order::read(&response.via()) {
            Ok(None) => {}
            // All is well, as with every hop that has told nothing.
            Ok(Some(order)) if order.percent == 0 && !self.elements.contains_key(&from) => {}
            Ok(Some(order)) => {
                if !self.element(now, from).hear(now, order) {
                    self.news.push_back(News::Ignored("old"));
                }
                self.look(now, from);
            }
            Err(wire::Nonsense) => self.news.push_back(News::Ignored("nonsense")),
        }
    }

    /// Whether a hop has told that it is overloaded: when it is late, that is why.
    pub(crate) fn has_told(&self, now: Instant, hop: SocketAddr) -> bool {
        let told = |element: &Element| element.why(now) == Some(Why::Told);
        !self.troubled.is_empty() && self.elements.get(&hop).is_some_and(told)
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.wake
    }

    pub(crate) fn tick(&mut self, now: Instant) {
        if self.wake.is_none_or(|at| now < at) {
            return;
        }
        self.admission.step(now);
        let mut troubled: Vec<SocketAddr> = self.troubled.keys().copied().collect();
        troubled.sort_unstable();
        for to in troubled {
            self.at(now, to, |element| element.step(now));
        }
        self.wake = None;
        self.plan(now);
    }

    pub(crate) fn poll(&mut self) -> Option<News> {
        self.news.pop_front()
    }

    fn at(&mut self, now: Instant, to: SocketAddr, change: impl FnOnce(&mut Element)) {
        if let Some(element) = self.elements.get_mut(&to) {
            change(element);
            self.look(now, to);
        }
    }

    fn element(&mut self, now: Instant, to: SocketAddr) -> &mut Element {
        if !self.elements.contains_key(&to) && self.elements.len() >= ELEMENTS_MAX {
            self.forget_one(now);
        }
        self.elements.entry(to).or_insert_with(|| Element::new(now))
    }

    /// Room for another: of those that get everything, the one that was not used for the longest time.
    fn forget_one(&mut self, now: Instant) {
        let age =
            |(to, element): &(&SocketAddr, &Element)| (element.why(now).is_some(), element.seen(), **to);
        if let Some((&to, _)) = self.elements.iter().min_by_key(age) {
            self.elements.remove(&to);
            self.look(now, to);
        }
    }

    /// Tells when something begins or ceases.
    fn look(&mut self, now: Instant, to: SocketAddr) {
        let why = self.elements.get(&to).and_then(|element| element.why(now));
        if why.is_none() && self.troubled.is_empty() {
            return;
        }
        let was = match why {
            Some(why) => self.troubled.insert(to, why),
            None => self.troubled.remove(&to),
        };
        match (was, why) {
            (None, Some(why)) => self.news.push_back(News::Began(to, why)),
            (Some(_), None) => self.news.push_back(News::Ceased(to)),
            (Some(_), Some(_)) | (None, None) => {}
        }
        self.plan(now);
    }

    /// While anything is held back, time has to be told.
    fn plan(&mut self, now: Instant) {
        let pause = match (self.admission.share() > 0.0, self.troubled.is_empty()) {
            (true, _) => INTERVAL,
            (false, false) => ROUND,
            (false, true) => return self.wake = None,
        };
        let at = now + pause;
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }
}

/// RFC 3261 §20.33: seconds, whatever is said behind them.
pub(crate) fn retry_after(response: &Message) -> Option<Duration> {
    let value = response.first(Name::RetryAfter)?.trim();
    let end = value.find(|next: char| !next.is_ascii_digit()).unwrap_or(value.len());
    // More seconds than a u32 has are as good as any other number that is too large.
    (end > 0).then(|| Duration::from_secs(u64::from(value[..end].parse().unwrap_or(u32::MAX))))
}

#[cfg(test)]
mod tests;
