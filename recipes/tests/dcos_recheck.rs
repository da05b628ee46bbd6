//! What a connection's first look finds of what nodes install from, and whom it stops.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod host;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use host::bootstrap::{bootstrap, calls, first_look, generated};
use host::planned::install;
use host::{Host, SHELLS};
use phalanx_plan::PreparedPlan;
use phalanx_plan::plan::Facts;

const CLUSTER: &str = "\
cluster: x
recipe: dcos
hosts:
  - { role: bootstrap, address: 54.0.0.1, private_address: 10.0.0.1 }
  - { role: master, address: 54.0.0.2, private_address: 10.0.0.2 }
";

fn plan() -> PreparedPlan {
    install(CLUSTER)
}

/// A run as the bootstrap node sees it: what it has told, and whether `recheck` is to stop it.
struct Run<'a> {
    plan: &'a PreparedPlan,
    shell: &'a [&'a str],
    facts: Facts,
    /// What stages have told: it goes before what a look tells, also where the run is resumed.
    told: Facts,
}

impl<'a> Run<'a> {
    fn new(plan: &'a PreparedPlan, shell: &'a [&'a str]) -> Self {
        Self {
            plan,
            shell,
            facts: Facts::new(),
            told: Facts::new(),
        }
    }

    /// Output of a script that ends well, whose facts are taken over.
    fn hears(&mut self, host: &Host, script: &str) -> String {
        let (status, said) = host.run_in(self.shell, "dcos", script);
        assert_eq!(status, 0, "{said}");
        for line in said.lines().filter_map(|line| line.strip_prefix("fact ")) {
            let (name, value) = line.split_once(' ').unwrap();
            self.facts.insert(name.to_owned(), value.to_owned());
            if script != "scripts/facts.sh" {
                self.told.insert(name.to_owned(), value.to_owned());
            }
        }
        self.facts.extend(self.told.clone());
        said
    }

    fn is_stopped(&self) -> bool {
        let stage = self.plan.stage_ix(&"recheck".into()).unwrap();
        let first = self.plan.host_ixs().next().unwrap();
        self.plan.condition(stage, first, &self.facts).unwrap()
    }

    /// A script that has the facts told so far, with what its problems advise.
    fn runs(&self, host: Host, script: &str) -> (i32, String) {
        let of = |name: &str| self.facts[name].clone();
        host.with("PX_FACT_SERVED_DIFFERS", &of("served_differs"))
            .exchange("problem served", "printf '%s\\n' served")
            .run_in(self.shell, "dcos", script)
    }
}

/// The same run, resumed: the host is looked at anew, and what stages have told stays.
fn resumed<'a>(run: &Run<'a>, host: &Host) -> Run<'a> {
    let (facts, told) = (Facts::new(), run.told.clone());
    let mut resumed = Run {
        facts,
        told,
        ..*run
    };
    resumed.hears(host, "scripts/facts.sh");
    resumed
}

/// A bootstrap node that is asked by its role.
fn node(shell: &[&str]) -> Host {
    let host = generated(shell).0;
    host.with("PX_ROLE", "bootstrap")
        .with("PX_HOSTS_MASTER", "")
        .with("PX_ADDRESSES_MASTER", "")
}

#[test]
fn without_its_list_a_resumed_run_is_stopped_and_a_new_one_makes_all_anew() {
    let plan = plan();
    // What is removed of the list: as it is advised, and more.
    let removed: [&[&str]; 4] = [
        &["sums/served"],
        &["sums/served", "generated.from"],
        &["sums/served", "sums/served.state", "sums/served.odd"],
        &["sums/served", "generated.from", "genconf/state/left"],
    ];
    for shell in SHELLS {
        for removed in removed {
            let run = || Run::new(&plan, shell);
            let host = compared().with("PX_ROLE", "bootstrap");
            let mut first = run();
            first.hears(&host, "scripts/facts.sh");
            first.hears(&host, "scripts/generate.sh");
            assert!(!first.is_stopped(), "{:?}", first.facts);
            assert!(!resumed(&first, &host).is_stopped());
            // Another one, which finds all of it made.
            let mut second = run();
            second.hears(&host, "scripts/facts.sh");
            second.hears(&host, "scripts/generate.sh");
            assert!(!second.is_stopped() && !resumed(&second, &host).is_stopped());
            let tarball = host.path("1.8.8/genconf/serve/bootstrap/b1.bootstrap.tar.xz");
            fs::write(&tarball, "another").unwrap();
            assert!(resumed(&first, &host).is_stopped() && resumed(&second, &host).is_stopped());
            for file in removed {
                fs::remove_file(host.path("1.8.8").join(file)).unwrap();
            }

            // `generate` is done there, and is not begun again.
            for run in [&first, &second] {
                let again = resumed(run, &host);
                assert!(again.is_stopped(), "{removed:?}: {:?}", again.facts);
            }
            assert_eq!(fs::read_to_string(&tarball).unwrap(), "another");

            // A new run has nothing against it, makes all of it, and installs.
            let mut new = run();
            new.hears(&host, "scripts/facts.sh");
            let said = new.hears(&host, "scripts/generate.sh");
            assert_eq!(calls(&host), 2, "{said}");
            assert_eq!(fs::read_to_string(&tarball).unwrap(), "tarball\n");
            assert!(!new.is_stopped(), "{removed:?}: {:?}", new.facts);
            let mut again = resumed(&new, &host);
            assert!(!again.is_stopped(), "{:?}", again.facts);
            // And once more, in the run that made it; a power loss may take what the mark was.
            fs::remove_file(host.path("1.8.8/sums/served")).unwrap();
            fs::write(host.path("1.8.8/looked"), "").unwrap();
            again = resumed(&new, &host);
            assert!(again.is_stopped(), "{:?}", again.facts);
        }
    }
}

#[test]
fn a_run_that_finds_all_as_it_was_made_writes_nothing() {
    let plan = plan();
    for shell in SHELLS {
        let run = || Run::new(&plan, shell);
        let host = compared().with("PX_ROLE", "bootstrap");
        let mut first = run();
        first.hears(&host, "scripts/facts.sh");
        first.hears(&host, "scripts/generate.sh");
        let mark = fs::read_to_string(host.path("1.8.8/looked")).unwrap();
        let mut second = run();
        second.hears(&host, "scripts/facts.sh");
        assert_eq!(second.facts["served_unsure"], "");
        let host = host.with("PX_FACT_SERVED_UNSURE", "");
        second.hears(&host, "scripts/generate.sh");
        assert_eq!(second.facts["served_settled"], "");
        assert_eq!(fs::read_to_string(host.path("1.8.8/looked")).unwrap(), mark);
        assert!(!second.is_stopped() && !resumed(&second, &host).is_stopped());
        // What is removed later is found in both.
        fs::remove_file(host.path("1.8.8/sums/served")).unwrap();
        assert!(resumed(&first, &host).is_stopped() && resumed(&second, &host).is_stopped());
    }
}

#[test]
fn where_the_list_is_gone_only_recheck_stops_the_run_and_says_how_to_go_on() {
    let plan = plan();
    for shell in SHELLS {
        let mut run = Run::new(&plan, shell);
        let host = node(shell);
        fs::remove_file(host.path("1.8.8/sums/served")).unwrap();
        run.hears(&host, "scripts/facts.sh");
        let (status, said) = run.runs(host, "scripts/recheck.sh");
        assert_eq!(status, 1, "{said}");
        for words in [
            "/sums/served, is gone",
            "run `phalanx install`, which makes all of it anew",
            "`phalanx resume` does not",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
        let (status, said) = run.runs(compared(), "scripts/compare.sh");
        assert_eq!((status, said.as_str()), (0, ""));
    }
}

/// A bootstrap node that holds its hosts against each other, of which there is none.
fn compared() -> Host {
    bootstrap()
        .with("PX_HOSTS_MASTER", "")
        .with("PX_ADDRESSES_MASTER", "")
}

#[test]
fn in_a_first_run_nothing_stops_it() {
    let plan = plan();
    for shell in SHELLS {
        let mut run = Run::new(&plan, shell);
        let host = compared().with("PX_ROLE", "bootstrap");
        run.hears(&host, "scripts/facts.sh");
        let (status, said) = run.runs(compared(), "scripts/compare.sh");
        assert_eq!((status, said.as_str()), (0, ""));
        run.hears(&host, "scripts/generate.sh");
        assert!(!run.is_stopped(), "{:?}", run.facts);
        run.hears(&host, "scripts/facts.sh");
        assert!(!run.is_stopped(), "{:?}", run.facts);
    }
}

#[test]
fn what_the_first_look_found_stops_those_who_would_install_from_it() {
    for shell in SHELLS {
        let host = bootstrap().with("PX_FACT_SERVED_DIFFERS", "dcos_install.sh was changed");
        let (status, said) = host.run_in(shell, "dcos", "scripts/recheck.sh");
        assert_eq!(status, 1, "{said}");
        assert!(said.starts_with("problem served error"), "{said}");
        assert!(
            said.ends_with("serve, dcos_install.sh was changed\n"),
            "{said}"
        );
    }
}

/// The same host, on which no file is read any more.
fn reads_nothing(host: Host) -> Host {
    host.tool("sha256sum", "[ $# = 0 ] || exit 9; exec /usr/bin/sha256sum")
}

#[test]
fn what_was_compared_once_is_not_read_again() {
    for shell in SHELLS {
        let host = node(shell);
        let (sums, state) = (
            host.path("1.8.8/sums"),
            host.path("1.8.8/sums/served.state"),
        );
        let script = host.path("1.8.8/genconf/serve/dcos_install.sh");
        let files = || fs::read_dir(&sums).unwrap().count();
        let before = files();
        // What lies there was touched, and is what it was: by an earlier phalanx, from a copy, by chmod.
        let touched: [&dyn Fn(); 2] = [&|| fs::remove_file(&state).unwrap(), &|| {
            fs::set_permissions(&script, fs::Permissions::from_mode(0o600)).unwrap();
        }];
        let mut host = host;
        for touch in touched {
            touch();
            assert_eq!(first_look(&host, shell), "");
            let mode = fs::metadata(&state).unwrap().permissions().mode();
            assert_eq!((mode & 0o7777, files()), (0o600, before));
            host = reads_nothing(host);
            assert_eq!(first_look(&host, shell), "");
            host = host.tool("sha256sum", "exec /usr/bin/sha256sum \"$@\"");
        }
        // What differs is told each time.
        fs::write(&script, "another").unwrap();
        for _ in 0..2 {
            assert_eq!(first_look(&host, shell), "dcos_install.sh was changed");
        }
        assert_eq!(files(), before);
    }
}

#[test]
fn a_disk_that_is_too_slow_for_the_first_look_is_left_to_generate() {
    let plan = plan();
    for shell in SHELLS {
        let mut run = Run::new(&plan, shell);
        let host = node(shell);
        let state = host.path("1.8.8/sums/served.state");
        fs::remove_file(&state).unwrap();
        let host = host.tool("timeout", "[ \"$1\" -lt 120 ] && exit 124");
        run.hears(&host, "scripts/facts.sh");
        assert_eq!(run.facts["served_differs"], "");
        assert!(run.is_stopped() && !state.exists());
        let (status, said) = run.runs(compared(), "scripts/compare.sh");
        assert_eq!((status, said.as_str()), (0, ""));

        run.hears(&host, "scripts/generate.sh");
        assert_eq!(calls(&host), 1, "it is what was made");
        assert!(!run.is_stopped());
        run.hears(&host, "scripts/facts.sh");
        assert!(!run.is_stopped());

        // In a run in which that is done somebody has to begin another one.
        fs::remove_file(&state).unwrap();
        run.hears(&host, "scripts/facts.sh");
        assert!(run.is_stopped());
        let (status, said) = run.runs(host, "scripts/recheck.sh");
        assert_eq!(status, 1, "{said}");
        assert!(said.contains("took longer than 90 s"), "{said}");
        assert!(said.contains("run `phalanx install`"), "{said}");
    }
}
