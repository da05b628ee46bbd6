//! The schedule alone, against a model of the world: generated plans, hosts that start, end, fail, go away and come
//! back, an operator who says anything at any time, processes that are killed and go on.
//!
//! The checker keeps its own books, from what goes in and what comes out, and shares no code with the schedule. What
//! only the model knows is what an executor may do next.

mod checker;
mod claims;
mod plans;
mod properties;
mod world;

pub(super) use plans::{plan_in_turn, plan_in_turn_where_up, plan_of};
