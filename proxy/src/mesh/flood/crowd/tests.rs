use super::*;

fn node(region: usize, number: usize) -> NodeId {
    NodeId { region: format!("r{region}").parse().unwrap(), node: format!("n{number}").parse().unwrap() }
}

/// Regions of these sizes.
fn crowd(sizes: &[usize]) -> (Vec<NodeId>, Crowd) {
    let nodes: Vec<NodeId> = sizes
        .iter()
        .enumerate()
        .flat_map(|(region, size)| (0..*size).map(move |number| node(region, number)))
        .collect();
    let crowd = Crowd::new(nodes.iter());
    (nodes, crowd)
}

#[test]
fn both_ends_agree_and_nobody_has_more_than_two_peers_in_a_remote_region() {
    let (nodes, crowd) = crowd(&[1, 2, 3, 4, 4, 7, 1]);
    for from in &nodes {
        for region in crowd.regions() {
            let peers = crowd.peers(from, region);
            assert!(*region == from.region || peers.len() <= PEERS_MAX, "{from} {region} {peers:?}");
            for peer in peers {
                let back = crowd.peers(peer, &from.region);
                assert!(back.contains(&from), "{from} wants {peer}, which wants {back:?}");
            }
        }
    }
}

#[test]
fn every_two_regions_are_joined_twice_where_there_are_two_nodes() {
    let (nodes, crowd) = crowd(&[1, 2, 3, 4, 4]);
    for here in crowd.regions() {
        for there in crowd.regions().filter(|there| *there != here) {
            let of_here = || nodes.iter().filter(|node| node.region == *here);
            let streams: usize = of_here().map(|node| crowd.peers(node, there).len()).sum();
            let of_there = nodes.iter().filter(|node| node.region == *there).count();
            let few = of_here().count().min(of_there);
            let expected = if of_here().count().max(of_there) == 1 { 1 } else { 2 * few };
            assert_eq!(streams, expected, "{here} {there}");
        }
    }
}

#[test]
fn with_two_nodes_a_region_everybody_meets_everybody() {
    let (nodes, crowd) = crowd(&[2, 2, 1]);
    for from in &nodes {
        let peers: usize = crowd.regions().map(|region| crowd.peers(from, region).len()).sum();
        assert_eq!(peers, nodes.len() - 1, "{from}");
        for region in crowd.regions().filter(|region| **region != from.region) {
            let all = nodes.iter().filter(|node| node.region == *region).count();
            assert_eq!(crowd.targets(from, region, |_| true).len(), all);
        }
    }
}

#[test]
fn probes_are_spread_over_a_region_and_go_to_known_nodes_only() {
    let (nodes, crowd) = crowd(&[4, 4]);
    let mut probed: BTreeMap<NodeId, usize> = BTreeMap::new();
    for from in nodes.iter().take(4) {
        for target in crowd.targets(from, &node(1, 0).region, |_| true) {
            *probed.entry(target.clone()).or_default() += 1;
        }
    }
    assert_eq!(probed.values().copied().collect::<Vec<_>>(), [2, 2, 2, 2]);
    let known = node(1, 3);
    assert_eq!(crowd.targets(&node(0, 0), &known.region, |n| *n == known), [&known]);
}

#[test]
fn three_regions_carry_a_word_around_a_cut() {
    let (_, crowd) = crowd(&[1; 20]);
    let (origin, lost) = (node(0, 0).region, node(1, 0).region);
    let reached = || crowd.regions().filter(|region| **region != origin && **region != lost);
    let carriers = crowd.regions().filter(|home| is_detour(home, &origin, &lost, reached())).count();
    assert_eq!(carriers, 3);
    assert!(!is_detour(&lost, &origin, &lost, reached()));
    let only = node(7, 0).region;
    assert!(is_detour(&only, &origin, &lost, std::iter::once(&only)));
}
