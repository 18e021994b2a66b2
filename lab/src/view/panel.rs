//! The live panel: routes, links, calls. Plain data in, cells out.

use std::time::Duration;

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::{Block, Borders, Paragraph, Widget as _},
};

use crate::{
    conversation::StepMedia,
    media::Tally,
    pair::{Pair, path_short, path_text},
    traffic::{CallCounts, Observation, SetupTimes},
    world::MeasuredLink,
};

/// Rows of the panel, its frame line included.
pub(super) const HEIGHT: u16 = 16;

const LINKS_MAX: usize = 6;
const RECENT_MAX: usize = 4;
/// Loss from which a link is shown as bad.
const LOSS_BAD: f64 = 0.01;

/// Everything that the panel shows, at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Panel {
    /// The step that is being played.
    pub(crate) headline: String,
    /// Since the start of the lab.
    pub(crate) elapsed: Duration,
    /// The route of every direction that carries calls.
    pub(crate) routes: Vec<(Pair, Vec<String>)>,
    /// As the mesh measures them.
    pub(crate) links: Vec<MeasuredLink>,
    pub(crate) calls: CallCounts,
    pub(crate) in_progress: usize,
    pub(crate) setup: SetupTimes,
    /// All voices so far.
    pub(crate) tally: Tally,
    /// The last seconds of those that speak now.
    pub(crate) lately: StepMedia,
    /// The newest calls, oldest first.
    pub(crate) recent: Vec<Observation>,
}

impl Panel {
    pub(super) fn render(&self, area: Rect, buffer: &mut Buffer) {
        let title = format!(" ringway lab  {:.0} s  {} ", self.elapsed.as_secs_f64(), self.headline);
        let block = Block::new().borders(Borders::TOP).title(title).title_style(bold());
        Paragraph::new(self.lines()).block(block).render(area, buffer);
    }

    fn lines(&self) -> Vec<Line<'static>> {
        let mut lines = Vec::new();
        lines.extend(labeled("routes", self.routes.iter().map(|(pair, path)| route(pair, path))));
        lines.extend(labeled("links", self.link_rows()));
        lines.push(self.call_row());
        lines.push(self.voice_row());
        lines.extend(labeled("recent", self.recent.iter().rev().take(RECENT_MAX).map(recent)));
        lines
    }

    /// One row for each pair of regions, both directions; those that carry calls first, in bold.
    fn link_rows(&self) -> Vec<Vec<Span<'static>>> {
        let carries = |link: &MeasuredLink| {
            self.routes
                .iter()
                .any(|(_, path)| path.windows(2).any(|hop| hop[0] == link.from && hop[1] == link.to))
        };
        let mut pairs: Vec<(&MeasuredLink, Option<&MeasuredLink>)> = Vec::new();
        for link in &self.links {
            match pairs.iter_mut().find(|(there, _)| there.from == link.to && there.to == link.from) {
                Some((_, back)) => *back = Some(link),
                None => pairs.push((link, None)),
            }
        }
        let used = |(there, back): &(&MeasuredLink, Option<&MeasuredLink>)| {
            carries(there) || back.is_some_and(carries)
        };
        pairs.sort_by_key(|pair| !used(pair));
        let row = |pair: &(&MeasuredLink, Option<&MeasuredLink>)| {
            let (there, back) = *pair;
            let style = if used(pair) { bold() } else { Style::new() };
            let name = format!("{:<12} <> {:<12} ", there.from, there.to);
            let mut spans = vec![Span::styled(name, style), measured(Some(there)), Span::raw("   back ")];
            spans.push(measured(back));
            spans
        };
        pairs.iter().take(LINKS_MAX).map(row).collect()
    }

    fn call_row(&self) -> Line<'static> {
        let CallCounts { placed, answered, failed, asked: _ } = self.calls;
        let counts = format!("placed {placed}   answered {answered}   in progress {}   ", self.in_progress);
        let failed_style = if failed > 0 { bad() } else { Style::new() };
        let setup = format!("   set-up p50 {:.0} ms, p99 {:.0} ms", self.setup.p50, self.setup.p99);
        Line::from(vec![
            label("calls"),
            Span::raw(counts),
            Span::styled(format!("failed {failed}"), failed_style),
            Span::raw(setup),
        ])
    }

    fn voice_row(&self) -> Line<'static> {
        let Tally { talking, sent, received, duplicated, broken } = self.tally;
        let StepMedia { lost, gap_ms, mos_min, .. } = self.lately;
        let counts = format!("{talking} speak   sent {sent}   heard {received}   twice {duplicated}   ");
        let mos = mos_min.map_or_else(|| "-".into(), |mos| format!("{mos:.1}"));
        let lately = format!("lately: lost {lost}, gap {:.0} ms, MOS {mos}", gap_ms.max);
        let style = if lost > 0 { bad() } else { Style::new() };
        let mut spans = vec![label("voice"), Span::raw(counts), Span::styled(lately, style)];
        if broken > 0 {
            spans.push(Span::styled(format!("   broken {broken}"), bad()));
        }
        Line::from(spans)
    }
}

fn route(pair: &Pair, path: &[String]) -> Vec<Span<'static>> {
    let style = match path.len() {
        0 => bad(),
        1 | 2 => Style::new().fg(Color::Green),
        _ => Style::new().fg(Color::Yellow),
    };
    vec![
        Span::raw(format!("{:<28} ", pair.to_string())),
        Span::styled(path_short(path), style.add_modifier(Modifier::BOLD)),
    ]
}

fn recent(call: &Observation) -> Vec<Span<'static>> {
    vec![Span::raw(format!("{:<28} went {}", call.pair.to_string(), path_text(&call.path)))]
}

fn measured(link: Option<&MeasuredLink>) -> Span<'static> {
    match link {
        None => Span::raw(format!("{:>18}", "-")),
        Some(link) if !link.up => Span::styled(format!("{:>18}", "down"), bad()),
        Some(link) => {
            let text = format!("{:>6.1} ms {:>6.1} %", link.delay_ms, link.loss * 100.0);
            Span::styled(text, if link.loss >= LOSS_BAD { bad() } else { Style::new() })
        }
    }
}

/// The first row has the label, the others stand below it.
fn labeled(name: &'static str, rows: impl IntoIterator<Item = Vec<Span<'static>>>) -> Vec<Line<'static>> {
    rows.into_iter()
        .enumerate()
        .map(|(index, spans)| {
            let first = label(if index == 0 { name } else { "" });
            Line::from([first].into_iter().chain(spans).collect::<Vec<_>>())
        })
        .collect()
}

fn label(name: &str) -> Span<'static> {
    Span::styled(format!(" {name:<8}"), Style::new().add_modifier(Modifier::DIM))
}

fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

fn bad() -> Style {
    Style::new().fg(Color::Red)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock, conversation::Spread};

    fn text(panel: &Panel) -> Vec<String> {
        let area = Rect::new(0, 0, 100, HEIGHT);
        let mut buffer = Buffer::empty(area);
        panel.render(area, &mut buffer);
        let row = |y| (0..area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        (0..HEIGHT).map(|y| row(y).trim_end().to_owned()).collect()
    }

    fn link(from: &str, to: &str, loss: f64) -> MeasuredLink {
        MeasuredLink { from: from.into(), to: to.into(), up: true, delay_ms: 32.0, loss }
    }

    #[test]
    fn the_panel_shows_routes_links_and_calls() {
        let path = ["us-west-2", "us-east-2", "us-east-1"].map(String::from).to_vec();
        let pair = Pair::new("us-west-2", "us-east-1");
        let panel = Panel {
            headline: "step 2 of 6: brownout".into(),
            elapsed: Duration::from_secs(12),
            routes: vec![(pair.clone(), path.clone())],
            links: vec![
                link("us-west-2", "us-east-1", 0.2),
                link("us-west-2", "us-east-2", 0.0),
                link("us-east-1", "us-west-2", 0.19),
            ],
            calls: CallCounts { placed: 40, answered: 38, failed: 0, asked: 0 },
            in_progress: 2,
            setup: SetupTimes { p50: 66.2, p99: 71.0 },
            tally: Tally { talking: 4, sent: 900, received: 880, duplicated: 2, broken: 1 },
            lately: StepMedia {
                lost: 12,
                gap_ms: Spread { p50: 20.0, p99: 220.0, max: 220.4 },
                mos_min: Some(3.94),
                ..StepMedia::default()
            },
            recent: vec![Observation { pair, placed_at: clock::now(), path, nodes: vec![] }],
        };
        let rows = text(&panel);
        assert!(rows[0].starts_with(" ringway lab  12 s  step 2 of 6: brownout ─"), "{}", rows[0]);
        let expected = [
            " routes  us-west-2 > us-east-1        via us-east-2",
            " links   us-west-2    <> us-east-2      32.0 ms    0.0 %   back                  -",
            "         us-west-2    <> us-east-1      32.0 ms   20.0 %   back   32.0 ms   19.0 %",
            " calls   placed 40   answered 38   in progress 2   failed 0   set-up p50 66 ms, p99 71 ms",
            " voice   4 speak   sent 900   heard 880   twice 2   lately: lost 12, gap 220 ms, MOS 3.9   broken 1",
            " recent  us-west-2 > us-east-1        went us-west-2 > us-east-2 > us-east-1",
        ];
        assert_eq!(rows[1..7], expected);
    }

    #[test]
    fn an_empty_panel_is_no_accident() {
        let rows = text(&Panel::default());
        assert_eq!(
            rows[1],
            " calls   placed 0   answered 0   in progress 0   failed 0   set-up p50 0 ms, p99 0 ms"
        );
    }
}
