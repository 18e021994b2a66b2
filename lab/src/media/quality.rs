//! The E-model (ITU-T G.107) for G.711 with loss concealment (G.113 Appendix I: Ie 0, Bpl 25.1), all else at its
//! defaults, loss taken as random (BurstR 1): R = 93.2 − Idd − Ie,eff. The lab has its own, so that the router's is not
//! judged by itself.

const R_MAX: f64 = 93.2;
const LOSS_ROBUSTNESS: f64 = 25.1;
/// What a packet waits until it is full.
const PACKET_MS: f64 = 20.0;
/// The least that a phone holds back to smooth the arrivals; twice the jitter if that is more.
const JITTER_BUFFER_MS: f64 = 40.0;

/// The mean opinion score, 1 to 4.5, of a stream with this one-way network delay (p95), jitter and loss (0 to 1).
pub(super) fn mos(delay_ms: f64, jitter_ms: f64, loss: f64) -> f64 {
    let mouth_to_ear = delay_ms + PACKET_MS + JITTER_BUFFER_MS.max(2.0 * jitter_ms);
    score(R_MAX - delay_impairment(mouth_to_ear) - loss_impairment(loss))
}

/// G.107 §7.4, Idd.
fn delay_impairment(mouth_to_ear_ms: f64) -> f64 {
    if mouth_to_ear_ms <= 100.0 {
        return 0.0;
    }
    let x = (mouth_to_ear_ms / 100.0).log2();
    let bend = |x: f64| (1.0 + x.powi(6)).powf(1.0 / 6.0);
    25.0 * (bend(x) - 3.0 * bend(x / 3.0) + 2.0)
}

/// G.107 §7.5, Ie,eff.
fn loss_impairment(loss: f64) -> f64 {
    let percent = loss * 100.0;
    95.0 * percent / (percent + LOSS_ROBUSTNESS)
}

/// G.107 Annex B.
fn score(r: f64) -> f64 {
    match r {
        r if r < 0.0 => 1.0,
        r if r > 100.0 => 4.5,
        r => 1.0 + 0.035 * r + 7e-6 * r * (r - 60.0) * (100.0 - r),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenth(value: f64) -> f64 {
        (value * 10.0).round() / 10.0
    }

    #[test]
    fn delay_and_loss_cost_what_the_recommendation_says() {
        let delays = [
            (100.0, 0.0),
            (150.0, 0.2),
            (177.0, 1.2),
            (200.0, 3.0),
            (250.0, 8.9),
            (300.0, 14.8),
            (400.0, 24.1),
        ];
        for (ms, idd) in delays {
            assert_eq!(tenth(delay_impairment(ms)), idd, "{ms} ms");
        }
        for (percent, r) in [(0.0, 93.2), (1.0, 89.6), (2.0, 86.2), (5.0, 77.4), (10.0, 66.1)] {
            assert_eq!(tenth(R_MAX - loss_impairment(percent / 100.0)), r, "{percent} %");
        }
    }

    #[test]
    fn the_score_is_between_1_and_4_5() {
        assert_eq!(tenth(mos(32.0, 1.0, 0.0)), 4.4);
        assert_eq!(tenth(mos(32.0, 1.0, 0.2)), 2.6);
        assert_eq!(mos(2_000.0, 500.0, 1.0), 1.0);
        assert_eq!(score(101.0), 4.5);
        assert!(mos(60.0, 40.0, 0.0) < mos(60.0, 1.0, 0.0), "jitter becomes delay");
    }
}
