//! Rows as bytes, and which of two is the later.

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use super::*;

fn samples() -> Vec<Row> {
    let a = topic("ä topic");
    let open = chain(&a, 7, 3, 100, None);
    let copy = ChainRecord {
        version: 12,
        replaces: vec![open.id, ChainId { epoch: 0, sequence: 1, store: store(9) }],
        leader_epochs: vec![LeaderEpoch { epoch: 1, start: 100 }, LeaderEpoch { epoch: 2, start: 150 }],
        ..chain(&a, 7, 4, 100, Some(200))
    };
    vec![
        other_store(2),
        Row::Partition(PartitionRecord { id: open.partition, log_start: 3, cleaned_to: -1 }),
        reservation(&open, i64::MAX),
        producers(&open, 5),
        Row::Chain(open.clone()),
        Row::Chain(ChainRecord { segments: Vec::new(), ..open.clone() }),
        Row::Chain(copy),
        Row::ChainGone(open.partition, open.id),
        Row::TopicGone(a.id),
        Row::Topic(a),
    ]
}

#[test]
fn every_row_is_read_back_as_it_was_written() {
    for row in samples() {
        assert_eq!(Row::decode(&row.key().encode(), &row.encode_value()), Some(row));
    }
}

#[test]
fn damaged_rows_are_refused_or_read_as_something_else_but_never_panic() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    for row in samples() {
        let (key, value) = (row.key().encode(), row.encode_value());
        for len in 0..key.len() {
            assert_eq!(Row::decode(&key[..len], &value), None);
        }
        for _ in 0..2_000 {
            let (mut key, mut value) = (key.clone(), value.clone());
            let at = random.random_range(0..value.len());
            value[at] = random.random();
            value.truncate(random.random_range(0..=value.len()));
            if random.random_bool(0.2) {
                let at = random.random_range(0..key.len());
                key[at] = random.next_u32() as u8;
            }
            if let Some(read) = Row::decode(&key, &value) {
                assert_eq!(Row::decode(&read.key().encode(), &read.encode_value()), Some(read));
            }
        }
    }
}

#[test]
fn a_claimed_count_is_not_believed() {
    let row = samples().into_iter().find(|row| matches!(row, Row::Chain(chain) if chain.end.is_some())).unwrap();
    let (key, mut value) = (row.key().encode(), row.encode_value());
    for count_at in [37, 37 + 4 + 2 * 12] {
        value[count_at..count_at + 4].copy_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(Row::decode(&key, &value), None);
        value = row.encode_value();
    }
}

#[test]
fn stores_that_exchange_rows_in_any_order_agree() {
    let a = topic("a");
    let renamed = |name: &str, version| Row::Topic(TopicRecord { name: name.into(), version, ..a.clone() });
    let of_chain = |version, end| Row::Chain(ChainRecord { version, ..chain(&a, 0, 1, 0, end) });
    let partition = |log_start, cleaned_to| {
        let id = PartitionId { topic: a.id, index: 0 };
        Row::Partition(PartitionRecord { id, log_start, cleaned_to })
    };
    let cases = [
        vec![renamed("a", 1), renamed("b", 2), renamed("c", 2), Row::TopicGone(a.id)],
        vec![renamed("a", 1), renamed("b", 2), renamed("c", 2)],
        vec![of_chain(1, None), of_chain(3, Some(5)), of_chain(2, None)],
        vec![partition(1, 5), partition(2, 3), partition(0, 9)],
    ];
    for rows in cases {
        let fold = |rows: &mut dyn Iterator<Item = &Row>| rows.cloned().reduce(|all, row| all.merged(&row)).unwrap();
        let expected = fold(&mut rows.iter());
        for turn in 0..rows.len() {
            let turned = rows[turn..].iter().chain(&rows[..turn]);
            assert_eq!(fold(&mut turned.clone()), expected);
            assert_eq!(fold(&mut turned.rev()), expected);
        }
        assert!(rows.iter().all(|row| !row.supersedes(&expected)), "{expected:?}");
    }
}
