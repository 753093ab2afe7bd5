//! The map of runs against one value per offset.

use std::collections::BTreeMap;

use super::super::runs::{OFFSET_MAX, Run, Runs};

/// First, last, value.
type Listed = (i64, i64, char);

fn listed(runs: &Runs<char>) -> Vec<Listed> {
    runs.iter().map(|run| (run.first, run.last, *run.value)).collect()
}

fn runs(of: &[Listed]) -> Runs<char> {
    let mut runs = Runs::default();
    of.iter().for_each(|&(first, last, value)| runs.set(first, last, value));
    runs
}

#[test]
fn what_is_set_cuts_what_stood_there() {
    let cases: [(&str, Listed, &[Listed]); 6] = [
        ("inside", (4, 5, 'b'), &[(0, 3, 'a'), (4, 5, 'b'), (6, 9, 'a')]),
        ("at the start", (0, 1, 'b'), &[(0, 1, 'b'), (2, 9, 'a')]),
        ("at the end", (9, 9, 'b'), &[(0, 8, 'a'), (9, 9, 'b')]),
        ("over it", (0, 20, 'b'), &[(0, 20, 'b')]),
        ("beside it", (10, 11, 'b'), &[(0, 9, 'a'), (10, 11, 'b')]),
        ("reversed", (5, 4, 'b'), &[(0, 9, 'a')]),
    ];
    for (case, (first, last, value), expected) in cases {
        let mut runs = runs(&[(0, 9, 'a')]);
        runs.set(first, last, value);
        assert_eq!(listed(&runs), expected, "{case}");
    }
}

#[test]
fn neighbours_that_are_alike_join() {
    assert_eq!(listed(&runs(&[(0, 4, 'a'), (10, 14, 'a'), (5, 9, 'a')])), [(0, 14, 'a')]);
    assert_eq!(listed(&runs(&[(0, 4, 'a'), (6, 9, 'a')])), [(0, 4, 'a'), (6, 9, 'a')], "a hole parts them");
}

#[test]
fn offsets_that_cannot_be_are_cut_off() {
    assert_eq!(listed(&runs(&[(i64::MIN, i64::MAX, 'a')])), [(0, OFFSET_MAX, 'a')]);
    assert_eq!(listed(&runs(&[(i64::MAX, i64::MAX, 'a'), (-5, -1, 'a')])), []);
}

#[test]
fn a_part_is_cut_at_both_ends() {
    let runs = runs(&[(0, 9, 'a'), (12, 15, 'b')]);
    let within =
        |first, last| runs.within(first, last).map(|run| (run.first, run.last, *run.value)).collect::<Vec<_>>();
    assert_eq!(within(5, 13), [(5, 9, 'a'), (12, 13, 'b')]);
    assert_eq!(within(10, 11), []);
    assert_eq!(within(3, 2), []);
    assert_eq!(within(-5, i64::MAX), [(0, 9, 'a'), (12, 15, 'b')]);
}

#[test]
fn random_sets_and_drops_are_as_with_one_value_per_offset() {
    let mut seed = 7_u64;
    let mut below = |bound: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % bound
    };
    let (mut runs, mut plain) = (Runs::default(), BTreeMap::new());
    for _ in 0..20_000 {
        let (first, value) = (below(60) as i64, [b'a', b'b', b'c'][below(3) as usize] as char);
        let last = first + below(12) as i64;
        match below(10) {
            0 => {
                runs.drop_below(first / 4);
                plain.retain(|&offset, _| offset >= first / 4);
            }
            1 => {
                runs.clear(first, last);
                plain.retain(|offset, _| !(first..=last).contains(offset));
            }
            _ => {
                runs.set(first, last, value);
                plain.extend((first..=last).map(|offset| (offset, value)));
            }
        }
        let flat: Vec<(i64, char)> =
            runs.iter().flat_map(|run| (run.first..=run.last).map(move |offset| (offset, *run.value))).collect();
        assert_eq!(flat, plain.iter().map(|(&offset, &value)| (offset, value)).collect::<Vec<_>>());
        let all: Vec<Run<&char>> = runs.iter().collect();
        assert!(all.windows(2).all(|pair| pair[0].last + 1 < pair[1].first || pair[0].value != pair[1].value));
    }
}
