//! The house looked at: small workspaces, in order and out of order.

use std::fs;

use super::faults;

/// A workspace of the crate `a`, and maybe others.
struct House {
    folder: tempfile::TempDir,
}

impl House {
    /// With this diagram.
    fn new(diagram: &str) -> Self {
        let house = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        house.file(
            "Cargo.toml",
            "[workspace]\nmembers = [\"crates/*\"]\nresolver = \"3\"\n",
        );
        house.file(
            "docs/design/architecture.md",
            &format!("# The house\n\n<!-- crates -->\n```mermaid\nflowchart LR\n{diagram}\n```\n"),
        );
        house
    }

    /// One crate `a` of these files.
    fn of(files: &[(&str, &str)]) -> Self {
        Self::new("a").with("a", "", files)
    }

    /// And this crate, whose manifest ends like this.
    fn with(self, name: &str, manifest: &str, files: &[(&str, &str)]) -> Self {
        let folder = format!("crates/{name}");
        self.file(
            &format!("{folder}/Cargo.toml"),
            &format!("[package]\nname = \"made-up-{name}\"\nedition = \"2024\"\n{manifest}"),
        );
        for (file, text) in files {
            self.file(&format!("{folder}/src/{file}"), text);
        }
        self
    }

    fn file(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn faults(&self) -> Vec<String> {
        faults(self.folder.path()).unwrap()
    }

    /// The one circle of crate `a`: which neighbours, and the lines.
    fn circle(&self) -> Vec<String> {
        let faults = self.faults();
        assert_eq!(faults.len(), 1, "{faults:#?}");
        let short = |line: &str| line.trim().replace("crates/a/src/", "");
        faults[0].lines().map(short).collect()
    }
}

#[test]
fn no_circle_no_fault() {
    let house = House::of(&[
        (
            "lib.rs",
            "mod one; mod other; pub use one::One; pub use other::work;",
        ),
        ("one.rs", "pub struct One;"),
        (
            "other.rs",
            "use crate::One;\npub fn work(_: One) { crate::work(One) }",
        ),
    ]);
    assert!(house.faults().is_empty());
}

#[test]
fn two_files() {
    let house = House::of(&[
        ("main.rs", "mod one; mod other; fn main() { one::work() }"),
        (
            "one.rs",
            "use crate::other::Other;\npub fn work() { Other::new(); }",
        ),
        (
            "other.rs",
            "pub struct Other;\nimpl Other {\n  pub fn new() -> Self {\n    crate::one::work();\n    Self\n  }\n}",
        ),
    ]);
    assert_eq!(
        house.circle(),
        [
            "a circle of one, other:",
            "one.rs:1: other::Other",
            "other.rs:4: one::work",
        ]
    );
}

#[test]
fn three_files_of_which_one_is_named_by_a_re_export() {
    let house = House::of(&[
        (
            "lib.rs",
            "mod one;\nmod two;\nmod three;\npub use three::{Three as Third, all};",
        ),
        ("one.rs", "use crate::two;\npub fn one() { two::Two; }"),
        (
            "two.rs",
            "use crate::Third as Renamed;\npub struct Two;\nfn x(_: Renamed) {}",
        ),
        (
            "three.rs",
            "pub struct Three;\npub fn all() {\n  use crate::one::*;\n}",
        ),
    ]);
    assert_eq!(
        house.circle(),
        [
            "a circle of one, three, two:",
            "one.rs:2: two::Two",
            "three.rs:3: one::*",
            "two.rs:1: three::Three",
        ]
    );
}

#[test]
fn names_are_followed_through_globs_that_are_handed_on() {
    let house = House::of(&[
        ("lib.rs", "mod far; mod near; pub use far::*;"),
        ("far/mod.rs", "mod deep; pub use deep::*;"),
        (
            "far/deep.rs",
            "pub struct Deep;\nfn x() { crate::near::y() }",
        ),
        ("near.rs", "use crate::Deep;\npub fn y() {}"),
    ]);
    assert_eq!(
        house.circle(),
        [
            "a circle of far, near:",
            "far/deep.rs:2: near::y",
            "near.rs:1: far::deep::Deep",
        ]
    );
}

#[test]
fn through_super() {
    let house = House::of(&[
        ("lib.rs", "mod folder;"),
        ("folder/mod.rs", "mod one; mod other;"),
        (
            "folder/one.rs",
            "use super::other::Other;\npub(super) struct One;",
        ),
        (
            "folder/other.rs",
            "mod inside {\n  fn x() { super::super::one::One; }\n}\npub(super) struct Other;",
        ),
    ]);
    assert_eq!(
        house.circle(),
        [
            "a circle of folder::one, folder::other:",
            "folder/one.rs:1: folder::other::Other",
            "folder/other.rs:2: folder::one::One",
        ]
    );
}

#[test]
fn a_folder_is_one_neighbour_of_a_file_beside_it() {
    // No file of these three names one that leads back to it; but the folder, as a whole, names and is named.
    let house = House::of(&[
        ("lib.rs", "mod board; mod board_user;"),
        ("board.rs", "mod low;\nmod high;\npub struct Board;"),
        ("board/low.rs", "pub(crate) struct Low;"),
        ("board/high.rs", "use crate::board_user::User;"),
        (
            "board_user.rs",
            "use crate::board::Board;\npub struct User;",
        ),
    ]);
    assert_eq!(
        house.circle(),
        [
            "a circle of board, board_user:",
            "board/high.rs:1: board_user::User",
            "board_user.rs:1: board::Board",
        ]
    );
}

#[test]
fn a_module_and_what_is_inside_it_are_one_thing() {
    let house = House::of(&[
        ("lib.rs", "mod head; fn all() {}"),
        ("head.rs", "mod part; pub struct Head { part: part::Part }"),
        (
            "head/part.rs",
            "use super::Head; pub(super) struct Part; impl Head { fn x() { crate::all() } }",
        ),
    ]);
    assert!(house.faults().is_empty());
}

#[test]
fn tests_make_no_arrows() {
    let house = House::of(&[
        ("lib.rs", "mod one; mod other; #[cfg(test)] mod not_even_there;"),
        (
            "one.rs",
            "#[cfg(test)] use crate::other::work; pub struct One; #[cfg(all(test, unix))] mod tests { use crate::other::*; }
             impl One { #[cfg(test)] fn x() { crate::other::work() } } #[test] fn x() { crate::other::work() }",
        ),
        ("other.rs", "use crate::one::One; pub fn work() { One; }"),
    ]);
    assert!(house.faults().is_empty());
}

#[test]
fn what_a_macro_or_an_attribute_is_given_is_read() {
    let house = House::of(&[
        ("lib.rs", "mod one; mod other; mod third;"),
        (
            "one.rs",
            "fn x() {\n  println!(\"{:?}\", [\n    crate::other::Y]);\n}\npub fn z() {}",
        ),
        (
            "other.rs",
            "#[serde(with = \"crate::third::Third\")]\npub struct Y;",
        ),
        (
            "third.rs",
            "pub struct Third {\n  #[arg(value_parser = crate::one::z)]\n  z: u8,\n}",
        ),
    ]);
    assert_eq!(
        house.circle(),
        [
            "a circle of one, other, third:",
            "one.rs:3: other::Y",
            "other.rs:1: third::Third",
            "third.rs:2: one::z",
        ]
    );
}

/// Crates `a` and `b` behind this diagram; `a` has this in its manifest.
fn two_crates(diagram: &str, manifest: &str) -> Vec<String> {
    House::new(diagram)
        .with("a", manifest, &[("lib.rs", "")])
        .with("b", "", &[("lib.rs", "")])
        .faults()
}

const USES_B: &str = "[dependencies]\nmade-up-b = { path = \"../b\" }";

#[test]
fn an_arrow_between_crates_that_is_drawn() {
    assert!(two_crates("a --> b", USES_B).is_empty());
    assert!(
        two_crates(
            "a & b",
            "[dev-dependencies]\nmade-up-b = { path = \"../b\" }"
        )
        .is_empty()
    );
}

#[test]
fn an_arrow_between_crates_that_is_not_drawn() {
    let undrawn =
        "crates/a/Cargo.toml: `a` uses `b`, and docs/design/architecture.md draws no such arrow";
    assert_eq!(two_crates("a\n b", USES_B), [undrawn]);
    assert_eq!(
        two_crates("a & b", &USES_B.replace("[", "[build-")),
        [undrawn]
    );
}

#[test]
fn a_drawn_arrow_that_is_gone() {
    assert_eq!(
        two_crates("b\n a --> b", ""),
        ["docs/design/architecture.md:7: draws a --> b, and crates/a/Cargo.toml does not use it"]
    );
}

#[test]
fn a_crate_that_is_not_drawn_and_one_that_is_not_there() {
    assert_eq!(
        two_crates("b\n c", ""),
        [
            "docs/design/architecture.md:7: no crate `c` is there",
            "docs/design/architecture.md: the diagram does not draw `a`",
        ]
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let wrong = |text: &str| {
        let house = House::of(&[("lib.rs", "mod one;"), ("one.rs", text)]);
        faults(house.folder.path()).unwrap_err().to_string()
    };
    assert!(wrong("fn (").starts_with("crates/a/src/one.rs: "));
    assert!(wrong("mod gone;").starts_with("crates/a/src/one/gone/mod.rs: "));
    assert!(wrong("#[path = \"x.rs\"] mod x;").starts_with("crates/a/src/one.rs: "));
}
