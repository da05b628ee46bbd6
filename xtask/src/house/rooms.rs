//! Which crate may use which, as the design page says.

use std::collections::{BTreeMap, BTreeSet};

use crate::Outcome;

/// The head of the table that says it.
const HEAD: &str = "| crate | uses |";

/// Of each crate, the others that it may use.
pub(super) fn read(page: &str) -> Outcome<BTreeMap<String, BTreeSet<String>>> {
    let mut rows = page
        .lines()
        .skip_while(|line| *line != HEAD)
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .peekable();
    if rows.peek().is_none() {
        return Err(format!("docs/design/architecture.md has no table `{HEAD}`").into());
    }
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, uses] = cells[..] else {
            return Err(format!("docs/design/architecture.md: `{row}` has not two cells").into());
        };
        let uses = uses.split(',').map(plain).filter(|name| !name.is_empty());
        Ok((plain(name), uses.collect()))
    })
    .collect()
}

fn plain(name: &str) -> String {
    name.trim().trim_matches('`').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read() {
        let page = "# x\n\n| crate | uses |\n|---|---|\n| `plan` | |\n| `report` | `events`, `plan` |\n\nrest | x |\n";
        let read = read(page).unwrap();
        assert_eq!(read["plan"], BTreeSet::new());
        let both = BTreeSet::from(["events".to_owned(), "plan".to_owned()]);
        assert_eq!(read["report"], both);
        assert_eq!(read.len(), 2);
        assert!(super::read("# x\n").is_err());
    }
}
