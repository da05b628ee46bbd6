//! Making a plan: cluster, recipe and flow, resolved and checked.

mod gates;
mod names;
mod request;

pub use request::unknown_roles;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::cluster::{Cluster, Spanned};
use crate::expression::{ExpressionError, parse_expression};
use crate::ids::RoleName;
use crate::ix::HostIx;
use crate::plan::{ClusterHost, Facts, Plan, PlanData, PlannedStage};
use crate::prepared::PreparedPlan;
use crate::problem::{Problem, Problems, Severity};
use crate::recipe::{Flow, Recipe, Stage};
use crate::settings::{Resolved, SettingsLine, is_shown, resolve};
use crate::source::Span;
use crate::stage_parts::{Action, PutSource, PutStep};
use crate::suggest::did_you_mean;
use crate::values::Shared;

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanRequest {
    /// The flow.
    pub flow: String,
    /// Only hosts that one of these names: a host, a role, a group or a label. None: every host.
    pub on: Vec<String>,
    /// The last stage; none: all of them.
    pub to: Option<String>,
    /// Whether every gate is to be an `all` gate.
    pub lockstep: bool,
    /// Checks whose errors are to be warnings, beside those that the cluster file names.
    pub accept: Vec<String>,
    /// Whether scripts may remove what an installation left that was cut short.
    pub repair: bool,
    /// Whether the operator reboots the hosts that have to be.
    pub manual_reboot: bool,
}

/// Makes the plan. What comes with it is worth knowing and stops nothing.
///
/// # Errors
/// Everything that stands in the way, at once.
pub fn build(
    cluster: &Cluster,
    recipe: &Recipe,
    request: &PlanRequest,
) -> Result<(PreparedPlan, Problems), Problems> {
    Builder::build(cluster, recipe, request, Goal::Flow)
}

/// Makes a plan that only connects to the hosts and reads their facts: it has no stage, and changes nothing. The
/// request's flow is what it is called; the recipe need not have it.
///
/// # Errors
/// Everything that stands in the way, at once: but for stages, all that a plan with some would tell.
pub fn build_connect_only(
    cluster: &Cluster,
    recipe: &Recipe,
    request: &PlanRequest,
) -> Result<(PreparedPlan, Problems), Problems> {
    Builder::build(cluster, recipe, request, Goal::Connect)
}

/// What a plan is for.
#[derive(Clone, Copy)]
enum Goal {
    /// The flow of the recipe that the request names.
    Flow,
    /// Nothing but connecting.
    Connect,
}

struct Builder<'a> {
    cluster: &'a Cluster,
    recipe: &'a Recipe,
    problems: Problems,
}

impl<'a> Builder<'a> {
    fn build(
        cluster: &'a Cluster,
        recipe: &'a Recipe,
        request: &PlanRequest,
        goal: Goal,
    ) -> Result<(PreparedPlan, Problems), Problems> {
        let mut builder = Self {
            cluster,
            recipe,
            problems: Problems::new(),
        };
        let plan = builder.plan(request, goal);
        let mut problems = builder.problems;
        problems.sort();
        match plan {
            Some(plan) if !problems.has_errors() => Ok((plan, problems)),
            _ => Err(problems),
        }
    }

    fn plan(&mut self, request: &PlanRequest, goal: Goal) -> Option<PreparedPlan> {
        let release = self.release();
        let line = self.recipe.settings_for(release.as_deref());
        let resolved = resolve(self.cluster, line, &self.recipe.name);
        self.problems.extend(resolved.problems.clone());
        self.check_roles();
        let accept = self.accept(&request.accept);
        let hosts = self.hosts(&request.on);
        let connecting;
        let flow = match goal {
            Goal::Flow => self.flow(&request.flow)?,
            Goal::Connect => {
                connecting = Flow::without_stages(&request.flow);
                &connecting
            }
        };
        let stages = self.stages(flow, request.to.as_deref())?;
        let names = names::NameCheck {
            recipe: self.recipe,
            names: self.recipe.names(line),
            line,
            resolved: &resolved,
            released: release.is_some(),
        };
        self.problems.extend(names.check(stages));
        if self.problems.has_errors() {
            return None;
        }
        let planned = stages
            .iter()
            .enumerate()
            .map(|(at, stage)| {
                let after = gates::shown(stages, at, request.lockstep);
                planned_stage(stage, after, line, &resolved)
            })
            .collect();
        let plan = PlanData {
            cluster: self.cluster.name.value.clone(),
            recipe: self.recipe.name.clone(),
            release_values: release
                .as_ref()
                .and_then(|release| self.recipe.release_values.get(release))
                .cloned()
                .unwrap_or_default(),
            release,
            flow: flow.name.value.clone(),
            changes: Some(flow.changes),
            flows: self
                .recipe
                .flows
                .iter()
                .map(|flow| flow.name.value.clone())
                .collect(),
            on: request.on.clone(),
            lockstep: request.lockstep,
            accept,
            repair: request.repair,
            manual_reboot: request.manual_reboot,
            roles: self
                .recipe
                .roles
                .iter()
                .map(|role| role.name.clone())
                .collect(),
            roster: self.roster(),
            tasks: gates::tasks(stages, &hosts, request.lockstep),
            hosts,
            stages: planned,
            may_miss: self
                .recipe
                .roles
                .iter()
                .filter_map(|role| Some((role.name.clone(), role.may_miss?)))
                .collect(),
            settings: resolved.settings.clone(),
            uploads: BTreeMap::new(),
            facts_script: self.recipe.facts_script.clone(),
            causes: self.recipe.causes.clone(),
            fact_kinds: self.recipe.fact_kinds.clone(),
            earlier_facts: BTreeMap::new(),
            files: self.files(stages),
        };
        if plan.tasks.is_empty() && !stages.is_empty() && !plan.hosts.is_empty() {
            let text = format!(
                "no stage of `{}` is for the hosts that are asked for: there is nothing to do",
                plan.flow
            );
            let problem = Problem::warning("plan::nothing-to-do", text);
            self.problems.push(problem.in_file(&self.cluster.source));
        }
        self.finish(plan, stages, line, &resolved)
    }

    /// Checks what needs the whole plan, and takes secrets away from where they are of no use.
    fn finish(
        &mut self,
        mut plan: PlanData,
        stages: &[Stage],
        line: Option<&SettingsLine>,
        resolved: &Resolved,
    ) -> Option<PreparedPlan> {
        let shared = Arc::new(Shared::new(&plan));
        self.check_rules(&shared, line, resolved);
        self.withhold(&mut plan, &shared, line);
        let plan = match Plan::new(plan) {
            Ok(plan) => PreparedPlan::new(plan),
            // Names that stand twice were told with their places before; those that a recipe's mapping makes are not
            // written anywhere.
            Err(broken) => {
                let problem = Problem::error("plan::broken", broken.to_string())
                    .help("give each host and each stage a name of its own");
                self.problems.push(problem.in_file(&self.cluster.source));
                return None;
            }
        };
        self.try_out(&plan, stages);
        Some(plan)
    }

    fn roster(&self) -> Vec<ClusterHost> {
        self.cluster
            .hosts
            .iter()
            .map(|host| ClusterHost {
                name: host.name.value.clone(),
                role: host.role.value.clone(),
                address: host.address.value.clone(),
                private_address: host
                    .private_address
                    .as_ref()
                    .map(|address| address.value.clone()),
                labels: host.labels.clone(),
            })
            .collect()
    }

    /// The scripts and templates that the stages need.
    fn files(&self, stages: &[Stage]) -> BTreeMap<String, String> {
        let mut paths: BTreeSet<&str> = self.recipe.facts_script.as_deref().into_iter().collect();
        for stage in stages {
            if let Action::Run(path) | Action::Until(path) = &stage.action {
                paths.insert(path);
            }
            for put in &stage.put {
                if let PutSource::File(path) | PutSource::Template(path) = &put.value.source {
                    paths.insert(path);
                }
            }
        }
        paths
            .into_iter()
            .filter_map(|path| {
                let file = self.recipe.files.text(path)?.ok()?;
                Some((path.to_owned(), file.text().to_owned()))
            })
            .collect()
    }

    fn check_rules(
        &mut self,
        shared: &Arc<Shared>,
        line: Option<&SettingsLine>,
        resolved: &Resolved,
    ) {
        let Some(line) = line else {
            return;
        };
        for rule in &line.rules {
            let about_faulty = |text: &str| {
                parse_expression(text)
                    .is_ok_and(|uses| resolved.faulty.iter().any(|name| uses.has(name)))
            };
            if about_faulty(&rule.check.value) {
                continue;
            }
            match shared.rule_holds(&rule.check.value) {
                Ok(true) => {}
                Ok(false) => {
                    // A value that the file does not show is not told either.
                    let hidden = |(name, set): (&String, &Spanned<Value>)| {
                        let shown = self.cluster.source.slice(set.span);
                        rule.message.value.contains(name.as_str()) && !is_shown(shown, &set.value)
                    };
                    let message = match self.cluster.settings.iter().any(hidden) {
                        true => Err(None),
                        false => shared.rule_message(&rule.message.value).map_err(Some),
                    };
                    // Nor the template itself, which is no text for people.
                    let (message, help) = match message {
                        Ok(message) => (message, None),
                        Err(reason) => {
                            let rule = &rule.check.value;
                            let text = format!("the settings break the recipe's rule `{rule}`");
                            let why = "the recipe's own message can't be worked out";
                            (text, reason.map(|reason| format!("{why}: {reason}")))
                        }
                    };
                    let problem = Problem {
                        severity: rule.severity,
                        help,
                        ..Problem::error("settings::rule", message)
                    };
                    self.problems
                        .push(self.at_setting(problem, rule.at.as_ref()));
                }
                Err(reason) => self.problems.push(
                    Problem::error(
                        "plan::rule",
                        format!("this rule cannot be worked out: {reason}"),
                    )
                    .at(&line.source, rule.check.span, "this rule"),
                ),
            }
        }
    }

    /// Takes secrets away from the stages where the condition on handing them is false.
    fn withhold(&mut self, plan: &mut PlanData, shared: &Arc<Shared>, line: Option<&SettingsLine>) {
        for (name, handed) in line.into_iter().flat_map(|line| &line.secrets) {
            let (Some(when), false) = (&handed.when, self.problems.has_errors()) else {
                continue;
            };
            let holds = shared.rule_holds(&when.value);
            match holds {
                Ok(true) => {}
                Ok(false) => {
                    let stages = plan.stages.iter_mut();
                    let withheld = stages
                        .filter_map(|stage| stage.secrets.remove(name))
                        .count();
                    if withheld > 0 {
                        self.push_withheld(name, &when.value);
                    }
                }
                Err(reason) => {
                    let text = format!("this condition cannot be worked out: {reason}");
                    let problem = Problem::error("plan::expression", text);
                    let source = line.map_or(&self.recipe.source, |line| &line.source);
                    self.problems
                        .push(problem.at(source, when.span, "this condition"));
                }
            }
        }
    }

    fn push_withheld(&mut self, name: &str, when: &str) {
        let text = format!("`{name}` is sent nowhere: only where `{when}` holds is it of use");
        let problem = Problem {
            severity: Severity::Note,
            ..Problem::warning("plan::secret-withheld", text)
        };
        let name = self.cluster.secrets.get(name).map(|secret| Spanned {
            value: name.to_owned(),
            span: secret.span,
        });
        self.problems.push(self.at_setting(problem, name.as_ref()));
    }

    fn at_setting(&self, problem: Problem, setting: Option<&Spanned<String>>) -> Problem {
        let source = &self.cluster.source;
        let span = setting.and_then(|name| {
            let settings = self.cluster.settings.get(&name.value);
            let secrets = self.cluster.secrets.get(&name.value);
            settings
                .map(|setting| setting.span)
                .or_else(|| secrets.map(|secret| secret.span))
        });
        match span {
            Some(span) => problem.at(source, span, "this setting"),
            None => problem.in_file(source),
        }
    }

    /// Works out what needs no facts once for each role: better now than on a host.
    fn try_out(&mut self, plan: &PreparedPlan, stages: &[Stage]) {
        let mut first_of: BTreeMap<&RoleName, HostIx> = BTreeMap::new();
        for host in plan.host_ixs() {
            first_of.entry(&plan.host(host).role).or_insert(host);
        }
        for (at, stage) in plan.stage_ixs().zip(stages) {
            let planned = plan.stage(at);
            let hosts: Vec<HostIx> = stage
                .roles
                .iter()
                .filter_map(|role| first_of.get(role).copied())
                .collect();
            let mut failed = |error: ExpressionError, span: Span| {
                let problem = Problem::error("plan::expression", error.to_string());
                let inside = match &error {
                    ExpressionError::Failed {
                        template: Some((path, range)),
                        ..
                    } => self
                        .recipe
                        .files
                        .text(path)
                        .and_then(Result::ok)
                        .map(|source| {
                            let end = source.text().len();
                            let range = range.start.min(end)..range.end.min(end);
                            (source, Span::new(range.start, range.end))
                        }),
                    _ => None,
                };
                self.problems.push(match inside {
                    Some((source, span)) => problem.at(&source, span, "here"),
                    None => problem.at(&self.recipe.source, span, "this"),
                });
            };
            if let Some(when) = &stage.when
                && !plan.condition_needs_facts(at)
            {
                let error = hosts
                    .iter()
                    .find_map(|host| plan.condition(at, *host, &Facts::new()).err());
                if let Some(error) = error {
                    failed(error, when.span);
                }
            }
            for (put, span) in stage.put.iter().zip(&stage.put_paths) {
                let put = &put.value;
                if !planned.put.contains(put) || plan.put_needs_facts(put) {
                    continue;
                }
                let error = hosts
                    .iter()
                    .find_map(|host| plan.render_put(put, *host, &Facts::new()).err());
                if let Some(error) = error {
                    failed(error, *span);
                }
            }
        }
    }

    fn flow(&mut self, name: &str) -> Option<&'a Flow> {
        let flow = self.recipe.flow(name);
        if flow.is_none() {
            let known: Vec<&str> = self
                .recipe
                .flows
                .iter()
                .map(|flow| flow.name.value.as_str())
                .collect();
            let problem = Problem::error(
                "plan::flow",
                format!(
                    "the recipe `{}` has no flow `{}`",
                    self.recipe.name,
                    name.escape_debug()
                ),
            );
            let problem = match did_you_mean(name, known.iter().copied()) {
                Some(close) => problem.help(format!("did you mean `{close}`?")),
                None => problem.help(format!("it has `{}`", known.join("`, `"))),
            };
            self.problems.push(problem.in_file(&self.recipe.source));
        }
        flow
    }
}

fn planned_stage(
    stage: &Stage,
    after: Vec<crate::stage_parts::Gate>,
    line: Option<&SettingsLine>,
    resolved: &Resolved,
) -> PlannedStage {
    let has_value = |put: &PutStep| match &put.source {
        PutSource::Upload(setting) => resolved.settings.contains_key(setting),
        PutSource::File(_) | PutSource::Template(_) => true,
    };
    let put = stage.put.iter().map(|put| put.value.clone());
    let put: Vec<PutStep> = put.filter(has_value).collect();
    let secrets = line
        .into_iter()
        .flat_map(|line| &line.secrets)
        .filter(|(name, handed)| {
            let mut stages = handed.stages.iter();
            resolved.secrets.contains(*name) && stages.any(|to| to.value == stage.id.value)
        })
        .map(|(name, handed)| (name.clone(), handed.handing()))
        .collect();
    PlannedStage {
        id: stage.id.value.clone(),
        roles: stage.roles.clone(),
        after,
        when: stage.when.as_ref().map(|when| when.value.clone()),
        put,
        action: stage.action.clone(),
        within: stage.within,
        at_once: stage.at_once,
        stop_after: stage.stop_after,
        retries: stage.retries,
        all_facts: stage.all_facts.clone(),
        secrets,
    }
}

#[cfg(test)]
mod tests;
