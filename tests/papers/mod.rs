//! The house's papers, as its tests look at them: links, headings, examples, and tables of keys, in Markdown.

use std::collections::{BTreeMap, BTreeSet};

/// Everything outside code blocks, and every code block with its language.
pub(crate) struct Paper {
    /// Lines with their number, from 1.
    pub(crate) prose: Vec<(usize, String)>,
    /// (line of the opening fence, language, text).
    pub(crate) blocks: Vec<(usize, String, String)>,
}

impl Paper {
    /// Takes a paper apart.
    pub(crate) fn new(text: &str) -> Self {
        let mut this = Self { prose: Vec::new(), blocks: Vec::new() };
        let mut open: Option<(usize, String, String)> = None;
        for (line, number) in text.lines().zip(1..) {
            match (&mut open, line.trim_start().strip_prefix("```")) {
                (None, Some(language)) => open = Some((number, language.trim().to_owned(), String::new())),
                (Some(_), Some(_)) => this.blocks.extend(open.take()),
                (Some((_, _, text)), None) => *text += &format!("{line}\n"),
                (None, None) => this.prose.push((number, line.to_owned())),
            }
        }
        this.blocks.extend(open);
        this
    }

    /// Targets of links and images, with their lines.
    pub(crate) fn links(&self) -> Vec<(usize, String)> {
        let targets = |line: &str| -> Vec<String> {
            let tails = line.split("](").skip(1);
            tails.filter_map(|tail| tail.split_once(')')).map(|(target, _)| target.to_owned()).collect()
        };
        self.prose
            .iter()
            .flat_map(|(number, line)| targets(line).into_iter().map(|target| (*number, target)))
            .collect()
    }

    /// What `#…` may point at here.
    pub(crate) fn anchors(&self) -> BTreeSet<String> {
        let headings = self.prose.iter().filter_map(|(_, line)| line.strip_prefix('#'));
        headings.map(|heading| anchor(heading.trim_start_matches('#').trim())).collect()
    }

    /// The code blocks of one language, with their lines.
    pub(crate) fn examples(&self, language: &str) -> Vec<(usize, &str)> {
        let of_language = self.blocks.iter().filter(|(_, found, _)| found == language);
        of_language.map(|(line, _, text)| (*line, text.as_str())).collect()
    }

    /// The keys in the first column of the tables under each heading that names a section: `` `[sip]` ``, `` `[[dial]]` ``.
    pub(crate) fn keys(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut section = None;
        for (_, line) in &self.prose {
            if line.starts_with('#') {
                let name = line.split_once("`[").and_then(|(_, rest)| rest.split_once("]`"));
                section = name.map(|(name, _)| name.trim_matches(['[', ']']).to_owned());
            }
            let key = line.strip_prefix("| `").and_then(|rest| rest.split_once('`'));
            if let (Some(section), Some((key, _))) = (&section, key) {
                keys.entry(section.clone()).or_default().insert(key.to_owned());
            }
        }
        keys
    }
}

/// As the forges make it: lower case, spaces to hyphens, other signs gone.
fn anchor(heading: &str) -> String {
    let sign = |c: char| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c.to_ascii_lowercase()),
        _ => None,
    };
    heading.chars().filter_map(sign).collect()
}

#[test]
fn a_paper_is_taken_apart() {
    let paper = Paper::new(
        "# The `[sip]` section\nSee [a](b.md#c) and ![d](e.png).\n\n| key | m |\n| `listen` | [x](#y) |\n```toml\n[no](link)\n```\n",
    );
    let targets: Vec<(usize, &str)> = vec![(2, "b.md#c"), (2, "e.png"), (5, "#y")];
    assert_eq!(paper.links().iter().map(|(line, to)| (*line, to.as_str())).collect::<Vec<_>>(), targets);
    assert_eq!(paper.examples("toml"), [(6, "[no](link)\n")]);
    assert_eq!(paper.anchors().into_iter().collect::<Vec<_>>(), ["the-sip-section"]);
    assert_eq!(paper.keys()["sip"].iter().collect::<Vec<_>>(), ["listen"]);
}
