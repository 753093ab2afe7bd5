//! Verdicts on traffic whose truth is known: how often a harmful value is approved and an equal one rejected.

mod runs;
mod world;

use std::time::Instant;

use runs::{simulate, usual_plan};
use world::{Effect, Noise, Scenario, Shape};

const CALM: Scenario = Scenario {
    shape: Shape::LogNormal,
    noise: Noise { stalls: false, moods: false, error_bursts: false, clumps: 1 },
    effect: Effect::NONE,
    rate: 2_000.0,
    share: 10.0,
    errors: 0.2,
};

#[test]
#[ignore = "explores"]
fn explore() {
    let runs = std::env::var("RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(100);
    let calm = CALM.noise;
    let noises = [
        ("calm", calm),
        ("stalls", Noise { stalls: true, ..calm }),
        ("moods", Noise { moods: true, ..calm }),
        ("all", Noise { stalls: true, moods: true, error_bursts: true, clumps: 5 }),
    ];
    for shape in [Shape::LogNormal, Shape::Hiccups, Shape::Pareto] {
        for (name, noise) in noises {
            for share in [1.0, 10.0, 50.0] {
                for effect in
                    [Effect::NONE, Effect { latency: 1.25, ..Effect::NONE }, Effect { latency: 2.0, ..Effect::NONE }]
                {
                    let began = Instant::now();
                    let scenario = Scenario { shape, noise, share, effect, ..CALM };
                    let ends = simulate(&usual_plan(), scenario, runs, 1);
                    println!(
                        "{shape:?} {name} {share}% x{} +{}: approved {} rejected {} gross {} doubt {} s50 {} s95 {} ({} ms/run)",
                        effect.latency,
                        effect.errors,
                        ends.approved,
                        ends.rejected,
                        ends.gross,
                        ends.doubt,
                        ends.seconds_of(0.5),
                        ends.seconds_of(0.95),
                        began.elapsed().as_millis() as u64 / runs
                    );
                }
            }
        }
    }
}
