//! What is counted by `cargo xtask campaign benches`: reading a cluster file and planning. `plan CASE HOSTS` does it
//! once, between the program's other work, in the function `counted`, and prints how many seconds that took.
#![expect(
    clippy::panic,
    clippy::print_stdout,
    reason = "a program of the project's own, which stops where its input is not as it should be"
)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use phalanx_plan::read_context::{KeyFile, ReadContext};
use phalanx_plan::{
    Cluster, PlanRequest, Recipe, RecipeFiles, ShownSettings, SourceFile, build, cluster_yaml,
};

const STAGES: usize = 10;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // `cargo bench` says more than is asked for.
    let (case, hosts) = match words.as_slice() {
        [case, hosts, ..] => (*case, hosts.parse().unwrap_or(100)),
        _ => ("plan", 100),
    };
    let source = cluster_file(hosts);
    match case {
        "read" => timed(|| read(&source)),
        _ => {
            let (cluster, recipe) = (read(&source), recipe());
            let request = PlanRequest {
                flow: "install".into(),
                ..PlanRequest::default()
            };
            timed(|| match build(&cluster, &recipe, &request) {
                Ok((plan, _)) => plan,
                Err(problems) => panic!("{problems}"),
            });
        }
    }
}

fn timed<T>(work: impl FnOnce() -> T) {
    let began = Instant::now();
    black_box(counted(work));
    println!("{}", began.elapsed().as_secs_f64());
}

/// What callgrind looks at: found by its name.
#[inline(never)]
fn counted<T>(work: impl FnOnce() -> T) -> T {
    work()
}

fn cluster_file(hosts: usize) -> SourceFile {
    let mut text = "cluster: many\nrecipe: bench\nssh: { user: root }\nhosts:\n".to_owned();
    for host in 0..hosts {
        let role = if host % 100 == 0 { "server" } else { "worker" };
        let (high, low) = (host / 250, host % 250 + 1);
        let (net, high) = (high / 250, high % 250);
        text.push_str(&format!(
            "  - {{ name: h{host}, role: {role}, address: 10.{net}.{high}.{low} }}\n"
        ));
    }
    SourceFile::new("phalanx.yaml", text)
}

fn read(source: &SourceFile) -> Cluster {
    let context = ReadContext {
        home: None,
        key_file: &|_| KeyFile::Missing,
        settings: &ShownSettings::default(),
        recipe: "bench",
    };
    let (cluster, problems) = cluster_yaml::read_yaml(source, &context);
    cluster.unwrap_or_else(|| panic!("{problems}"))
}

/// Ten stages: own gates and `all` gates, conditions and templates, some of them on facts.
fn recipe() -> Recipe {
    let mut text = "name: bench\ntitle: many hosts\nroles: { server: {}, worker: {} }\n\
                    facts: { names: { os: text } }\nflows:\n  install:\n"
        .to_owned();
    for stage in 0..STAGES {
        let more = match stage % 4 {
            1 => format!(", after: [{{ all: s{} }}]", stage - 1),
            2 => ", when: host.role == 'worker'".to_owned(),
            3 => {
                ", when: os == 'debian', put: { template: templates/t, to: '/etc/{{ host.name }}' }"
                    .to_owned()
            }
            _ => String::new(),
        };
        text.push_str(&format!(
            "    - {{ id: s{stage}, on: all, run: scripts/s.sh{more} }}\n"
        ));
    }
    let files = [
        ("recipe.yaml", text.as_str()),
        ("scripts/s.sh", "true\n"),
        ("templates/t", "{{ host.name }} {{ os }}\n"),
    ];
    let files: BTreeMap<String, Vec<u8>> = files
        .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
        .into();
    let (recipe, problems) = Recipe::read(&RecipeFiles::new("bench", files));
    recipe.unwrap_or_else(|| panic!("{problems}"))
}
