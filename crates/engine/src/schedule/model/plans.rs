//! Plans to try the schedule on.

use std::sync::Arc;

use phalanx_plan::{Action, Allowance, FactKind, PreparedPlan};
use proptest::prelude::*;

#[path = "../../../tests/support/plan_maker.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod plan_maker;

use plan_maker::{PlanMaker, script, until};

const ROLES: [&str; 3] = ["", "m", "w"];

/// One stage: which role takes part, its gates (how many stages above, whether for all), its limits.
#[derive(Clone, Debug)]
pub(super) struct StageCase {
    role: usize,
    gates: Vec<(usize, bool)>,
    action: usize,
    at_once: Option<usize>,
    stop_after: Option<usize>,
}

/// One plan.
#[derive(Clone, Debug)]
pub(super) struct PlanCase {
    roles: Vec<usize>,
    stages: Vec<StageCase>,
    may_miss: usize,
}

fn stage() -> impl Strategy<Value = StageCase> {
    let gates = prop::collection::vec((1..4usize, any::<bool>()), 0..3);
    (0..3usize, gates, 0..6usize, 0..3usize, 0..4usize).prop_map(
        |(role, gates, action, limit, failures)| StageCase {
            role,
            gates,
            action,
            at_once: (limit > 0).then_some(limit),
            stop_after: (failures > 0).then_some(failures),
        },
    )
}

pub(super) fn plan_cases() -> impl Strategy<Value = PlanCase> {
    let roles = prop::collection::vec(1..3usize, 1..7);
    let stages = prop::collection::vec(stage(), 1..6);
    (roles, stages, 0..3usize).prop_map(|(roles, stages, may_miss)| PlanCase {
        roles,
        stages,
        may_miss,
    })
}

impl PlanCase {
    pub(super) fn plan(&self) -> Arc<PreparedPlan> {
        let hosts = self.roles.iter().enumerate();
        let hosts: Vec<String> = hosts
            .map(|(at, role)| format!("h{at}:{}", ROLES[*role]))
            .collect();
        let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
        let mut maker = PlanMaker::new(&hosts).may_miss("w", Allowance::Hosts(self.may_miss));
        for (at, stage) in self.stages.iter().enumerate() {
            let gates = stage.gates.iter().filter_map(|(above, all)| {
                let star = if *all { "*" } else { "" };
                Some(format!("{star}s{}", at.checked_sub(*above)?))
            });
            let gates: std::collections::BTreeSet<String> = gates.collect();
            let gates: Vec<&str> = gates.iter().map(String::as_str).collect();
            let action = match stage.action {
                0 => Action::Reboot,
                1 => until(),
                2 => Action::Put,
                _ => script(),
            };
            let name = format!("s{at}");
            maker = maker.stage_with(&name, ROLES[stage.role], action, &gates, |planned| {
                planned.at_once = stage.at_once;
                planned.stop_after = stage.stop_after;
            });
        }
        prepared(maker)
    }
}

/// A plan of so many hosts, without a stage.
pub(in super::super) fn plan_of(hosts: usize) -> Arc<PreparedPlan> {
    let hosts: Vec<String> = (0..hosts).map(|host| format!("h{host}:w")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    prepared(PlanMaker::new(&hosts))
}

/// A plan of so many hosts that take turns in its one stage, which stops after a failure.
pub(in super::super) fn plan_in_turn(hosts: usize) -> Arc<PreparedPlan> {
    let hosts: Vec<String> = (0..hosts).map(|host| format!("h{host}:w")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let maker = PlanMaker::new(&hosts);
    prepared(maker.stage_with("s0", "", script(), &[], |planned| {
        planned.at_once = Some(1);
        planned.stop_after = Some(1);
    }))
}

/// The same, but the stage stops after two failures, and its condition reads the fact `up`.
pub(in super::super) fn plan_in_turn_where_up(hosts: usize) -> Arc<PreparedPlan> {
    let hosts: Vec<String> = (0..hosts).map(|host| format!("h{host}:w")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let maker = PlanMaker::new(&hosts).fact("up", FactKind::Bool);
    prepared(maker.stage_with("s0", "", script(), &[], |planned| {
        planned.at_once = Some(1);
        planned.stop_after = Some(2);
        planned.when = Some("up".into());
    }))
}

fn prepared(maker: PlanMaker) -> Arc<PreparedPlan> {
    Arc::new(PreparedPlan::new(maker.plan()))
}
