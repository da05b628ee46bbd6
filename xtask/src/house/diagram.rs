//! The diagram of the crates: the flowchart, in Mermaid's language, behind the mark in the page.
//!
//! Of that language it may use `a & b --> c & d --> e`, which draws an arrow from each name on a side to each on the next.

use std::collections::BTreeMap;

use crate::Outcome;

/// The line before the diagram.
const MARK: &str = "<!-- crates -->";

/// What is drawn, each with the line of the page that draws it first.
pub(super) struct Diagram {
    pub(super) crates: BTreeMap<String, usize>,
    /// From which crate to which.
    pub(super) arrows: BTreeMap<(String, String), usize>,
}

impl Diagram {
    /// Reads the page that has the diagram.
    pub(super) fn read(page: &str) -> Outcome<Self> {
        let mut lines = page.lines().zip(1..);
        let begins = [MARK, "```mermaid", "flowchart LR"];
        lines.find(|(line, _)| *line == MARK);
        for expected in &begins[1..] {
            if lines.next().map(|(line, _)| line) != Some(*expected) {
                return Err(format!("no diagram that begins with the lines {begins:?}").into());
            }
        }
        let mut diagram = Self {
            crates: BTreeMap::new(),
            arrows: BTreeMap::new(),
        };
        for (line, number) in lines {
            if line == "```" {
                return Ok(diagram);
            }
            diagram.draw(line, number)?;
        }
        Err("the diagram of the crates has no end".into())
    }

    fn draw(&mut self, line: &str, number: usize) -> Outcome<()> {
        let mut before: Vec<String> = Vec::new();
        for side in line.split("-->") {
            let names: Vec<String> = side.split('&').map(|name| name.trim().to_owned()).collect();
            for name in &names {
                if name.is_empty() || name.contains(|of: char| !of.is_ascii_alphanumeric()) {
                    return Err(
                        format!("line {number}: `{name}` is not the name of a crate").into(),
                    );
                }
                self.crates.entry(name.clone()).or_insert(number);
                for from in &before {
                    let arrow = (from.clone(), name.clone());
                    self.arrows.entry(arrow).or_insert(number);
                }
            }
            before = names;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(lines: &str) -> String {
        format!("# x\n\n<!-- crates -->\n```mermaid\nflowchart LR\n{lines}\n```\na --> z\n")
    }

    #[test]
    fn every_name_leads_to_every_name_of_the_next_side() {
        let diagram = Diagram::read(&page("  a & b --> c & d --> e\n  f")).unwrap();
        let drawn: Vec<String> = diagram
            .arrows
            .iter()
            .map(|((from, to), line)| format!("{from}{to}{line}"))
            .collect();
        assert_eq!(drawn, ["ac6", "ad6", "bc6", "bd6", "ce6", "de6"]);
        let crates: String = diagram.crates.keys().map(String::as_str).collect();
        assert_eq!(crates, "abcdef");
        assert_eq!(diagram.crates["f"], 7);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for wrong in ["a -.-> b", "a -->", "a[An a] --> b", ""] {
            assert!(Diagram::read(&page(wrong)).is_err(), "{wrong}");
        }
        assert!(Diagram::read("# x\n```mermaid\nflowchart LR\na --> b\n```\n").is_err());
        assert!(Diagram::read("<!-- crates -->\n```mermaid\nflowchart LR\na --> b\n").is_err());
    }
}
