//! `phalanx demo`: a lab, the whole installation on it, and the proof.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use phalanx_lab::{Lab, LabData};
use phalanx_plan::{FlowCommand, PreparedPlan};
use phalanx_report::duration::took;
use phalanx_report::{RunReport, data};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{DemoArgs, Global};
use crate::cluster_source;
use crate::demo_figures::{Figures, figures};
use crate::environment::Environment;
use crate::exit_code::Exit;
use crate::lab_cmd::{self, steps};
use crate::lab_place::{self, trouble};
use crate::recipe_source;
use crate::run_list;
use crate::show;
use crate::terminal::Terminal;
use crate::trouble::Trouble;

/// What its lab is called.
const NAME: &str = "demo";
/// The flows that it carries out.
const FLOWS: [FlowCommand; 2] = [FlowCommand::Install, FlowCommand::Verify];
/// A file in the lab's folder: it was kept, and is nobody's to remove but the operator's.
const KEPT: &str = "kept";
/// The file of the lab data that asks a host when what was waited for became true.
const MEASURE: &str = "measure.sh";

#[derive(Serialize)]
struct DemoDocument {
    format: u32,
    /// What this ran on: never real servers.
    lab: String,
    /// What is installed is a stand-in for this; nothing where it is the real thing.
    stand_in_for: Option<String>,
    hosts: usize,
    /// Hosts that the verification has asked, and found to be well.
    healthy: usize,
    /// How long the lab took to come up; a root filesystem built first is not counted.
    lab_up_ms: u64,
    figures: Option<Figures>,
    install: Option<RunReport>,
    verify: Option<RunReport>,
}

/// Lab up, install, verify, summary, lab down.
pub(crate) fn demo(
    global: &Global,
    args: &DemoArgs,
    environment: &Environment,
    terminal: &Terminal,
) -> Result<Exit, Trouble> {
    let global = &with_whole_recipe(global);
    let data = prepared(global, args)?;
    let labs = lab_place::labs(environment)?;
    leave_no_other(&labs)?;
    let say = |text: &str| {
        if global.json {
            terminal.remark(text);
        } else {
            terminal.print(&format!("{text}\n"));
        }
    };
    if !global.quiet {
        let stand_in = match data.stand_in_for() {
            Some(product) => format!(", and what is installed on them is a stand-in for {product}"),
            None => String::new(),
        };
        say(&format!(
            "demo: the hosts are a lab on this machine, not real servers{stand_in}"
        ));
    }
    let guard = Guard::new()?;
    let mut tell = |text: &str| say(&format!("demo: {text}"));
    let (lab, file, lab_up) = match lab_cmd::start(NAME, &args.size, &data, environment, &mut tell)
    {
        Ok(started) => started,
        Err(error) => {
            // What came up of it is no use to anybody.
            let _ = Lab::clean_up(&labs, NAME);
            return Err(error);
        }
    };
    let stage = Stage {
        global,
        lab: &lab,
        measure: lab_place::file(global, MEASURE)?,
        file: file.as_deref(),
        stand_in_for: data.stand_in_for(),
        guard: &guard,
        terminal,
    };
    let ended = stage.play(u64::try_from(lab_up.as_millis()).unwrap_or(u64::MAX), &say);
    if args.keep {
        let _ = std::fs::write(lab.folder().join(KEPT), "");
        if !global.json {
            say(&kept(&lab, file.as_deref()));
        }
    } else {
        lab.down().map_err(|error| trouble(&error))?;
        if !global.quiet {
            say("demo: the lab is down; `phalanx demo --keep` leaves it, to look around in");
        }
    }
    ended
}

/// The recipe's folder by its whole path.
fn with_whole_recipe(global: &Global) -> Global {
    let mut global = global.clone();
    if let Some(recipe) = &mut global.recipe
        && !recipe_source::is_built_in(recipe)
        && let Ok(whole) = std::path::absolute(&*recipe)
    {
        *recipe = whole.to_string_lossy().into_owned();
    }
    global
}

/// What the recipe says about its lab, once it is known that the demo has all it needs: nothing is built or booted
/// for a recipe that can't be used.
fn prepared(global: &Global, args: &DemoArgs) -> Result<LabData, Trouble> {
    let data = lab_place::data(global)?;
    data.size(&args.size).map_err(|error| trouble(&error))?;
    let name = global
        .recipe
        .as_deref()
        .unwrap_or_else(|| recipe_source::default_name());
    let recipe = recipe_source::read(name, Path::new("."))?;
    for flow in FLOWS.map(FlowCommand::name) {
        if recipe.flow(flow).is_none() {
            let text =
                format!("the recipe `{name}` has no flow `{flow}`, which a demo carries out");
            return Err(Trouble::new("demo::flow", text).help(
                "add the flow, or try the others in a lab of your own: `phalanx lab up`, `phalanx lab exec`",
            ));
        }
    }
    if data.cluster_file().is_none() {
        let text = format!("the lab data of the recipe `{name}` has no template of a cluster file");
        return Err(Trouble::new("demo::cluster-file", text)
            .help("add lab/phalanx.yaml to the recipe, as docs/design/lab.md says"));
    }
    Ok(data)
}

/// Removes what a demo that crashed left behind. One that was kept is the operator's.
fn leave_no_other(labs: &Path) -> Result<(), Trouble> {
    let known = Lab::list(labs).map_err(|error| trouble(&error))?;
    if !known.iter().any(|lab| lab == NAME) {
        return Ok(());
    }
    if labs.join(NAME).join(KEPT).exists() {
        return Err(Trouble::new(
            "demo::kept",
            "the lab of an earlier `phalanx demo --keep` is still there",
        )
        .help(format!("`phalanx lab down {NAME}` ends it")));
    }
    Lab::clean_up(labs, NAME).map_err(|error| trouble(&error))
}

fn kept(lab: &Lab, file: Option<&Path>) -> String {
    let phalanx = lab_cmd::entering(NAME, file);
    let host = lab
        .hosts()
        .iter()
        .find(|host| host.number == 1 && host.role != "bootstrap")
        .or_else(|| lab.hosts().first())
        .map_or("HOST", |host| host.name.as_str());
    format!(
        "the lab is kept\n{}",
        steps(&[
            (
                format!("lab exec --lab {NAME} --host {host} -- bash"),
                "go into a host"
            ),
            (format!("{phalanx} logs"), "read what the hosts said"),
            (
                format!("{phalanx} install"),
                "install again: nothing changes"
            ),
            ("lab status".to_owned(), "what is there"),
            (format!("lab down {NAME}"), "end it"),
        ])
    )
}

/// One demo, its lab up.
struct Stage<'a> {
    global: &'a Global,
    lab: &'a Lab,
    measure: Option<String>,
    file: Option<&'a Path>,
    stand_in_for: Option<&'a str>,
    guard: &'a Guard,
    terminal: &'a Terminal,
}

impl Stage<'_> {
    fn play(&self, lab_up_ms: u64, say: &dyn Fn(&str)) -> Result<Exit, Trouble> {
        if !self.global.quiet {
            let up = took(lab_up_ms);
            say(&format!(
                "demo: {} hosts are up ({up})",
                self.lab.hosts().len()
            ));
        }
        let mut exit = self.flow(FlowCommand::Install, say)?;
        let install = self.newest()?;
        let mut verify = None;
        if exit == Exit::Done {
            exit = self.flow(FlowCommand::Verify, say)?;
            verify = Some(self.newest()?);
        }
        let measured = match exit {
            Exit::Done => Some(figures(self.lab, self.measure.as_deref(), &install)?),
            _ => None,
        };
        let healthy = verify.as_ref().map_or(0, |report| {
            // A host that it has nothing to ask is not proven to be anything.
            let well = |host: &&data::HostReport| {
                host.state == data::HostEnd::Done && host.counts.already + host.counts.changed > 0
            };
            report.hosts.iter().filter(well).count()
        });
        if self.global.json {
            self.terminal.print_json(&DemoDocument {
                format: data::FORMAT,
                lab: format!("{NAME}: hosts on one machine, not real servers"),
                stand_in_for: self.stand_in_for.map(str::to_owned),
                hosts: self.lab.hosts().len(),
                healthy,
                lab_up_ms,
                figures: measured,
                install: Some(install),
                verify,
            })?;
        } else if let Some(measured) = &measured {
            say(&measured.text(healthy, self.lab.hosts().len()));
        }
        Ok(exit)
    }

    /// Runs a flow as an operator would, in the lab.
    fn flow(&self, flow: FlowCommand, say: &dyn Fn(&str)) -> Result<Exit, Trouble> {
        let this = std::env::current_exe().map_err(|error| {
            Trouble::because("demo::program", "this program is not found again", &error)
        })?;
        let mut command = lab_cmd::in_lab(self.lab, this.as_os_str());
        command.arg(flow.name()).arg("--yes").stdin(Stdio::null());
        if let Some(file) = self.file {
            command.arg("--cluster").arg(file);
        }
        if let Some(recipe) = &self.global.recipe {
            command.arg("--recipe").arg(recipe);
        }
        if self.global.quiet {
            command.arg("--quiet");
        }
        if self.global.verbose {
            command.arg("--verbose");
        }
        if self.global.json {
            // The documents are made here; what happens is told on standard error.
            command.arg("--json").stdout(Stdio::null());
        } else if !self.global.quiet {
            say(&format!("\n$ phalanx {}", flow.name()));
        }
        self.guard.run(command)
    }

    /// The run that was made last, and what came of it.
    fn newest(&self) -> Result<RunReport, Trouble> {
        let home = self.lab.folder().join(cluster_source::HOME);
        let folder = run_list::find(&home, None)?;
        let unreadable = |error| run_list::unreadable(&error);
        let plan = PreparedPlan::new(folder.plan().map_err(unreadable)?);
        let journal = folder.journal().map_err(unreadable)?;
        let global = Global {
            cluster: self.file.map(PathBuf::from),
            ..Global::default()
        };
        Ok(show::report(&global, &folder, &plan, &journal.events))
    }
}

/// Keeps Ctrl-C from ending the demo before its lab is down: what runs in the lab gets it too, and
/// ends by it.
struct Guard {
    runtime: tokio::runtime::Runtime,
}

impl Guard {
    fn new() -> Result<Self, Trouble> {
        let failed = |error: std::io::Error| {
            Trouble::because("demo::signals", "the program could not start", &error)
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let _inside = runtime.enter();
        for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
            // Whoever asked for a signal once is not ended by it any more.
            drop(signal(kind).map_err(failed)?);
        }
        drop(_inside);
        Ok(Self { runtime })
    }

    /// Runs a command of ours to its end.
    fn run(&self, command: std::process::Command) -> Result<Exit, Trouble> {
        let failed = |error: std::io::Error| {
            Trouble::because(
                "demo::command",
                "the flow could not be run in the lab",
                &error,
            )
        };
        let status = self.runtime.block_on(async {
            let mut child = tokio::process::Command::from(command)
                .spawn()
                .map_err(failed)?;
            let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
            loop {
                tokio::select! {
                    ended = child.wait() => return ended.map_err(failed),
                    // A terminal sends Ctrl-C to both; this comes to us alone.
                    _ = terminate.recv() => {
                        if let Some(id) = child.id().and_then(|id| i32::try_from(id).ok())
                            && let Some(id) = rustix::process::Pid::from_raw(id)
                        {
                            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
                        }
                    }
                }
            }
        })?;
        Exit::from_code(status.code())
            .ok_or_else(|| Trouble::new("demo::command", format!("the flow ended with {status}")))
    }
}
