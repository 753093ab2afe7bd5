//! The curves of docs/rollouts: lived once into a table (`simulation.tsv`), drawn from it.
//!
//! What must always hold: the pictures show the table and nothing else.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use crate::picture::{Axis, Panel, draw};
use crate::runs::{Ends, simulate, usual_plan};
use crate::world::{Effect, Noise, Scenario, Shape};
use crate::{CALM, ROUGH};

const HEAD: &str = "curve\tseries\tx\truns\tapproved_percent\tproven_worse_percent\tgross_percent\tdoubt_percent\t\
                    seconds_p50\tseconds_p95\tcanary_requests_p50";

/// A point of a curve, as it stands in the table.
struct Row {
    curve: String,
    series: String,
    x: f64,
    approved: f64,
    requests: f64,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/rollouts")
}

/// Lives `RUNS` lives of each point that has fewer in the table, and draws the pictures: the required points first, then those that
/// have the fewest.
pub fn simulate_all() {
    let runs = std::env::var("RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(1_000);
    fs::create_dir_all(folder()).expect("a folder");
    let mut table = fs::read_to_string(folder().join("simulation.tsv")).unwrap_or(format!("{HEAD}\n"));
    let mut points = points();
    points.retain(|(curve, series, x, ..)| runs_of(&table, &key(curve, series, *x)) < runs);
    points.sort_by_key(|(curve, series, x, _, required)| (!required, runs_of(&table, &key(curve, series, *x))));
    for (curve, series, x, scenario, _) in points {
        let began = Instant::now();
        let ends = simulate(&usual_plan(), scenario, runs, 1_000_000);
        let row = row(curve, &series, x, scenario, &ends);
        println!("{row}\t({} s)", began.elapsed().as_secs());
        put(&mut table, &key(curve, &series, x), &row);
        fs::write(folder().join("simulation.tsv"), &table).expect("the table");
    }
    draw_stale_pictures();
}

fn key(curve: &str, series: &str, x: f64) -> String {
    format!("{curve}\t{series}\t{x}\t")
}

/// How many lives the table has of a point.
fn runs_of(table: &str, key: &str) -> u64 {
    let row = table.lines().find_map(|line| line.strip_prefix(key));
    row.and_then(|row| row.split('\t').next()?.parse().ok()).unwrap_or(0)
}

/// In the place of the row that the point has, or at the end.
fn put(table: &mut String, key: &str, row: &str) {
    match table.lines().find(|line| line.starts_with(key)).map(str::to_owned) {
        Some(old) => *table = table.replace(&format!("{old}\n"), &format!("{row}\n")),
        None => *table = format!("{table}{row}\n"),
    }
}

/// Draws the pictures that are not those of the table, and gives their names.
pub fn draw_stale_pictures() -> Vec<&'static str> {
    let table = fs::read_to_string(folder().join("simulation.tsv")).expect("the table");
    let mut pictures = pictures(&table);
    pictures.retain(|(name, svg)| fs::read_to_string(folder().join(name)).ok().as_ref() != Some(svg));
    for (name, svg) in &pictures {
        fs::write(folder().join(name), svg).expect("a picture");
    }
    pictures.into_iter().map(|(name, _)| name).collect()
}

fn row(curve: &str, series: &str, x: f64, scenario: Scenario, ends: &Ends) -> String {
    let percent = |count: u64| 100.0 * count as f64 / ends.runs() as f64;
    let requests = ends.seconds_of(0.5) as f64 * scenario.rate * scenario.share / 100.0;
    format!(
        "{}{}\t{:.1}\t{:.1}\t{:.1}\t{:.1}\t{}\t{}\t{requests:.0}",
        key(curve, series, x),
        ends.runs(),
        percent(ends.approved),
        percent(ends.rejected),
        percent(ends.gross),
        percent(ends.doubt),
        ends.seconds_of(0.5),
        ends.seconds_of(0.95)
    )
}

type Point = (&'static str, String, f64, Scenario, bool);

fn points() -> Vec<Point> {
    let mut points: Vec<Point> = equal_by_samples().chain(equal_by_clients()).collect();
    for (noise, base) in [("calm", CALM), ("rough", ROUGH)] {
        for (share, rate) in [(1.0, 10_000.0), (10.0, 2_000.0), (50.0, 2_000.0)] {
            let series = format!("{noise}, share {share} %, {} canary requests/s", rate * share / 100.0);
            let base = Scenario { share, rate, ..base };
            for ratio in [1.0, 1.1, 1.25, 1.5, 2.0, 3.0] {
                let effect = Effect { latency: ratio, ..Effect::NONE };
                points.push((
                    "latency",
                    series.clone(),
                    ratio,
                    Scenario { effect, ..base },
                    ratio == 1.0 || ratio == 2.0,
                ));
            }
            for errors in [0.0, 0.25, 0.5, 0.75, 1.0, 2.0] {
                let effect = Effect { errors, ..Effect::NONE };
                points.push(("errors", series.clone(), errors, Scenario { effect, ..base }, errors == 1.0));
            }
        }
    }
    points
}

/// Equal values, by how many requests the canary has until the time-out.
fn equal_by_samples() -> impl Iterator<Item = Point> {
    let worlds = [
        ("calm, log-normal", CALM),
        ("calm, tail of Pareto", Scenario { shape: Shape::Pareto, ..CALM }),
        ("rough, log-normal", ROUGH),
        ("rough, two modes", Scenario { shape: Shape::TwoModes, ..ROUGH }),
        ("rough, tail of Pareto", Scenario { shape: Shape::Pareto, ..ROUGH }),
        ("calm, one in a hundred waits", Scenario { shape: Shape::Hiccups, ..CALM }),
    ];
    let samples = [1_000.0, 2_000.0, 5_000.0, 10_000.0, 20_000.0, 50_000.0, 100_000.0];
    worlds.into_iter().flat_map(move |(series, base)| {
        samples.map(|samples| ("samples", series.to_owned(), samples, Scenario { rate: samples / 60.0, ..base }, false))
    })
}

/// Equal values, by how many clients the canary has, when clients differ.
fn equal_by_clients() -> impl Iterator<Item = Point> {
    [20, 50].into_iter().flat_map(|percent| {
        [1, 2, 5, 10, 20, 50, 100, 200].into_iter().map(move |clients| {
            let noise = Noise { clients, clients_differ: f64::from(percent) / 100.0, ..Noise::CALM };
            let series = format!("clients differ by {percent} %");
            ("clients", series, clients as f64, Scenario { noise, ..CALM }, false)
        })
    })
}

fn pictures(table: &str) -> Vec<(&'static str, String)> {
    let rows: Vec<Row> = table.lines().skip(1).map(read).collect();
    let both = |panel: &dyn Fn(&str) -> Panel| draw(&[panel("calm"), panel("rough")]);
    let approved = |row: &Row| row.approved;
    let ratio = || axis("the canary's p99, times control's", 1.0, 3.0, &[1.0, 1.25, 1.5, 2.0, 2.5, 3.0]);
    let errors = || axis("points of percent more errors", 0.0, 2.0, &[0.0, 0.25, 0.5, 1.0, 1.5, 2.0]);
    vec![
        ("latency.svg", both(&|noise| panel(&rows, "latency", noise, ratio(), percent(), approved))),
        ("errors.svg", both(&|noise| panel(&rows, "errors", noise, errors(), percent(), approved))),
        ("time.svg", both(&|noise| panel(&rows, "latency", noise, ratio(), requests(), |row| row.requests))),
        ("samples.svg", draw(&[panel(&rows, "samples", "", samples(), percent(), approved)])),
        ("clients.svg", draw(&[panel(&rows, "clients", "", clients(), percent(), approved)])),
    ]
}

fn read(line: &str) -> Row {
    let fields: Vec<&str> = line.split('\t').collect();
    let number = |at: usize| fields[at].parse().expect("a number");
    let (curve, series) = (fields[0].to_owned(), fields[1].to_owned());
    Row { curve, series, x: number(2), approved: number(4), requests: number(10) }
}

fn panel(rows: &[Row], curve: &str, noise: &str, x: Axis, y: Axis, value: fn(&Row) -> f64) -> Panel {
    let mut lines: Vec<(String, Vec<(f64, f64)>)> = Vec::new();
    for row in rows.iter().filter(|row| row.curve == curve && row.series.starts_with(noise)) {
        match lines.iter_mut().find(|(name, _)| *name == row.series) {
            Some((_, points)) => points.push((row.x, value(row))),
            None => lines.push((row.series.clone(), vec![(row.x, value(row))])),
        }
    }
    for (_, points) in &mut lines {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    lines.sort_by(|a, b| a.0.cmp(&b.0));
    let limits = if y.log { vec![] } else { vec![5.0, 95.0] };
    Panel { title: format!("{curve} {noise}"), x, y, lines, limits }
}

fn axis(name: &'static str, from: f64, to: f64, ticks: &[f64]) -> Axis {
    Axis { name, from, to, ticks: ticks.to_vec(), log: false }
}

fn percent() -> Axis {
    axis("approved, percent of the runs", 0.0, 100.0, &[0.0, 25.0, 50.0, 75.0, 100.0])
}

fn requests() -> Axis {
    let ticks = [100.0, 1_000.0, 10_000.0, 100_000.0];
    Axis { log: true, ..axis("canary's requests until the verdict (median)", 100.0, 1_000_000.0, &ticks) }
}

fn samples() -> Axis {
    let ticks = [1_000.0, 2_000.0, 5_000.0, 10_000.0, 20_000.0, 50_000.0, 100_000.0];
    Axis { log: true, ..axis("canary's requests until the time-out", 1_000.0, 100_000.0, &ticks) }
}

fn clients() -> Axis {
    let ticks = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0];
    Axis { log: true, ..axis("clients in the canary", 1.0, 200.0, &ticks) }
}
