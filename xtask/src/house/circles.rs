//! Which things lead back to themselves.

use std::collections::{BTreeMap, BTreeSet};

/// Every largest set of things each of which leads to each other one.
pub(super) fn circles<T: Copy + Ord>(arrows: &[(T, T)]) -> Vec<BTreeSet<T>> {
    let mut next: BTreeMap<T, BTreeSet<T>> = BTreeMap::new();
    for (from, to) in arrows {
        next.entry(*from).or_default().insert(*to);
    }
    let reached: BTreeMap<T, BTreeSet<T>> = next
        .keys()
        .map(|from| (*from, reachable(*from, &next)))
        .collect();
    let mut found: Vec<BTreeSet<T>> = Vec::new();
    for (from, seen) in &reached {
        if !seen.contains(from) || found.iter().any(|circle| circle.contains(from)) {
            continue;
        }
        let back = |to: &&T| reached.get(*to).is_some_and(|seen| seen.contains(from));
        found.push(seen.iter().filter(back).copied().collect());
    }
    found
}

fn reachable<T: Copy + Ord>(from: T, next: &BTreeMap<T, BTreeSet<T>>) -> BTreeSet<T> {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        for to in next.get(&at).into_iter().flatten() {
            if seen.insert(*to) {
                open.push(*to);
            }
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_found_and_nothing_else() {
        let found = |arrows: &[(u8, u8)]| circles(arrows);
        assert!(found(&[(1, 2), (2, 3), (1, 3)]).is_empty());
        assert_eq!(found(&[(1, 2), (2, 1), (2, 3)]), [BTreeSet::from([1, 2])]);
        assert_eq!(
            found(&[(1, 2), (2, 3), (3, 1), (3, 4), (4, 5), (5, 4), (6, 1)]),
            [BTreeSet::from([1, 2, 3]), BTreeSet::from([4, 5])]
        );
        assert_eq!(found(&[(7, 7)]), [BTreeSet::from([7])]);
    }
}
