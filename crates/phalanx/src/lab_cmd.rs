//! `phalanx lab`: hosts to try it on.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use phalanx_lab::{HostState, Lab, LabData, RootFilesystem};
use serde::Serialize;

use crate::cli::{Global, LabCommand, LabExecArgs, LabName, LabUpArgs};
use crate::cluster_source;
use crate::environment::{self, Environment};
use crate::exit_code::Exit;
use crate::lab_cluster_file;
use crate::lab_place::{self, trouble};
use crate::terminal::Terminal;
use crate::trouble::Trouble;

#[derive(Serialize)]
struct LabsDocument {
    format: u32,
    labs: Vec<LabLine>,
}

#[derive(Serialize)]
struct LabLine {
    lab: String,
    folder: PathBuf,
    frozen: bool,
    hosts: Vec<HostLine>,
}

#[derive(Serialize)]
struct HostLine {
    host: String,
    role: String,
    address: String,
    private_address: String,
    state: &'static str,
    boots: u64,
}

/// Does what is asked for with a lab.
pub(crate) fn lab(
    global: &Global,
    command: &LabCommand,
    environment: &Environment,
    terminal: &Terminal,
) -> Result<Exit, Trouble> {
    match command {
        LabCommand::Up(args) => up(global, args, environment, terminal),
        LabCommand::Down(name) => down(name, environment, terminal),
        LabCommand::Status => status(global, environment, terminal),
        LabCommand::Exec(args) => exec(args, environment),
        LabCommand::Freeze(name) => {
            let lab = lab_place::open(&name.name, environment)?;
            lab.freeze().map_err(|error| trouble(&error))?;
            terminal.print(&format!(
                "lab {} is frozen: nothing in it runs\n{}\n",
                lab.name(),
                steps(
                    environment,
                    &[(format!("lab thaw {}", lab.name()), "lets it go on")]
                )
            ));
            Ok(Exit::Done)
        }
        LabCommand::Thaw(name) => {
            let lab = lab_place::open(&name.name, environment)?;
            lab.thaw().map_err(|error| trouble(&error))?;
            terminal.print(&format!("lab {} goes on\n", lab.name()));
            Ok(Exit::Done)
        }
    }
}

/// Starts a lab and writes its cluster file. Tells how long the hosts took to come up.
pub(crate) fn start(
    name: &str,
    size: &str,
    data: &LabData,
    environment: &Environment,
    tell: &mut dyn FnMut(&str),
) -> Result<(Lab, Option<PathBuf>, Duration), Trouble> {
    let root = RootFilesystem::prepare(&lab_place::cache(environment)?, data, tell)
        .map_err(|error| trouble(&error))?;
    let labs = lab_place::labs(environment)?;
    let began = Instant::now();
    let lab = Lab::up(&labs, name, size, data, &root, tell).map_err(|error| trouble(&error))?;
    let file = lab_cluster_file::write(&lab, data)?;
    Ok((lab, file, began.elapsed()))
}

/// A program in the lab's network, with a home of its own, in the folder where we are: what that folder has comes
/// first, and what the lab has where it has none.
pub(crate) fn in_lab(lab: &Lab, program: &OsStr, environment: &Environment) -> Command {
    let mut command = lab.command(program);
    command
        .env(environment::PROGRAM, &environment.program)
        .env("HOME", lab.folder().join(lab_cluster_file::HOME))
        .env(environment::LAB, lab.name())
        .env_remove(environment::LAB_FILE)
        .env_remove("SSH_AUTH_SOCK");
    if let Some(file) = lab_cluster_file::of_folder(lab.folder()) {
        command.env(environment::LAB_FILE, file);
    }
    command
}

/// What is typed behind the name of this program for a command in this lab, about the lab's own cluster file.
pub(crate) fn entering(lab: &str, file: Option<&Path>) -> String {
    let named = match file {
        // The folder's own would be taken.
        Some(file) if cluster_source::is_here() => {
            format!(" -c {}", cluster_source::word(&file.to_string_lossy()))
        }
        _ => String::new(),
    };
    format!("lab exec --lab {lab} -- phalanx{named}")
}

fn up(
    global: &Global,
    args: &LabUpArgs,
    environment: &Environment,
    terminal: &Terminal,
) -> Result<Exit, Trouble> {
    let data = lab_place::data(global)?;
    let mut tell = |text: &str| terminal.remark(text);
    let name = &args.name.name;
    let (lab, file, _) = start(name, &args.size, &data, environment, &mut tell)?;
    let mut text = format!(
        "lab {name} is up: {} hosts on this machine, no real servers\n",
        lab.hosts().len()
    );
    for host in lab.hosts() {
        let _ = writeln!(
            text,
            "  {:<12} {:<15} {}",
            host.name,
            host.address.to_string(),
            host.private_address
        );
    }
    if let Some(file) = &file {
        let _ = writeln!(text, "its cluster file is {}", file.display());
    }
    let _ = writeln!(
        text,
        "{}",
        steps(
            environment,
            &[
                (
                    format!("{} install", entering(name, file.as_deref())),
                    "install on it"
                ),
                (
                    format!(
                        "lab exec --lab {name} --host {} -- bash",
                        lab.hosts()
                            .first()
                            .map_or("HOST", |host| host.name.as_str())
                    ),
                    "go into a host"
                ),
                (format!("lab down {name}"), "end it"),
            ]
        )
    );
    terminal.print(&text);
    Ok(Exit::Done)
}

/// Commands of this program and what each does, a line each.
pub(crate) fn steps(environment: &Environment, steps: &[(String, &str)]) -> String {
    let program = &environment.program;
    let widest = steps.iter().map(|(command, _)| command.len()).max();
    let widest = widest.unwrap_or(0);
    let lines = steps.iter();
    let lines: Vec<String> = lines
        .map(|(command, does)| format!("  {program} {command:widest$}  {does}"))
        .collect();
    lines.join("\n")
}

fn down(name: &LabName, environment: &Environment, terminal: &Terminal) -> Result<Exit, Trouble> {
    let labs = lab_place::labs(environment)?;
    let known = Lab::list(&labs).map_err(|error| trouble(&error))?;
    if !known.contains(&name.name) {
        lab_place::open(&name.name, environment)?;
    }
    // Also where it is only half there.
    Lab::clean_up(&labs, &name.name).map_err(|error| trouble(&error))?;
    terminal.print(&format!("lab {} is down\n", name.name));
    Ok(Exit::Done)
}

fn status(
    global: &Global,
    environment: &Environment,
    terminal: &Terminal,
) -> Result<Exit, Trouble> {
    let labs = lab_place::labs(environment)?;
    let mut lines = Vec::new();
    let mut broken = Vec::new();
    for name in Lab::list(&labs).map_err(|error| trouble(&error))? {
        match Lab::open(&labs, &name) {
            Ok(Some(lab)) => lines.push(look(&lab)?),
            Ok(None) => broken.push(name),
            Err(error) => {
                terminal.remark(&format!("lab {name}: {error}"));
                broken.push(name);
            }
        }
    }
    if global.json {
        terminal.print_json(&LabsDocument {
            format: phalanx_report::data::FORMAT,
            labs: lines,
        })?;
        return Ok(Exit::Done);
    }
    let mut text = String::new();
    for line in &lines {
        let frozen = if line.frozen { ", frozen" } else { "" };
        let _ = writeln!(
            text,
            "lab {} ({} hosts on this machine, no real servers{frozen}) in {}",
            line.lab,
            line.hosts.len(),
            line.folder.display()
        );
        for host in &line.hosts {
            let boots = match host.boots {
                1 => "booted once".to_owned(),
                times => format!("booted {times} times"),
            };
            let _ = writeln!(
                text,
                "  {:<12} {:<15} {:<12} {:<8} {boots}",
                host.host, host.address, host.private_address, host.state
            );
        }
    }
    for name in &broken {
        let _ = writeln!(
            text,
            "lab {name} is half there\n{}",
            steps(environment, &[(format!("lab down {name}"), "removes it")])
        );
    }
    if text.is_empty() {
        let _ = writeln!(
            text,
            "no lab is up\n{}",
            steps(environment, &[("lab up".to_owned(), "starts one")])
        );
    }
    terminal.print(&text);
    Ok(Exit::Done)
}

fn look(lab: &Lab) -> Result<LabLine, Trouble> {
    let status = lab.status().map_err(|error| trouble(&error))?;
    let hosts = lab
        .hosts()
        .iter()
        .map(|host| {
            let now = status.hosts.iter().find(|now| now.name == host.name);
            HostLine {
                host: host.name.clone(),
                role: host.role.clone(),
                address: host.address.to_string(),
                private_address: host.private_address.to_string(),
                state: match now.map(|now| now.state) {
                    Some(HostState::Up) => "up",
                    Some(HostState::Booting) => "booting",
                    Some(HostState::Off) | None => "off",
                },
                boots: now.map_or(0, |now| now.boots),
            }
        })
        .collect();
    Ok(LabLine {
        lab: lab.name().to_owned(),
        folder: lab.folder().to_owned(),
        frozen: status.frozen,
        hosts,
    })
}

fn exec(args: &LabExecArgs, environment: &Environment) -> Result<Exit, Trouble> {
    let lab = lab_place::open(&args.lab, environment)?;
    let Some((program, rest)) = args.command.split_first() else {
        return Err(Trouble::new(
            "lab::no-command",
            "there is no command to run",
        ));
    };
    let mut command = match &args.host {
        Some(host) => lab
            .host_command(host, program)
            .map_err(|error| trouble(&error))?,
        None if program == "phalanx" => {
            // The one that is asked, wherever it is.
            let this = std::env::current_exe().map_err(|error| {
                Trouble::because("lab::exec", "this program is not found again", &error)
            })?;
            in_lab(&lab, this.as_os_str(), environment)
        }
        None => in_lab(&lab, program, environment),
    };
    // Becomes the command, and comes back only where that fails.
    let error = command.args(rest).exec();
    let message = format!(
        "`{}` could not be run in the lab",
        program.to_string_lossy()
    );
    Err(Trouble::because("lab::exec", &message, &error))
}
