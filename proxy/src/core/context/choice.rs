//! RFC 3261 §16.7 steps 6 to 10: which of several answers is given, and giving it.

use super::{Context, Phase};
use crate::core::{engine::Engine, upstream::Word};
use ringway_sip::Name;
use std::time::Instant;

impl Context {
    /// The best final response of all branches goes up.
    pub(super) fn give_best(&mut self, engine: &mut Engine, now: Instant) {
        let words = self.branches.iter().filter_map(|branch| branch.outcome.clone());
        let words: Vec<Word> = words.collect();
        let Some(best) = words.iter().min_by_key(|word| rank(word.code)) else { return };
        let word = match best.code {
            401 | 407 if words.len() > 1 => with_all_challenges(best, &words),
            // RFC 5626 §5.3: to whoever called a name, a flow that is gone is somebody who is away.
            430 => engine.word(&self.request, self.from, 480, "Temporarily Unavailable"),
            _ => best.clone(),
        };
        self.conclude(engine, now, word);
    }

    /// Gives the final answer to the request.
    pub(super) fn conclude(&mut self, engine: &mut Engine, now: Instant, word: Word) {
        self.finish(engine, now);
        self.pass(engine, now, word);
    }

    /// There is an answer. RFC 3261 §16.7 step 10: nobody goes on working for it.
    pub(super) fn finish(&mut self, engine: &mut Engine, now: Instant) {
        self.phase = Phase::Answered;
        self.tiers.clear();
        self.stop_timers(engine);
        self.cancel_attempts(engine, now, |_| true);
    }
}

/// RFC 3261 §16.7 step 6: a 6xx if there is one, else the lowest class, in it what tells the caller how to do better,
/// and last what nobody said but we.
fn rank(code: u16) -> (u16, u16) {
    let class = if code >= 600 { 0 } else { code / 100 };
    let within = match code {
        401 | 407 | 415 | 420 | 484 => 0,
        408 | 430 | 487 => 2,
        _ => 1,
    };
    (class, within)
}

/// RFC 3261 §16.7 step 7: the caller has to answer the challenges of all branches.
fn with_all_challenges(best: &Word, words: &[Word]) -> Word {
    let message = best.message();
    let mut edit = message.edit();
    for word in words.iter().filter(|word| matches!(word.code, 401 | 407) && word.bytes != best.bytes) {
        let other = word.message();
        for name in [Name::WwwAuthenticate, Name::ProxyAuthenticate] {
            for challenge in other.lines(name).filter_map(|line| std::str::from_utf8(line).ok()) {
                edit.push_first(name, challenge);
            }
        }
    }
    Word { code: best.code, bytes: edit.finish() }
}

#[cfg(test)]
mod tests {
    use super::{Word, rank, with_all_challenges};
    use bytes::Bytes;

    #[test]
    fn the_caller_gets_the_challenges_of_all() {
        let word = |code: u16, lines: &str| {
            let head =
                "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\n";
            let text = format!("SIP/2.0 {code} No\r\n{head}Call-ID: c\r\nCSeq: 1 INVITE\r\n{lines}\r\n");
            Word { code, bytes: Bytes::from(text) }
        };
        let words = [
            word(407, "Proxy-Authenticate: Digest realm=\"a\", nonce=\"1\"\r\n"),
            word(401, "WWW-Authenticate: Digest realm=\"b\", nonce=\"2\"\r\n"),
            word(486, "WWW-Authenticate: Digest realm=\"c\"\r\n"),
        ];
        let merged = with_all_challenges(&words[0], &words);
        let text = String::from_utf8(merged.bytes.to_vec()).unwrap();
        assert_eq!(merged.code, 407);
        assert!(
            text.contains("realm=\"a\", nonce=\"1\"") && text.contains("realm=\"b\", nonce=\"2\""),
            "{text}"
        );
        assert!(!text.contains("realm=\"c\""), "{text}");
    }

    #[test]
    fn the_best_of_several_answers() {
        for (codes, best) in [
            (&[404, 486, 603][..], 603),
            (&[500, 404], 404),
            (&[404, 302, 500], 302),
            (&[404, 407, 486], 407),
            (&[408, 486], 486),
            (&[430, 404], 404),
            (&[487, 500], 487),
        ] {
            assert_eq!(codes.iter().copied().min_by_key(|&code| rank(code)), Some(best), "{codes:?}");
        }
    }
}
