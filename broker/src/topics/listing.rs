//! Describing topics in pages: which partitions of which topics go into one answer, and where the next one begins.
//!
//! What must always hold: a page has at most as many partitions as allowed (at least one is), pages follow each other
//! without gap or repetition, and the last one has no cursor.
//!
//! Source: Apache Kafka, `DescribeTopicPartitionsRequestHandler`,
//! `KRaftMetadataCache.getTopicMetadataForDescribeTopicResponse`.

use std::collections::BTreeSet;
use std::ops::Range;

use thiserror::Error;

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The first topic.
    pub topic: String,
    /// Its first partition.
    pub partition: i32,
}

/// A topic on a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub topic: String,
    /// Its partitions on this page; `None` when there is no such topic.
    pub partitions: Option<Range<usize>>,
}

/// Topics in order of their names, and where to go on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The topics.
    pub topics: Vec<Listed>,
    /// Where the next page begins, if there is more.
    pub next: Option<Cursor>,
}

/// Why there is no page. The texts are Kafka's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidCursor {
    /// The request names topics, but not the cursor's.
    #[error("DescribeTopicPartitionsRequest topic list should contain the cursor topic: {0}")]
    Topic(String),
    /// A partition below 0.
    #[error(
        "DescribeTopicPartitionsRequest cursor partition must be valid: Cursor(topicName='{0}', partitionIndex={1})"
    )]
    Partition(String, i32),
}

/// The topics from the cursor on, in order.
///
/// # Errors
/// `InvalidCursor`.
pub fn from_cursor(
    names: impl Iterator<Item = String>,
    named_by_client: bool,
    cursor: Option<&Cursor>,
) -> Result<BTreeSet<String>, InvalidCursor> {
    let first = cursor.map_or("", |cursor| cursor.topic.as_str());
    let topics: BTreeSet<String> = names.filter(|name| name.as_str() >= first).collect();
    match cursor {
        Some(cursor) if named_by_client && !topics.contains(&cursor.topic) => {
            Err(InvalidCursor::Topic(cursor.topic.clone()))
        }
        Some(cursor) if cursor.partition < 0 => Err(InvalidCursor::Partition(cursor.topic.clone(), cursor.partition)),
        _ => Ok(topics),
    }
}

/// One page of `topics`; `count` says how many partitions a topic has, and `None` that there is no such topic.
pub fn page(
    topics: BTreeSet<String>,
    cursor: Option<&Cursor>,
    partitions_max: usize,
    count: impl Fn(&str) -> Option<usize>,
) -> Page {
    let mut page = Page::default();
    let mut room = partitions_max.max(1);
    for topic in topics {
        if room == 0 {
            page.next = Some(Cursor { topic, partition: 0 });
            return page;
        }
        let Some(count) = count(&topic) else {
            page.topics.push(Listed { topic, partitions: None });
            continue;
        };
        let listed = some_of(count, first_partition(cursor, &topic), room);
        room -= listed.len();
        page.topics.push(Listed { topic: topic.clone(), partitions: Some(listed.clone()) });
        if listed.end < count {
            page.next = i32::try_from(listed.end).ok().map(|partition| Cursor { topic, partition });
            return page;
        }
    }
    page
}

fn first_partition(cursor: Option<&Cursor>, topic: &str) -> usize {
    let partition = cursor.filter(|cursor| cursor.topic == topic).map(|cursor| usize::try_from(cursor.partition));
    partition.and_then(Result::ok).unwrap_or(0)
}

fn some_of(count: usize, first: usize, room: usize) -> Range<usize> {
    let first = first.min(count);
    first..count.min(first.saturating_add(room))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a` with 3 partitions, `b` with 2, `c` with 1.
    fn count(topic: &str) -> Option<usize> {
        ["c", "b", "a"].iter().position(|name| *name == topic).map(|at| at + 1)
    }

    fn at(topic: &str, partition: i32) -> Cursor {
        Cursor { topic: topic.to_owned(), partition }
    }

    fn names(names: &[&str]) -> impl Iterator<Item = String> {
        names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>().into_iter()
    }

    /// A page as text: `a[0..3] x? -> b[1]`.
    fn told(asked: &[&str], cursor: Option<Cursor>, partitions_max: usize) -> String {
        let topics = from_cursor(names(asked), true, cursor.as_ref()).expect("a valid cursor");
        let page = page(topics, cursor.as_ref(), partitions_max, count);
        let listed = |listed: &Listed| match &listed.partitions {
            Some(range) => format!("{}[{range:?}]", listed.topic),
            None => format!("{}?", listed.topic),
        };
        let topics = page.topics.iter().map(listed).collect::<Vec<_>>().join(" ");
        let next = page.next.map(|next| format!(" -> {}[{}]", next.topic, next.partition));
        topics + &next.unwrap_or_default()
    }

    #[test]
    fn topics_are_sorted_and_named_once() {
        assert_eq!(told(&["c", "a", "c", "x"], None, 2000), "a[0..3] c[0..1] x?");
    }

    #[test]
    fn a_full_page_says_where_the_next_begins() {
        assert_eq!(told(&["a", "b", "c"], None, 4), "a[0..3] b[0..1] -> b[1]");
        assert_eq!(told(&["a", "b", "c"], Some(at("b", 1)), 4), "b[1..2] c[0..1]");
        assert_eq!(told(&["a", "b", "c"], None, 5), "a[0..3] b[0..2] -> c[0]");
        assert_eq!(told(&["a", "x"], None, 3), "a[0..3] -> x[0]");
        assert_eq!(told(&["a", "b"], None, 0), "a[0..1] -> a[1]");
    }

    #[test]
    fn a_cursor_beyond_the_last_partition_lists_none_of_that_topic() {
        assert_eq!(told(&["a", "b"], Some(at("a", 3)), 9), "a[3..3] b[0..2]");
        assert_eq!(told(&["a", "b"], Some(at("a", i32::MAX)), 9), "a[3..3] b[0..2]");
    }

    #[test]
    fn wrong_cursors_are_refused() {
        let refusal = |cursor| from_cursor(names(&["a", "b"]), true, Some(&cursor)).expect_err("refused").to_string();
        assert!(refusal(at("aa", 0)).ends_with("should contain the cursor topic: aa"));
        assert!(refusal(at("a", -1)).ends_with("must be valid: Cursor(topicName='a', partitionIndex=-1)"));
        let all = from_cursor(names(&["a", "b"]), false, Some(&at("aa", 0))).expect("any name will do");
        assert_eq!(all.into_iter().collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn pages_cover_every_partition_once_whatever_their_size() {
        for partitions_max in 1..8 {
            let (mut cursor, mut seen) = (None, Vec::new());
            loop {
                let topics = from_cursor(names(&["a", "b", "c"]), true, cursor.as_ref()).expect("a valid cursor");
                let page = page(topics, cursor.as_ref(), partitions_max, count);
                let of =
                    |listed: Listed| listed.partitions.into_iter().flatten().map(move |p| (listed.topic.clone(), p));
                seen.extend(page.topics.into_iter().flat_map(of));
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(seen.len(), 6, "pages of {partitions_max}");
            assert!(seen.is_sorted_by(|a, b| a < b), "pages of {partitions_max}: {seen:?}");
        }
    }
}
