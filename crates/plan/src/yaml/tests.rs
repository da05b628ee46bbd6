use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;

fn tree(text: &str) -> (Node, SourceFile) {
    let source = SourceFile::new("x.yaml", text);
    let (node, problems) = read(&source);
    assert!(problems.is_empty(), "{}", problems.to_plain_text());
    (node.expect("a tree"), source)
}

fn problems(text: &str) -> String {
    read(&SourceFile::new("x.yaml", text)).1.to_plain_text()
}

/// Every value with the text that its span covers.
fn marked(text: &str) -> String {
    let (node, source) = tree(text);
    node.places()
        .into_iter()
        .map(|(pointer, span)| format!("{pointer} = {:?}\n", source.slice(span)))
        .collect()
}

#[test]
fn spans_cover_what_was_written() {
    let text = "\
# ü comment
a: wört   # comment
'b c': \"quoted ü\"
list:
  - 1.10
  - [x, {y: ~}]
empty:
nested:
  - k: v
    l: >
      folded
      text

last: [
 ]
";
    assert_snapshot!(marked(text), @r#"
    /a = "wört"
    /b c = "\"quoted ü\""
    /list/0 = "1.10"
    /list/1/0 = "x"
    /list/1/1/y = "~"
    /list/1/1 = "{y: ~}"
    /list/1 = "[x, {y: ~}]"
    /list = "- 1.10\n  - [x, {y: ~}]"
    /empty = ""
    /nested/0/k = "v"
    /nested/0/l = "folded\n      text"
    /nested/0 = "k: v\n    l: >\n      folded\n      text"
    /nested = "- k: v\n    l: >\n      folded\n      text"
    /last = "[\n ]"
     = "a: wört   # comment\n'b c': \"quoted ü\"\nlist:\n  - 1.10\n  - [x, {y: ~}]\nempty:\nnested:\n  - k: v\n    l: >\n      folded\n      text\n\nlast: [\n ]"
    "#);
}

#[test]
fn crlf_and_a_byte_order_mark_shift_nothing() {
    assert_eq!(
        marked("\u{feff}a: b\r\nc: d\r\n"),
        "/a = \"b\"\n/c = \"d\"\n = \"a: b\\r\\nc: d\"\n"
    );
}

#[test]
fn a_version_that_looks_like_a_number_keeps_its_text() {
    let (node, source) = tree("release: 1.10\n");
    let release = node.get("release").expect("release");
    assert_eq!(release.kind, Kind::Float(1.1));
    assert_eq!(release.as_text(&source), Some("1.10"));
}

#[test]
fn an_empty_value_stands_after_its_colon() {
    let (node, _) = tree("a:   # nothing\nb: 1\n");
    assert_eq!(node.get("a").map(|node| node.span), Some(Span::new(2, 2)));
}

#[test]
fn as_json() {
    let (node, _) = tree("a: [1, 2.5, yes, true, null]\nb: {c: 'd'}\n");
    assert_eq!(
        node.to_json(),
        serde_json::json!({"a": [1, 2.5, "yes", true, null], "b": {"c": "d"}})
    );
}

#[test]
fn a_key_given_twice() {
    assert_snapshot!(problems("a: 1\nb: 2\n\"a\": 3\n"), @r#"
    error[yaml::duplicate-key]: x.yaml:3:1: `a` is given twice
      3:1 `\"a\"` given again here
      1:1 `a` given here first
      help: keep one of the two
    "#);
}

#[test]
fn nothing_at_all() {
    for text in ["", "\n\n", "# only a comment\n", "---\n", "~", "\u{feff}"] {
        let source = SourceFile::new("x.yaml", text);
        let (node, problems) = read(&source);
        assert_eq!(node, None, "{text:?}");
        assert_eq!(
            problems.to_plain_text(),
            "error[yaml::empty]: x.yaml: the file is empty\n"
        );
    }
}

#[test]
fn anchors_aliases_tags_and_documents() {
    assert_snapshot!(problems("a: &x [1]\nb: *x\nc: !!str 5\n"), @r"
    error[yaml::anchor]: x.yaml:1:4: anchors are not supported
      1:4 `&x` this names a part of the file
      help: remove it, and write the value out where it is needed
    error[yaml::alias]: x.yaml:2:4: aliases are not supported
      2:4 `*x` this stands for another part of the file
      help: write the value out here
    error[yaml::tag]: x.yaml:3:4: tags are not supported
      3:4 `!!str` this forces a type
      help: remove it; a value in quotes is text
    ");
    assert_snapshot!(problems("a: 1\n---\nb: 2\n"), @r"
    error[yaml::documents]: x.yaml:2:1: the file holds more than one document
      2:1 `---` a second one starts here
      help: keep one document, and remove the `---` line
    ");
}

#[test]
fn keys_that_are_no_text() {
    assert_snapshot!(problems("? [a, b]\n: c\n? {d: e}\n: f\n: g\n"), @r"
    error[yaml::key]: x.yaml:1:3: a key must be plain text, found a list
      1:3 `[a, b]` this is used as a key
    error[yaml::key]: x.yaml:3:3: a key must be plain text, found a mapping
      3:3 `{d: e}` this is used as a key
    error[yaml::key]: x.yaml:5:2: a key must be plain text, found nothing
      5:2 `` this is used as a key
    ");
}

#[test]
fn what_is_no_yaml() {
    assert_snapshot!(problems("a: \"open\nb: 2\n"), @r#"
    error[yaml::syntax]: x.yaml:1:4: this is not valid YAML: a quote is not closed
      1:4 `\"` opened here
      help: close the quote on the same line
    "#);
    assert_snapshot!(problems("a: [1, 2\nb: 2\n"), @"
    error[yaml::syntax]: x.yaml:2:2: this is not valid YAML: illegal placement of ':' indicator
      2:2 `` here
      help: close the bracket that is open, and put a value that contains `, ` or a bracket in quotes
    ");
    assert_snapshot!(problems("a: b: c\n"), @r"
    error[yaml::syntax]: x.yaml:1:5: this is not valid YAML: mapping values are not allowed in this context
      1:5 `` here
      help: put a value that contains `: ` in quotes, or check the indentation
    ");
    assert_snapshot!(problems("a:\n\tb: c\n"), @r#"
    error[yaml::syntax]: x.yaml:2:1: this is not valid YAML: a tab indents this line
      2:1 `\t` a tab
      help: indent with spaces: YAML does not allow tabs there
    "#);
    assert_snapshot!(problems("a: 1\n  b: 2\n"), @"
    error[yaml::syntax]: x.yaml:2:4: this is not valid YAML: mapping values are not allowed in this context
      2:4 `` here
      help: indent this line as the one above it, which has its value already
    ");
    assert_snapshot!(problems("a: *nowhere\n"), @r"
    error[yaml::syntax]: x.yaml:1:4: this is not valid YAML: found unknown anchor
      1:4 `` here
      help: put a value that starts with `*` in quotes
    ");
    assert_snapshot!(problems("a: @x\n"), @r"
    error[yaml::syntax]: x.yaml:1:4: this is not valid YAML: unexpected character: `@'
      1:4 `` here
    ");
    assert_snapshot!(problems("a: [\n]\n"), @r"
    error[yaml::syntax]: x.yaml:2:1: this is not valid YAML: invalid indentation
      2:1 `` here
      help: indent the closing bracket by at least one space
    ");
    assert_snapshot!(problems("just words\nkey: value\n"), @"
    error[yaml::syntax]: x.yaml:2:4: this is not valid YAML: mapping values are not allowed in this context
      2:4 `` here
      help: put a value that contains `: ` in quotes, or check the indentation
    ");
}

#[test]
fn a_value_that_is_in_quotes_in_part() {
    assert_snapshot!(problems("when: \"ca\" in host.labels\nb: 1\n"), @r#"
    error[yaml::syntax]: x.yaml:1:7: this is not valid YAML: only a part of this value is in quotes
      1:7 `\"ca\" in host.labels` quotes have to be around all of it
      help: write '"ca" in host.labels'
    "#);
    assert_snapshot!(problems("- { id: x, when: \"ca\" in host.labels, run: y }\n"), @r#"
    error[yaml::syntax]: x.yaml:1:18: this is not valid YAML: only a part of this value is in quotes
      1:18 `\"ca\" in host.labels` quotes have to be around all of it
      help: write '"ca" in host.labels'
    "#);
    assert_snapshot!(problems("- { id: x, when: \"ca\" in ['a', 'b'] }\n"), @r#"
    error[yaml::syntax]: x.yaml:1:18: this is not valid YAML: only a part of this value is in quotes
      1:18 `\"ca\" in [\'a\', \'b\']` quotes have to be around all of it
      help: put all of the value in quotes, of the kind that is not in it
    "#);
    assert_snapshot!(problems("when: 'ca' in host.labels\n"), @r#"
    error[yaml::syntax]: x.yaml:1:7: this is not valid YAML: only a part of this value is in quotes
      1:7 `\'ca\' in host.labels` quotes have to be around all of it
      help: write "'ca' in host.labels"
    "#);
    assert_snapshot!(problems("a: 1\n\"b\" c: 2\n"), @"
    error[yaml::syntax]: x.yaml:2:5: this is not valid YAML: only a part of this value is in quotes
      2:5 `` quotes have to be around all of it
      help: put all of the value in quotes, of the kind that is not in it
    ");
}

#[test]
fn what_to_write_in_quotes_is_right_or_not_said() {
    let help = |text: &str| {
        let told = problems(text);
        let help = told
            .lines()
            .find_map(|line| line.trim().strip_prefix("help: "));
        help.unwrap_or_default().to_owned()
    };
    for (text, write) in [
        (
            "when: \"ca\" in host.labels # only in CA\n",
            "'\"ca\" in host.labels'",
        ),
        ("when: \"a #b\" in x # it's {so}\n", "'\"a #b\" in x'"),
        ("{ when: \"ca\" in x } # {why}\n", "'\"ca\" in x'"),
        ("when: \"a\" in x#y\n", "'\"a\" in x#y'"),
        (
            "when: \"a\" == \"b\" or \"\" == c\n",
            "'\"a\" == \"b\" or \"\" == c'",
        ),
        ("when: \"a\\\\d\" in x\n", "'\"a\\\\d\" in x'"),
    ] {
        assert_eq!(help(text), format!("write {write}"), "{text}");
    }
    for text in [
        "when: \"host.name == \"etcd1\"\"\n",
        "when: \"\"etcd1\" == host.name\"\n",
        "when: \"a == \"b\" or c\" # d\n",
        "when: 'a\\d' in x\n",
        "when: 'a\\n' in x\n",
        "when: \"a\" in x\" # y\n",
    ] {
        assert!(
            help(text).starts_with("put all of the value"),
            "{text}: {}",
            help(text)
        );
    }
}

#[test]
fn a_value_that_must_not_be_seen_is_not_repeated() {
    let text = "when: \"ca\" in HUNTER2\n";
    let source = SourceFile::new("x.yaml", text);
    let shown = SourceFile::new("x.yaml", text.replace("HUNTER2", "*******"));
    let (_, problems) = super::read_parsed(&source, &Parsed::of(source.text()), &shown);
    let told = problems.shown_in(&shown).to_plain_text();
    assert!(
        told.contains("put all of the value in quotes") && !told.contains("HUNTER"),
        "{told}"
    );
}

#[test]
fn a_tab_is_told_on_its_own_line() {
    for (text, at) in [
        ("a:\n\tb: c\n", "2:1"),
        ("f:\n  g:\n    - id: key\n\ton: x\n", "4:1"),
        ("f:\n  - id: key\n  \ton: x\n", "3:3"),
        ("f:\n  - id: key\n    on: x\n\t- id: y\n", "4:1"),
        ("a: 1\n\n\tb: 2\n", "3:1"),
        ("a:\n  b: 1\n \tc: 2\n", "3:2"),
    ] {
        let told = problems(text);
        let wanted = format!("x.yaml:{at}: this is not valid YAML: a tab indents this line");
        assert!(told.contains(&wanted), "{text:?} {told}");
    }
}

#[test]
fn an_entry_in_another_column() {
    assert_snapshot!(problems("h:\n  - { a: 1 }\n   - { a: 2 }\n"), @"
    error[yaml::syntax]: x.yaml:3:4: this is not valid YAML: this line is not indented as the list that it is in
      3:4 `- { a: 2 }` neither an entry of the list nor a part of one
      help: begin it in column 3, as the entry above
    ");
    assert_snapshot!(problems("h:\n  - { a: 1 }\n - { a: 2 }\n"), @"
    error[yaml::syntax]: x.yaml:3:2: this is not valid YAML: this line is not indented as the list that it is in
      3:2 `- { a: 2 }` neither an entry of the list nor a part of one
      help: begin it in column 3, as the entry above
    ");
    assert_snapshot!(problems("h:\n  - a: 1\n   b: 2\n"), @"
    error[yaml::syntax]: x.yaml:3:4: this is not valid YAML: this line is not indented as the list that it is in
      3:4 `b: 2` neither an entry of the list nor a part of one
      help: indent it to column 5, as what belongs to the entry above
    ");
    assert_snapshot!(problems("h:\n  - a: 1\n    b: 2\n     c: 3\n"), @"
    error[yaml::syntax]: x.yaml:4:7: this is not valid YAML: mapping values are not allowed in this context
      4:7 `` here
      help: indent this line as the one above it, which has its value already
    ");
}

#[test]
fn nesting_has_a_limit() {
    for text in [
        "[".repeat(100_000),
        "- ".repeat(100_000),
        "{a: ".repeat(100_000),
    ] {
        let (node, problems) = read(&SourceFile::new("x.yaml", text.as_str()));
        assert_eq!(node, None);
        assert_eq!(problems.len(), 1);
        let code = problems.iter().next().map(|problem| problem.code);
        assert_eq!(code, Some("yaml::depth"));
    }
}

#[test]
fn problems_have_a_limit() {
    let text = "a: 1\n".repeat(100_000);
    let (_, problems) = read(&SourceFile::new("x.yaml", text.as_str()));
    assert_eq!(problems.len(), 100);
}

#[test]
fn expectations() {
    let (node, source) = tree("a: [1]\nb: yes\nc: 70000\nd: [x, {}]\nhsots: 1\nzzzzzz: 1\n");
    let mut reader = Reader::new(&source);
    let fields = reader
        .fields(&node, "the file", &["a", "b", "c", "d", "hosts"])
        .expect("map");
    reader.text(fields.get("a").expect("a"), "`a`");
    reader.bool(fields.get("b").expect("b"), "`b`");
    reader.int(fields.get("c").expect("c"), "`c`", 1..=65535);
    reader.texts(fields.get("d").expect("d"), "`d`");
    reader.list(fields.get("b").expect("b"), "`b`");
    reader.missing(&node, "the file", "roles", "write one");
    assert_snapshot!(reader.problems.to_plain_text(), @r"
    error[yaml::unknown-key]: x.yaml:5:1: the file has no key `hsots`
      5:1 `hsots` unknown key
      help: did you mean `hosts`?
    error[yaml::unknown-key]: x.yaml:6:1: the file has no key `zzzzzz`
      6:1 `zzzzzz` unknown key
      help: the keys are `a`, `b`, `c`, `d`, `hosts`
    error[yaml::type]: x.yaml:1:4: `a` must be a text, found a list
      1:4 `[1]` expected a text
    error[yaml::type]: x.yaml:2:4: `b` must be `true` or `false`, found the text `yes`
      2:4 `yes` expected `true` or `false`
    error[yaml::type]: x.yaml:3:4: `c` must be a whole number from 1 to 65535, found the number 70000
      3:4 `70000` expected a whole number from 1 to 65535
    error[yaml::type]: x.yaml:4:8: an entry of `d` must be a text, found a mapping
      4:8 `{}` expected a text
    error[yaml::type]: x.yaml:2:4: `b` must be a list, found the text `yes`
      2:4 `yes` expected a list
    error[yaml::missing-key]: x.yaml:1:1: the file needs `roles`
      1:1 `a: [1]` no `roles` here
      help: write one
    ");
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC*") {
        let source = SourceFile::new("x.yaml", text);
        let (node, problems) = read(&source);
        prop_assert!(node.is_some() || problems.has_errors());
        check_places(&source, node.as_ref(), &problems)?;
    }

    #[test]
    fn no_yaml_like_text_makes_the_reader_panic(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "a", "b: ", "c:", "\n", "\n  ", "- ", "[", "]", "{", "}", ", ", "? ", "\"", "'",
                "&x ", "*x", "!!str ", "|\n", ">\n", "# ü", "---\n", "...\n", "\t", "\r\n", "%",
                "\u{feff}", "\\", "é", "1.10", "~", "\0", "\u{85}", "\u{2028}", "@", "`",
            ]),
            0..40,
        ),
    ) {
        let source = SourceFile::new("x.yaml", parts.concat());
        let (node, problems) = read(&source);
        prop_assert!(node.is_some() || problems.has_errors());
        check_places(&source, node.as_ref(), &problems)?;
    }
}

/// Every span lies within the text and between characters.
fn check_places(
    source: &SourceFile,
    node: Option<&Node>,
    problems: &crate::problem::Problems,
) -> Result<(), TestCaseError> {
    let labels = problems
        .iter()
        .flat_map(|problem| &problem.labels)
        .map(|label| label.span);
    let nodes = node
        .into_iter()
        .flat_map(Node::places)
        .map(|(_, span)| span);
    for span in labels.chain(nodes) {
        prop_assert!(
            source.text().get(span.start..span.end).is_some(),
            "{span:?}"
        );
    }
    Ok(())
}
