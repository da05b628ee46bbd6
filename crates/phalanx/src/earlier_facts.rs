//! What earlier runs know of hosts that `--on` leaves out.

use std::path::Path;

use jiff::Timestamp;
use phalanx_engine::{RunFolder, RunFolderError, RunId, earlier_run};
use phalanx_plan::{
    Changes, EarlierRun, FactSearch, MissingFact, PreparedPlan, Problem, Problems, Severity,
};
use phalanx_report::terminal_text::harmless;
use phalanx_report::{earlier_facts, host_list};

use crate::inside;
use crate::run_list;
use crate::trouble::{Trouble, chain};

/// Not more runs are looked through: each that leaves hosts out hands on what it knew itself.
const MOST_RUNS: usize = 200;
/// So many hosts are named in a problem.
const NAMED: usize = 12;

/// Who knows what hosts told that take no part.
#[derive(Clone, Copy)]
pub(crate) struct KnownBy<'a> {
    /// The run that is gone on with: it is asked first.
    pub(crate) itself: Option<&'a RunFolder>,
    /// All runs in this `.phalanx` folder, the newest first.
    pub(crate) home: &'a Path,
}

/// The plan with what is known of hosts that it leaves out; says where that is from and what nobody knows.
pub(crate) fn take_in(
    plan: PreparedPlan,
    known_by: KnownBy<'_>,
) -> Result<(PreparedPlan, Problems), Trouble> {
    let mut problems = Problems::new();
    if plan.left_out().next().is_none() {
        return Ok((plan, problems));
    }
    let KnownBy { itself, home } = known_by;
    let mut search = FactSearch::new(&plan);
    if let Some(folder) = itself.filter(|_| search.goes_on()) {
        let run = of_run(folder, &plan);
        if let Some(run) = run.map_err(|error| run_list::unreadable(&error))? {
            search.look_at(&run);
        }
    }
    // A run of an older program does not know itself what was told before it.
    if search.goes_on() {
        for run in run_list::list(home)?.iter().take(MOST_RUNS) {
            if !search.goes_on() {
                break;
            }
            if itself.is_some_and(|folder| folder.id() == run) {
                continue;
            }
            let folder = RunFolder::open(home, run);
            match folder.and_then(|folder| of_run(&folder, &plan)) {
                Ok(Some(run)) => search.look_at(&run),
                Ok(None) => {}
                Err(error) => problems.push(passed_over(run, &error)),
            }
        }
    }
    let (known, missing) = search.end();
    for fact in &missing {
        problems.push(unknown(fact, &plan, itself.is_some()));
    }
    let plan = match known == plan.earlier_facts {
        true => plan,
        false => PreparedPlan::new(plan.into_plan().with_earlier_facts(known)),
    };
    for text in earlier_facts(&plan, Some(Timestamp::now())) {
        problems.push(Problem::note("plan::earlier-facts", text));
    }
    Ok((plan, problems))
}

fn of_run(folder: &RunFolder, plan: &PreparedPlan) -> Result<Option<EarlierRun>, RunFolderError> {
    let lab = inside::lab().map(|inside| inside.lab.as_str());
    earlier_run(folder, &plan.cluster, &plan.recipe, lab)
}

fn passed_over(run: &RunId, error: &RunFolderError) -> Problem {
    let text = format!(
        "the run {run} can't be read, and may know newer facts of hosts that `--on` leaves out: {}",
        harmless(&chain(error))
    );
    Problem::warning("plan::earlier-facts", text)
}

/// That a script would decide by facts which nobody has. Where the flow only looks, nothing can come of it but a
/// wrong word.
fn unknown(missing: &MissingFact, plan: &PreparedPlan, is_resumed: bool) -> Problem {
    let MissingFact {
        fact, stage, hosts, ..
    } = missing;
    let text = format!(
        "`{stage}` is given the fact `{fact}` of all hosts, and no run here knows it of {}, which `--on` leaves out",
        host_list(hosts, NAMED)
    );
    let names: Vec<&str> = hosts.iter().take(NAMED).map(|host| host.as_str()).collect();
    let with_them = format!(
        "--on {},{}{}",
        plan.on.join(","),
        names.join(","),
        if hosts.len() > NAMED { ",..." } else { "" },
    );
    let (flow, check) = (&plan.flow, missing.by_facts_script);
    let gone = "a host that is there no more is taken out of the cluster file";
    // Who is part of a run that is gone on with is settled: only a new one may have others.
    let help = match (is_resumed, check) {
        (false, true) => format!(
            "run `phalanx check` once without `--on`; or take these hosts in as well: `{with_them}`; {gone}"
        ),
        (false, false) => format!(
            "run `phalanx {flow}` once without `--on`; or take these hosts in as well: `{with_them}`; {gone}"
        ),
        (true, true) => format!(
            "run `phalanx check` once without `--on`, then resume again; or begin a new run that takes these hosts \
             in: `phalanx {flow} {with_them}`; {gone}"
        ),
        (true, false) => format!(
            "begin a new run instead, of all hosts: `phalanx {flow}`; or one that takes these hosts in as well: \
             `phalanx {flow} {with_them}`; {gone}"
        ),
    };
    let problem = Problem::error("plan::facts-left-out", text).help(help);
    match plan.changes() {
        Changes::Hosts => problem,
        Changes::Nothing => Problem {
            severity: Severity::Warning,
            ..problem
        },
    }
}
