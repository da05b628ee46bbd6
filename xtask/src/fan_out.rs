//! Many loopback hosts behind one sshd, eight stages that each wait for all hosts: phalanx beside
//! `xargs -P64 ssh` with ControlMaster, in turns, in the same run. Client and hosts share this
//! machine's processors, so wall times are to be read as ratios; CPU times are exact.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use phalanx_lab::BenchSshd;

use crate::Outcome;
use crate::built::{self, Profile};
use crate::cpu_group::CpuGroup;
use crate::many_hosts;
use crate::table::{Table, median};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many hosts.
    #[arg(long, default_value_t = 200)]
    hosts: u16,
    /// How many stages, each behind an `all` gate.
    #[arg(long, default_value_t = 8)]
    stages: usize,
    /// How often each is measured; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The phalanx to measure; built from here where not given.
    #[arg(long)]
    phalanx: Option<PathBuf>,
    /// Only print; leave docs/campaigns alone.
    #[arg(long)]
    print_only: bool,
}

/// What one measured run took.
#[derive(Clone, Copy)]
pub(crate) struct Took {
    /// Seconds.
    pub(crate) wall: f64,
    pub(crate) client: Duration,
    pub(crate) server: Duration,
}

/// Many hosts behind one sshd, and whose processor time is whose.
pub(crate) struct Bench {
    sshd: BenchSshd,
    client: CpuGroup,
    server: CpuGroup,
    hosts: u16,
    /// The hosts' spools. Not on the client's file system: what hosts delete there would slow the
    /// client's own files down (ext4 is slow to use an inode again that was deleted lately).
    spool: tempfile::TempDir,
    /// The folders of all runs, kept to the end for the same reason.
    kept: RefCell<Vec<tempfile::TempDir>>,
}

pub(crate) fn run(options: &Options) -> Outcome<()> {
    let phalanx = match &options.phalanx {
        Some(path) => fs::canonicalize(path)?,
        None => built::phalanx(Profile::Release)?,
    };
    let bench = Bench::start(options.hosts)?;
    let many = options.stages;

    let mut untils = Vec::new();
    let mut jobs = Vec::new();
    let mut one_job = Vec::new();
    let mut xargs = Vec::new();
    for round in 1..=options.rounds {
        println!("round {round} of {}", options.rounds);
        xargs.push(bench.xargs(many)?);
        untils.push(bench.phalanx(&phalanx, "until", many)?);
        one_job.push(bench.phalanx(&phalanx, "run", 1)?);
        jobs.push(bench.phalanx(&phalanx, "run", many)?);
    }

    let hosts = f64::from(options.hosts);
    let tasks = hosts * many as f64;
    let mut table = Table::new(&[
        "what",
        "wall s",
        "against xargs",
        "client CPU ms/task",
        "host CPU ms/task",
    ]);
    let base = median(&walls(&xargs));
    for (name, took) in [
        ("xargs -P64 ssh, ControlMaster", &xargs),
        ("phalanx, until (direct channels)", &untils),
        ("phalanx, run (jobs)", &jobs),
    ] {
        let wall = median(&walls(took));
        table.row(vec![
            name.to_owned(),
            format!("{wall:.2}"),
            format!("{:.2}", wall / base),
            format!("{:.2}", median(&millis(took, |took| took.client)) / tasks),
            format!("{:.1}", median(&millis(took, |took| took.server)) / tasks),
        ]);
    }
    let further = tasks - hosts;
    let slope = |of: fn(&Took) -> Duration| {
        (median(&millis(&jobs, of)) - median(&millis(&one_job, of))) / further
    };
    let mut text = format!(
        "# Fan-out\n\n{} loopback hosts behind one OpenSSH sshd, {many} stages with `all` gates, \
         journal and logs on, hosts not held (they share one spool); {} rounds in turns, medians. {} processors, shared by client and \
         hosts. {}\n\n`cargo xtask campaign fan-out`, {}.\n\n",
        options.hosts,
        options.rounds,
        std::thread::available_parallelism()?,
        openssh_version()?,
        jiff::Zoned::now().date(),
    );
    text.push_str(&table.markdown());
    write!(
        text,
        "\nThe first two columns of CPU include connecting and logging in. A further job on a \
         connection that is there costs the client {:.2} ms and the host {:.1} ms (from {many} \
         stages less one stage; jobs in sessions of their own, since the hosts here have no \
         systemd, and spools in memory).\n",
        slope(|took| took.client),
        slope(|took| took.server),
    )?;
    println!("\n{text}");
    if !options.print_only {
        fs::create_dir_all("docs/campaigns")?;
        fs::write("docs/campaigns/fan-out.md", text)?;
    }
    Ok(())
}

fn walls(took: &[Took]) -> Vec<f64> {
    took.iter().map(|took| took.wall).collect()
}

fn millis(took: &[Took], of: impl Fn(&Took) -> Duration) -> Vec<f64> {
    took.iter()
        .map(|took| of(took).as_secs_f64() * 1000.0)
        .collect()
}

fn openssh_version() -> Outcome<String> {
    let said = Command::new("ssh").arg("-V").output()?;
    let text = String::from_utf8(said.stderr)?;
    Ok(text.split(',').next().unwrap_or_default().trim().to_owned() + ".")
}

impl Bench {
    /// Starts the sshd. From here on this process is the client.
    pub(crate) fn start(hosts: u16) -> Outcome<Self> {
        let server = CpuGroup::create("server")?;
        let client = CpuGroup::create("client")?;
        server.enter()?;
        let sshd = BenchSshd::start()?;
        client.enter()?;
        Ok(Self {
            sshd,
            client,
            server,
            hosts,
            spool: tempfile::tempdir_in("/dev/shm")?,
            kept: RefCell::new(Vec::new()),
        })
    }

    /// Measures a command.
    fn measure(&self, command: &mut Command) -> Outcome<Took> {
        let (client, server) = (self.client.used()?, self.server.used()?);
        let began = Instant::now();
        let output = command.stdin(Stdio::null()).output()?;
        let wall = began.elapsed().as_secs_f64();
        if !output.status.success() {
            return Err(format!(
                "{command:?} ended with {}\n{}\n{}",
                output.status,
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )
            .into());
        }
        Ok(Took {
            wall,
            client: self.client.used()? - client,
            server: self.server.used()? - server,
        })
    }

    /// `stages` rounds of one command on every host, over connections that ssh shares.
    fn xargs(&self, stages: usize) -> Outcome<Took> {
        let folder = tempfile::tempdir_in("/tmp")?;
        let at = folder.path();
        let known_hosts = at.join("known_hosts");
        fs::write(&known_hosts, self.sshd.known_hosts_line() + "\n")?;
        let config = at.join("config");
        fs::write(
            &config,
            format!(
                "Host *\n User {}\n Port {}\n IdentityFile {}\n IdentitiesOnly yes\n UserKnownHostsFile \
                 {}\n StrictHostKeyChecking yes\n ControlMaster auto\n ControlPersist 60\n ControlPath \
                 {}/%h\n LogLevel ERROR\n",
                self.sshd.user(),
                self.sshd.port(),
                self.sshd.key_path().display(),
                known_hosts.display(),
                at.display(),
            ),
        )?;
        let list = at.join("hosts");
        fs::write(&list, self.addresses().join("\n") + "\n")?;
        let script = at.join("stages.sh");
        let mut text = String::from("set -e\n");
        for _ in 0..stages {
            writeln!(
                text,
                "xargs -P64 -I{{}} ssh -n -F {} {{}} true < {}",
                config.display(),
                list.display()
            )?;
        }
        write_executable(&script, &text)?;
        let took = self.measure(Command::new("sh").arg(&script));
        // The masters would stay for a minute; they are ours to end.
        for address in self.addresses() {
            let _ = Command::new("ssh")
                .args(["-F"])
                .arg(&config)
                .args(["-O", "exit", &address])
                .stderr(Stdio::null())
                .status();
        }
        took
    }

    /// The same by phalanx: a recipe with so many stages of one kind.
    pub(crate) fn phalanx(&self, phalanx: &Path, kind: &str, stages: usize) -> Outcome<Took> {
        let folder = tempfile::tempdir_in("/tmp")?;
        let at = folder.path();
        many_hosts::write(
            at,
            &self.sshd,
            &self.addresses(),
            self.spool.path(),
            kind,
            stages,
        )?;
        let took = self.measure(Command::new(phalanx).args(["verify", "-q"]).current_dir(at));
        self.kept.borrow_mut().push(folder);
        took
    }

    fn addresses(&self) -> Vec<String> {
        (0..self.hosts)
            .map(|number| self.sshd.address(number).to_string())
            .collect()
    }
}

fn write_executable(path: &Path, text: &str) -> Outcome<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.set_permissions(fs::Permissions::from_mode(0o755))?;
    Ok(())
}
