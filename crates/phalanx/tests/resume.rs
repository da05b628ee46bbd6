//! `phalanx resume` on real SSH servers: whatever became of the process before.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod site;

use std::fs;

use rustix::process::{Pid, Signal, kill_process};
use site::{Site, host, plain};

/// Two stages; the first counts its runs, says so, and waits until it may go on.
fn site() -> Site {
    let script = "echo run >>/home/operator/$PX_STAGE.runs\necho begins\n\
                  while [ ! -e /home/operator/go ]; do sleep 0.05; done\n\
                  fact word from-$PX_STAGE\nchanged 'counted'\necho ends\n";
    let after = "echo run >>/home/operator/$PX_STAGE.runs\necho \"told $PX_FACT_WORD\"\n";
    Site::new(
        "    - { id: wait, on: all, run: scripts/wait.sh }\n    \
             - { id: after, on: all, run: scripts/after.sh }\n",
        &[("wait.sh", script), ("after.sh", after)],
        vec![host("w1", "worker", plain())],
    )
    .with_facts("word: text")
}

fn runs_of(site: &Site, stage: &str) -> usize {
    let counted = fs::read_to_string(site.first_home().join(format!("{stage}.runs")));
    counted.unwrap_or_default().lines().count()
}

fn end(site: &Site, signal: Signal) {
    let ran = site.phalanx_and(&["install", "--yes"], "task-accepted", |child| {
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    });
    assert_ne!(ran.code, 0);
}

#[test]
fn after_a_kill_the_job_is_attached_to_and_runs_once() {
    let site = site();
    end(&site, Signal::KILL);
    let listed = site.phalanx(&["runs"]);
    listed.expect(0);
    assert!(listed.stdout.contains("cut short"), "{}", listed.stdout);
    let shown = site.phalanx(&["show"]);
    assert!(shown.stdout.contains("phalanx resume "), "{}", shown.stdout);

    // Who begins a new one instead is told of it.
    let anew = site.phalanx(&["install"]);
    anew.expect(2);
    let told: Vec<&str> = anew.stderr.split_whitespace().collect();
    let told = told.join(" ");
    assert!(
        told.contains("was cut short: `phalanx ") && told.contains("goes on with it"),
        "{}",
        anew.stderr
    );

    let explained = site.phalanx(&["resume", "--explain"]);
    explained.expect(0);
    assert!(
        explained.stdout.contains("wait   attached to")
            && explained.stdout.contains("after  begins"),
        "{}",
        explained.stdout
    );
    // Nobody can know whether the last line was whole.
    let journal = site.runs().pop().unwrap().join("journal.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, format!("{text}{{\"seq\":99,\"at\":\"20")).unwrap();

    fs::write(site.first_home().join("go"), "").unwrap();
    let ran = site.phalanx(&["resume", "--yes"]);
    ran.expect(0);
    assert_eq!(site.log("w1", "wait"), "begins\nends\n");
    assert_eq!(site.log("w1", "after"), "told from-wait\n");
    assert_eq!((runs_of(&site, "wait"), runs_of(&site, "after")), (1, 1));
    let timed = site.phalanx(&["logs", "w1", "wait", "-t"]).stdout;
    let lines: Vec<&str> = timed.lines().collect();
    assert!(
        lines.len() == 2 && lines[0].starts_with("20") && lines[1].ends_with(" ends"),
        "{timed}"
    );
    assert!(
        !timed.contains('~'),
        "both processes noted when it came: {timed}"
    );
    assert_eq!(site.runs().len(), 1, "the same run");
    let ends = site.journal();
    let ends = ends.iter().filter(|event| event["event"] == "task-ended");
    assert_eq!(ends.count(), 2);

    let again = site.phalanx(&["resume"]);
    again.expect(2);
    assert!(again.stderr.contains("is unfinished"), "{}", again.stderr);
}

#[test]
fn a_closed_terminal_leaves_the_job_and_what_changed_meanwhile_is_done_again() {
    let mut site = site();
    end(&site, Signal::HUP);
    // Somebody mends the script; what runs still runs to its end.
    let script = site.path().join("recipe/scripts/wait.sh");
    let text = fs::read_to_string(&script).unwrap();
    fs::write(&script, text.replace("echo begins", "echo begins anew")).unwrap();
    fs::write(site.first_home().join("go"), "").unwrap();
    let explained = site.phalanx(&["resume", "--explain"]);
    assert!(
        explained.stdout.contains("the script scripts/wait.sh"),
        "{}",
        explained.stdout
    );
    site.phalanx(&["resume", "--yes"]).expect(0);
    assert_eq!(site.log("w1", "wait"), "begins\nends\n");
    assert_eq!(site.log("w1", "wait.2"), "begins anew\nends\n");
    assert_eq!((runs_of(&site, "wait"), runs_of(&site, "after")), (2, 1));
    let told = site.phalanx(&["show"]);
    assert!(told.stdout.contains("done"), "{}", told.stdout);
    site.extra("settings: {}\n");
}

#[test]
fn a_second_operator_is_told_who_is_at_work() {
    let site = site();
    let ran = site.phalanx_and(&["install", "--yes"], "task-accepted", |_| {
        for command in [&["install", "--yes"][..], &["resume", "--yes"]] {
            let second = site.phalanx(command);
            second.expect(4);
            assert!(
                second.stderr.contains("is at work on this cluster"),
                "{}",
                second.stderr
            );
        }
        let listed = site.phalanx(&["runs"]);
        assert!(listed.stdout.contains("running"), "{}", listed.stdout);
        // Looking is free.
        site.phalanx(&["show"]).expect(0);
        fs::write(site.first_home().join("go"), "").unwrap();
    });
    ran.expect(0);
    assert_eq!(site.runs().len(), 1);
    assert_eq!(runs_of(&site, "wait"), 1);
}

#[test]
fn a_failed_run_goes_on_where_it_failed() {
    let site = site();
    fs::write(site.first_home().join("go"), "").unwrap();
    let script = site.path().join("recipe/scripts/after.sh");
    let good = fs::read_to_string(&script).unwrap();
    fs::write(&script, format!("{good}exit 3\n")).unwrap();
    let failed = site.phalanx(&["install", "--yes"]);
    failed.expect(1);
    assert!(
        failed.stdout.contains("phalanx resume "),
        "{}",
        failed.stdout
    );
    fs::write(&script, good).unwrap();
    site.phalanx(&["resume", "--yes"]).expect(0);
    assert_eq!((runs_of(&site, "wait"), runs_of(&site, "after")), (1, 2));
    // What the first stage told is known to the second, though it did not run again.
    assert_eq!(site.log("w1", "after.2"), "told from-wait\n");
}

/// A lab and real servers may share the folder of the runs, but no run.
#[test]
fn a_run_is_gone_on_with_only_where_it_was_carried_out() {
    let site = site();
    fs::write(site.first_home().join("go"), "").unwrap();
    let script = site.path().join("recipe/scripts/after.sh");
    let good = fs::read_to_string(&script).unwrap();
    fs::write(&script, format!("{good}exit 3\n")).unwrap();
    let words = |text: &str| {
        let words = text.split_whitespace().filter(|word| *word != "│");
        words.collect::<Vec<_>>().join(" ")
    };
    let newest = || {
        let run = site.runs().pop().unwrap();
        run.file_name().unwrap().to_str().unwrap().to_owned()
    };
    site.in_lab(&["install", "--yes"]).expect(1);
    let of_lab = newest();

    let proposed = site.phalanx(&["install"]);
    proposed.expect(2);
    assert!(!proposed.stderr.contains("goes on"), "{}", proposed.stderr);
    let typed = format!("lab exec --lab blue -- phalanx resume {of_lab}` goes on with it there");
    for (args, code) in [
        (&["resume", "--yes"][..], "resume::nothing"),
        (&["resume", "--yes", &of_lab], "resume::other-lab"),
    ] {
        let refused = site.phalanx(args);
        refused.expect(2);
        let said = words(&refused.stderr);
        assert!(said.contains(code), "{said}");
        assert!(said.contains("was carried out in the lab blue"), "{said}");
        assert!(said.contains(&typed), "{said}");
    }

    // And the other way round.
    site.phalanx(&["install", "--yes"]).expect(1);
    let of_servers = newest();
    assert_ne!(of_lab, of_servers);
    let refused = site.in_lab(&["resume", "--yes", &of_servers]);
    refused.expect(2);
    let said = words(&refused.stderr);
    assert!(said.contains("carried out outside of all labs"), "{said}");
    let typed = format!("outside of the lab: phalanx resume {of_servers}");
    assert!(said.contains(&typed), "{said}");

    fs::write(&script, good).unwrap();
    let lab = site.in_lab(&["resume", "--yes"]);
    lab.expect(0);
    assert!(lab.stdout.contains(&of_lab), "{}", lab.stdout);
    let servers = site.phalanx(&["resume", "--yes"]);
    servers.expect(0);
    assert!(servers.stdout.contains(&of_servers), "{}", servers.stdout);
}

#[test]
fn a_newer_journal_is_not_gone_on_with() {
    let site = site();
    end(&site, Signal::KILL);
    let journal = site.runs().pop().unwrap().join("journal.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(
        &journal,
        text.replacen("\"phalanx_journal\":1", "\"phalanx_journal\":7", 1),
    )
    .unwrap();
    let ran = site.phalanx(&["resume", "--yes"]);
    ran.expect(2);
    assert!(ran.stderr.contains("format 7"), "{}", ran.stderr);
    site.phalanx(&["show"]).expect(0);
    fs::write(site.first_home().join("go"), "").unwrap();
}

#[test]
fn logs_are_followed_to_the_end_of_the_run() {
    let site = site();
    let ran = site.phalanx_and(&["install", "--yes"], "task-accepted", |_| {
        let follower = site
            .command(&["logs", "-f"])
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let one = site
            .command(&["logs", "-f", "w1", "after"])
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // They end by themselves when the run does.
        fs::write(site.first_home().join("go"), "").unwrap();
        let said = follower.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        assert_eq!(
            said,
            "w1 wait | begins\nw1 wait | ends\nw1 after | told from-wait\n"
        );
        let said = one.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&said.stdout), "told from-wait\n");
    });
    ran.expect(0);
    let found = site.phalanx(&["logs", "--grep", "end"]);
    found.expect(0);
    assert_eq!(found.stdout, "w1 wait | ends\n");
}
