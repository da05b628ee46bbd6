//! A plan before it runs: what happens, in what order, and where.

use std::fmt::Write as _;

use anstyle::Style;
use phalanx_plan::sentence::count;
use phalanx_plan::{Action, Gate, PlannedStage, PlannedTask, PreparedPlan, PutSource};

use crate::data::{FORMAT, PlanHostReport, PlanReport, PlanStageReport};
use crate::duration::limit;
use crate::folding::host_list;
use crate::matrix::matrix;
use crate::table::Charset;
use crate::terminal_text::{harmless, pad};

/// So many hosts are named where they are listed.
const NAMED: usize = 8;

const TITLE: Style = Style::new().bold();

/// The plan as data.
pub fn data(plan: &PreparedPlan) -> PlanReport {
    let hosts = plan.hosts.iter().map(|host| PlanHostReport {
        name: host.name.clone(),
        role: host.role.clone(),
        address: host.address.clone(),
        private_address: host.private_address.clone(),
        port: host.ssh.port,
        user: host.ssh.user.clone(),
        labels: host.labels.clone(),
    });
    let stages = plan.stage_ixs().map(|at| {
        let stage = plan.stage(at);
        let tasks = || plan.tasks_of_stage(at).map(|task| plan.task(task));
        let skipped = tasks().filter(|task| plan.condition_now(at, task.host) == Some(false));
        PlanStageReport {
            id: stage.id.clone(),
            roles: stage.roles.clone(),
            hosts: tasks().map(|task| task.id.host.clone()).collect(),
            action: stage.action.clone(),
            put: stage.put.clone(),
            after: gates(stage, tasks()),
            when: stage.when.clone(),
            decided_on_host: plan.condition_needs_facts(at),
            skipped: skipped.map(|task| task.id.host.clone()).collect(),
            within_ms: stage
                .within
                .map(|within| u64::try_from(within.as_millis()).unwrap_or(u64::MAX)),
            at_once: stage.at_once,
            stop_after: stage.stop_after,
            retries: stage.retries,
        }
    });
    PlanReport {
        format: FORMAT,
        cluster: plan.cluster.clone(),
        recipe: plan.recipe.clone(),
        release: plan.release.clone(),
        flow: plan.flow.clone(),
        lockstep: plan.lockstep,
        hosts: hosts.collect(),
        stages: stages.collect(),
        may_miss: plan.may_miss.clone(),
        settings: plan.settings.clone(),
    }
}

/// The plan as text, with ANSI styles, ending in a line end.
pub fn text(plan: &PreparedPlan, charset: Charset) -> String {
    let report = data(plan);
    let mut text = String::new();
    // Writing to a string never fails: the results of `write!` and `writeln!` are dropped.
    let release = plan
        .release
        .as_ref()
        .map(|release| format!(" {release}"))
        .unwrap_or_default();
    let _ = writeln!(
        text,
        "{TITLE}{} of {}{release} on {}{TITLE:#}: {}, {}, {}{}",
        plan.flow,
        plan.recipe,
        plan.cluster,
        count(plan.hosts.len(), "host"),
        count(plan.stages.len(), "stage"),
        count(plan.tasks.len(), "task"),
        if plan.lockstep { ", in lockstep" } else { "" },
    );
    let _ = writeln!(text);
    roles(&mut text, plan);
    for (index, stage) in report.stages.iter().enumerate() {
        let _ = writeln!(text);
        stage_text(&mut text, plan, index + 1, stage);
    }
    if !plan.hosts.is_empty() && !plan.stages.is_empty() {
        let _ = writeln!(text);
        text.push_str(&matrix(plan, &report, charset));
    }
    text
}

fn roles(text: &mut String, plan: &PreparedPlan) {
    let mut roles: Vec<(&str, Vec<_>)> = Vec::new();
    for host in &plan.hosts {
        match roles
            .iter_mut()
            .find(|(role, _)| *role == host.role.as_str())
        {
            Some((_, hosts)) => hosts.push(&host.name),
            None => roles.push((host.role.as_str(), vec![&host.name])),
        }
    }
    let width = roles.iter().map(|(role, _)| role.len()).max().unwrap_or(0);
    for (role, hosts) in roles {
        let allowed = plan.may_miss.get(role);
        let missing = match allowed.map_or(0, |allowed| allowed.of(hosts.len())) {
            0 => String::new(),
            missing => format!(" (up to {missing} may be missing)"),
        };
        let number = hosts.len();
        let _ = writeln!(
            text,
            "  {}  {number:>3}  {}{missing}",
            pad(role, width),
            host_list(hosts, NAMED)
        );
    }
}

fn stage_text(text: &mut String, plan: &PreparedPlan, number: usize, stage: &PlanStageReport) {
    let roles: Vec<&str> = stage.roles.iter().map(|role| role.as_str()).collect();
    let _ = writeln!(
        text,
        "{number:>3}  {TITLE}{}{TITLE:#}  on {} ({})",
        stage.id,
        if roles.is_empty() {
            "no role".into()
        } else {
            roles.join(", ")
        },
        count(stage.hosts.len(), "host"),
    );
    let mut line = |what: &str, words: String| {
        let _ = writeln!(text, "       {what:<7}{words}");
    };
    for put in &stage.put {
        let from = match &put.source {
            PutSource::File(path) => path.clone(),
            PutSource::Template(path) => format!("{path}, rendered"),
            PutSource::Upload(setting) => upload_words(plan, setting),
        };
        let owner = put
            .owner
            .as_ref()
            .map(|owner| format!(", {owner}"))
            .unwrap_or_default();
        line(
            "puts",
            format!("{} ({:04o}{owner}) from {from}", put.path, put.mode),
        );
    }
    match &stage.action {
        Action::Put => {}
        Action::Run(script) => line("runs", script.clone()),
        Action::Until(script) => line("until", format!("{script} says yes")),
        Action::Reboot => line("does", "reboot, proven by the boot identity".into()),
    }
    line("after", gate_words(&stage.after));
    if let Some(when) = &stage.when {
        let decided = match stage.skipped.len() {
            _ if stage.decided_on_host => " (decided on the host)".to_owned(),
            0 => " (holds)".to_owned(),
            skipped if skipped == stage.hosts.len() => " (does not hold: skipped)".to_owned(),
            skipped => format!(" (does not hold on {})", count(skipped, "host")),
        };
        line("when", format!("{when}{decided}"));
    }
    let mut limits = Vec::new();
    if let Some(within) = plan.stage_named(&stage.id).and_then(|stage| stage.within) {
        limits.push(format!("within {}", limit(within.as_secs_f64())));
    }
    if let Some(at_once) = stage.at_once {
        limits.push(format!("at most {} at once", count(at_once, "host")));
    }
    if let Some(stop_after) = stage.stop_after {
        limits.push(format!("stops after {}", count(stop_after, "failure")));
    }
    if stage.retries > 0 {
        limits.push(count(stage.retries, "retry"));
    }
    if !limits.is_empty() {
        line("limits", limits.join(", "));
    }
}

/// Which file of this machine is read: who reads a plan must see it.
fn upload_words(plan: &PreparedPlan, setting: &str) -> String {
    let path = match plan.settings.get(setting).and_then(|path| path.as_str()) {
        Some(path) => harmless(path),
        None => "no file".into(),
    };
    let bytes = plan.uploads.get(setting);
    let bytes = bytes.and_then(|seen| seen.split_once(" bytes")?.0.parse::<u64>().ok());
    let size = bytes
        .map(|bytes| format!(", {}", count(bytes, "byte")))
        .unwrap_or_default();
    format!("{path} of this machine (setting {setting}{size})")
}

/// `own prepare and serve on all hosts`.
fn gate_words(gates: &[Gate]) -> String {
    let words = gates.iter().map(|gate| match gate {
        Gate::Own(stage) => format!("own {stage}"),
        Gate::All(stage) => format!("{stage} on all hosts"),
    });
    let words: Vec<String> = words.collect();
    if words.is_empty() {
        "connecting".into()
    } else {
        words.join(" and ")
    }
}

/// What the stage says it waits for; where it says nothing, what its tasks wait for.
fn gates<'a>(stage: &PlannedStage, tasks: impl Iterator<Item = &'a PlannedTask>) -> Vec<Gate> {
    if !stage.after.is_empty() {
        return stage.after.clone();
    }
    let mut gates = Vec::new();
    for task in tasks {
        for gate in &task.gates {
            if !gates.contains(gate) {
                gates.push(gate.clone());
            }
        }
    }
    gates
}
