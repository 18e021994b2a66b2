//! One-way loss by two counters (RFC 8762): between two answers, what left here and did not arrive there was lost on
//! the way there, whatever happened to the answers.

/// A step back of the reflector's counter by more than any reordering: it was started anew.
const RESTART: i32 = 64;

/// The counters of one lane at the answer with the highest question so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counters {
    latest: Option<(u32, u32)>,
    /// Losses that were told too early, because packets that were overtaken had not arrived yet.
    ahead: u32,
}

/// What one more answer shows of the way there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Passage {
    /// Packets whose fate is known now.
    pub(crate) packets: u32,
    /// Those of them that did not arrive.
    pub(crate) lost: u32,
    /// The answered packet was overtaken on the way there.
    pub(crate) overtaken: bool,
}

impl Counters {
    /// An answer: which question, and how many had arrived there before it.
    pub(crate) fn take(&mut self, question: u32, arrived: u32) -> Passage {
        let Some((last_question, last_arrived)) = self.latest else {
            self.latest = Some((question, arrived));
            return Passage { packets: 1, ..Passage::default() };
        };
        let sent = question.wrapping_sub(last_question).cast_signed();
        let came = arrived.wrapping_sub(last_arrived).cast_signed();
        if came < -RESTART || came > sent.saturating_add(RESTART) {
            *self = Self { latest: Some((question, arrived)), ahead: 0 };
            return Passage::default();
        }
        if sent <= 0 {
            // An older question. If it was counted there after the newer one, it was overtaken on the way.
            return Passage { overtaken: sent < 0 && came > 0, ..Passage::default() };
        }
        self.latest = Some((question, arrived));
        let missing = sent - came;
        if missing < 0 {
            self.ahead = self.ahead.saturating_add(missing.unsigned_abs());
            return Passage { packets: sent.unsigned_abs(), ..Passage::default() };
        }
        let lost = missing.unsigned_abs().min(sent.unsigned_abs());
        let already = self.ahead.min(lost);
        self.ahead -= already;
        Passage { packets: sent.unsigned_abs(), lost: lost - already, overtaken: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(answers: &[(u32, u32)]) -> (u32, u32) {
        let mut counters = Counters::default();
        answers.iter().fold((0, 0), |(packets, lost), &(question, arrived)| {
            let passage = counters.take(question, arrived);
            (packets + passage.packets, lost + passage.lost)
        })
    }

    #[test]
    fn directions_are_told_apart() {
        assert_eq!(lost(&[(0, 0), (1, 1), (4, 2)]), (5, 2), "2 and 3 did not arrive there");
        assert_eq!(lost(&[(0, 0), (1, 1), (4, 4)]), (5, 0), "their answers did not arrive here");
        assert_eq!(lost(&[(u32::MAX, u32::MAX), (2, 1)]), (4, 1), "over the end of both counters");
    }

    #[test]
    fn a_restarted_reflector_is_not_loss() {
        assert_eq!(lost(&[(500, 500), (501, 0), (502, 1)]).1, 0);
    }

    #[test]
    fn an_overtaken_packet_is_not_lost() {
        let mut counters = Counters::default();
        counters.take(0, 0);
        counters.take(1, 1);
        // 3 arrives there before 2.
        assert_eq!(counters.take(3, 2).lost, 1, "as far as can be told");
        assert!(counters.take(2, 3).overtaken);
        counters.take(4, 4);
        assert_eq!(counters.take(6, 5).lost, 0, "what was told too early is taken off");
        assert_eq!(counters.take(8, 6).lost, 1);
    }

    #[test]
    fn absurd_counters_never_panic() {
        for (question, arrived) in [(0, u32::MAX), (u32::MAX, 0), (1 << 31, 1 << 31), (7, 9_999)] {
            let mut counters = Counters::default();
            counters.take(5, 5);
            let passage = counters.take(question, arrived);
            assert!(passage.lost <= passage.packets || passage.packets == 0, "{passage:?}");
        }
    }
}
