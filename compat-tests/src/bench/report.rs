//! The table: medians of the rounds, ratios, goals.
//!
//! What must always hold: a row that was measured is printed, met or missed; a file keeps all it said outside of the
//! markers.

use std::collections::BTreeMap;
use std::path::Path;

use super::measure::Measure;
use super::run::Sample;
use super::system::System;

const BEGIN: &str = "<!-- table: begin -->";
const END: &str = "<!-- table: end -->";

/// All samples of all systems.
pub type Samples = BTreeMap<System, Vec<Sample>>;

/// The table in markdown.
pub fn table(samples: &Samples) -> String {
    let mut out = String::from("| measure | unit | Catena | Kafka | ratio | goal |\n|---|---|---:|---:|---:|---|\n");
    for measure in Measure::ALL {
        let [catena, kafka] = [System::Catena, System::Kafka].map(|system| median(samples, system, measure));
        if catena.is_none() && kafka.is_none() {
            continue;
        }
        let (title, unit) = measure.title();
        let ratio = catena.zip(kafka).map_or_else(dash, |(ours, theirs)| format!("{:.2}", ours / theirs));
        let (goal, met) = measure.goal().judge(catena, kafka);
        let verdict = met.map_or("", |met| if met { ": met" } else { ": **missed**" });
        let [catena, kafka] = [catena, kafka].map(|value| value.map_or_else(dash, figure));
        out.push_str(&format!("| {title} | {unit} | {catena} | {kafka} | {ratio} | {goal}{verdict} |\n"));
    }
    out
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
    let (_, tail) = rest.split_once(END)?;
    Some(format!("{head}{BEGIN}\n{table}{END}{tail}"))
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

fn dash() -> String {
    "–".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_ratios_and_misses_are_printed() {
        let kafka = [3.0, 1.0, 2.0].map(|value| (Measure::ProduceLargeCpu, value)).to_vec();
        let catena = [1.0, 2.0].map(|value| (Measure::ProduceLargeCpu, value)).to_vec();
        let table = table(&Samples::from([(System::Kafka, kafka), (System::Catena, catena)]));
        let row = "| produce 1 KiB records, broker CPU | s/GiB | 1.50 | 2.00 | 0.75 | ≤ 0.5 × Kafka: **missed** |";
        assert_eq!(table.lines().nth(2), Some(row));
        assert_eq!(table.lines().count(), 3);
    }

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let text = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        assert_eq!(replace(&text, "new\n"), Some(format!("a\n{BEGIN}\nnew\n{END}\nb\n")));
        assert_eq!(replace("a", "new"), None);
    }
}
