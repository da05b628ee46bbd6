//! One host among 21 that says whatever it can, without end: the run, the machine and the other hosts come
//! to no harm.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

#[path = "../../remote/tests/hostile/mod.rs"]
mod hostile;
mod site;

use std::fs::{self, File};
use std::process::Stdio;
use std::time::{Duration, Instant};

use hostile::Act::{Read, Repeat, Say};
use hostile::{Asked, HostileServer, Takes, Trick};
use site::{Site, host, plain};

/// How many hosts mean well.
const GOOD: usize = 20;
/// So much memory the command may have at the most.
const MEMORY_KIB: u64 = 200 << 10;
/// How long the run may take.
const WITHIN: Duration = Duration::from_secs(120);

/// How many lines a job says.
const FLOOD: usize = (64 << 20) / LINE.len();

const LINE: &str = "this line is said again and again, and nobody wants to know it\n";

/// 64 MiB of output, problems beyond number, and as many facts that nobody has asked for.
const FLOODS: &[Trick] = &[
    Trick {
        name: "a job that floods",
        when: Asked::Job,
        acts: &[
            Read,
            Say("@{n} head mark={n}\n"),
            Repeat(FLOOD, LINE),
            Say("\n@{n} end ended rc=0 cancel=0 term=0 left=0 full=0 from=1.00 to=1.10 boot=x\n"),
            Repeat(
                8_000,
                "problem\tp\twarning\t\u{1b}[31m\u{202e}number {i}\tdo\n",
            ),
            Repeat(2_000, "changed\tthing {i}\n"),
            Say("\n@{n} done\n"),
        ],
    },
    Trick {
        name: "a probe that floods",
        when: Asked::Probe,
        acts: &[
            Read,
            Say("@{n} head boot=hostile.1\n"),
            Repeat(100_000, LINE),
            Say("\n@{n} end rc=0 from=1.00 to=1.10\n"),
            Repeat(150_000, "fact\tf{i}\tx\n"),
            Say("\n@{n} done\n"),
        ],
    },
];

struct Figures {
    /// Until the last task of a good host was over.
    good_ms: u64,
    /// Most memory that the command had.
    memory_kib: u64,
    journal: u64,
    log: u64,
    /// How long `show` took.
    show: Duration,
}

/// An installation on 20 good hosts and one that does these tricks.
fn figures(tricks: &[Trick]) -> Figures {
    const NAMES: [&str; GOOD] = [
        "g01", "g02", "g03", "g04", "g05", "g06", "g07", "g08", "g09", "g10", "g11", "g12", "g13",
        "g14", "g15", "g16", "g17", "g18", "g19", "g20",
    ];
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let server = runtime.block_on(HostileServer::start(tricks, Takes::All));
    // Each has a key of its own, and all of them are tried everywhere.
    let like = || plain().sshd_line("MaxAuthTries 50");
    let hosts = NAMES.map(|name| host(name, "worker", like())).into();
    let stages = "    - { id: work, on: all, run: scripts/work.sh }\n    \
                  - { id: ready, on: all, until: scripts/ready.sh }\n    \
                  - { id: again, on: all, run: scripts/work.sh }\n";
    let scripts = [
        ("work.sh", "sleep 1\nchanged \"did $PX_STAGE\"\n"),
        ("ready.sh", "exit 0\n"),
    ];
    let mut site = Site::new(stages, &scripts, hosts);
    site.extra(&format!(
        "  - {{ name: evil, role: worker, address: {}, port: {}, user: root }}\n",
        server.address.ip(),
        server.address.port()
    ));
    let said = File::create(site.path().join("said")).unwrap();
    let mut command = site
        .command(&["install", "--yes"])
        .stdout(Stdio::from(said.try_clone().unwrap()))
        .stderr(Stdio::from(said))
        .spawn()
        .unwrap();
    let deadline = Instant::now() + WITHIN;
    let mut memory_kib = 0;
    let status = loop {
        let status = fs::read_to_string(format!("/proc/{}/status", command.id())).unwrap();
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let most = most.and_then(|most| most.trim().strip_suffix(" kB")?.parse().ok());
        memory_kib = memory_kib.max(most.unwrap_or(0));
        if let Some(status) = command.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            command.kill().unwrap();
            panic!("it is not over");
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let said = fs::read_to_string(site.path().join("said")).unwrap();
    assert!(status.success(), "{said}");
    assert!(!said.contains('\u{202e}') && !said.contains("\u{1b}[31m"));
    let good = site.journal().into_iter().filter(|event| {
        let host = event["task"]["host"].as_str().unwrap_or("evil");
        event["event"] == "task-ended" && host != "evil"
    });
    let good: Vec<u64> = good.map(|event| event["ms"].as_u64().unwrap()).collect();
    assert_eq!(good.len(), 3 * GOOD);
    let run = site.runs().pop().unwrap();
    let size = |path: &str| fs::metadata(run.join(path)).map_or(0, |file| file.len());
    let began = Instant::now();
    site.phalanx(&["show"]).expect(0);
    Figures {
        good_ms: good.into_iter().max().unwrap(),
        memory_kib,
        journal: size("journal.jsonl"),
        log: size("logs/evil/work.log"),
        show: began.elapsed(),
    }
}

#[test]
fn one_host_that_floods_harms_nobody() {
    let figures = figures(FLOODS);
    assert!(
        figures.memory_kib < MEMORY_KIB,
        "{} KiB",
        figures.memory_kib
    );
    // Two jobs tell 101 problems and changes each, and the host gives cause for 101 notices.
    assert!(figures.journal < 256 << 10, "{} bytes", figures.journal);
    // Below the limit of a log, which has tests of its own, no byte is lost.
    assert_eq!(figures.log as usize, FLOOD * LINE.len());
}

/// Its figures are written down by `cargo xtask campaign hostile`.
#[test]
#[ignore = "a measurement, for a release build and a quiet machine"]
fn campaign() {
    let without = figures(&[]);
    let with = figures(FLOODS);
    println!(
        "figure|the other 20 are over, without it|{} ms",
        without.good_ms
    );
    println!("figure|the other 20 are over, with it|{} ms", with.good_ms);
    let ratio = with.good_ms as f64 / without.good_ms as f64;
    println!("figure|that is|{ratio:.2} times");
    println!(
        "figure|most memory, without it|{} MB",
        without.memory_kib / 1000
    );
    println!("figure|most memory, with it|{} MB", with.memory_kib / 1000);
    println!("figure|its journal|{} KB", with.journal / 1000);
    println!("figure|its first log|{} KB", with.log / 1000);
    println!("figure|`show` of it|{} ms", with.show.as_millis());
    assert!(ratio < 1.2 && with.memory_kib < MEMORY_KIB);
    assert!(with.show < Duration::from_secs(2));
}
