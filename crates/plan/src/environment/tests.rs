use std::process::Command;

use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::build::{PlanRequest, build};
use crate::plan::Plan;
use crate::testing::{cluster, host, recipe, stage};

const RECIPE: &str = "\
roles: { leader: {}, big-worker: {}, none: {} }
facts: { run: scripts/facts.sh, names: { os: text, reboot_needed: bool, cores: number } }
settings: settings
flows:
  install:
    - { id: a, on: all, run: scripts/x.sh, when: reboot_needed }
    - { id: b, on: all, run: scripts/x.sh, when: \"cores >= 2 and os == 'el'\" }
    - { id: c, on: all, run: scripts/x.sh, when: role == 'leader' }
    - { id: d, on: all, run: scripts/x.sh, when: \"os|default('none') == 'none'\" }
    - { id: e, on: all, put: [{ template: templates/t, to: \"/etc/{{ host.name }}.conf\", mode: \"0600\", owner: root:root }, { file: files/f, to: /f }] }
    - { id: f, on: all, put: { template: templates/facts, to: \"/{{ os }}\" } }
    - { id: g, on: all, run: scripts/x.sh, when: \"cores + 1 if cores > 1 else true\" }
    - { id: h, on: all, run: scripts/x.sh }
";

fn plan() -> PreparedPlan {
    let recipe = recipe(&[
        ("recipe.yaml", RECIPE),
        (
            "settings/any.yaml",
            "\
schema:
  properties:
    port: { type: integer, default: 80 }
    names: { type: array, default: [a, b] }
    proxy: { type: object, default: { host: p } }
",
        ),
        (
            "templates/t",
            "{% for h in hosts %}\n{{ h.name }}={{ h.private_address }}\n{% endfor %}\n{% if port > 1 %}\nport={{ port }}\n{% endif %}\nname={{ host.name }}&\n",
        ),
        ("templates/facts", "{{ cores }}\n"),
        ("files/f", "{{ as it stands }}\n"),
    ]);
    let cluster =
        cluster("release: 1.8.8\nhosts: { l1: leader, w1: big-worker, w2: big-worker }\n");
    let request = PlanRequest {
        flow: "install".into(),
        ..PlanRequest::default()
    };
    build(&cluster, &recipe, &request).expect("a plan").0
}

fn facts(given: &[(&str, &str)]) -> Facts {
    given
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn the_environment_of_a_script() {
    let plan = plan();
    let environment = plan.environment(
        host(1),
        Some(stage(0)),
        &facts(&[("os", "el"), ("cores", "2")]),
        "r7",
    );
    let told: String = environment
        .iter()
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect();
    assert_snapshot!(told, @r#"
    PX_CLUSTER=test
    PX_RECIPE=r
    PX_RELEASE=1.8.8
    PX_FLOW=install
    PX_REPAIR=
    PX_LEFT_OUT=
    PX_SETTING_NAMES=a b
    PX_SETTING_PORT=80
    PX_SETTING_PROXY={"host":"p"}
    PX_HOSTS_LEADER=l1
    PX_ADDRESSES_LEADER=10.0.0.1
    PX_HOSTS_BIG_WORKER=w1 w2
    PX_ADDRESSES_BIG_WORKER=54.0.0.2 10.0.0.3
    PX_HOSTS_NONE=
    PX_ADDRESSES_NONE=
    PX_RUN=r7
    PX_HOST=w1
    PX_ROLE=big-worker
    PX_ADDRESS=54.0.0.2
    PX_PRIVATE_ADDRESS=54.0.0.2
    PX_STAGE=a
    PX_FACT_CORES=2
    PX_FACT_OS=el
    "#);
    assert!(
        plan.environment(host(0), None, &Facts::new(), "r7")
            .iter()
            .all(|(name, _)| name != "PX_STAGE")
    );
}

/// The zone of an address is of the machine that this program runs on: no host can do anything with it.
#[test]
fn no_script_and_no_template_sees_a_zone() {
    let mut plan = plan().into_plan().into_data();
    plan.hosts[1].address = "fe80::2%eth0".into();
    plan.hosts[1].private_address = Some("10.0.0.2".into());
    for host in &mut plan.roster {
        if host.name.as_str() == "w1" {
            host.address = "fe80::2%eth0".into();
            host.private_address = Some("10.0.0.2".into());
        }
    }
    plan.files
        .insert("templates/t".into(), "{{ host.address }}".into());
    let plan = PreparedPlan::new(Plan::new(plan).expect("a plan"));
    let environment = plan.environment(host(1), Some(stage(0)), &Facts::new(), "r7");
    let value = |name: &str| {
        let found = environment.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(value("PX_ADDRESS"), Some("fe80::2"));
    assert_eq!(value("PX_PRIVATE_ADDRESS"), Some("10.0.0.2"));
    assert_eq!(value("PX_ADDRESSES_BIG_WORKER"), Some("10.0.0.2 10.0.0.3"));
    assert!(environment.iter().all(|(_, value)| !value.contains('%')));
    let put = plan.stages[4].put[0].clone();
    let rendered = plan.render_put(&put, host(1), &Facts::new()).expect("fine");
    assert_eq!(rendered.content.text(), Some("fe80::2"));
}

#[test]
fn what_all_hosts_told_is_lines_of_hosts() {
    let mut plan = plan().into_plan().into_data();
    plan.stages[0].all_facts = ["os".to_owned(), "cores".to_owned()].into();
    let plan = PreparedPlan::new(Plan::new(plan).expect("a plan"));
    let names: Vec<_> = plan.all_facts(stage(0)).collect();
    let expected = [("cores", "PX_FACTS_CORES"), ("os", "PX_FACTS_OS")];
    assert_eq!(names, expected.map(|(fact, name)| (fact, name.to_owned())));
    let told = [(2, "two\nlines".to_owned()), (0, "el 7".to_owned())];
    assert_eq!(plan.facts_of_all(&told.into()), "l1 el 7\nw2 two lines\n");
    assert_eq!(plan.facts_of_all(&BTreeMap::new()), "");
}

#[test]
fn settings_as_text() {
    for (value, text) in [
        (json!("a b"), "a b"),
        (json!(8080), "8080"),
        (json!(1.5), "1.5"),
        (json!(true), "true"),
        (json!(null), ""),
        (json!(["a", "b", 3]), "a b 3"),
        (json!([]), ""),
        (json!(["a b", "c"]), r#"["a b","c"]"#),
        (json!(["", "c"]), r#"["","c"]"#),
        (json!([["a"]]), r#"[["a"]]"#),
        (json!({"a": 1}), r#"{"a":1}"#),
    ] {
        assert_eq!(setting_text(&value), text);
    }
}

#[test]
fn conditions() {
    let plan = plan();
    let all = facts(&[("reboot_needed", "true"), ("cores", "4"), ("os", "el")]);
    assert_eq!(plan.condition(stage(0), host(0), &all), Ok(true));
    assert_eq!(
        plan.condition(stage(0), host(0), &facts(&[("reboot_needed", "false")])),
        Ok(false)
    );
    assert_eq!(plan.condition(stage(1), host(0), &all), Ok(true));
    assert_eq!(plan.condition(stage(2), host(0), &Facts::new()), Ok(true));
    assert_eq!(plan.condition(stage(2), host(1), &Facts::new()), Ok(false));
    assert_eq!(
        plan.condition(stage(3), host(0), &Facts::new()),
        Ok(true),
        "a default"
    );
    assert_eq!(
        plan.condition(stage(7), host(0), &Facts::new()),
        Ok(true),
        "no condition"
    );
    let needs: Vec<bool> = (0..8)
        .map(|at| plan.condition_needs_facts(stage(at)))
        .collect();
    assert_eq!(needs, [true, true, false, true, false, false, true, false]);
    assert_eq!(plan.condition_now(stage(0), host(0)), None);
    assert_eq!(plan.condition_now(stage(2), host(1)), Some(false));
    assert_eq!(plan.condition_now(stage(7), host(1)), Some(true));
}

#[test]
fn conditions_that_have_no_value() {
    let plan = plan();
    let told = |stage, given: &[(&str, &str)]| match plan.condition(stage, host(0), &facts(given)) {
        Ok(value) => panic!("{value}"),
        Err(error) => error.to_string(),
    };
    assert_snapshot!(told(stage(0), &[]), @"stage `a` needs the fact `reboot_needed`, which the host has not told");
    assert_snapshot!(told(stage(1), &[("cores", "1")]), @"stage `b` needs the fact `os`, which the host has not told");
    assert_snapshot!(told(stage(0), &[("reboot_needed", "yes")]), @"the host told `yes` as the fact `reboot_needed`, which must be `true` or `false`");
    assert_snapshot!(told(stage(1), &[("cores", "two"), ("os", "el")]), @"the host told `two` as the fact `cores`, which must be a whole number");
    assert_snapshot!(told(stage(6), &[("cores", "2")]), @"the condition of stage `g` must be true or false, and is the number 3");
}

#[test]
fn files_to_put() {
    let plan = plan();
    let put = &plan.stages[4].put;
    let rendered = plan
        .render_put(&put[0], host(1), &Facts::new())
        .expect("fine");
    assert_eq!(rendered.path, "/etc/w1.conf");
    assert_eq!(rendered.mode, 0o600);
    assert_eq!(rendered.owner.as_deref(), Some("root:root"));
    assert_snapshot!(rendered.content.text().expect("text"), @"
    l1=10.0.0.1
    w1=54.0.0.2
    w2=10.0.0.3
    port=80
    name=w1&
    ");
    let file = plan
        .render_put(&put[1], host(1), &Facts::new())
        .expect("fine");
    assert_eq!(file.content.text(), Some("{{ as it stands }}\n"));
    assert!(!plan.put_needs_facts(&put[0]));
    let put = &plan.stages[5].put[0];
    assert!(plan.put_needs_facts(put));
    let given = facts(&[("os", "el"), ("cores", "2")]);
    let rendered = plan.render_put(put, host(0), &given).expect("fine");
    assert_eq!(
        (rendered.path.as_str(), rendered.content.text()),
        ("/el", Some("2\n"))
    );
    let error = plan
        .render_put(put, host(0), &facts(&[("os", "el")]))
        .expect_err("cores");
    assert_snapshot!(error.to_string(), @"stage `f` needs the fact `cores`, which the host has not told");
    let error = plan.render_put(put, host(0), &facts(&[("os", "a\nb"), ("cores", "1")]));
    assert_snapshot!(error.expect_err("a line feed").to_string(), @r#"the path of `templates/facts` of stage `f` cannot be worked out: `/a\nb` is no absolute path"#);
}

#[test]
fn secrets_are_quoted_for_sh() {
    let secret = Secret::new("it's $HOME `id` \\ \"x\"\nnext");
    let secrets = [("password".to_owned(), secret)].into();
    assert_snapshot!(secrets_file(&secrets), @r#"
    PX_SECRET_PASSWORD='it'\''s $HOME `id` \ "x"
    next'
    "#);
}

#[test]
fn a_shell_reads_back_what_was_written() {
    for value in [
        "plain",
        "it's",
        "''",
        "a\nb\n\nc",
        "\\",
        "$(id)",
        "\"; echo x",
        "ü ' ü",
        "",
    ] {
        let secrets = [("a_b".to_owned(), Secret::new(value))].into();
        let mut script = secrets_file(&secrets);
        script.push_str("printf %s \"$PX_SECRET_A_B\"");
        let output = Command::new("sh")
            .arg("-c")
            .arg(&script)
            .output()
            .expect("sh");
        assert_eq!(String::from_utf8_lossy(&output.stdout), value);
        assert!(output.status.success());
    }
}

proptest! {
    #[test]
    fn no_fact_makes_it_panic(value in "\\PC*") {
        let plan = plan();
        for name in ["os", "reboot_needed", "cores", "unknown"] {
            let facts = facts(&[(name, &value)]);
            for stage in plan.stage_ixs() {
                let _ = plan.condition(stage, host(0), &facts);
                for put in &plan.stage(stage).put {
                    let _ = plan.render_put(put, host(0), &facts);
                }
            }
            let environment = plan.environment(host(0), Some(stage(0)), &facts, "r");
            prop_assert!(environment.iter().all(|(_, value)| !value.contains('\0')));
        }
    }
}
