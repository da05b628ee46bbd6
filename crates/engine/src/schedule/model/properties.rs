//! What must hold for every plan and every course of things.

use phalanx_events::{EventKind, HostStatus, RunOutcome, RunState};
use phalanx_plan::PreparedPlan;
use proptest::prelude::*;

use super::checker::Checker;
use super::plans::{PlanCase, plan_cases};
use super::world::World;

/// More steps than any run of the plans here takes that takes its course.
const MANY: usize = 2_000;

/// One course of things.
#[derive(Clone, Debug)]
struct Course {
    plan: PlanCase,
    holds: bool,
    /// What happens, one process after the other.
    choices: Vec<Vec<u32>>,
}

fn courses() -> impl Strategy<Value = Course> {
    let choices = prop::collection::vec(any::<u32>(), 0..120);
    let processes = prop::collection::vec(choices, 1..4);
    (plan_cases(), any::<bool>(), processes).prop_map(|(plan, holds, choices)| Course {
        plan,
        holds,
        choices,
    })
}

fn carry_out(course: &Course) {
    let plan = course.plan.plan();
    let mut world = World::new(&plan, course.holds);
    for (process, choices) in course.choices.iter().enumerate() {
        if process > 0 {
            world.replay_is_the_same();
            world.kill_and_resume();
        }
        for choice in choices {
            if !world.is_over() {
                world.step(*choice);
            }
        }
    }
    let mut steps = 0;
    while !world.is_over() {
        world.take_course();
        steps += 1;
        assert!(steps < MANY, "the run never ends");
    }
    let was_cancelled = world.checker.cancel.is_some();
    let outcome = world.close();
    world.replay_is_the_same();
    if !was_cancelled {
        world.checker.everything_has_ended();
    }
    assert_that_it_is_true(outcome, &world.checker, &plan);
}

/// How the run is said to have ended is what has happened.
fn assert_that_it_is_true(outcome: RunOutcome, checker: &Checker, plan: &PreparedPlan) {
    let all_done = checker.done.len() == plan.tasks.len();
    let state = RunState::of(&checker.events);
    let mut hosts = state.hosts.values();
    let is_host_gone = hosts.any(|host| matches!(host.status, HostStatus::Failed(_)));
    let is_clean = all_done && !is_host_gone && checker.left_out.is_empty();
    assert!(is_clean || outcome != RunOutcome::Done, "not all is done");
    let mut ends = checker.events.iter().filter_map(|event| match &event.kind {
        EventKind::TaskEnded { end, .. } => Some(end),
        _ => None,
    });
    assert!(
        outcome != RunOutcome::ProblemsFound || ends.all(|end| end.changed.is_empty()),
        "something was changed"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_the_schedule_keeps_its_rules(course in courses()) {
        carry_out(&course);
    }
}
