//! A relay under any sequence of orders, packets and time.

#[expect(dead_code, reason = "only one of the targets is used")]
mod fuzzing;

use proptest::{collection::vec, prelude::*};

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_nothing_leaks_and_nobody_is_sent_what_is_not_his(data in vec(any::<u8>(), 0..900)) {
        fuzzing::relay_ops(&data);
    }

    /// The same on one call, so that more of the orders fit each other.
    #[test]
    fn a_single_call_is_treated_so(data in vec((any::<u8>(), 0_u8..86, any::<u8>()), 0..300)) {
        let data: Vec<u8> = data.into_iter().flat_map(|(what, whom, how)| [what, whom * 3 % 255, how]).collect();
        fuzzing::relay_ops(&data);
    }
}
