//! From the bindings of an address-of-record to whom is called, and over which region: both are chosen together.

use super::Binding;
use ringway_router::Region;

/// Tiers, to be tried one after the other (highest q first, RFC 3261 §16.6); in each the devices, to be called at
/// once; of each device its alternatives, of which one is to be called: the best-scored region first, then the newest
/// flow (RFC 5626 §5.3).
///
/// `score` is better when higher, and `None` for a region that cannot be reached. Such bindings are dropped: no
/// route leads there, and the caller should hear so at once instead of waiting for it.
pub fn targets(
    bindings: impl IntoIterator<Item = Binding>,
    score: impl Fn(&Region) -> Option<f64>,
) -> Vec<Vec<Vec<Binding>>> {
    let scored = bindings.into_iter().filter_map(|binding| Some((score(&binding.region)?, binding)));
    let mut all: Vec<(f64, Binding)> = scored.collect();
    all.sort_by(|(score_a, a), (score_b, b)| {
        let newest = b.updated_unix_us.cmp(&a.updated_unix_us);
        b.q.cmp(&a.q).then(score_b.total_cmp(score_a)).then(newest).then(a.contact.cmp(&b.contact))
    });
    let mut tiers: Vec<Vec<Vec<Binding>>> = Vec::new();
    for (_, binding) in all {
        match tiers.last_mut() {
            Some(tier) if tier[0][0].q == binding.q => {
                match tier.iter_mut().find(|device| is_same_device(&device[0], &binding)) {
                    Some(device) => device.push(binding),
                    None => tier.push(vec![binding]),
                }
            }
            _ => tiers.push(vec![vec![binding]]),
        }
    }
    tiers
}

/// One instance is one device; without instances, one contact is, in however many regions it is bound.
fn is_same_device(a: &Binding, b: &Binding) -> bool {
    match (&a.instance, &b.instance) {
        (None, None) => a.is_same(&b.contact, None),
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::store::binding_in, targets};

    #[test]
    fn q_is_serial_devices_are_parallel_and_the_best_region_comes_first() {
        let bind = |region: &str, contact: &str, instance: Option<&str>, q| {
            let mut binding = binding_in(region, contact);
            (binding.instance, binding.q) = (instance.map(str::to_owned), q);
            binding.reg_id = instance.map(|_| u32::from(region == "west"));
            binding
        };
        let all = [
            bind("east", "sip:voicemail@h", None, 100),
            bind("west", "sip:desk@1", Some("desk"), 1000),
            bind("east", "sip:desk@2", Some("desk"), 1000),
            bind("east", "sip:soft@3", None, 1000),
            bind("gone", "sip:lost@4", Some("lost"), 1000),
            bind("gone", "sip:desk@5", Some("desk"), 1000),
        ];
        let score = |region: &ringway_router::Region| match region.as_str() {
            "east" => Some(90.0),
            "west" => Some(70.0),
            _ => None,
        };
        let tiers = targets(all, score);
        let contacts: Vec<Vec<Vec<&str>>> = tiers
            .iter()
            .map(|tier| tier.iter().map(|d| d.iter().map(|b| b.contact.as_str()).collect()).collect())
            .collect();
        let first = vec![vec!["sip:desk@2", "sip:desk@1"], vec!["sip:soft@3"]];
        assert_eq!(contacts, [first, vec![vec!["sip:voicemail@h"]]]);
    }

    #[test]
    fn nobody_reachable_is_no_target() {
        assert!(targets([binding_in("gone", "sip:a@h")], |_| None).is_empty());
    }
}
