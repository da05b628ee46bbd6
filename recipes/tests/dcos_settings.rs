//! The settings of the recipe `dcos`: what DC/OS's generator would refuse or make something else of is
//! refused before a host is contacted, and what it takes arrives there as it was meant.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use phalanx_plan::cluster_conf::read_conf;
use phalanx_plan::cluster_yaml::read_yaml;
use phalanx_plan::plan::Facts;
use phalanx_plan::read_context::{KeyFile, ReadContext};
use phalanx_plan::{PlanRequest, PreparedPlan, Recipe, RecipeFiles, SourceFile, build};
use saphyr_parser::{Event, Parser};

const HOSTS: &str = "\
cluster: prod
recipe: dcos
hosts:
  - { role: bootstrap, address: 54.0.0.1, private_address: 10.0.0.1 }
  - { role: master, address: 54.0.0.2, private_address: 10.0.0.2 }
";

fn recipe() -> Recipe {
    let files = phalanx_recipes::find("dcos").unwrap();
    let (recipe, problems) = Recipe::read(&RecipeFiles::new("dcos", files));
    assert_eq!(problems.to_plain_text(), "");
    recipe.unwrap()
}

/// The plan of a cluster with these settings, and all that is said of them.
fn planned(settings: &str) -> (Option<PreparedPlan>, String) {
    let recipe = recipe();
    let shown = recipe.shown_settings();
    let context = ReadContext {
        home: None,
        key_file: &|_| KeyFile::Missing,
        settings: &shown,
        recipe: "dcos",
    };
    let text = format!("{HOSTS}settings:\n{settings}");
    let (cluster, problems) = read_yaml(&SourceFile::new("phalanx.yaml", text), &context);
    let said = problems.to_plain_text();
    let Some(cluster) = cluster else {
        return (None, said);
    };
    let request = PlanRequest {
        flow: "install".into(),
        ..PlanRequest::default()
    };
    match build(&cluster, &recipe, &request) {
        Ok((plan, problems)) => (Some(plan), said + &problems.to_plain_text()),
        Err(problems) => (None, said + &problems.to_plain_text()),
    }
}

/// What is said where these settings are refused.
fn refused(settings: &str) -> String {
    let (plan, said) = planned(settings);
    assert!(
        plan.is_none() && said.contains("error["),
        "{settings}{said}"
    );
    said
}

/// config.yaml as the bootstrap node is given it.
fn config_yaml(settings: &str) -> String {
    let (plan, said) = planned(settings);
    let plan = plan.unwrap_or_else(|| unreachable!("{settings}{said}"));
    assert_eq!(said, "", "{settings}");
    let mut stages = plan.stages.iter();
    let generate = stages
        .find(|stage| stage.id.as_str() == "generate")
        .unwrap();
    let facts = Facts::from([
        ("ec2".to_owned(), "false".to_owned()),
        ("found_resolvers".to_owned(), String::new()),
    ]);
    let first = plan.host_ixs().next().unwrap();
    let put = plan.render_put(&generate.put[0], first, &facts).unwrap();
    put.content.text().unwrap().to_owned()
}

/// The keys of a YAML mapping whose values are no lists or mappings.
fn scalars(yaml: &str) -> BTreeMap<String, String> {
    let (mut found, mut depth, mut key) = (BTreeMap::new(), 0, None);
    for event in Parser::new_from_str(yaml) {
        match event.unwrap().0 {
            Event::MappingStart(..) | Event::SequenceStart(..) => {
                depth += 1;
                key = None;
            }
            Event::MappingEnd | Event::SequenceEnd => depth -= 1,
            Event::Scalar(text, ..) if depth == 1 => match key.take() {
                None => key = Some(text.to_string()),
                Some(key) => {
                    found.insert(key, text.to_string());
                }
            },
            _ => {}
        }
    }
    found
}

#[test]
fn texts_of_the_user_interface_arrive_as_json() {
    let texts = [
        ("ui_banner_header_title", "A title"),
        ("ui_banner_header_content", "It's \"quoted\" & <b>bold</b>"),
        (
            "ui_banner_footer_content",
            "two\nlines, a \\ and ünïcödé {{ x }}",
        ),
        ("ui_banner_image_path", "null"),
    ];
    let lines = texts.map(|(key, text)| {
        let text = serde_json::to_string(text).unwrap();
        format!("    {key}: {text}\n")
    });
    let yaml = config_yaml(&format!(
        "  config:\n    ui_banner: true\n    ui_banner_foreground_color: '#FFFFFF'\n{}",
        lines.concat()
    ));
    let found = scalars(&yaml);
    for (key, text) in texts {
        // What the generator reads of YAML is put into a JSON file as it stands.
        let json: serde_json::Value = serde_json::from_str(&found[key]).unwrap();
        assert_eq!(json, text, "{key}: {yaml}");
        let whole = format!(r#"{{"headerTitle":{},"other":null}}"#, found[key]);
        assert!(
            serde_json::from_str::<serde_json::Value>(&whole).is_ok(),
            "{whole}"
        );
        assert!(!found[key].contains('\n'), "{yaml}");
    }
    // Others stand in quotes that the generator's own template has.
    assert_eq!(found["ui_banner_foreground_color"], "#FFFFFF");
    assert_eq!(found["ui_banner"], "true");
}

#[test]
fn networks_that_the_generator_refuses_are_refused() {
    let overlay = |vtep: &str, subnet: &str| {
        format!(
            "  config:\n    dcos_overlay_network:\n      vtep_subnet: {vtep}\n      \
             vtep_mac_oui: 70:B3:D5:00:00:00\n      overlays:\n        \
             - {{ name: dcos, subnet: {subnet}, prefix: 24 }}\n"
        )
    };
    config_yaml(&overlay("44.128.0.0/20", "9.0.0.0/8"));
    for network in ["44.128.0.1/20", "300.1.1.0/24", "9.0.0.0/33", "9.1.0.0/8"] {
        for (place, settings) in [
            ("vtep_subnet", overlay(network, "9.0.0.0/8")),
            ("overlays[0].subnet", overlay("44.128.0.0/20", network)),
        ] {
            let said = refused(&settings);
            for words in [
                format!("`config.dcos_overlay_network.{place}`"),
                format!("`{network}`"),
                "no bit of the address set behind the prefix".to_owned(),
            ] {
                assert!(said.contains(&words), "{words}: {said}");
            }
        }
    }
}

#[test]
fn cluster_names_that_systemd_changes_are_refused() {
    for name in [
        r"a\b",
        r"trailing\",
        "\"quoted\" rest",
        "'single",
        " a",
        "a ",
    ] {
        let text = serde_json::to_string(name).unwrap();
        let said = refused(&format!("  cluster_name: {text}\n"));
        assert!(
            said.contains("DC/OS would show another name"),
            "{name}: {said}"
        );
        assert!(said.contains("backslashes"), "{name}: {said}");
    }
    // Those that come out as they are.
    for name in [
        "Bob's \"own\" #1",
        "#1",
        "{{ x }}",
        "null",
        "1.5",
        "a = b; c",
    ] {
        let text = serde_json::to_string(name).unwrap();
        let yaml = config_yaml(&format!("  cluster_name: {text}\n"));
        assert_eq!(scalars(&yaml)["cluster_name"], name, "{yaml}");
    }
    // In a cluster.conf the name is the cluster's, which is a plain one.
    let recipe = recipe();
    let shown = recipe.shown_settings();
    let context = ReadContext {
        home: None,
        key_file: &|_| KeyFile::Missing,
        settings: &shown,
        recipe: "dcos",
    };
    // Blanks around it are none of it.
    for (name, known_as) in [
        (r"a\\b", None),
        (r"'a", None),
        (" a", Some("a")),
        ("a ", Some("a")),
    ] {
        let conf = format!(
            "BOOTSTRAP=10.0.0.1\nAWSNODESB=54.0.0.1\nMASTER1=10.0.0.2\nAWSNODESM=54.0.0.2\n\
             AWSNODESPRIV=\"\"\nAWSNODESPUB=\"\"\nCLUSTER_NAME=\"{name}\"\n"
        );
        let source = SourceFile::new("cluster.conf", conf);
        let mapping = recipe.cluster_conf.as_ref().unwrap();
        let (cluster, problems) = read_conf(&source, mapping, &context);
        let said = problems.to_plain_text();
        assert_eq!(
            said.contains("cluster::name"),
            known_as.is_none(),
            "{name}: {said}"
        );
        let found = cluster.map(|cluster| cluster.name.value);
        assert_eq!(found.as_deref(), known_as, "{name}: {said}");
    }
}

#[test]
fn keys_without_effect_are_told() {
    for key in ["ui_tracking", "auth_cookie_secure_flag"] {
        let (plan, said) = planned(&format!("  config: {{ {key}: true }}\n"));
        assert!(plan.is_some(), "{said}");
        let words =
            format!("`{key}` has no effect: DC/OS 1.8.8 knows this key and uses it nowhere");
        assert!(said.contains("warning[") && said.contains(&words), "{said}");
    }
}

#[test]
fn docker_credentials_are_a_secret_of_the_bootstrap_node() {
    let secret = "dXNlcjpvcGVuLXNlc2FtZQ";
    let settings = format!(
        "  cluster_docker_credentials: '{{\"auths\": {{\"https://registry.example\": {{\"auth\": \"{secret}\"}}}}}}'\n  \
         config:\n    cluster_docker_credentials_enabled: true\n    \
         cluster_docker_credentials_dcos_owned: false\n    cluster_docker_credentials_write_to_etc: true\n"
    );
    let (plan, said) = planned(&settings);
    assert_eq!(said, "");
    let plan = plan.unwrap();
    let text = serde_json::to_string(&*plan).unwrap();
    assert!(text.contains("cluster_docker_credentials_enabled"));
    assert!(!text.contains(secret), "{text}");
    let handed: Vec<&str> = plan
        .stages
        .iter()
        .filter(|stage| stage.secrets.contains_key("cluster_docker_credentials"))
        .map(|stage| stage.id.as_str())
        .collect();
    assert_eq!(handed, ["generate"]);
    let yaml = config_yaml(&settings);
    assert!(!yaml.contains(secret), "{yaml}");
    for key in ["enabled: true", "dcos_owned: false", "write_to_etc: true"] {
        let line = format!("\ncluster_docker_credentials_{key}\n");
        assert!(yaml.contains(&line), "{yaml}");
    }

    // Where it would be seen, or is none.
    let misplaced =
        format!("  config: {{ cluster_docker_credentials: {{ auths: {{ x: {secret} }} }} }}\n");
    let said = refused(&misplaced);
    assert!(said.contains("beside `config`"), "{said}");
    assert!(!said.contains(secret), "{said}");
    let said = refused(&format!("  cluster_docker_credentials: {secret}\n"));
    assert!(
        said.contains("config.json") && !said.contains(secret),
        "{said}"
    );
}
