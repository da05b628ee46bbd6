//! The screen in a real terminal, over runs on real SSH servers: what it shows at three sizes, that keys
//! reach the run, and that the terminal is given back whatever happens.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod site;
mod tmux;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use site::{Site, host, plain};
use tmux::Pane;

/// Two hosts, two stages. `begin` waits until it may end, and fails where it is told to.
fn site() -> Site {
    let begin = "echo \"$PX_STAGE begins\"\nwhile [ ! -e /home/operator/go ]; do sleep 0.05; done\n\
                 [ ! -e /home/operator/fail ] || { echo 'E: it broke'; exit 3; }\nchanged done\n";
    Site::new(
        "    - { id: begin, on: all, run: scripts/begin.sh }\n    \
             - { id: then, on: all, run: scripts/then.sh, after: [begin, { all: begin }] }\n",
        &[("begin.sh", begin), ("then.sh", "echo 'and then'\n")],
        vec![host("w1", "worker", plain()), host("w2", "worker", plain())],
    )
}

fn home(site: &Site, at: usize) -> std::path::PathBuf {
    let home = site.hosts[at].host.home_path().unwrap();
    let login = home.join("operator");
    if login.is_dir() { login } else { home }
}

fn put(site: &Site, at: usize, name: &str) {
    fs::write(home(site, at).join(name), "").unwrap();
}

fn install(site: &Site) -> Command {
    let mut command = site.command(&["install", "--yes"]);
    command.env_remove("COLUMNS");
    command
}

/// The same without a terminal, in the background.
fn spawn(site: &Site) -> Child {
    let mut command = install(site);
    let child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    site.wait_for("\"task-accepted\"");
    child
}

fn asks(site: &Site, control: &str) -> usize {
    let journal = site.journal();
    let asked = journal
        .iter()
        .filter(|event| event["event"] == "controlled" && event["control"] == control);
    asked.count()
}

#[test]
fn a_run_is_seen_at_three_sizes_and_the_terminal_is_given_back() {
    let site = site();
    let pane = Pane::start(&install(&site), (80, 24), "stty -a");
    let shown = pane.sees(&["begin", "2 at work", "begin begins", "p pause"]);
    assert!(pane.is_taken());
    assert!(
        shown.starts_with("install · site · site · 2 hosts"),
        "{shown}"
    );
    assert!(
        shown.lines().all(|line| line.chars().count() <= 80),
        "{shown}"
    );
    for (size, sees) in [
        ((132, 40), "q leave"),
        ((40, 10), "2 at work"),
        ((25, 5), "0 of 4"),
    ] {
        pane.resize(size);
        let shown = pane.sees(&[sees]);
        assert!(shown.lines().count() <= size.1.into(), "{shown}");
    }
    pane.resize((100, 30));
    pane.sees(&["then", "w2"]);
    put(&site, 0, "go");
    pane.sees(&[
        "waits for all of begin",
        "1 host waits for all of begin, still open on w2",
    ]);
    put(&site, 1, "go");
    let after = pane.ends_with(0);
    assert!(after.contains("install done"), "{after}");
    let after = pane.sees(&["icanon"]);
    assert!(
        after.contains("isig icanon") && after.contains(" echo "),
        "{after}"
    );
}

#[test]
fn keys_follow_a_log_and_reach_the_run() {
    let site = site();
    let pane = Pane::start(&install(&site), (100, 24), "true");
    pane.sees(&["2 at work", "begin begins"]);
    pane.press(&["/", "w", "1", "Enter", "Down", "Enter"]);
    pane.sees(&["w1 › begin: running", "following", "begin begins"]);
    pane.press(&["Escape", "p"]);
    pane.sees(&["PAUSED", "paused: nothing new begins; 2 under way"]);
    assert_eq!(asks(&site, "pause"), 1);
    put(&site, 0, "go");
    pane.sees(&["1 of 4 tasks"]);
    pane.press(&["p"]);
    pane.sees(&["the run goes on"]);
    assert_eq!(asks(&site, "continue"), 1);
    put(&site, 1, "fail");
    put(&site, 1, "go");
    pane.ends_with(1);
    let failed = pane.screen();
    assert!(failed.contains("phalanx resume"), "{failed}");
}

#[test]
fn another_terminal_sees_all_of_it_and_has_the_same_keys() {
    let site = site();
    let mut run = spawn(&site);
    let pane = Pane::start(&site.command(&["watch"]), (100, 24), "true");
    pane.sees(&["begin begins", "2 at work", "q close"]);
    // While w1 is at work, what failed on w2 is tried again.
    put(&site, 1, "fail");
    put(&site, 1, "go");
    pane.sees(&["1 failed", "status 3"]);
    fs::remove_file(home(&site, 1).join("fail")).unwrap();
    pane.press(&["Down", "r"]);
    pane.sees(&["w2 is tried again, from begin on"]);
    assert_eq!(asks(&site, "retry"), 1);

    // And what runs is skipped, by hand.
    let refused = site.phalanx(&["control", "skip", "begn", "w1"]);
    refused.expect(2);
    assert!(
        refused.stderr.contains("did you mean `begin`?"),
        "{}",
        refused.stderr
    );
    let said = site.phalanx(&["control", "skip", "begin", "w1"]);
    said.expect(0);
    assert!(
        said.stdout.contains("begin@w1 is being stopped"),
        "{}",
        said.stdout
    );
    pane.sees(&["done", "the run is over"]);
    assert!(run.wait().unwrap().success());
    assert!(pane.is_taken(), "it is closed by whoever looks at it");
    pane.press(&["q"]);
    pane.ends_with(0);
    let shown = site.phalanx(&["show"]);
    assert!(shown.stdout.contains("skipped"), "{}", shown.stdout);
    let late = site.phalanx(&["control", "pause"]);
    late.expect(2);
    assert!(
        late.stderr.contains("nobody works on any run"),
        "{}",
        late.stderr
    );
}

#[test]
fn a_host_is_left_out_and_the_others_go_on() {
    let site = site();
    let pane = Pane::start(&install(&site), (100, 24), "true");
    pane.sees(&["2 at work"]);
    pane.press(&["/", "w", "2", "Enter", "Down", "d"]);
    pane.sees(&["drop w2?", "[y/n]"]);
    pane.press(&["y"]);
    pane.sees(&["left out by the operator"]);
    put(&site, 0, "go");
    let after = pane.ends_with(1);
    assert!(after.contains("w2"), "{after}");
    assert_eq!(site.log("w1", "then"), "and then\n", "nobody waited for w2");
    // It is taken in again.
    put(&site, 1, "go");
    site.phalanx(&["resume", "--yes"]).expect(0);
    assert_eq!(site.log("w2", "then"), "and then\n");
}

#[test]
fn leaving_asks_and_leaves_a_run_to_resume() {
    let site = site();
    let pane = Pane::start(&install(&site), (100, 24), "true");
    pane.sees(&["2 at work"]);
    pane.press(&["q"]);
    pane.sees(&["[y/n] leave?"]);
    pane.press(&["n"]);
    pane.sees(&["q leave"]);
    pane.press(&["q", "y"]);
    pane.ends_with(5);
    put(&site, 0, "go");
    put(&site, 1, "go");
    site.phalanx(&["resume", "--yes"]).expect(0);
    assert_eq!(site.log("w1", "begin"), "begin begins\n", "it ran once");
}

#[test]
fn ctrl_c_means_what_it_always_does() {
    let site = site();
    let pane = Pane::start(&install(&site), (100, 24), "true");
    pane.sees(&["2 at work"]);
    pane.press(&["C-c"]);
    pane.sees(&["stopping: nothing new"]);
    pane.press(&["C-c"]);
    pane.ends_with(5);
}

#[test]
fn a_signal_gives_the_terminal_back_and_a_closed_one_leaves_the_run() {
    let site = site();
    let pane = Pane::start(&install(&site), (100, 24), "true");
    pane.sees(&["2 at work"]);
    let process = process_of(&site);
    kill_process(process, Signal::TERM).unwrap();
    pane.ends_with(5);

    let again = Pane::start(&site.command(&["resume", "--yes"]), (100, 24), "true");
    again.sees(&["2 at work"]);
    let process = process_of(&site);
    again.close();
    let deadline = Instant::now() + Duration::from_secs(20);
    while rustix::process::test_kill_process(process).is_ok() {
        assert!(Instant::now() < deadline, "it goes on without its terminal");
        std::thread::sleep(Duration::from_millis(50));
    }
    put(&site, 0, "go");
    put(&site, 1, "go");
    site.phalanx(&["resume", "--yes"]).expect(0);
}

/// The process that works on the cluster: it holds the lock.
fn process_of(site: &Site) -> Pid {
    let lock = site.path().join(".phalanx/locks/site");
    let text =
        fs::read_to_string(&lock).unwrap_or_else(|error| panic!("{}: {error}", lock.display()));
    let holder: serde_json::Value = serde_json::from_str(&text).unwrap();
    Pid::from_raw(i32::try_from(holder["pid"].as_i64().unwrap()).unwrap()).unwrap()
}

#[test]
fn what_breaks_gives_the_terminal_back_first() {
    let folder = tempfile::tempdir().unwrap();
    // The unit tests of the command are beside this test, under another number.
    let here = std::env::current_exe().unwrap();
    let mut own: Vec<_> = fs::read_dir(here.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            let plain = name.strip_prefix("phalanx-");
            plain.is_some_and(|rest| rest.len() == 16 && !rest.contains('.'))
        })
        .collect();
    own.sort_by_key(|path| fs::metadata(path).unwrap().modified().unwrap());
    let has_it = |path: &std::path::PathBuf| {
        let listed = Command::new(path).args(["--list", "--ignored"]).output();
        listed.is_ok_and(|listed| {
            String::from_utf8_lossy(&listed.stdout).contains("breaks_while_it_has_the_terminal")
        })
    };
    let Some(tests) = own.into_iter().rev().find(has_it) else {
        panic!("the command's unit tests are not built: `cargo test` builds them with these");
    };
    let mut command = Command::new(tests);
    command
        .args(["--ignored", "--exact", "--nocapture"])
        .arg("live_terminal::tests::breaks_while_it_has_the_terminal")
        // What is looked for is not to be pushed out of sight.
        .env("RUST_BACKTRACE", "0")
        .current_dir(folder.path());
    let pane = Pane::start(&command, (100, 24), "true");
    let shown = pane.ends_with(101);
    assert!(
        shown.contains("broken while the screen is there"),
        "{shown}"
    );
}

#[test]
fn a_run_is_shown_again_as_fast_as_wanted() {
    let site = site();
    put(&site, 0, "go");
    put(&site, 1, "go");
    site.phalanx(&["install", "--yes"]).expect(0);
    let pane = Pane::start(
        &site.command(&["watch", "--speed", "0.01"]),
        (100, 24),
        "true",
    );
    pane.sees(&["replay 0.01x"]);
    pane.press(&["Space"]);
    pane.sees(&["replay held"]);
    pane.press(&["Space"]);
    for _ in 0..20 {
        pane.press(&["+"]);
    }
    pane.sees(&["4 of 4 tasks", "done"]);
    pane.press(&["q"]);
    pane.ends_with(0);
    // Without a terminal: lines, and the journal itself.
    let lines = site.phalanx(&["watch"]);
    lines.expect(0);
    assert!(lines.stdout.contains("stage then: "), "{}", lines.stdout);
    let stream = site.phalanx(&["watch", "--json"]);
    stream.expect(0);
    assert_eq!(stream.stdout, site.journal_text());
    site.phalanx(&["watch", "--svg", "run.svg"]).expect(0);
    let picture = fs::read_to_string(site.path().join("run.svg")).unwrap();
    assert!(
        picture.starts_with("<svg ") && picture.ends_with("</svg>\n"),
        "{picture}"
    );
    assert!(picture.contains("4 of 4 tasks"), "{picture}");
    assert_eq!(picture.matches("<g id=").count(), 24);
}

#[test]
fn the_socket_is_its_owners_and_bears_nonsense() {
    let site = site();
    let mut run = spawn(&site);
    let socket = site.runs().pop().unwrap().join("control.sock");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&socket), 0o600);
    assert_eq!(mode(socket.parent().unwrap()), 0o700);
    let answer = |text: &[u8]| {
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream.write_all(text).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line
    };
    for nonsense in [
        &b"\n"[..],
        b"pause\n",
        b"{\"control\":\"dance\"}\n",
        b"{\"control\":\"retry\"}\n",
        b"{\"control\":\"retry\",\"host\":\"nobody\"}\n",
        b"{\"stop\":\"later\"}\n",
    ] {
        let line = answer(nonsense);
        assert!(line.starts_with("{\"refused\":"), "{line}");
    }
    // Neither what is no text, nor too much of it, nor whoever says nothing does any harm.
    let silent: Vec<UnixStream> = (0..40)
        .map(|_| UnixStream::connect(&socket).unwrap())
        .collect();
    drop(silent);
    let mut noise = UnixStream::connect(&socket).unwrap();
    let _ = noise.write_all(&vec![0xff; 200_000]);
    drop(noise);
    assert_eq!(
        answer(b"{\"control\":\"pause\"}\n")
            .matches("\"ok\"")
            .count(),
        1
    );
    assert!(answer(b"{\"control\":\"continue\"}\n").contains("goes on"));
    put(&site, 0, "go");
    put(&site, 1, "go");
    assert!(run.wait().unwrap().success());
    assert!(!socket.exists(), "nobody listens, and nothing is left");
}

#[test]
fn a_folder_with_a_long_name_has_a_socket_as_well() {
    let mut site = site();
    let long = site.path().join("n".repeat(90)).join("m".repeat(90));
    fs::create_dir_all(&long).unwrap();
    fs::copy(site.path().join("phalanx.yaml"), long.join("phalanx.yaml")).unwrap();
    let file = long.join("phalanx.yaml");
    let file = file.to_str().unwrap();
    let mut run = site
        .command(&["install", "--yes", "-c", file])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let said = site.phalanx(&["control", "pause", "-c", file]);
        if said.code == 0 {
            break;
        }
        assert!(Instant::now() < deadline, "{}", said.stderr);
    }
    site.phalanx(&["control", "continue", "-c", file]).expect(0);
    put(&site, 0, "go");
    put(&site, 1, "go");
    assert!(run.wait().unwrap().success());
    site.extra("");
}

/// A terminal that nobody reads takes a few kilobytes and then no more: the run does not notice.
#[test]
fn a_terminal_that_takes_nothing_holds_nothing_up() {
    let site = site();
    put(&site, 0, "go");
    put(&site, 1, "go");
    let (master, slave) = terminal();
    let mut command = Command::new("setsid");
    let install = install(&site);
    command
        .arg("-c")
        .arg("-w")
        .arg(install.get_program())
        .args(install.get_args());
    for (name, value) in install.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let other = |file: &File| Stdio::from(file.try_clone().unwrap());
    let mut child = command
        .current_dir(site.path())
        .env("TERM", "xterm")
        .stdin(other(&slave))
        .stdout(other(&slave))
        .stderr(other(&slave))
        .spawn()
        .unwrap();
    // Nobody here has the terminal any more: its end is when the command ends.
    drop((command, slave));
    site.wait_for("\"run-ended\"");
    assert!(
        child.try_wait().unwrap().is_none(),
        "its last words wait for somebody who reads them"
    );
    let mut master = master;
    let reader = std::thread::spawn(move || {
        let mut said = Vec::new();
        // The end of a terminal is an error.
        let _ = master.read_to_end(&mut said);
        String::from_utf8_lossy(&said).into_owned()
    });
    assert!(child.wait().unwrap().success());
    let said = reader.join().unwrap();
    assert!(said.contains("install done"), "{said}");
}

/// A terminal with a large screen, so that painting it once fills what a terminal takes.
fn terminal() -> (File, File) {
    use rustix::fs::{Mode, OFlags};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY;
    let slave = rustix::fs::open(name.as_c_str(), flags, Mode::empty()).unwrap();
    let size = rustix::termios::Winsize {
        ws_row: 400,
        ws_col: 400,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    rustix::termios::tcsetwinsize(&slave, size).unwrap();
    (File::from(master), File::from(slave))
}
