//! The table: medians of the rounds, ratios, goals.
//!
//! What must always hold: a row that was measured is printed, met or missed; a file keeps all it said outside of the
//! markers, and between them the rows that this run did not measure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::measure::{Measure, Sample};
use super::system::System;

const BEGIN: &str = "<!-- table: begin -->";
const END: &str = "<!-- table: end -->";
const HEAD: &str = "\
| measure | unit | Catena | Kafka | ratio | ceiling | ceiling, files | goal |
|---|---|---:|---:|---:|---:|---:|---|
";

/// All samples of all systems.
pub type Samples = BTreeMap<System, Vec<Sample>>;

/// The table in markdown.
pub fn table(samples: &Samples) -> String {
    let measured: BTreeSet<Measure> = samples.values().flatten().map(|(measure, _)| *measure).collect();
    let rows: Vec<String> = measured.into_iter().map(|measure| row(samples, measure)).collect();
    format!("{HEAD}{}", rows.concat())
}

fn row(samples: &Samples, measure: Measure) -> String {
    let of = |system| median(samples, system, measure);
    let ratio = of(System::Catena).zip(of(System::Kafka)).map(|(ours, theirs)| ours / theirs);
    let goals = measure.goals().into_iter().map(|goal| {
        let (words, met) = goal.judge(measure, |system, measure| median(samples, system, measure));
        words + met.map_or("", |met| if met { ": met" } else { ": **missed**" })
    });
    let goals = goals.collect::<Vec<_>>().join("; ");
    let (title, unit) = measure.title();
    let [catena, kafka, ratio, ceiling, files] = [
        of(System::Catena).map(figure),
        of(System::Kafka).map(figure),
        ratio.map(|ratio| format!("{ratio:.2}")),
        of(System::Ceiling).map(figure),
        of(System::CeilingFiles).map(figure),
    ]
    .map(|cell| cell.unwrap_or_else(|| "–".to_owned()));
    format!("| {title} | {unit} | {catena} | {kafka} | {ratio} | {ceiling} | {files} | {goals} |\n")
}

/// Puts the table between the markers of a file.
///
/// # Errors
/// Of the file system, or when the file has no markers.
pub fn write(path: &Path, table: &str) -> Result<(), String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let new = replace(&text, table).ok_or_else(|| format!("{}: no lines {BEGIN} and {END}", path.display()))?;
    std::fs::write(path, new).map_err(|e| format!("{}: {e}", path.display()))
}

fn replace(text: &str, table: &str) -> Option<String> {
    let (head, rest) = text.split_once(BEGIN)?;
    let (old, tail) = rest.split_once(END)?;
    Some(format!("{head}{BEGIN}\n{}{END}{tail}", merge(old.trim_start(), table)))
}

/// The old table with the new rows in the place of old ones of the same name, and behind them.
fn merge(old: &str, new: &str) -> String {
    let Some(old) = old.strip_prefix(HEAD) else { return new.to_owned() };
    let mut rows: Vec<&str> = old.lines().collect();
    for row in new.lines().skip(HEAD.lines().count()) {
        match rows.iter_mut().find(|old| key(old) == key(row)) {
            Some(old) => *old = row,
            None => rows.push(row),
        }
    }
    let rows: Vec<String> = rows.into_iter().map(|row| format!("{row}\n")).collect();
    format!("{HEAD}{}", rows.concat())
}

/// Measure and unit of a row.
fn key(row: &str) -> Vec<&str> {
    row.split('|').take(3).collect()
}

fn median(samples: &Samples, system: System, measure: Measure) -> Option<f64> {
    let of_system = samples.get(&system)?.iter().filter(|(m, _)| *m == measure);
    let mut values: Vec<f64> = of_system.map(|(_, value)| *value).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.get(values.len() / 2)?;
    let other = values.get((values.len() - 1) / 2)?;
    Some((middle + other) / 2.0)
}

/// Three digits that mean something.
fn figure(value: f64) -> String {
    let decimals = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(measure: Measure, values: &[f64]) -> Vec<Sample> {
        values.iter().map(|value| (measure, *value)).collect()
    }

    #[test]
    fn medians_ratios_and_misses_are_printed() {
        let cpu = Measure::ProduceCpu(12);
        let table = table(&Samples::from([
            (System::Kafka, samples(cpu, &[3.0, 1.0, 2.0])),
            (System::Catena, samples(cpu, &[1.0, 2.0])),
            (System::Ceiling, samples(cpu, &[1.0])),
        ]));
        let row = "| produce 1 KiB, 12 partitions, CPU | s/GiB | 1.50 | 2.00 | 0.75 | 1.00 | – \
                   | ≤ 0.5 × kafka: **missed**; ≤ 1.5 × ceiling: met; ≤ 1.5 × ceiling-files |";
        assert_eq!(table.lines().nth(2), Some(row));
        assert_eq!(table.lines().count(), 3);
    }

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let text = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        assert_eq!(replace(&text, "new\n"), Some(format!("a\n{BEGIN}\nnew\n{END}\nb\n")));
        assert_eq!(replace("a", "new"), None);
    }

    #[test]
    fn rows_that_were_not_measured_again_stay() {
        let old = format!("{HEAD}| a | s | 1 |\n| b | s | 1 |\n| b | ms | 1 |\n");
        let new = format!("{HEAD}| b | s | 2 |\n| c | s | 2 |\n");
        assert_eq!(merge(&old, &new), format!("{HEAD}| a | s | 1 |\n| b | s | 2 |\n| b | ms | 1 |\n| c | s | 2 |\n"));
    }
}
