//! What a process of a fleet says about itself: the value of a record in the report partition, whose key is the process' id.
//!
//! What must always hold: what `parse` returned adds up: no more errors or latencies than requests, no number that is none, and
//! memory in proportion to the record.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The format written today.
const FORMAT: u64 = 1;
/// Longest id of a process, bytes.
const ID_BYTES_MAX: usize = 256;
/// Most different latencies in a report.
const LATENCIES_MAX: usize = 1_000;
/// Most counters in a report, and longest name of one.
const COUNTERS_MAX: usize = 32;
const COUNTER_NAME_MAX: usize = 100;
/// Most requests that one report may speak of.
const REQUESTS_MAX: u64 = 1_000_000_000_000;

/// What happened since the report before.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// 1, also if it is left out.
    #[serde(default = "format_if_unsaid")]
    pub v: u64,
    /// Grows from report to report of one process, so that none is counted twice.
    #[serde(default)]
    pub seq: Option<u64>,
    /// Things done.
    #[serde(default)]
    pub requests: u64,
    /// Those of them that failed.
    #[serde(default)]
    pub errors: u64,
    /// How long they took: pairs of microseconds and how many took that long.
    #[serde(default)]
    pub latency_us: Vec<(u64, u64)>,
    /// Anything else that is counted.
    #[serde(default)]
    pub counters: BTreeMap<String, u64>,
}

fn format_if_unsaid() -> u64 {
    FORMAT
}

/// Why a report is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReportError {
    /// The key is no id.
    #[error("the key of a report is the id of the process: 1 to {ID_BYTES_MAX} bytes of text")]
    Id,
    /// The value is no report.
    #[error("not a report: {0}")]
    Form(String),
    /// A newer format.
    #[error("format {0} of reports is not known here")]
    Newer(u64),
    /// More of one than there can be.
    #[error("a report cannot have more {0} than {1}")]
    More(&'static str, &'static str),
    /// Too much of something.
    #[error("too many {0} in one report")]
    TooMany(&'static str),
}

/// The id of the process that a record's key names.
///
/// # Errors
/// `Id`.
pub fn id(key: Option<&[u8]>) -> Result<&str, ReportError> {
    let text = key.and_then(|key| str::from_utf8(key).ok()).filter(|id| (1..=ID_BYTES_MAX).contains(&id.len()));
    text.ok_or(ReportError::Id)
}

/// Reads a report.
///
/// # Errors
/// What does not add up.
pub fn parse(value: &[u8]) -> Result<Report, ReportError> {
    // Lists would be read as the values of the fields.
    if !value.trim_ascii_start().starts_with(b"{") {
        return Err(ReportError::Form("it is no object".to_owned()));
    }
    let report: Report = serde_json::from_slice(value).map_err(|error| ReportError::Form(error.to_string()))?;
    let latencies = report.latency_us.iter().try_fold(0_u64, |sum, (_, count)| sum.checked_add(*count));
    match report {
        Report { v, .. } if v != FORMAT => Err(ReportError::Newer(v)),
        Report { requests, .. } if requests > REQUESTS_MAX => Err(ReportError::TooMany("requests")),
        Report { errors, requests, .. } if errors > requests => Err(ReportError::More("errors", "requests")),
        Report { requests, .. } if latencies.is_none_or(|sum| sum > requests) => {
            Err(ReportError::More("latencies", "requests"))
        }
        Report { ref latency_us, .. } if latency_us.len() > LATENCIES_MAX => Err(ReportError::TooMany("latencies")),
        Report { ref counters, .. } if counters.len() > COUNTERS_MAX => Err(ReportError::TooMany("counters")),
        Report { ref counters, .. } if counters.keys().any(|name| name.len() > COUNTER_NAME_MAX) => {
            Err(ReportError::TooMany("letters in the name of a counter"))
        }
        report => Ok(report),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_was_done_and_need_not_say_more() {
        let report = parse(br#"{"v":1,"requests":5,"errors":1,"latency_us":[[900,4]],"counters":{"jobs":2}}"#).unwrap();
        assert_eq!((report.requests, report.errors, report.latency_us.as_slice()), (5, 1, &[(900, 4)][..]));
        assert_eq!(parse(br#"{"requests":5}"#), Ok(Report { v: 1, requests: 5, ..Report::default() }));
        assert_eq!(parse(br#"{"v":1}"#), parse(b"{}"));
    }

    #[test]
    fn what_does_not_add_up_is_refused_with_the_reason() {
        let refused = |value: &str| parse(value.as_bytes()).expect_err(value).to_string();
        assert_eq!(refused(r#"{"v":1,"requests":1,"errors":2}"#), "a report cannot have more errors than requests");
        assert!(refused(r#"{"v":1,"requests":1,"latency_us":[[5,2]]}"#).contains("latencies"));
        let overflow = format!(r#"{{"v":1,"latency_us":[[1,{0}],[1,{0}]]}}"#, u64::MAX);
        assert!(refused(&overflow).contains("latencies"));
        assert_eq!(refused(r#"{"v":2}"#), "format 2 of reports is not known here");
        for wrong in ["", "1", "[]", "[1]", r#"{"v":1,"requests":-1}"#, r#"{"v":1,"requests":1.5}"#, r#"{"v":1,"x":1}"#]
        {
            assert!(refused(wrong).starts_with("not a report"), "{wrong}");
        }
        let many: Vec<String> = (0..1_001).map(|at| format!("[{at},0]")).collect();
        assert!(refused(&format!(r#"{{"v":1,"latency_us":[{}]}}"#, many.join(","))).contains("too many latencies"));
        assert_eq!(id(Some(b"")), Err(ReportError::Id));
        assert_eq!(id(Some(&[0xff])), Err(ReportError::Id));
        assert_eq!(id(None), Err(ReportError::Id));
        assert_eq!(id(Some(b"svc-1")), Ok("svc-1"));
    }
}
