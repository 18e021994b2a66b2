//! The E-model (ITU-T G.107): what delay and loss do to a conversation, as one transmission rating R from 0
//! to 100. Everything but delay, codec and loss stands at the defaults of the Recommendation, which leaves
//! R = 93.2 − Idd − Ie,eff.

use serde::{Deserialize, Serialize};

/// The rating of a perfect G.711 call: all defaults, no delay, no loss.
pub const R_MAX: f64 = 93.2;

/// What the calls are coded with. Decides how much loss hurts (ITU-T G.113 Appendix I).
///
/// Opus has no ITU value and is therefore not listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Codec {
    /// G.711 with packet loss concealment (G.711 Appendix I).
    #[default]
    G711Plc,
    /// G.711 without concealment.
    G711,
    /// G.729A.
    G729,
    /// G.723.1 at 6.3 kbit/s.
    G7231,
    /// GSM full rate.
    GsmFr,
    /// G.722, taken for a narrowband codec; its own scale is wideband (G.107.1).
    G722,
}

impl Codec {
    /// Equipment impairment Ie, and packet-loss robustness Bpl.
    const fn impairment(self) -> (f64, f64) {
        match self {
            Self::G711Plc => (0.0, 25.1),
            Self::G711 => (0.0, 4.3),
            Self::G729 => (10.0, 19.0),
            Self::G7231 => (15.0, 16.1),
            Self::GsmFr => (20.0, 10.0),
            Self::G722 => (5.0, 7.1),
        }
    }
}

/// How the calls of one class are heard at their far end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Hearing {
    pub(crate) codec: Codec,
    pub(crate) jitter_buffer_ms: f64,
    pub(crate) packet_ms: f64,
}

/// R of a call with this mouth-to-ear delay (one way, ms) and this packet loss (0 to 1).
///
/// May fall below 0, where the Recommendation speaks of MOS 1.
pub fn rating(codec: Codec, mouth_to_ear_ms: f64, loss: f64) -> f64 {
    R_MAX - delay_impairment(mouth_to_ear_ms) - loss_impairment(codec, loss)
}

/// Idd, the impairment by pure delay (G.107 §7.4), for a one-way mouth-to-ear delay in ms.
pub fn delay_impairment(mouth_to_ear_ms: f64) -> f64 {
    if mouth_to_ear_ms <= 100.0 {
        return 0.0;
    }
    let x = (mouth_to_ear_ms / 100.0).log2();
    let bend = |x: f64| (1.0 + x.powi(6)).powf(1.0 / 6.0);
    25.0 * (bend(x) - 3.0 * bend(x / 3.0) + 2.0)
}

/// Ie,eff, the impairment by codec and loss (G.107 §7.5), for a loss from 0 to 1.
///
/// BurstR is 1: the loss is taken as random. The probes of a link are too sparse to tell bursts.
pub fn loss_impairment(codec: Codec, loss: f64) -> f64 {
    let (ie, bpl) = codec.impairment();
    let percent = loss * 100.0;
    ie + (95.0 - ie) * percent / (percent + bpl)
}

/// The mean opinion score, 1 to 4.5, that goes with R (G.107 Annex B).
pub fn mos(r: f64) -> f64 {
    if r < 0.0 {
        1.0
    } else if r > 100.0 {
        4.5
    } else {
        1.0 + 0.035 * r + 7e-6 * r * (r - 60.0) * (100.0 - r)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(value: f64) -> f64 {
        (value * 10.0).round() / 10.0
    }

    #[test]
    fn delay_costs_what_the_recommendation_says() {
        let known = [
            (0.0, 0.0),
            (100.0, 0.0),
            (150.0, 0.2),
            (177.0, 1.2),
            (200.0, 3.0),
            (250.0, 8.9),
            (300.0, 14.8),
            (400.0, 24.1),
        ];
        for (ms, idd) in known {
            assert_eq!(round(delay_impairment(ms)), idd, "{ms} ms");
        }
    }

    #[test]
    fn loss_costs_what_the_recommendation_says() {
        let known = [
            (Codec::G711Plc, [93.2, 89.6, 86.2, 77.4, 66.1]),
            (Codec::G711, [93.2, 75.3, 63.0, 42.1, 26.8]),
            (Codec::G729, [83.2, 79.0, 75.1, 65.5, 53.9]),
        ];
        for (codec, ratings) in known {
            for (loss, r) in [0.0, 0.01, 0.02, 0.05, 0.10].into_iter().zip(ratings) {
                assert_eq!(round(rating(codec, 100.0, loss)), r, "{codec:?} {loss}");
            }
        }
    }

    #[test]
    fn opinion_follows_the_rating() {
        // G.107 Annex B, table B.1: the limits of "very satisfied" to "nearly all dissatisfied".
        for (r, score) in [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)] {
            assert!((mos(r) - score).abs() < 0.007, "R {r} gives {}", mos(r));
        }
        assert_eq!((mos(-1.0), mos(101.0)), (1.0, 4.5));
    }
}
