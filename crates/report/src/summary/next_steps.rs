//! Commands to type next.

use phalanx_events::{ReportedSeverity, RunOutcome};
use phalanx_plan::{Changes, FlowCommand, PreparedPlan, is_plain_name};

use super::context::ReportContext;
use crate::data::{NextStep, RunReport};

/// More than this many logs to look at are not suggested.
const LOGS_SUGGESTED: usize = 3;

/// After this report: logs to look at, then what goes on, then what to ask for help with.
pub(super) fn next_steps(
    report: &RunReport,
    plan: &PreparedPlan,
    context: &ReportContext<'_>,
) -> Vec<NextStep> {
    // A plan is read back from a file: what is proposed for typing is nothing but a name.
    if !is_plain_name(&report.flow) || !is_plain_name(&report.run) {
        return Vec::new();
    }
    let mut steps = Steps {
        context,
        next: Vec::new(),
    };
    for failure in report.failures.iter().take(LOGS_SUGGESTED) {
        if let (Some(stage), Some(host)) = (&failure.stage, failure.hosts.first()) {
            steps.add(
                format!("logs {} {host} {stage}", report.run),
                "the whole log",
            );
        }
    }
    steps.go_on(report, plan);
    if report.outcome == Some(RunOutcome::Failed) {
        steps.add(
            format!("bundle {}", report.run),
            "all about it for a support case, secrets redacted",
        );
    }
    steps.next
}

struct Steps<'a> {
    context: &'a ReportContext<'a>,
    next: Vec<NextStep>,
}

impl Steps<'_> {
    fn add(&mut self, command: String, does: &str) {
        let context = self.context;
        // What is to be typed is made of names alone; a plan that came from elsewhere may hold others.
        let plain = |c: char| c.is_ascii_alphanumeric() || "._- ".contains(c);
        if !command.chars().all(plain) || (context.newer && command.starts_with("resume ")) {
            return;
        }
        self.next.push(NextStep {
            command: match FlowCommand::of(&command) {
                Some(_) => format!("{} {command}{}", context.command, context.again),
                None => format!("{} {command}", context.command),
            },
            does: does.to_owned(),
        });
    }

    /// The run goes on, or a flow follows.
    fn go_on(&mut self, report: &RunReport, plan: &PreparedPlan) {
        let context = self.context;
        let has = |command| {
            let mut flows = plan.flows.iter();
            flows.any(|flow| FlowCommand::of(flow) == Some(command))
        };
        let errors = report
            .problems
            .iter()
            .any(|problem| problem.severity == ReportedSeverity::Error);
        let looks = plan.changes() == Changes::Nothing;
        let flow = |command: FlowCommand| command.name().to_owned();
        match (report.outcome, plan.command()) {
            (Some(RunOutcome::Done), Some(FlowCommand::Check))
                if looks && has(FlowCommand::Install) =>
            {
                self.add(
                    flow(FlowCommand::Install),
                    "go on: this has changed nothing",
                );
            }
            (Some(RunOutcome::Done), Some(FlowCommand::Install)) if has(FlowCommand::Verify) => {
                self.add(flow(FlowCommand::Verify), "prove that it is healthy");
            }
            (Some(RunOutcome::Done), _) => {}
            (Some(RunOutcome::ProblemsFound), _) => {
                // A check looks at what a flow looks at first; what is found later, only the flow finds.
                let first = report.stages.iter().find(|stage| stage.hosts > 0);
                let early = first.is_some_and(|stage| stage.counts.failed > 0);
                let again = match early && has(FlowCommand::Check) {
                    true => flow(FlowCommand::Check),
                    false => report.flow.clone(),
                };
                self.add(again, "once the problems are mended");
            }
            (Some(RunOutcome::Failed), Some(FlowCommand::Verify))
                if looks && has(FlowCommand::Install) =>
            {
                self.add(
                    flow(FlowCommand::Install),
                    "mend it: what is right already is left alone",
                );
                self.add(flow(FlowCommand::Verify), "then prove it again");
            }
            (Some(RunOutcome::Failed), _) if looks => {
                self.add(report.flow.clone(), "once that is mended");
            }
            (Some(RunOutcome::Failed), _) => {
                let why = if errors {
                    "go on, once the problems are mended"
                } else {
                    "go on: what failed is tried again, what is done stays done"
                };
                self.add(format!("resume {}", report.run), why);
            }
            (Some(RunOutcome::Interrupted) | None, _) if looks && !context.running => {
                self.add(report.flow.clone(), "once more");
            }
            (None, _) if context.running => {}
            (Some(RunOutcome::Held), _) if report.total.done() == 0 => {
                self.add(report.flow.clone(), "once that run has ended");
            }
            (Some(RunOutcome::Held), _) => {
                self.add(
                    format!("resume {}", report.run),
                    "go on, once that run has ended",
                );
            }
            (Some(RunOutcome::Interrupted) | None, _) => {
                let why = if report.total.unfinished > 0 {
                    "go on: what was left running on the hosts is attached to"
                } else {
                    "go on: what is done stays done"
                };
                self.add(format!("resume {}", report.run), why);
            }
        }
    }
}
