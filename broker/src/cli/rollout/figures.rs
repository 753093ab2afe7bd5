//! What both arms did, as a table.
//!
//! What must always hold: figures in a form that this command does not know are printed as they stand, not left out.

use std::io::Write;

use catena_broker::rollout::record::Metric;
use catena_broker::rollout::verdict::MetricJudgement;
use serde::Serialize;
use serde_json::Value;

use super::super::error::CliError;
use super::super::table::Table;

/// Writes the figures of a verdict.
pub fn write(figures: &Value, out: &mut dyn Write) -> Result<(), CliError> {
    let metrics = figures.get("metrics").unwrap_or(figures);
    match (figures, serde_json::from_value::<Vec<MetricJudgement>>(metrics.clone())) {
        (Value::Null, _) => Ok(()),
        (_, Ok(metrics)) => Ok(table(&metrics).write(out)?),
        (unknown, Err(_)) => Ok(writeln!(out, "{unknown}")?),
    }
}

/// A table of both arms' figures.
pub fn table(metrics: &[MetricJudgement]) -> Table {
    let head = ["METRIC", "CONTROL", "CANARY", "WORSE BY", "AT LEAST", "AT MOST", "MARGIN", "SAMPLES", "OUTCOME"];
    let mut table = Table::new(&head);
    for judged in metrics {
        let in_unit =
            |value: Option<f64>| value.map_or("?".to_owned(), |value| format!("{} {}", number(value), judged.unit));
        let worse = |value: Option<f64>| value.map_or("?".to_owned(), number);
        table.push([
            about(&judged.metric, judged.api.as_deref()),
            in_unit(judged.control),
            in_unit(judged.canary),
            worse(judged.worse),
            worse(judged.worse_low),
            worse(judged.worse_high),
            number(judged.margin),
            format!("{} / {}", judged.control_samples, judged.canary_samples),
            word(&judged.outcome),
        ]);
    }
    table
}

/// A metric and its margin.
pub fn metric(metric: &Metric) -> String {
    let margin = metric.margin.map(|margin| format!(" (margin {})", number(margin))).unwrap_or_default();
    about(&metric.metric, metric.api.as_deref()) + &margin
}

/// The word that records have for something.
pub fn word(value: &impl Serialize) -> String {
    let word = serde_json::to_value(value).ok().and_then(|value| value.as_str().map(|word| word.replace('_', " ")));
    word.unwrap_or_default()
}

fn about(metric: &str, api: Option<&str>) -> String {
    api.map_or(metric.to_owned(), |api| format!("{metric} of {api}"))
}

/// At most three digits behind the point.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
