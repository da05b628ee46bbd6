//! Which cluster file a command is about: that of the folder, of a lab, or one that comes through a pipe.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what it expects by unwrapping"
)]

mod past;
mod sandbox;

use std::fs::{self, File};
use std::io::Write as _;
use std::process::{Command, Stdio};

use phalanx_engine::{RunFolder, RunId};
use rustix::process::{Pid, Signal, kill_process};
use sandbox::{Doorbell, Sandbox};
use serde_json::Value;

/// A cluster whose hosts nobody answers for.
fn file(cluster: &str, recipe: &str) -> String {
    format!(
        "cluster: {cluster}\nrecipe: {recipe}\n\
         ssh: {{ port: 1, connect_timeout: 1s, reconnect_for: 1s }}\nhosts:\n  \
         - {{ name: s1, role: server, address: 127.0.0.1 }}\n  \
         - {{ name: w1, role: worker, address: 127.0.0.2 }}\n"
    )
}

/// What a command said.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    fn by(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// The cluster that `plan --json` told of.
    fn cluster(&self) -> String {
        let plan: Value = serde_json::from_str(&self.out)
            .unwrap_or_else(|_| panic!("{:?} {} {}", self.code, self.out, self.err));
        plan["cluster"].as_str().unwrap().to_owned()
    }
}

/// A folder with a recipe, and a lab's cluster file elsewhere.
fn beside_a_lab() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.hello();
    sandbox.write("labs/blue/phalanx.yaml", file("labs", "../../recipe"));
    sandbox
}

/// The command as `lab exec` starts it.
fn inside(sandbox: &Sandbox, args: &[&str]) -> Said {
    let lab_file = sandbox.path().join("labs/blue/phalanx.yaml");
    let mut command = sandbox.command(args);
    command
        .env("PHALANX_LAB", "blue")
        .env("PHALANX_LAB_FILE", lab_file);
    Said::by(&mut command)
}

#[test]
fn in_a_labs_network_the_folders_own_file_comes_first() {
    let sandbox = beside_a_lab();
    let plan = |args: &[&str]| inside(&sandbox, &[args, &["plan", "--json"]].concat());

    let labs = plan(&[]);
    assert_eq!(labs.cluster(), "labs");
    let taken =
        "no phalanx.yaml and no cluster.conf is in this folder: the one of the lab blue is taken, ";
    assert!(labs.err.contains(taken), "{}", labs.err);
    assert!(labs.err.contains("labs/blue/phalanx.yaml"), "{}", labs.err);

    sandbox.write("cluster.yaml", file("other", "recipe"));
    let beside = plan(&[]);
    assert_eq!(beside.cluster(), "labs");
    let here = "cluster.yaml is here, and is taken only with `-c cluster.yaml`";
    assert!(beside.err.contains(here), "{}", beside.err);

    sandbox.write("phalanx.yaml", file("mine", "recipe"));
    for (args, cluster) in [
        (&[][..], "mine"),
        (&["-c", "phalanx.yaml"], "mine"),
        (&["-c", "cluster.yaml"], "other"),
        (&["-c", "labs/blue/phalanx.yaml"], "labs"),
    ] {
        let said = plan(args);
        assert_eq!(said.cluster(), cluster, "{args:?}");
        assert!(!said.err.contains("is taken"), "{}", said.err);
    }
}

/// Runs lie beside the cluster file that is taken, and what is proposed can be typed outside of the lab.
#[test]
fn in_a_labs_network_runs_are_those_of_the_file_that_is_taken() {
    let sandbox = beside_a_lab();
    let of_lab = sandbox.path().join("labs/blue/.phalanx");
    let own = sandbox.path().join(".phalanx");
    let journal = include_str!("data/failed-run.jsonl");
    for (home, run) in [
        (&of_lab, "20260101-000000-labs"),
        (&own, "20260101-000000-mine"),
    ] {
        let run = RunFolder::create(home, &RunId::new(run), &past::plan()).unwrap();
        fs::write(run.journal_path(), journal).unwrap();
    }
    let labs = inside(&sandbox, &["show"]);
    let command = "phalanx lab exec --lab blue -- phalanx logs 20260101-000000-labs s1 ";
    assert!(labs.out.contains(command), "{}{}", labs.out, labs.err);
    let none = inside(&sandbox, &["show", "nope"]);
    let proposed = "`phalanx lab exec --lab blue -- phalanx runs` lists them";
    let words: Vec<&str> = none.err.split_whitespace().collect();
    assert!(words.join(" ").contains(proposed), "{}", none.err);

    sandbox.write("phalanx.yaml", file("mine", "recipe"));
    let mine = inside(&sandbox, &["show"]);
    let command = "phalanx lab exec --lab blue -- phalanx logs 20260101-000000-mine s1 ";
    assert!(mine.out.contains(command), "{}{}", mine.out, mine.err);
    let labs = inside(&sandbox, &["-c", "labs/blue/phalanx.yaml", "show"]);
    let command = "phalanx lab exec --lab blue -- phalanx -c labs/blue/phalanx.yaml logs 20260101-000000-labs s1 ";
    assert!(labs.out.contains(command), "{}{}", labs.out, labs.err);
}

#[test]
fn a_file_of_another_name_is_named() {
    let sandbox = Sandbox::new();
    sandbox.hello();
    for name in ["cluster.yaml", "phalanx.yml", "cluster.yml"] {
        let path = sandbox.write(name, file("a", "recipe"));
        let plan = sandbox.run(&["plan"]);
        assert_eq!(plan.code, 2);
        for words in [
            format!("there is neither phalanx.yaml nor cluster.conf in this folder, but {name}"),
            format!("name it with `-c {name}`, or rename it to phalanx.yaml"),
        ] {
            assert!(plan.stderr.contains(&words), "{}", plan.stderr);
        }
        assert_eq!(sandbox.run(&["-c", name, "plan"]).code, 0);
        fs::remove_file(path).unwrap();
    }
}

/// The command with this text coming in.
fn piped(sandbox: &Sandbox, args: &[&str], text: &str) -> Said {
    let mut command = sandbox.command(args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Whoever has read enough closes its end.
    let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

#[test]
fn a_cluster_file_comes_through_a_pipe() {
    let sandbox = Sandbox::new();
    sandbox.hello();
    let yaml = file("piped", "recipe");
    for name in ["-", "/dev/stdin", "/dev/fd/0"] {
        let plan = piped(&sandbox, &["-c", name, "plan", "--json"], &yaml);
        assert_eq!(plan.cluster(), "piped", "{name}");
    }
    let conf = "AWSNODESB=127.0.0.1\nAWSNODESM=127.0.0.2\nCLUSTER_NAME=assigned\n";
    let plan = piped(&sandbox, &["-c", "-", "plan", "--json"], conf);
    assert_eq!(plan.cluster(), "assigned");

    // What a shell makes of `<(...)`, and a FIFO that somebody writes to.
    sandbox.write("x", &yaml);
    for line in [
        r#"exec "$0" -c <(cat x) plan --json"#,
        r#"mkfifo f; cat x >f & exec "$0" -c f plan --json"#,
    ] {
        let mut bash = Command::new("bash");
        bash.args(["-c", line, env!("CARGO_BIN_EXE_phalanx")])
            .current_dir(sandbox.path());
        assert_eq!(Said::by(&mut bash).cluster(), "piped", "{line}");
    }

    let wrong = piped(
        &sandbox,
        &["-c", "-", "plan"],
        &yaml.replace("hosts", "hots"),
    );
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("[standard input:"), "{}", wrong.err);
    let nothing = piped(&sandbox, &["-c", "-", "plan"], "");
    assert!(nothing.err.contains("the file is empty"), "{}", nothing.err);
    let large = piped(&sandbox, &["-c", "-", "plan"], &"#\n".repeat(1 << 20));
    assert!(large.err.contains("1 MiB"), "{}", large.err);
}

/// Its runs lie in the current folder, and can be looked at without it.
#[test]
fn the_runs_of_a_piped_file_lie_in_the_current_folder() {
    let sandbox = Sandbox::new();
    sandbox.hello();
    let door = Doorbell::new();
    let at_the_door = |cluster: &str| {
        let text = file(cluster, "recipe");
        text.replacen("address: 127.0.0.1", &door.at(), 1)
    };
    let yaml = sandbox.write("elsewhere", at_the_door("piped"));
    let check = |args: &[&str], stdin: Stdio| {
        let mut command = sandbox.command(&[args, &["check", "--on", "s1"]].concat());
        command.stdin(stdin).stdout(Stdio::piped());
        let child = command.stderr(Stdio::null()).spawn().unwrap();
        door.wait();
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(5), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let said = check(&["-c", "-"], File::open(yaml).unwrap().into());
    let named = "the cluster file is standard input\n";
    assert_eq!(said.matches(named).count(), 2, "{said}");
    for args in [&["runs", "--json"][..], &["-c", "-", "runs", "--json"]] {
        let runs: Value = serde_json::from_str(&sandbox.run(args).stdout).unwrap();
        let run = &runs["runs"][0];
        assert_eq!(run["cluster_file"], "standard input", "{runs:#}");
        assert_eq!(run["recipe"], "hello", "{runs:#}");
    }

    sandbox.write("phalanx.yaml", at_the_door("named"));
    check(&[], Stdio::null());
    let runs = sandbox.run(&["runs"]).stdout;
    let first = runs.lines().next().unwrap();
    assert!(
        first.contains("  hello  named ") && first.ends_with("  phalanx.yaml"),
        "{runs}"
    );
    let shown = sandbox.run(&["show"]).stdout;
    let named = "the cluster file is [HOME]/phalanx.yaml\n";
    assert!(shown.contains(named), "{shown}");
}

/// Nothing is built or booted for a recipe that a demo can't use; one may be named from the current folder on.
#[test]
fn a_demo_looks_at_the_recipe_first() {
    let sandbox = Sandbox::new();
    sandbox.hello();
    let refused = |args: &[&str]| {
        let demo = sandbox.run(&[&["demo"], args].concat());
        assert_eq!(demo.code, 2, "{demo:?}");
        for folder in [".local", ".cache"] {
            assert!(!sandbox.path().join(folder).exists(), "{demo:?}");
        }
        let words: Vec<&str> = demo.stderr.split_whitespace().collect();
        words.join(" ")
    };
    let none = refused(&["--recipe", "nope"]);
    assert!(none.contains("there is no recipe"), "{none}");
    let no_lab = refused(&["--recipe", "recipe"]);
    assert!(no_lab.contains("has no folder lab/"), "{no_lab}");
    sandbox.write("recipe/lab/login", "operator\n");
    sandbox.write("recipe/lab/sizes", "small server=1 worker=1\n");
    let no_size = refused(&["--recipe", "recipe", "--size", "huge"]);
    assert!(no_size.contains("no size huge"), "{no_size}");
    let no_file = refused(&["--recipe", "recipe"]);
    assert!(
        no_file.contains("no template of a cluster file"),
        "{no_file}"
    );
    sandbox.write("recipe/lab/phalanx.yaml", "cluster: x\n");
    let path = sandbox.path().join("recipe/recipe.yaml");
    let recipe = fs::read_to_string(&path).unwrap();
    fs::write(&path, recipe.replace("  verify:", "  prove:")).unwrap();
    let no_flow = refused(&["--recipe", "./recipe"]);
    assert!(no_flow.contains("has no flow `verify`"), "{no_flow}");
    fs::write(&path, "rolls: {}\n").unwrap();
    let wrong = refused(&["--recipe", "./recipe"]);
    assert!(wrong.contains("rolls"), "{wrong}");
}

#[test]
fn words_of_other_tools_and_a_recipe_by_its_option() {
    let sandbox = Sandbox::new();
    sandbox.hello();
    let run = sandbox.run(&["run"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("'phalanx install'"), "{}", run.stderr);
    let lint = sandbox.run(&["recipe", "lint", "--recipe", "recipe"]);
    assert_eq!(
        (lint.code, lint.stdout.as_str()),
        (0, "recipe: no faults\n")
    );
}
