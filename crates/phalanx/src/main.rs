//! The command: the only place that prints, reads the environment or exits.

mod ask;
mod bundle;
mod cli;
mod cluster_source;
mod connect;
mod control_cmd;
mod control_socket;
mod demo;
mod demo_figures;
mod diagnostics;
mod display;
mod earlier_facts;
mod environment;
mod exit_code;
mod init;
mod inside;
mod journal_tail;
mod lab_cluster_file;
mod lab_cmd;
mod lab_place;
mod learning;
mod live_terminal;
mod load;
mod logs;
mod logs_follow;
mod logs_merge;
mod option_use;
mod orders;
mod plan_cmd;
mod private_file;
mod program;
mod recipe_cmd;
mod recipe_source;
mod replay;
mod resume_cmd;
mod run_cmd;
mod run_list;
mod run_logs;
mod run_place;
mod runs;
mod shell;
mod show;
mod signals;
mod terminal;
mod text_file;
mod trouble;
mod unfinished_run;
mod watch_cmd;
mod when;

use std::process::ExitCode;

use cli::{Cli, Command, RecipeCommand};
use environment::Environment;
use exit_code::Exit;
use terminal::Terminal;
use trouble::Trouble;

fn main() -> ExitCode {
    // A wrong command line ends here, with exit code 2.
    let cli = option_use::parse();
    let environment = Environment::read();
    inside::learn(&environment);
    let terminal = Terminal::look(&environment);
    let exit = match command(&cli, &environment, &terminal) {
        Ok(exit) => exit,
        Err(trouble) => {
            let trouble =
                trouble.retold(|text| cluster_source::retell(text, &cli.global, &environment));
            diagnostics::report(&trouble, &terminal, cli.global.json)
        }
    };
    exit.into()
}

fn command(cli: &Cli, environment: &Environment, terminal: &Terminal) -> Result<Exit, Trouble> {
    let global = &cli.global;
    if is_about_a_cluster(&cli.command)
        && !global.quiet
        && let Some(text) = cluster_source::taken_from_lab(global)
    {
        terminal.remark(&text);
    }
    match &cli.command {
        Command::Demo(args) => demo::demo(global, args, environment, terminal),
        Command::Init(args) => init::init(global, args, environment, terminal),
        Command::Plan(args) => plan_cmd::plan(global, args, environment, terminal),
        Command::Check => run_cmd::check(global, environment, terminal),
        Command::Install(args) => run_cmd::install(global, args, environment, terminal),
        Command::Verify => run_cmd::verify(global, environment, terminal),
        Command::Resume(args) => resume_cmd::resume(global, args, environment, terminal),
        Command::Runs => runs::runs(global, terminal),
        Command::Show(args) => show::show(global, args, environment, terminal),
        Command::Logs(args) => logs::logs(global, args, terminal),
        Command::Watch(args) => watch_cmd::watch(global, args, environment, terminal),
        Command::Control(args) => control_cmd::control(global, args, environment, terminal),
        Command::Bundle(args) => bundle::bundle(global, args, environment, terminal),
        Command::Lab(command) => lab_cmd::lab(global, command, environment, terminal),
        Command::Recipe(command) => match command {
            RecipeCommand::Lint(args) => recipe_cmd::lint(global, args, terminal),
            RecipeCommand::Schema(args) => recipe_cmd::schema(global, args, terminal),
            RecipeCommand::Show(args) => recipe_cmd::show(global, args, terminal),
        },
    }
}

/// Whether a command needs to know which cluster file is meant.
fn is_about_a_cluster(command: &Command) -> bool {
    match command {
        Command::Plan(_)
        | Command::Check
        | Command::Install(_)
        | Command::Verify
        | Command::Resume(_)
        | Command::Runs
        | Command::Show(_)
        | Command::Logs(_)
        | Command::Watch(_)
        | Command::Control(_)
        | Command::Bundle(_) => true,
        Command::Demo(_) | Command::Init(_) | Command::Recipe(_) | Command::Lab(_) => false,
    }
}
