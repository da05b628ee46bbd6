//! No template takes the machine's time or memory: each is stopped, and says at which limit.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what it expects"
)]

use phalanx_plan::expression::render;
use serde_json::{Value, json};

const STEPS: &str = "it takes more than 1000000 steps";
const CARRIED: &str = "nothing is carried on from one round of a loop to the next";
const MACRO: &str = "a macro can't call another one, nor itself";
const INDENT: &str = "`tojson` indents by a number of its own, from 0 to 16";

/// The most memory that this process has had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let words = line.and_then(|line| line.split_whitespace().nth(1));
    words
        .and_then(|kib| kib.parse().ok())
        .expect("a number of KiB")
}

fn said(template: &str, values: &Value) -> String {
    match render(template, values) {
        Ok(text) => panic!("{template}: {} bytes", text.len()),
        Err(reason) => reason,
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table, a row for each case")]
fn what_would_never_end_or_fill_the_memory_is_stopped() {
    let each = |text: &str| format!("{{% for a in range(10000) %}}{text}{{% endfor %}}");
    let many = |text: String| (0..4).fold(text, |text, _| each(&text));
    let doubled = |how: &str| {
        let set = format!("{{% set a = {how} %}}").repeat(100);
        format!("{{% set a = 'x' %}}{set}{{{{ a|length }}}}")
    };
    let lists = "{% set a = a + a %}".repeat(100);
    let nested = "{% set a = [a] %}".repeat(300);
    for (template, limit) in [
        (many("x".into()), STEPS),
        (many(String::new()), STEPS),
        (
            many("{% set x %}{{ 'x' * 9000 }}{% endset %}".into()),
            STEPS,
        ),
        (
            doubled("a ~ a"),
            "more than 1000 lists or texts are put together",
        ),
        (
            doubled("a + a"),
            "more than 1000 lists or texts are put together",
        ),
        (doubled("a * 2"), "nested more than 100 deep"),
        (
            format!("{{% set a = [1] %}}{lists}{{{{ a|length }}}}"),
            "more than 1000 lists",
        ),
        (
            format!("{{% set a = [1] %}}{nested}{{{{ a }}}}"),
            "nested more than 100 deep",
        ),
        ("{{ '%1000000000d'|format(1) }}".into(), STEPS),
        ("{{ '%.1000000000f'|format(1.0) }}".into(), STEPS),
        ("{{ ['%1000000000d']|map('format', 1)|join }}".into(), STEPS),
        ("{{ 'x\ny'|indent(1000000000) }}".into(), STEPS),
        (
            "{% filter indent(1000000000) %}a\nb{% endfilter %}".into(),
            STEPS,
        ),
        ("{{ range(10000)|join('x' * 1000000) }}".into(), STEPS),
        (
            "{{ ('y' * 1000000)|replace('y', 'z' * 1000000) }}".into(),
            STEPS,
        ),
        (
            "{{ ('y' * 1000000)|replace('', 'z' * 1000) }}".into(),
            STEPS,
        ),
        ("{{ 'x' * 1000000000 }}".into(), STEPS),
        (
            "{{ [1] * 1000000000 }}".into(),
            "repeated sequence is too large",
        ),
        (
            "{% set a = [1] * 9 %}{{ [a] * 9 }}".into(),
            "a list of other values can't be repeated",
        ),
        (
            "{{ range(1000000000) }}".into(),
            "a `range` has at most 10000 numbers",
        ),
        (
            "{{ range(0, -1000000000, -1) }}".into(),
            "a `range` has at most 10000 numbers",
        ),
        ("{{ [1]|tojson(indent=1000000000) }}".into(), INDENT),
        ("{{ [1]|tojson(1000000000) }}".into(), INDENT),
        (
            "{% set n = 10 ** 9 %}{{ [1]|tojson(indent=n) }}".into(),
            INDENT,
        ),
        (
            "{{ [[1]]|map('tojson', indent=1000000000) }}".into(),
            "`tojson` can't indent inside `map`",
        ),
        (
            "{% set f = 'tojson' %}{{ [[1]]|map(f, indent=9) }}".into(),
            "the filter of `map` isn't known",
        ),
        (
            "{% set ns = namespace(a=1) %}{% set ns.a = [ns.a] %}".into(),
            CARRIED,
        ),
        (
            "{% macro m(x) %}{{ m(x) }}{{ m(x) }}{% endmacro %}{{ m(1) }}".into(),
            MACRO,
        ),
        (
            "{% macro m(f) %}{{ f(f) }}{% endmacro %}{{ m(m) }}".into(),
            MACRO,
        ),
        (
            "{% macro m(d) %}{{ d.f(d) }}{% endmacro %}{{ m({'f': m}) }}".into(),
            MACRO,
        ),
        (
            "{% macro m(range) %}{{ range(range) }}{% endmacro %}{{ m(m) }}".into(),
            "`range` has a meaning",
        ),
        (
            "{% for a in [[1]] recursive %}{{ loop(a) }}{% endfor %}".into(),
            "a loop can't be `recursive`",
        ),
        (
            "{% macro m() %}{% endmacro %}{% call m() %}{{ caller() }}{% endcall %}".into(),
            MACRO,
        ),
    ] {
        let short: String = template.chars().take(120).collect();
        let said = said(&template, &json!({}));
        assert!(said.contains(limit), "{short}\n{said}");
        assert!(said.starts_with("line "), "{said}");
    }
    let (peak, most) = (peak(), 200 * 1024);
    assert!(peak < most, "{peak} KiB");
}

#[test]
fn ten_thousand_hosts_in_a_template_are_well_below() {
    let host = |at: usize| json!({ "name": format!("node{at}"), "role": if at.is_multiple_of(2) { "a" } else { "b" } });
    let hosts: Vec<Value> = (0..10_000).map(host).collect();
    let template = "\
{% macro line(host, n) %}{{ n }} {{ host.name|upper }}{% endmacro %}
{% for host in hosts if host.role == 'a' %}
{{ line(host, loop.index + 1) }}{% if not loop.last %},{% endif %}

{% endfor %}
{% for host in hosts %}
server {{ host.name }}={{ host.name ~ ':' ~ (2000 + loop.index) }} role={{ host.role }};
{% endfor %}
{{ (hosts|selectattr('role', 'eq', 'b')|map(attribute='name')|list + ['x'] + ['y'])|join(' ') }}
{{ hosts|map(attribute='name')|list|tojson(indent=2) }}
{{ '-' * 70 }} {{ hosts[0].name[:3] }} {{ [0] * 3 }} {{ ['a b']|map('split')|list }}
";
    let text = render(template, json!({ "hosts": hosts })).expect("it is rendered");
    assert!(text.contains("server node9999=node9999:12000 role=b;"));
}
