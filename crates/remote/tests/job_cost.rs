//! What a job costs its host: `cargo test --release --test job_cost -- --ignored --nocapture`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests say what they expect by unwrapping"
)]

mod support;

use std::path::{Path, PathBuf};
use std::time::Instant;

use phalanx_remote::{HostProtocol, JobState};
use support::{Host, Recorder, script, start, within};

/// A cgroup that counts the CPU time of what runs in it.
struct Meter(PathBuf);

impl Meter {
    fn new(name: &str) -> Self {
        let v1 = Path::new("/sys/fs/cgroup/cpuacct");
        let parent = if v1.exists() {
            v1
        } else {
            Path::new("/sys/fs/cgroup")
        };
        let folder = parent.join(format!("job-cost-{}-{name}", std::process::id()));
        std::fs::create_dir(&folder).expect("run it as root");
        Self(folder)
    }

    fn milliseconds(&self) -> f64 {
        let read = |name| std::fs::read_to_string(self.0.join(name));
        if let Ok(nanos) = read("cpuacct.usage") {
            return nanos.trim().parse::<f64>().expect("a number") / 1e6;
        }
        let stat = read("cpu.stat").expect("it is there");
        let micros = stat
            .lines()
            .find_map(|line| line.strip_prefix("usage_usec "));
        micros
            .and_then(|micros| micros.parse::<f64>().ok())
            .expect("a number")
            / 1e3
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

const RUNS: u32 = 50;

async fn jobs(protocol: &HostProtocol) {
    for n in 0..RUNS {
        let id = support::id(&format!("job{n}"));
        let end = start(protocol, &id, "echo hi", &mut Recorder::default())
            .await
            .expect("it ends");
        assert_eq!((end.state, end.size), (JobState::Ended(0), 3));
    }
}

#[tokio::test]
#[ignore = "measures this machine"]
async fn cpu_of_a_job_and_of_a_probe() {
    for mut host in Host::each() {
        let shell = std::fs::read_link(&host.shell).expect("a link");
        let shell = shell
            .file_name()
            .and_then(|name| name.to_str())
            .expect("UTF-8");
        let meter = Meter::new(shell);
        host.exec.cgroup = Some(meter.0.clone());
        let protocol = host.protocol();
        let per = |from: f64| (meter.milliseconds() - from) / f64::from(RUNS);

        let (from, begin) = (meter.milliseconds(), Instant::now());
        jobs(&protocol).await;
        host.idle().await;
        let (job, wall) = (per(from), begin.elapsed() / RUNS);
        let from = meter.milliseconds();
        within(protocol.collect_jobs("run1", 0))
            .await
            .expect("it collects");
        let collect = per(from);
        let (from, begin) = (meter.milliseconds(), Instant::now());
        for _ in 0..RUNS {
            let script = script("echo hi");
            within(protocol.probe(&script, &mut Vec::new()))
                .await
                .expect("it answers");
        }
        let (probe, probe_wall) = (per(from), begin.elapsed() / RUNS);
        println!(
            "{shell}: job {job:.1} ms CPU, {wall:?} wall; collect {collect:.2} ms CPU a job; \
             probe {probe:.1} ms CPU, {probe_wall:?} wall"
        );
        host.idle().await;
        assert!(job < 40.0, "a job costs {job} ms");
    }
}
