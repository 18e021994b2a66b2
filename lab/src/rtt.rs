//! Measured round trips between cloud regions, and the link models made of them.

use crate::wan::LinkModel;

/// One year of TCP connects between AWS regions; source and licence stand in `data/README.md`.
const AWS_2025: &str = include_str!("../data/aws-rtt-2025.csv");

/// Jitter beyond this belongs to brownouts, which a scenario sets itself.
const JITTER_MS_MAX: f64 = 2.0;

/// The healthy link from one AWS region to another: half the median round trip one way; jitter half the distance from
/// the median to the 90th percentile, 2 ms at most. None when the pair was never measured.
pub fn measured(from: &str, to: &str) -> Option<LinkModel> {
    AWS_2025.lines().skip(1).find_map(|line| {
        let mut fields = line.split(',');
        if fields.next()? != from || fields.next()? != to {
            return None;
        }
        let p50: f64 = fields.next()?.trim().parse().ok()?;
        let p90: f64 = fields.next()?.trim().parse().ok()?;
        let jitter_ms = ((p90 - p50) / 2.0).clamp(0.0, JITTER_MS_MAX);
        Some(LinkModel { delay_ms: p50 / 2.0, jitter_ms, ..LinkModel::default() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oregon_to_virginia_is_half_of_64_ms() {
        let link = measured("us-west-2", "us-east-1").unwrap();
        assert_eq!(
            link,
            LinkModel { delay_ms: 32.0155, jitter_ms: 1.246, ..LinkModel::default() }.near(link)
        );
    }

    #[test]
    fn the_way_over_ohio_costs_a_few_milliseconds_and_california_about_twenty() {
        let rtt = |path: &[&str]| -> f64 {
            path.windows(2).map(|hop| 2.0 * measured(hop[0], hop[1]).unwrap().delay_ms).sum()
        };
        let direct = rtt(&["us-west-2", "us-east-1"]);
        assert!((1.0..4.0).contains(&(rtt(&["us-west-2", "us-east-2", "us-east-1"]) - direct)));
        assert!((18.0..25.0).contains(&(rtt(&["us-west-2", "us-west-1", "us-east-1"]) - direct)));
    }

    #[test]
    fn a_pair_that_was_never_measured_has_no_model() {
        assert_eq!(measured("us-west-2", "mars-1"), None);
    }

    #[test]
    fn every_line_of_the_data_makes_a_model() {
        let pairs = AWS_2025.lines().skip(1).filter(|line| !line.is_empty());
        for line in pairs {
            let mut fields = line.split(',');
            let (from, to) = (fields.next().unwrap(), fields.next().unwrap());
            assert!(measured(from, to).is_some_and(|link| link.delay_ms > 0.0), "{line}");
        }
    }

    impl LinkModel {
        /// `other` if it differs by rounding only.
        fn near(self, other: Self) -> Self {
            let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
            let same = close(self.delay_ms, other.delay_ms) && close(self.jitter_ms, other.jitter_ms);
            if same { other } else { self }
        }
    }
}
