//! No text makes the reader panic, hang or grow without end.

use proptest::prelude::*;

use super::{GOOD, problems, read};

#[test]
fn nothing_in_it() {
    for text in ["", "\n\n", "# comment\n", "\u{feff}", "\r\n"] {
        assert_eq!(
            problems(text),
            "error[cluster::empty]: cluster.conf: the file is empty: it sets nothing\n  help: write assignments: `GUIDE=...`\n"
        );
    }
}

#[test]
fn values_can_not_grow_without_end() {
    let mut text = "A0=xxxxxxxxxxxxxxxx\n".to_owned();
    for n in 0..60 {
        text.push_str(&format!("A{}=$A{n}$A{n}\n", n + 1));
    }
    let (_, problems) = read(&text);
    assert!(
        problems
            .iter()
            .any(|problem| problem.code == "conf::too-much")
    );
}

#[test]
fn large_files_are_read_in_time() {
    let repeat = |unit: &str| unit.repeat(512 * 1024 / unit.len());
    for text in [
        repeat("A=1\n"),
        repeat("A=1 "),
        format!("A=1\nB={}", repeat("$A")),
        format!("A=1\nB=\"{}", repeat("${A}")),
        format!("B={}", repeat("$$")),
        format!("B={}", repeat("''")),
        format!("B=\"{}", repeat("\\\"")),
        format!("B={}", repeat("${")),
        repeat("`"),
        repeat("x\n"),
        repeat("x"),
        repeat("="),
        repeat("A=\"\n"),
        format!("NODES_G=\"{}\"", repeat("h ")),
        format!(
            "NODES_G=\"{}\"\nNODES=x",
            (0..100_000).map(|n| format!("h{n} ")).collect::<String>()
        ),
        (0..50_000).map(|n| format!("A{n}=$B{n}\n")).collect(),
    ] {
        let begun = std::time::Instant::now();
        read(&text);
        let taken = begun.elapsed().as_secs();
        assert!(taken < 60, "{taken} s for {:?}", text.get(..20));
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC*") {
        check(&text)?;
    }

    #[test]
    fn no_mutation_of_a_good_file_makes_the_reader_panic(
        at in 0..GOOD.len(),
        length in 0usize..12,
        with in prop::collection::vec(
            prop::sample::select(vec![
                "\"", "'", "\\", "$", "{", "}", "(", ")", "`", "=", " ", "\n", "\r\n", "#", ";",
                "~", "ü", "\0", "NODES", "${NODES_L}", "export ", "KEY=", "1.1.1.1", "LEADER1",
            ]),
            0..4,
        ),
    ) {
        let mut text = GOOD.to_owned();
        let end = (at + length).min(text.len());
        text.replace_range(at..end, &with.concat());
        check(&text)?;
    }
}

fn check(text: &str) -> Result<(), TestCaseError> {
    let (cluster, problems) = read(text);
    prop_assert_eq!(cluster.is_none(), problems.has_errors());
    for problem in problems.iter() {
        for label in &problem.labels {
            prop_assert!(text.get(label.span.start..label.span.end).is_some());
        }
    }
    Ok(())
}
