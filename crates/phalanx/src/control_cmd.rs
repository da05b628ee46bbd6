//! `phalanx control`.

use std::io;

use phalanx_engine::RunFolder;
use phalanx_events::{CancelLevel, Control};
use phalanx_plan::{HostName, StageId, TaskId, did_you_mean};
use phalanx_report::terminal_text::harmless;
use serde_json::json;

use crate::cli::{ControlArgs, Global, OrderArgs};
use crate::cluster_source;
use crate::control_socket;
use crate::environment::Environment;
use crate::exit_code::Exit;
use crate::load::load;
use crate::orders::Order;
use crate::run_list;
use crate::terminal::Terminal;
use crate::trouble::Trouble;

/// Says something to a run that goes on.
pub(crate) fn control(
    global: &Global,
    args: &ControlArgs,
    environment: &Environment,
    terminal: &Terminal,
) -> Result<Exit, Trouble> {
    let home = cluster_source::home(global);
    let folder = match &args.run {
        Some(run) => run_list::find(&home, Some(run))?,
        None => {
            // Where the file can't be read, the folder's only run is meant.
            let cluster = load(global, environment).ok();
            run_list::running(
                &home,
                cluster.map(|loaded| loaded.cluster.name.value).as_deref(),
            )?
        }
    };
    let plan = folder
        .plan()
        .map_err(|error| run_list::unreadable(&error))?;
    let known_host = |name: &str| {
        let known = plan.hosts.iter().map(|host| host.name.as_str());
        known_name("host", name, known).map(|()| HostName::from(name))
    };
    let order = match &args.order {
        OrderArgs::Pause => Order::Control(Control::Pause),
        OrderArgs::Continue => Order::Control(Control::Continue),
        OrderArgs::Retry { host } => Order::Control(Control::Retry {
            host: known_host(host)?,
        }),
        OrderArgs::Drop { host } => Order::Control(Control::Drop {
            host: known_host(host)?,
        }),
        OrderArgs::Skip { stage, host } => {
            let host = known_host(host)?;
            known_name(
                "stage",
                stage,
                plan.stages.iter().map(|stage| stage.id.as_str()),
            )?;
            let stage = StageId::from(stage.as_str());
            Order::Control(Control::Skip {
                task: TaskId { stage, host },
            })
        }
        OrderArgs::Stop { now } => Order::Stop {
            stop: match now {
                true => CancelLevel::StopJobs,
                false => CancelLevel::NoNewTasks,
            },
        },
    };
    let said =
        control_socket::say(folder.path(), &order).map_err(|error| unheard(&folder, &error))?;
    match said {
        Ok(text) if global.json => {
            terminal
                .print_json(&json!({ "format": 1, "run": folder.id().to_string(), "ok": text }))?;
        }
        Ok(text) => terminal.print(&format!(
            "run {} of {}: {}\n",
            folder.id(),
            harmless(&plan.cluster),
            harmless(&text)
        )),
        Err(text) => return Err(Trouble::new("control::refused", text)),
    }
    Ok(Exit::Done)
}

/// Why nobody answered.
fn unheard(folder: &RunFolder, error: &io::Error) -> Trouble {
    let run = folder.id();
    // What a socket calls a time-out.
    if matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    ) {
        let message = format!("run {run} did not answer in time");
        return Trouble::because("control::silent", &message, error)
            .help("`phalanx watch` shows whether it was heard");
    }
    let message = format!("nobody works on run {run}, so nobody takes orders");
    Trouble::because("control::nobody", &message, error)
        .help("`phalanx runs` tells which runs go on; `phalanx resume` takes one up again")
}

fn known_name<'a>(
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Result<(), Trouble> {
    if known.clone().any(|other| other == name) {
        return Ok(());
    }
    let trouble = Trouble::new(
        "control::unknown",
        format!("the run has no {what} `{name}`"),
    );
    Err(match did_you_mean(name, known.clone()) {
        Some(close) => trouble.help(format!("did you mean `{close}`?")),
        None => {
            let known: Vec<&str> = known.take(30).collect();
            trouble.help(format!("there are: {}", known.join(", ")))
        }
    })
}
