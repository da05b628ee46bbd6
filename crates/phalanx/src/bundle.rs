//! `phalanx bundle`: all there is to know about a run, without its secrets, for a support case.

mod archive;
mod hosts;
mod logs;
mod patterns;
mod readme;
mod redaction;
#[cfg(test)]
mod redaction_tests;
mod spelling;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use phalanx_engine::{RunFolder, plain_file};
use phalanx_events::Event;
use phalanx_events::journal;
use phalanx_plan::sentence::count;
use phalanx_plan::{PreparedPlan, Secret, Severity, TaskId, secret_values};
use phalanx_report::closing::{ClosingOptions, closing};
use phalanx_report::data::HostEnd;
use phalanx_report::terminal_text::harmless;
use phalanx_report::{Charset, HtmlContext, html};
use serde::Serialize;
use serde_json::Value;

use crate::cli::{BundleArgs, Global};
use crate::cluster_source;
use crate::connect;
use crate::environment::Environment;
use crate::exit_code::Exit;
use crate::load::read_file;
use crate::run_list;
use crate::show;
use crate::terminal::Terminal;
use crate::trouble::{Trouble, chain};
use archive::Contents;
use hosts::Asked;
use readme::Readme;
use redaction::{Counts, Redactor};

/// So much of a log's end is on the page.
const LOG_END: u64 = 64 << 10;
/// A run has not more plans.
const MOST_PLANS: u32 = 10_000;

#[derive(Serialize)]
struct BundleDocument<'a> {
    format: u32,
    run: &'a str,
    file: &'a Path,
    bytes: u64,
    files: usize,
    /// How often which secret, and what looks like one.
    redacted: &'a Counts,
    /// Whether the cluster file's secrets were known.
    secrets_known: bool,
    asked: Vec<AskedDocument<'a>>,
}

#[derive(Serialize)]
struct AskedDocument<'a> {
    host: &'a str,
    trouble: Option<&'a str>,
}

/// What is known of the run, with its secrets: for the eyes of this program alone.
struct Known {
    folder: RunFolder,
    plan: Option<PreparedPlan>,
    events: Vec<Event>,
}

/// Collects what goes into the archive.
struct Collection<'a> {
    contents: Contents,
    redactor: &'a Redactor,
    counts: Counts,
    missing: Vec<String>,
}

/// Makes the archive.
pub(crate) fn bundle(
    global: &Global,
    args: &BundleArgs,
    environment: &Environment,
    terminal: &Terminal,
) -> Result<Exit, Trouble> {
    let folder = run_list::find(&cluster_source::home(global), args.run.as_deref())?;
    let path = match &args.output {
        Some(path) => path.clone(),
        None => PathBuf::from(format!("{}.tar.gz", name(&folder))),
    };
    if !args.force && path.symlink_metadata().is_ok() {
        return Err(exists(&path));
    }
    let secrets = secrets(global, environment);
    run_list::tell_newer(&folder, terminal);
    let redactor = Redactor::new(&secrets.known).map_err(|_| {
        // The error might show what was looked for.
        let message = "a secret's value can't be looked for, so nothing was written";
        Trouble::new("bundle::secret", message).help("is one of the cluster file very long?")
    })?;
    let known = Known {
        plan: folder.plan().ok().map(PreparedPlan::new),
        events: folder
            .journal()
            .map_or_else(|_| Vec::new(), |journal| journal.events),
        folder,
    };
    let asked_at = Timestamp::now();
    let asked = match args.offline {
        true => Vec::new(),
        false => ask(&known, global, environment, &redactor, terminal)?,
    };
    let packing = Packing {
        path: &path,
        replace: args.force,
        secrets: &secrets,
        redactor: &redactor,
        asked_at,
        asked: &asked,
    };
    let packed = packing
        .pack(&known, global)
        .map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => exists(&path),
            _ => {
                let message = format!("{} could not be written", path.display());
                Trouble::because("bundle::write", &message, &error)
            }
        })?;
    tell(&known, &packing, &packed, global, terminal)?;
    Ok(Exit::Done)
}

/// What the archive is called, and the folder in it.
fn name(folder: &RunFolder) -> String {
    format!("phalanx-{}", folder.id())
}

/// An archive to be made.
struct Packing<'a> {
    path: &'a Path,
    replace: bool,
    secrets: &'a Secrets,
    redactor: &'a Redactor,
    asked_at: Timestamp,
    asked: &'a [Asked],
}

/// An archive that was made.
struct Packed {
    bytes: u64,
    files: usize,
    redacted: Counts,
}

impl Packing<'_> {
    fn pack(&self, known: &Known, global: &Global) -> io::Result<Packed> {
        let beside = self.path.parent();
        let beside = beside.filter(|folder| !folder.as_os_str().is_empty());
        let mut collection = Collection {
            contents: Contents::new(beside.unwrap_or(Path::new(".")))?,
            redactor: self.redactor,
            counts: Counts::new(),
            missing: Vec::new(),
        };
        let foreign = collection.collect(known, global)?;
        collection.hosts(self.asked);
        let readme = readme::text(&Readme {
            run: known.folder.id().as_str(),
            running: known.folder.is_running(),
            missing: &collection.missing,
            foreign: &foreign,
            secrets: self.redactor.names().collect(),
            unknown: self.secrets.unknown.as_deref(),
            redacted: &collection.counts,
            asked_at: (!self.asked.is_empty()).then(|| self.asked_at.to_string()),
            asked: self.asked,
        });
        let redacted = collection.counts.clone();
        collection.add_text("README.txt", &readme);
        let contents = collection.contents;
        let files = contents.len();
        let last = known.events.last().map_or(0, |event| event.at.as_second());
        let mtime = u64::try_from(last).unwrap_or_default();
        let bytes = contents.write(self.path, &name(&known.folder), mtime, self.replace)?;
        Ok(Packed {
            bytes,
            files,
            redacted,
        })
    }
}

/// Says what was made.
fn tell(
    known: &Known,
    packing: &Packing<'_>,
    packed: &Packed,
    global: &Global,
    terminal: &Terminal,
) -> Result<(), Trouble> {
    let unknown = &packing.secrets.unknown;
    if global.json {
        let asked = packing.asked.iter().map(|asked| AskedDocument {
            host: &asked.host,
            trouble: asked.trouble.as_deref(),
        });
        return terminal.print_json(&BundleDocument {
            format: phalanx_report::data::FORMAT,
            run: known.folder.id().as_str(),
            file: packing.path,
            bytes: packed.bytes,
            files: packed.files,
            redacted: &packed.redacted,
            secrets_known: unknown.is_none(),
            asked: asked.collect(),
        });
    }
    if let Some(why) = unknown {
        let why = packing.redactor.text(&harmless(why), &mut Counts::new());
        terminal.remark(&format!("there may be secrets that are not known: {why}"));
    }
    let things: u64 = packed.redacted.values().sum();
    terminal.remark(&format!(
        "{}, {} bytes; {} redacted, as its README.txt says. Look through it before you give it away.",
        count(packed.files, "file"),
        packed.bytes,
        count(things, "thing"),
    ));
    terminal.print(&format!("{}\n", packing.path.display()));
    Ok(())
}

fn exists(path: &Path) -> Trouble {
    let message = format!("{} is there already", path.display());
    Trouble::new("bundle::exists", message)
        .help("name another one with `-o FILE`, or replace it with `--force`")
}

/// The cluster file's secrets, as far as it can be read, and why they may not be all.
struct Secrets {
    known: BTreeMap<String, Secret>,
    unknown: Option<String>,
}

fn secrets(global: &Global, environment: &Environment) -> Secrets {
    let read = cluster_source::find(global).and_then(|path| read_file(&path, global, environment));
    let (cluster, recipe, problems) = match read {
        Ok(read) => (read.cluster, Some(read.recipe), read.problems),
        Err(trouble) => (None, None, trouble.problems),
    };
    let mut known = BTreeMap::new();
    if let Some(cluster) = &cluster {
        known.extend(secret_values(cluster, None));
        // Whichever release the run was about.
        for line in recipe.iter().flat_map(|recipe| &recipe.settings) {
            known.extend(secret_values(cluster, Some(line)));
        }
    }
    let errors = problems
        .into_iter()
        .filter(|problem| problem.severity == Severity::Error);
    let errors: Vec<String> = errors.map(|problem| problem.message).collect();
    Secrets {
        known,
        unknown: (!errors.is_empty()).then(|| errors.join("; ")),
    }
}

/// Asks the hosts that failed or are missing what they say now.
fn ask(
    known: &Known,
    global: &Global,
    environment: &Environment,
    redactor: &Redactor,
    terminal: &Terminal,
) -> Result<Vec<Asked>, Trouble> {
    let Some(plan) = &known.plan else {
        return Ok(Vec::new());
    };
    let report = show::report(global, &known.folder, plan, &known.events);
    let not_fine = report
        .hosts
        .iter()
        .filter(|host| matches!(host.state, HostEnd::Failed | HostEnd::Missing));
    let hosts: Vec<String> = not_fine.map(|host| host.name.to_string()).collect();
    if hosts.is_empty() {
        return Ok(Vec::new());
    }
    terminal.remark(&format!(
        "asking {} what {} now; --offline leaves that out",
        count(hosts.len(), "host"),
        if hosts.len() == 1 {
            "it says"
        } else {
            "they say"
        },
    ));
    let runtime = connect::runtime()?;
    let transport = connect::transport(plan, environment);
    let mut asked = runtime.block_on(hosts::ask(transport, &hosts));
    runtime.shutdown_background();
    for Asked { host, trouble, .. } in &mut asked {
        if let Some(why) = trouble {
            *why = redactor.text(&harmless(why), &mut Counts::new());
            terminal.remark(&format!("{host} can't be asked: {why}"));
        }
    }
    Ok(asked)
}

impl Collection<'_> {
    /// Everything that is on this machine. Gives the names that were left out.
    fn collect(&mut self, known: &Known, global: &Global) -> io::Result<Vec<String>> {
        let run = known.folder.path();
        let found = logs::find(run, self.redactor);
        for (name, path) in &found.logs {
            let added = logs::add(
                &mut self.contents,
                name.clone(),
                path,
                self.redactor,
                &mut self.counts,
            );
            if let Err(error) = added {
                self.missing.push(format!("{name}: {error}"));
            }
        }
        let plan = self.plans(&known.folder);
        let events = self.journal(&known.folder);
        self.add_text("facts.txt", &readme::facts(&events));
        self.add_text("versions.txt", &readme::versions(&events));
        match plan {
            Some(plan) => self.report(known, &plan, &events, global),
            None => {
                let why = "the report, and what hosts say now: there is no plan to go by";
                self.missing.push(why.to_owned());
            }
        }
        Ok(found.foreign)
    }

    fn add_text(&mut self, name: &str, text: &str) {
        let text = self.redactor.text(text, &mut self.counts);
        self.contents.add(name, text);
    }

    /// A document of the run's folder, as text where it is none. Gives it where it is one.
    fn document(&mut self, text: &[u8]) -> (String, Option<Value>) {
        match serde_json::from_slice::<Value>(text) {
            Ok(mut value) => {
                self.redactor.json(&mut value, &mut self.counts);
                (value.to_string(), Some(value))
            }
            Err(_) => {
                let text = String::from_utf8_lossy(text);
                (self.redactor.text(&text, &mut self.counts), None)
            }
        }
    }

    /// All plans of the run. Gives the one that holds, without secrets.
    fn plans(&mut self, folder: &RunFolder) -> Option<PreparedPlan> {
        let mut holds = None;
        let number = folder.plan_number();
        for at in 1..MOST_PLANS {
            let path = folder.plan_path(at);
            let text = match plain_file::read(&path) {
                Ok(text) => text,
                Err(error) => {
                    if at == 1 || error.kind() != io::ErrorKind::NotFound {
                        self.missing.push(format!("plan {at}: {error}"));
                    }
                    if error.kind() == io::ErrorKind::NotFound {
                        break;
                    }
                    continue;
                }
            };
            let plan = self.plan(&text);
            let (text, _) = self.document(&text);
            if plan.is_none() {
                self.missing.push(format!(
                    "plan {at}: it is damaged; what there is of it is here"
                ));
            }
            if at == number {
                holds = plan;
            }
            if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
                self.contents.add(name, text + "\n");
            }
        }
        holds
    }

    /// A plan to make a report from, without secrets.
    fn plan(&self, text: &[u8]) -> Option<PreparedPlan> {
        let mut value = serde_json::from_slice(text).ok()?;
        // Counted where the document itself is.
        self.redactor.json_texts(&mut value, &mut Counts::new());
        Some(PreparedPlan::new(serde_json::from_value(value).ok()?))
    }

    /// The journal. Gives its events, without secrets.
    fn journal(&mut self, folder: &RunFolder) -> Vec<Event> {
        if let Some(format) = folder.newer_format() {
            self.missing.push(run_list::newer(folder, format));
        }
        let bytes = match plain_file::read(&folder.journal_path()) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.missing.push(format!("the journal: {error}"));
                return Vec::new();
            }
        };
        let mut redacted = String::new();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, _) = self.document(line);
            redacted.push_str(text.trim_end_matches('\n'));
            // A torn last line stays one.
            if line.ends_with(b"\n") {
                redacted.push('\n');
            }
        }
        let whole = redacted.rfind('\n').map_or("", |end| &redacted[..=end]);
        // What is damaged in the bytes may look well in the text made of them.
        let events = match journal::read(&bytes).and_then(|_| journal::read(whole)) {
            Ok(journal) => journal.events,
            Err(error) => {
                let why = harmless(&chain(&error));
                self.missing.push(format!("the journal's events: {why}"));
                Vec::new()
            }
        };
        self.contents.add("journal.jsonl", redacted);
        events
    }

    /// The report in all its forms, from plan and events that have no secrets any more: what is shortened
    /// for a report must not be a secret's beginning.
    fn report(&mut self, known: &Known, plan: &PreparedPlan, events: &[Event], global: &Global) {
        let report = show::report(global, &known.folder, plan, events);
        let options = ClosingOptions {
            width: 100,
            charset: Charset::Unicode,
            quiet: false,
            notices: true,
        };
        let styled = closing(&report, options);
        let text = anstream::adapter::strip_str(&styled).to_string();
        self.add_text("report.txt", &text);
        if let Ok(value) = serde_json::to_vec(&report) {
            let (text, value) = self.document(&value);
            let pretty = value.and_then(|value| serde_json::to_string_pretty(&value).ok());
            self.contents
                .add("report.json", pretty.unwrap_or(text) + "\n");
        }
        let log = |task: &TaskId, attempt| {
            // Counted where the log itself is.
            let mut counts = Counts::new();
            let path = known.folder.attempt_log_path(task, attempt);
            logs::end(&path, LOG_END, self.redactor, &mut counts).ok()
        };
        let page = html(plan, events, &report, &HtmlContext { log: &log });
        self.add_text("report.html", &page);
    }

    /// What hosts say now.
    fn hosts(&mut self, asked: &[Asked]) {
        for Asked {
            host,
            said,
            trouble,
        } in asked
        {
            let Some(host) = logs::plain(host.as_bytes(), self.redactor) else {
                let name = self.redactor.text(&harmless(host), &mut self.counts);
                self.missing
                    .push(format!("what {name} says: no file can be named so"));
                continue;
            };
            // Before anything is left out of a line: a colour in a password's middle is no part of it.
            let said = self
                .redactor
                .text(&String::from_utf8_lossy(said), &mut self.counts);
            let lines = said.lines().map(|line| harmless(line) + "\n");
            let mut text: String = lines.collect();
            if let Some(why) = trouble {
                text.push_str(&format!("\n(that is all: {why})\n"));
            }
            self.add_text(&format!("hosts/{host}.txt"), &text);
        }
    }
}
