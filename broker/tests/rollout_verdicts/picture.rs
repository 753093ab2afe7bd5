//! Curves as SVG: panels side by side, one line for each series, a legend below.

use std::fmt::Write;

const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 52.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 64.0;
const COLOURS: [&str; 6] = ["#1b6ca8", "#c44536", "#2a9d5c", "#8a5aa8", "#d18f00", "#555555"];

/// An axis: its name, from where to where, ticks, and whether it is logarithmic.
#[derive(Clone, Debug)]
pub struct Axis {
    pub name: &'static str,
    pub from: f64,
    pub to: f64,
    pub ticks: Vec<f64>,
    pub log: bool,
}

/// One set of axes with lines.
#[derive(Clone, Debug)]
pub struct Panel {
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    pub lines: Vec<(String, Vec<(f64, f64)>)>,
    /// Values of y that are required, drawn across.
    pub limits: Vec<f64>,
}

impl Axis {
    fn place(&self, value: f64) -> f64 {
        let scale = |value: f64| if self.log { value.ln() } else { value };
        ((scale(value) - scale(self.from)) / (scale(self.to) - scale(self.from))).clamp(0.0, 1.0)
    }
}

/// The whole picture.
pub fn draw(panels: &[Panel]) -> String {
    let most = panels.iter().map(|panel| panel.lines.len()).max().unwrap_or(0) as f64;
    let (width, height) = (panels.len() as f64 * (WIDTH + LEFT + 20.0), TOP + HEIGHT + BOTTOM + 16.0 * most);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    for (at, panel) in panels.iter().enumerate() {
        let _ = writeln!(svg, "<g transform=\"translate({},{TOP})\">", at as f64 * (WIDTH + LEFT + 20.0) + LEFT);
        axes(&mut svg, panel);
        lines(&mut svg, panel);
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

fn axes(svg: &mut String, panel: &Panel) {
    let _ = writeln!(svg, "<text x=\"0\" y=\"-14\" font-weight=\"bold\">{}</text>", panel.title);
    for &tick in &panel.x.ticks {
        let x = WIDTH * panel.x.place(tick);
        let _ = writeln!(svg, "<path d=\"M{x:.1} 0V{HEIGHT}\" stroke=\"#eee\"/>");
        let _ =
            writeln!(svg, "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>", HEIGHT + 16.0, number(tick));
    }
    for &tick in &panel.y.ticks {
        let y = HEIGHT * (1.0 - panel.y.place(tick));
        let _ = writeln!(svg, "<path d=\"M0 {y:.1}H{WIDTH}\" stroke=\"#eee\"/>");
        let _ = writeln!(svg, "<text x=\"-6\" y=\"{:.1}\" text-anchor=\"end\">{}</text>", y + 4.0, number(tick));
    }
    for &limit in &panel.limits {
        let y = HEIGHT * (1.0 - panel.y.place(limit));
        let _ = writeln!(svg, "<path d=\"M0 {y:.1}H{WIDTH}\" stroke=\"#999\" stroke-dasharray=\"4 4\"/>");
    }
    let _ = writeln!(svg, "<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"none\" stroke=\"#888\"/>");
    let (middle, below) = (WIDTH / 2.0, HEIGHT + 34.0);
    let _ = writeln!(svg, "<text x=\"{middle}\" y=\"{below}\" text-anchor=\"middle\">{}</text>", panel.x.name);
    let _ = writeln!(
        svg,
        "<text transform=\"translate(-38,{}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
        HEIGHT / 2.0,
        panel.y.name
    );
}

fn lines(svg: &mut String, panel: &Panel) {
    for (at, (name, points)) in panel.lines.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        let place = |&(x, y): &(f64, f64)| (WIDTH * panel.x.place(x), HEIGHT * (1.0 - panel.y.place(y)));
        let path: Vec<_> = points.iter().map(place).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join(" ")
        );
        for (x, y) in points.iter().map(place) {
            let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
        }
        let y = HEIGHT + 54.0 + 16.0 * at as f64;
        let _ = writeln!(svg, "<rect x=\"0\" y=\"{:.1}\" width=\"14\" height=\"4\" fill=\"{colour}\"/>", y - 6.0);
        let _ = writeln!(svg, "<text x=\"20\" y=\"{y:.1}\">{name}</text>");
    }
}

fn number(value: f64) -> String {
    if value >= 1_000.0 { format!("{}k", value / 1_000.0) } else { format!("{value}") }
}
