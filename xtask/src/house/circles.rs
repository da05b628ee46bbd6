//! Circles of neighbours.

use std::collections::{BTreeMap, BTreeSet};

use super::source::Arrow;

/// A module, with all that is inside it, by its path.
type Neighbour<'a> = &'a [String];

/// Every circle that these arrows make between neighbours, in words.
pub(super) fn circles(arrows: &[Arrow<'_>]) -> Vec<String> {
    let mut between: BTreeMap<(Neighbour<'_>, Neighbour<'_>), Vec<&Arrow<'_>>> = BTreeMap::new();
    for arrow in arrows {
        if let Some(ends) = neighbours(arrow.from, arrow.to) {
            between.entry(ends).or_default().push(arrow);
        }
    }
    let ends: Vec<_> = between.keys().copied().collect();
    let in_words = |circle: &BTreeSet<Neighbour<'_>>| {
        let names: Vec<String> = circle.iter().map(|module| module.join("::")).collect();
        let mut lines = vec![format!("a circle of {}:", names.join(", "))];
        for ((from, to), arrows) in &between {
            if circle.contains(from) && circle.contains(to) {
                lines.extend(arrows.iter().map(|arrow| format!("  {arrow}")));
            }
        }
        lines.join("\n")
    };
    strongly_connected(&ends).iter().map(in_words).collect()
}

/// The two neighbours that an arrow between these two modules joins; none between a module and what is inside it.
fn neighbours<'a>(from: &'a [String], to: &'a [String]) -> Option<(Neighbour<'a>, Neighbour<'a>)> {
    let shared = from.iter().zip(to).take_while(|(one, other)| one == other);
    let end = shared.count() + 1;
    Some((from.get(..end)?, to.get(..end)?))
}

/// Every largest set of at least two things each of which leads to each other one.
fn strongly_connected<T: Copy + Ord>(arrows: &[(T, T)]) -> Vec<BTreeSet<T>> {
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
        let found = |arrows: &[(u8, u8)]| strongly_connected(arrows);
        assert!(found(&[(1, 2), (2, 3), (1, 3)]).is_empty());
        assert_eq!(found(&[(1, 2), (2, 1), (2, 3)]), [BTreeSet::from([1, 2])]);
        assert_eq!(
            found(&[(1, 2), (2, 3), (3, 1), (3, 4), (4, 5), (5, 4), (6, 1)]),
            [BTreeSet::from([1, 2, 3]), BTreeSet::from([4, 5])]
        );
    }
}
