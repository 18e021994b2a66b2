//! The location directory's side of the mesh: what is announced, what came, and what an operator sees of it.

use super::Control;
use crate::{
    location::Directory,
    mesh::{
        convert::{self, Unreadable},
        exchange::{Moment, Output},
        stream::StreamId,
        word::Word,
    },
};

impl Control {
    /// The SIP workers wrote something: it is signed and announced, a bounded number of records at a time.
    pub(super) fn announce(&mut self) {
        let directory = self.directory().clone();
        match self.exchange.announce(&directory, &self.facts.own, &self.facts.identity) {
            Ok(true) => self.announcements.again(),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "cannot sign; the mesh does not hear of this node"),
        }
        self.send_words();
    }

    /// A word about bindings came.
    pub(super) fn on_word(&mut self, id: StreamId, word: Result<Word, Unreadable>) {
        let refused = match word {
            Ok(word) => {
                let directory = self.directory().clone();
                self.exchange.hear(self.moment(), id, word, &directory, self.flood.ledger())
            }
            Err(why) => vec![why.into()],
        };
        for why in &refused {
            self.handle.metrics().mesh_refused(why.label());
        }
        // One line a frame: a frame can have hundreds of records.
        if let Some(why) = refused.first() {
            tracing::warn!(
                peer = %self.streams.name(id), %why, bindings = refused.len(), "refused on a mesh stream"
            );
        }
        self.send_words();
    }

    /// What has to be done now and then: ends are looked at, digests sent, the living counted.
    pub(super) fn tick_bindings(&mut self) {
        let directory = self.directory().clone();
        let Moment { now, unix_ms } = self.moment();
        directory.expire(unix_ms);
        self.exchange.tick(now, &directory);
        self.send_words();
        for (region, live) in directory.live() {
            let count = i64::try_from(live).unwrap_or(i64::MAX);
            self.handle.metrics().registrations_active.with_label_values(&[region.as_str()]).set(count);
        }
    }

    fn send_words(&mut self) {
        let now = self.now();
        while let Some(Output { to, word, origins }) = self.exchange.poll() {
            if !self.send_word(to, convert::binding::to_wire(&word), &origins) {
                self.exchange.missed(now, to);
            }
        }
    }

    fn directory(&self) -> &Directory {
        self.handle.directory()
    }

    fn moment(&self) -> Moment {
        let now = self.now();
        Moment { now, unix_ms: self.handle.clock().at_unix_us(now) / 1000 }
    }
}
