//! The hello example from end to end: read, planned, and its scripts run for real, one after the
//! other, on this machine.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "what a test's own functions expect is the test's"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use insta::assert_snapshot;
use phalanx_plan::cluster_yaml::read_yaml;
use phalanx_plan::read_context::{KeyFile, ReadContext};
use phalanx_plan::{
    Action, Cluster, Facts, Gate, HostIx, PlanRequest, PreparedPlan, Recipe, RecipeFiles,
    SourceFile, build, secret_values, secrets_file,
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/hello");

/// What the engine defines before a script's first line.
const LIBRARY: &str = r#"
changed() { printf 'changed %s\n' "$1" >>"$RESULT"; }
already() { printf 'already %s\n' "$1" >>"$RESULT"; }
fact() { printf 'fact %s=%s\n' "$1" "$2" >>"$RESULT"; }
problem() { printf 'problem %s\n' "$*" >>"$RESULT"; }
"#;

fn recipe() -> Recipe {
    let mut files = BTreeMap::new();
    collect(Path::new(FOLDER), "", &mut files);
    files.remove("cluster.yaml");
    let (recipe, problems) = Recipe::read(&RecipeFiles::new("examples/hello", files));
    assert_eq!(problems.to_plain_text(), "");
    recipe.expect("a recipe")
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str());
        let name = format!("{prefix}{}", name.expect("a name"));
        if path.is_dir() {
            collect(&path, &format!("{name}/"), files);
        } else {
            files.insert(name, fs::read(&path).expect("a file"));
        }
    }
}

/// The example's cluster file, with these settings added.
fn cluster(recipe: &Recipe, settings: &str) -> Cluster {
    let text = fs::read_to_string(format!("{FOLDER}/cluster.yaml")).expect("a file");
    let shown_settings = recipe.shown_settings();
    let context = ReadContext {
        home: None,
        key_file: &|_| KeyFile::Missing,
        settings: &shown_settings,
        recipe: "hello",
    };
    let source = SourceFile::new("cluster.yaml", format!("{text}{settings}"));
    let (cluster, problems) = read_yaml(&source, &context);
    assert_eq!(problems.to_plain_text(), "");
    cluster.expect("a cluster")
}

fn plan(cluster: &Cluster, recipe: &Recipe, flow: &str) -> PreparedPlan {
    let request = PlanRequest {
        flow: flow.to_owned(),
        ..PlanRequest::default()
    };
    match build(cluster, recipe, &request) {
        Ok((plan, problems)) => {
            assert_eq!(problems.to_plain_text(), "");
            plan
        }
        Err(problems) => panic!("{}", problems.to_plain_text()),
    }
}

#[test]
fn its_plan() {
    let recipe = recipe();
    let plan = plan(&cluster(&recipe, ""), &recipe, "install");
    let tasks: String = plan
        .tasks
        .iter()
        .map(|task| {
            let gates: Vec<String> = task
                .gates
                .iter()
                .map(|gate| match gate {
                    Gate::Own(stage) => format!(" {stage}"),
                    Gate::All(stage) => format!(" all:{stage}"),
                })
                .collect();
            format!("{} after{}\n", task.id, gates.concat())
        })
        .collect();
    assert_snapshot!(tasks, @"
    prepare@server1 after
    prepare@worker1 after
    prepare@worker2 after
    serve@server1 after all:prepare
    join@worker1 after prepare all:serve
    join@worker2 after prepare all:serve
    ");
}

/// One script as a host would run it; its output and its result lines.
fn run(
    plan: &PreparedPlan,
    path: &str,
    environment: &[(String, String)],
    scratch: &Path,
) -> (Output, String) {
    let result = scratch.join("result");
    fs::write(&result, "").expect("a result file");
    let script = format!("{LIBRARY}\n{}", plan.files[path]);
    let output = Command::new("sh")
        .arg("-c")
        .arg(script)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("RESULT", &result)
        .envs(environment.iter().cloned())
        .output()
        .expect("sh");
    (output, fs::read_to_string(&result).expect("a result file"))
}

fn host(plan: &PreparedPlan, name: &str) -> HostIx {
    plan.host_ix(&name.into()).expect("a host")
}

/// Runs every task in order; a failure ends the test.
fn run_all(plan: &PreparedPlan, secrets: &Path, scratch: &Path) -> String {
    let mut told = String::new();
    for task in &plan.tasks {
        let stage = plan.stage(task.stage);
        let facts = Facts::new();
        assert_eq!(plan.condition(task.stage, task.host, &facts), Ok(true));
        for put in &stage.put {
            let file = plan.render_put(put, task.host, &facts).expect("rendered");
            let path = Path::new(&file.path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, file.content.text().expect("text")).expect("written");
        }
        let (Action::Run(path) | Action::Until(path)) = &stage.action else {
            continue;
        };
        let mut environment = plan.environment(task.host, Some(task.stage), &facts, "run1");
        if !stage.secrets.is_empty() {
            environment.push(("PX_SECRETS".into(), secrets.display().to_string()));
        }
        let (output, result) = run(plan, path, &environment, scratch);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{}: {errors}", task.id);
        told.push_str(&format!("{}:\n{result}", task.id));
    }
    told
}

#[test]
fn its_scripts_do_their_work_once() {
    let scratch = tempfile::tempdir().expect("a folder");
    let folder = scratch.path().join("hello");
    let folder_text = folder.display().to_string();
    let recipe = recipe();
    let settings = format!("  folder: {folder_text}\n  token: geheim\n");
    let cluster = cluster(&recipe, &settings);
    let install = plan(&cluster, &recipe, "install");
    let mut values = secret_values(&cluster, recipe.settings_for(None));
    values.retain(|name, _| install.stages[1].secrets.contains_key(name));
    let secrets = scratch.path().join("secrets");
    fs::write(&secrets, secrets_file(&values)).expect("written");

    let check = plan(&cluster, &recipe, "check");
    let looked = run_all(&check, &secrets, scratch.path());
    assert!(!looked.contains("problem"), "{looked}");
    assert!(!folder.exists(), "a check changes nothing");

    let facts = install.environment(host(&install, "server1"), None, &Facts::new(), "run1");
    let (output, told) = run(&install, "scripts/facts.sh", &facts, scratch.path());
    assert!(output.status.success());
    assert!(told.contains("fact greeted=false\n"), "{told}");

    assert_snapshot!(run_all(&install, &secrets, scratch.path()), @"
    prepare@server1:
    changed made server1 ready
    fact greeted=true
    prepare@worker1:
    changed made worker1 ready
    fact greeted=true
    prepare@worker2:
    changed made worker2 ready
    fact greeted=true
    serve@server1:
    changed wrote the greeting for worker1 worker2
    join@worker1:
    join@worker2:
    ");
    let again = run_all(&install, &secrets, scratch.path());
    assert!(!again.contains("changed"), "{again}");
    run_all(&plan(&cluster, &recipe, "verify"), &secrets, scratch.path());
    let greeting = fs::read_to_string(folder.join("greeting")).expect("a greeting");
    assert!(greeting.starts_with("Good morning worker1 worker2 ("));
    assert!(!greeting.contains("geheim") && !greeting.contains("none"));
    assert_snapshot!(fs::read_to_string(folder.join("worker2.conf")).expect("a file"), @"
    # Written by phalanx for worker2, worker of hello.
    name=worker2
    server=10.10.0.10
    workers=worker1,worker2
    ");
}

#[test]
fn a_probe_says_what_it_waits_for() {
    let scratch = tempfile::tempdir().expect("a folder");
    let recipe = recipe();
    let settings = format!("  folder: {}/none\n", scratch.path().display());
    let plan = plan(&cluster(&recipe, &settings), &recipe, "verify");
    let environment = plan.environment(
        host(&plan, "worker1"),
        plan.stage_ixs().next(),
        &Facts::new(),
        "run1",
    );
    let (output, _) = run(&plan, "scripts/join.sh", &environment, scratch.path());
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("worker1.conf to name server1"), "{told}");
}
