use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::fact_kind::FactKind;

fn names() -> Names {
    Names {
        settings: [
            ("port".into(), SettingKind::Other),
            ("proxy".into(), SettingKind::Bool),
        ]
        .into(),
        secrets: ["password".into()].into(),
        facts: [
            ("reboot_needed".into(), FactKind::Bool),
            ("cores".into(), FactKind::Number),
            ("os".into(), FactKind::Text),
        ]
        .into(),
        on_a_host: true,
        open: false,
    }
}

fn told(text: &str, faults: Vec<Fault>) -> String {
    faults
        .into_iter()
        .map(|fault| {
            let help = fault.help.map(|help| format!(" ({help})"));
            format!(
                "`{}`: {}{}\n",
                &text[fault.range],
                fault.message,
                help.unwrap_or_default()
            )
        })
        .collect()
}

fn condition(text: &str) -> String {
    told(text, names().check_condition(text))
}

fn template(text: &str) -> String {
    told(text, names().check_template(text))
}

#[test]
fn what_is_known_is_no_fault() {
    for good in [
        "reboot_needed",
        "not proxy",
        "cores >= 2 and os == 'el'",
        "release is at_least('1.9')",
        "role in ['a', 'b'] or host.name == 'x'",
        "hosts|selectattr('role', 'eq', 'leader')|list|length > 1",
        "(hosts|first).private_address == host['address']",
        "cluster ~ flow != 'x'",
        "os|default('none') == 'none' and cores is defined",
    ] {
        assert_eq!(condition(good), "", "{good}");
    }
    for good in [
        "{% for h in hosts if h.role == 'x' %}{{ loop.index }} {{ h.name }}{% else %}no{% endfor %}",
        "{% set x = port %}{{ x }}{% with y = 1 %}{{ y }}{% endwith %}",
        "{% macro m(a, b=1) %}{{ a }}{{ b }}{% endmacro %}{{ m(port) }}",
        "{{ {'a': port}|tojson }}{% raw %}{{ nothing }}{% endraw %}{# {{ nothing }} #}",
        "{% for i in range(3) %}{{ i }}{% endfor %}",
    ] {
        assert_eq!(template(good), "", "{good}");
    }
}

#[test]
fn every_unknown_name_is_told_with_its_place() {
    assert_snapshot!(condition("reboot_neded and cores > prot or nothing"), @"
    `reboot_neded`: `reboot_neded` is neither a setting nor a fact (did you mean `reboot_needed`?)
    `prot`: `prot` is neither a setting nor a fact (did you mean `port`?)
    `nothing`: `nothing` is neither a setting nor a fact (declare it under `facts`, or in the schema of a settings file)
    ");
    assert_snapshot!(condition("host.adress == 'x' and hosts[0].nam == host['rolle']"), @"
    `adress`: a host has no `adress` (did you mean `address`?)
    `nam`: a host has no `nam` (did you mean `name`?)
    `rolle`: a host has no `rolle` (did you mean `role`?)
    ");
    assert_snapshot!(condition("hosts|selectattr('rol', 'eq', 'x')|map(attribute='adress')|list == []"), @"
    `rol`: a host has no `rol` (did you mean `role`?)
    `adress`: a host has no `adress` (did you mean `address`?)
    ");
    assert_snapshot!(condition("os|lowr == 'x' and release is atleast('1.9')"), @"
    `lowr`: there is no filter `lowr` (did you mean `lower`?)
    `atleast`: there is no test `atleast` (did you mean `at_least`?)
    ");
    assert_snapshot!(condition("password == 'x'"), @"`password`: `password` is a secret, which no expression or template may name (hand it to the stage's script in the settings file's `secrets`)");
    assert_snapshot!(condition("debug()"), @"`debug`: `debug` is neither a setting nor a fact (declare it under `facts`, or in the schema of a settings file)");
    assert_snapshot!(template("a\n{% for h in hosts|sort(attribute='name') %}\n{{ h.adress }} {{ x }}{% endfor %}{{ h }}"), @"
    `adress`: a host has no `adress` (did you mean `address`?)
    `x`: `x` is neither a setting nor a fact (declare it under `facts`, or in the schema of a settings file)
    `h`: `h` is neither a setting nor a fact (declare it under `facts`, or in the schema of a settings file)
    ");
}

#[test]
fn what_is_no_expression() {
    for text in [
        "",
        "  ",
        "a b",
        "(cores",
        "cores ==",
        "'open",
        "cores > > 2",
        "{{ cores }}",
    ] {
        assert_ne!(condition(text), "", "{text}");
    }
    assert_snapshot!(condition("cores > > 2"), @"`>`: unexpected `>`");
    assert_snapshot!(condition("(cores"), @"`cores`: unexpected end of input, expected `)`");
    assert_snapshot!(template("one\ntwo {{ port }\n"), @"`}`: unexpected `}`, expected end of variable block");
    assert_snapshot!(template("{% if proxy %}x"), @"`x`: unexpected end of input, expected end of block");
    assert_snapshot!(template("{% include 'x' %}"), @"`include`: there is no statement `include` (a template stands alone: write it out, or make it of two files)");
}

#[test]
fn a_condition_that_is_only_a_name_must_be_true_or_false() {
    assert_snapshot!(condition("cores"), @"`cores`: `cores` is a number, and a condition must be true or false (compare it, such as `cores == ...`)");
    assert_snapshot!(condition("port"), @"`port`: `port` is a setting of another kind, and a condition must be true or false (compare it, such as `port == ...`)");
    assert_snapshot!(condition("host"), @"`host`: `host` is a host, and a condition must be true or false (ask for something of it: `host.name == ...`)");
}

#[test]
fn a_rule_knows_no_host() {
    let names = Names {
        on_a_host: false,
        ..names()
    };
    let text = "port > 1 and role == 'x' and cores > 2";
    assert_snapshot!(told(text, names.check_condition(text)), @"
    `role`: `role` belongs to one host, and a rule is about the whole cluster (a rule may use settings, `release`, `cluster` and `hosts`)
    `cores`: `cores` belongs to one host, and a rule is about the whole cluster (a rule may use settings, `release`, `cluster` and `hosts`)
    ");
}

#[test]
fn what_would_be_worked_out_too_deeply_is_refused() {
    let long = vec!["1"; 5_000].join("+");
    assert!(condition(&long).contains("more than 400 words"));
    let brackets = "(".repeat(5_000);
    assert_ne!(condition(&brackets), "");
    let nested = "{% if proxy %}".repeat(5_000);
    assert!(template(&nested).contains("more than 400 tags"));
    // As deep as is let through must work.
    let chain = vec!["cores"; 195].join("+");
    assert_eq!(condition(&format!("{chain} > 1")), "");
    let nested = "{% if proxy %}".repeat(120) + &"{% endif %}".repeat(120);
    assert_eq!(template(&nested), "");
}

#[test]
fn needed_names_are_those_without_a_guard() {
    let uses =
        parse_expression("a == 1 and b is defined and c|default(1) == 2 and a.x").expect("fine");
    assert_eq!(uses.needed(), ["a"].into());
    assert!(uses.has("b") && uses.has("c") && !uses.has("x"));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}") {
        let faults = names().check_condition(&text);
        prop_assert!(faults.iter().all(|fault| text.get(fault.range.clone()).is_some()));
        let faults = names().check_template(&text);
        prop_assert!(faults.iter().all(|fault| text.get(fault.range.clone()).is_some()));
    }

    #[test]
    fn nothing_like_a_template_makes_it_panic(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "{{", "}}", "{%", "%}", " if ", " for ", " in ", "x", "hosts", "ü", ".", "|", "(",
                ")", "[", "]", "'", "\"", " is ", "not ", "endif", "endfor", "else", "elif ", "1",
                "set ", "=", "==", "~", "-", "{#", "#}", "macro ", "call ", "\n", "\\", ",", ":",
                "raw", "endraw", "filter ", "with ", "*", "**", "autoescape ", "do ",
            ]),
            0..30,
        ),
    ) {
        let text = parts.concat();
        let faults = names().check_template(&text);
        prop_assert!(faults.iter().all(|fault| text.get(fault.range.clone()).is_some()));
        let faults = names().check_condition(&text);
        prop_assert!(faults.iter().all(|fault| text.get(fault.range.clone()).is_some()));
    }
}

#[test]
fn tests_and_filters_that_are_only_named() {
    assert_snapshot!(condition("hosts|selectattr(\"labels\", \"contains\", \"ca\")|list|length == 1"), @r#"`contains`: there is no test `contains` (write `containing`, or of one list `"x" in host.labels`)"#);
    assert_snapshot!(condition("hosts|rejectattr('role', 'eqq', 'x')|map('lenght')|select('startswith', 'x')|reject('odd')|list == []"), @"
    `eqq`: there is no test `eqq` (did you mean `eq`?)
    `lenght`: there is no filter `lenght` (did you mean `length`?)
    `startswith`: there is no test `startswith` (write `startingwith`)
    ");
    assert_eq!(
        condition(
            "hosts|selectattr('labels', 'containing', 'ca')|map(attribute='name')|map('upper')|select|list == []"
        ),
        ""
    );
    assert_snapshot!(condition("(hosts|lenght) > 1 and os|regex_replace('a', 'b') == 'x' and os is match('x') and os|len > 1"), @"
    `lenght`: there is no filter `lenght` (did you mean `length`?)
    `regex_replace`: there is no filter `regex_replace` (there are no regular expressions here: `replace` takes plain text, and a script has sed)
    `match`: there is no test `match` (there are no regular expressions here: write `startingwith`, `endingwith` or `containing`)
    `len`: there is no filter `len` (write `length`)
    ");
}

#[test]
fn containing_is_in_the_other_way_round() {
    for (text, holds) in [
        ("['a', 'b'] is containing('b')", true),
        ("['a', 'b'] is containing('c')", false),
        ("'abc' is containing('bc')", true),
        (
            "[{'l': ['x']}, {'l': []}]|selectattr('l', 'containing', 'x')|list|length == 1",
            true,
        ),
    ] {
        let condition = Condition::new(text)
            .map_err(|fault| fault.message)
            .expect(text);
        assert_eq!(
            condition.decide(Value::UNDEFINED).ok(),
            Some(holds),
            "{text}"
        );
    }
}

#[test]
fn statements_that_are_none() {
    assert_snapshot!(template("{% for h in hosts %}x{% endfo %}"), @"`endfo`: there is no statement `endfo` (did you mean `endfor`?)");
    assert_snapshot!(template("{% include 'x' %}"), @"`include`: there is no statement `include` (a template stands alone: write it out, or make it of two files)");
    assert_snapshot!(template("{% if proxy %}x{% elseif proxy %}y{% endif %}"), @"`elseif`: there is no statement `elseif` (write `elif`)");
    assert_snapshot!(template("{% for h in hosts %}x{% endif %}"), @"`endif`: `endif` has nothing to end or to go on with here (each `{% for %}` ends with `{% endfor %}`, each `{% if %}` with `{% endif %}`)");
    assert_snapshot!(template("{% if proxy %}x{% endfor %}"), @"`endfor`: `endfor` has nothing to end or to go on with here (each `{% for %}` ends with `{% endfor %}`, each `{% if %}` with `{% endif %}`)");
    assert_snapshot!(template("{% zzz %}"), @"`zzz`: there is no statement `zzz`");
}

#[test]
fn a_condition_that_cannot_be_true_or_false() {
    assert_snapshot!(condition("host.name"), @"`host.name`: `host.name` is a text, and a condition must be true or false (compare it, such as `host.name == ...`)");
    assert_snapshot!(condition("host.labels"), @r#"`host.labels`: `host.labels` is a list, and a condition must be true or false (ask whether something is in it: `"x" in host.labels`)"#);
    assert_snapshot!(condition("hosts[0]"), @"`hosts[0]`: `hosts[0]` is a host, and a condition must be true or false (ask for something of it: `hosts[0].name == ...`)");
    assert_snapshot!(condition("hosts|length"), @"`hosts|length`: `hosts|length` is a number, and a condition must be true or false (compare it, such as `hosts|length == ...`)");
    assert_snapshot!(condition("proxy and host['role'] or cores - 1"), @"
    `host['role']`: `host['role']` is a text, and a condition must be true or false (compare it, such as `host['role'] == ...`)
    `cores - 1`: `cores - 1` is a number, and a condition must be true or false (compare it, such as `cores - 1 == ...`)
    ");
    assert_snapshot!(condition("'x' if proxy else os ~ 'y'"), @"
    `'x'`: `'x'` is a text, and a condition must be true or false (compare it, such as `'x' == ...`)
    `os ~ 'y'`: `os ~ 'y'` is a text, and a condition must be true or false (compare it, such as `os ~ 'y' == ...`)
    ");
    for good in [
        "not host.name",
        "os|default(false)",
        "\"ca\" in host.labels",
        "reboot_needed or proxy",
        "true",
        "host.labels|first == 'x' if proxy else not proxy",
        "(hosts|first).name == 'x'",
    ] {
        assert_eq!(condition(good), "", "{good}");
    }
}

#[test]
fn facts_of_other_hosts_are_for_scripts() {
    assert_snapshot!(condition("hosts[0].reboot_needed"), @"`reboot_needed`: a host has no `reboot_needed` (facts of other hosts are given to scripts only: write `all_facts: [reboot_needed]` in a stage, and `px_facts reboot_needed` in its script)");
    assert_snapshot!(condition("host.reboot_needed"), @"`reboot_needed`: a host has no `reboot_needed` (write `reboot_needed` alone: that is the fact of this host)");
    assert_snapshot!(condition("hosts[0].member == 'x' or host.member == 'y'"), @"
    `member`: a host has no `member` (it has `name`, `role`, `address`, `private_address`, `labels`; facts of other hosts are given to scripts only, by `all_facts`)
    `member`: a host has no `member` (it has `name`, `role`, `address`, `private_address`, `labels`)
    ");
    assert_snapshot!(template("{% for h in hosts %}{{ h.os }}{% endfor %}"), @"`os`: a host has no `os` (facts of other hosts are given to scripts only: write `all_facts: [os]` in a stage, and `px_facts os` in its script)");
}
