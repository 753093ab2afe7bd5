//! The table: medians of the rounds, ratios, goals.
//!
//! What must always hold: a row that was measured is printed, met or missed; a file keeps all it said outside of the
//! markers, and between them the rows that this run did not measure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use super::measure::{Measure, Sample};
use super::paired::Difference;
use super::run::Measured;
use super::system::System;

/// The table of systems.
const SYSTEMS: Place = Place {
    name: "table",
    head: "\
| measure | unit | Catena | Kafka | ratio | ceiling | ceiling, files | goal |
|---|---|---:|---:|---:|---:|---:|---|
",
};
/// The table of rollouts.
const ROLLOUTS: Place = Place {
    name: "rollouts",
    head: "\
| load | rollouts | blocks | CPU without, µs | CPU with, more % (95 %) | instructions without | user's with, more % (95 %) | all, more % (95 %) | goal: CPU < 1 % more |
|---|---:|---:|---:|---|---:|---|---|---|
",
};
/// Most that rollouts may cost, percent.
const COST_PERCENT_MAX: f64 = 1.0;

/// Where a table stands in a file, and how it begins.
#[derive(Debug, Clone, Copy)]
struct Place {
    name: &'static str,
    head: &'static str,
}

/// All samples of all systems.
pub type Samples = BTreeMap<System, Vec<Sample>>;

/// What rollouts cost a request of a load.
#[derive(Debug, Clone)]
pub struct RolloutCost {
    /// Which load.
    pub load: String,
    /// How many rollouts ran.
    pub rollouts: usize,
    /// Blocks in which they were compared with none.
    pub blocks: usize,
    /// CPU time of a request without, microseconds.
    pub cpu_us: f64,
    /// How much more with.
    pub cpu: Difference,
    /// Instructions of a request without, the program's and all; how much more with.
    pub instructions: Option<(f64, Difference, Difference)>,
}

/// The tables of all that was measured, in markdown.
pub fn tables(measured: &Measured) -> Vec<Table> {
    let mut tables = Vec::new();
    if measured.samples.values().any(|samples| !samples.is_empty()) {
        tables.push(table(&measured.samples));
    }
    if !measured.rollouts.is_empty() {
        tables.push(Table(ROLLOUTS, measured.rollouts.iter().map(rollout_row).collect()));
    }
    tables
}

/// The table of systems.
fn table(samples: &Samples) -> Table {
    let measured: BTreeSet<Measure> = samples.values().flatten().map(|(measure, _)| *measure).collect();
    Table(SYSTEMS, measured.into_iter().map(|measure| row(samples, measure)).collect())
}

fn rollout_row(cost: &RolloutCost) -> String {
    let RolloutCost { load, rollouts, blocks, cpu_us, cpu, instructions } = cost;
    let goal = match cpu.is_below(COST_PERCENT_MAX) {
        Some(true) => "met",
        Some(false) => "**missed**",
        None => "the interval says neither",
    };
    let (cpu_us, cpu) = (figure(*cpu_us), percent(*cpu));
    let instructions = instructions.map_or_else(
        || "– | – | –".to_owned(),
        |(count, user, all)| format!("{count:.0} | {} | {}", percent(user), percent(all)),
    );
    format!("| {load} | {rollouts} | {blocks} | {cpu_us} | {cpu} | {instructions} | {goal} |\n")
}

fn percent(Difference { percent, from, to }: Difference) -> String {
    format!("{percent:+.2} ({from:+.2} to {to:+.2})")
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

/// A table: where it stands, and its rows.
#[derive(Debug, Clone)]
pub struct Table(Place, Vec<String>);

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.0.head, self.1.concat())
    }
}

impl Table {
    /// Puts the table between its markers in a file.
    ///
    /// # Errors
    /// Of the file system, or when the file has no markers.
    pub fn write(&self, path: &Path) -> Result<(), String> {
        let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let new =
            self.replace(&text).ok_or_else(|| format!("{}: no markers of the {}", path.display(), self.0.name))?;
        std::fs::write(path, new).map_err(|e| format!("{}: {e}", path.display()))
    }

    fn replace(&self, text: &str) -> Option<String> {
        let [begin, end] = ["begin", "end"].map(|what| format!("<!-- {}: {what} -->", self.0.name));
        let (head, rest) = text.split_once(&begin)?;
        let (old, tail) = rest.split_once(&end)?;
        Some(format!("{head}{begin}\n{}{end}{tail}", self.merge(old.trim_start())))
    }

    /// The old table with the new rows in the place of old ones of the same name, and behind them.
    fn merge(&self, old: &str) -> String {
        let Some(old) = old.strip_prefix(self.0.head) else { return self.to_string() };
        let mut rows: Vec<&str> = old.lines().collect();
        for row in self.1.iter().map(|row| row.trim_end()) {
            match rows.iter_mut().find(|old| key(old) == key(row)) {
                Some(old) => *old = row,
                None => rows.push(row),
            }
        }
        let rows: Vec<String> = rows.into_iter().map(|row| format!("{row}\n")).collect();
        format!("{}{}", self.0.head, rows.concat())
    }
}

/// The first two columns of a row: measure and unit, or load and number of rollouts.
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
        let table = super::table(&Samples::from([
            (System::Kafka, samples(cpu, &[3.0, 1.0, 2.0])),
            (System::Catena, samples(cpu, &[1.0, 2.0])),
            (System::Ceiling, samples(cpu, &[1.0])),
        ]));
        let row = "| produce 1 KiB, 12 partitions, CPU | s/GiB | 1.50 | 2.00 | 0.75 | 1.00 | – \
                   | ≤ 0.5 × kafka: **missed**; ≤ 1.5 × ceiling: met; ≤ 1.5 × ceiling-files |";
        assert_eq!(table.to_string().lines().nth(2), Some(row));
        assert_eq!(table.to_string().lines().count(), 3);
    }

    /// A table of these rows.
    fn of(rows: &[&str]) -> Table {
        Table(SYSTEMS, rows.iter().map(|row| format!("{row}\n")).collect())
    }

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let [begin, end] = ["<!-- table: begin -->", "<!-- table: end -->"];
        let new = of(&["| new | s | 1 |"]);
        let text = format!("a\n{begin}\nold\n{end}\nb\n");
        assert_eq!(new.replace(&text), Some(format!("a\n{begin}\n{new}{end}\nb\n")));
        assert_eq!(new.replace("a"), None);
        assert_eq!(Table(ROLLOUTS, Vec::new()).replace(&text), None, "another table's markers");
    }

    #[test]
    fn rows_that_were_not_measured_again_stay() {
        let old = of(&["| a | s | 1 |", "| b | s | 1 |", "| b | ms | 1 |"]).to_string();
        let merged = of(&["| a | s | 1 |", "| b | s | 2 |", "| b | ms | 1 |", "| c | s | 2 |"]).to_string();
        assert_eq!(of(&["| b | s | 2 |", "| c | s | 2 |"]).merge(&old), merged);
    }

    #[test]
    fn what_rollouts_cost_is_judged_by_the_interval() {
        let cpu = Difference { percent: 0.5, from: -0.25, to: 0.75 };
        let cost = RolloutCost { load: "x".into(), rollouts: 10, blocks: 40, cpu_us: 12.3, cpu, instructions: None };
        assert_eq!(rollout_row(&cost), "| x | 10 | 40 | 12.3 | +0.50 (-0.25 to +0.75) | – | – | – | met |\n");
        let unclear = RolloutCost { cpu: Difference { to: 1.5, ..cpu }, instructions: Some((9.0, cpu, cpu)), ..cost };
        assert!(
            rollout_row(&unclear)
                .ends_with("| 9 | +0.50 (-0.25 to +0.75) | +0.50 (-0.25 to +0.75) | the interval says neither |\n")
        );
    }
}
