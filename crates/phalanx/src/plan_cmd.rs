//! `phalanx plan`.

use phalanx_report::plan_view;

use crate::cli::{Global, PlanArgs};
use crate::diagnostics;
use crate::environment::Environment;
use crate::exit_code::Exit;
use crate::load::load;
use crate::terminal::Terminal;
use crate::trouble::Trouble;

/// Shows what would run, in what order.
pub(crate) fn plan(
    global: &Global,
    args: &PlanArgs,
    environment: &Environment,
    terminal: &Terminal,
) -> Result<Exit, Trouble> {
    let loaded = load(global, environment)?;
    let (plan, remarks) = loaded.plan(&args.flow, &args.extent, global)?;
    diagnostics::show(&remarks, terminal);
    if global.json {
        terminal.print_json(&plan_view::data(&plan))?;
    } else {
        terminal.print(&plan_view::text(&plan, terminal.charset));
    }
    Ok(Exit::Done)
}
