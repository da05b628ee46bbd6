//! Which of the options that are declared for all commands each command uses. What it does not use is not in its
//! help, and is refused: an option that is silently passed over misleads.

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory as _, FromArgMatches as _};

use crate::cli::{Cli, mended};

/// A flow that only looks at hosts.
const LOOKS: &[&str] = &[
    "cluster", "recipe", "on", "accept", "verbose", "quiet", "plain", "json", "parallel",
];
/// A flow that changes hosts.
const CHANGES: &[&str] = &[
    "cluster", "recipe", "on", "accept", "yes", "verbose", "quiet", "plain", "json", "parallel",
];

/// The options that a command reads: named for all its subcommands by the command, or for each.
const USED: &[(&str, &[&str])] = &[
    ("demo", &["recipe", "verbose", "quiet", "json"]),
    ("init", &["recipe"]),
    ("plan", &["cluster", "recipe", "on", "accept", "json"]),
    ("check", LOOKS),
    ("install", CHANGES),
    ("verify", LOOKS),
    (
        "resume",
        &[
            "cluster", "recipe", "accept", "yes", "verbose", "quiet", "plain", "json", "parallel",
        ],
    ),
    ("runs", &["cluster", "json"]),
    ("show", &["cluster", "quiet", "json"]),
    ("logs", &["cluster", "json"]),
    ("watch", &["cluster", "verbose", "quiet", "plain", "json"]),
    ("control", &["cluster", "recipe", "json"]),
    ("bundle", &["cluster", "recipe", "json"]),
    ("recipe lint", &["recipe", "json"]),
    ("recipe schema", &["recipe"]),
    ("recipe show", &["recipe", "json"]),
    ("lab up", &["recipe"]),
    ("lab down", &[]),
    ("lab status", &["json"]),
    ("lab exec", &[]),
    ("lab freeze", &[]),
    ("lab thaw", &[]),
    ("help", &[]),
];

/// Options that every command takes, so that a script may always give them: every command tells its errors as JSON,
/// writes lines where there is no screen, and does not ask where there is nothing to ask.
const ALWAYS_TAKEN: &[&str] = &["json", "plain", "yes"];

/// What a command refuses with words of its own.
const REFUSED_THERE: &[(&str, &str)] = &[("resume", "on")];

/// Reads the command line; a wrong one ends the program here, with exit code 2.
pub(crate) fn parse() -> Cli {
    try_parse(std::env::args_os()).unwrap_or_else(|error| mended(error).exit())
}

/// Reads a command line.
pub(crate) fn try_parse(
    arguments: impl IntoIterator<Item = impl Into<std::ffi::OsString> + Clone>,
) -> Result<Cli, clap::Error> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(arguments)?;
    refuse_unused(&mut command, &matches)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// The commands, each with the options in its help that it uses.
fn command() -> Command {
    let command = Cli::command();
    let shared = shared(&command);
    hide_unused(command, "", &shared)
}

/// The options that are declared for all commands.
fn shared(command: &Command) -> Vec<Arg> {
    let arguments = command.get_arguments();
    arguments
        .filter(|arg| arg.is_global_set())
        .cloned()
        .collect()
}

fn hide_unused(command: Command, path: &str, shared: &[Arg]) -> Command {
    let unused = shared
        .iter()
        .filter(|arg| !path.is_empty() && !uses(path, arg.get_id().as_str()));
    // Declared once more, hidden: what a command declares itself it does not get from above.
    let mut command = command.args(unused.map(|arg| arg.clone().hide(true)));
    let names: Vec<String> = command
        .get_subcommands()
        .map(|below| below.get_name().to_owned())
        .collect();
    for name in names {
        let path = format!("{path} {name}");
        command = command.mut_subcommand(&name, |below| hide_unused(below, path.trim(), shared));
    }
    command
}

/// Whether the command of this path, or one below it, uses the option.
fn uses(path: &str, option: &str) -> bool {
    let below = |path: &str, of: &str| path == of || path.starts_with(&format!("{of} "));
    let mut known = USED
        .iter()
        .filter(|(known, _)| below(path, known) || below(known, path));
    known.any(|(_, options)| options.contains(&option))
}

/// Refuses an option that was given to a command which does not use it.
fn refuse_unused(command: &mut Command, matches: &ArgMatches) -> Result<(), clap::Error> {
    let (mut path, mut below) = (Vec::new(), matches);
    while let Some((name, matches)) = below.subcommand() {
        path.push(name);
        below = matches;
    }
    let whole = path.join(" ");
    let given = |option: &str| below.value_source(option) == Some(ValueSource::CommandLine);
    for arg in shared(command) {
        let option = arg.get_id().as_str();
        if !given(option)
            || uses(&whole, option)
            || ALWAYS_TAKEN.contains(&option)
            || REFUSED_THERE.contains(&(&*whole, option))
        {
            continue;
        }
        let users = USED.iter().filter(|(_, options)| options.contains(&option));
        let users: Vec<&str> = users.map(|(user, _)| *user).collect();
        let message = format!(
            "`{whole}` does not use the option `--{option}`; these do: {}",
            users.join(", ")
        );
        return Err(error_of(command, &path, message));
    }
    Ok(())
}

/// An error with the usage of the command of this path.
fn error_of(command: &mut Command, path: &[&str], message: String) -> clap::Error {
    if let [first, rest @ ..] = path
        && let Some(below) = command.find_subcommand_mut(first)
    {
        return error_of(below, rest, message);
    }
    command.error(ErrorKind::UnknownArgument, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every command that has none below it, by its path.
    fn leaves(command: &Command, path: &str, found: &mut Vec<String>) {
        let mut subcommands = command.get_subcommands().peekable();
        if subcommands.peek().is_none() {
            found.push(path.to_owned());
        }
        for below in subcommands {
            let path = format!("{path} {}", below.get_name());
            leaves(below, path.trim(), found);
        }
    }

    fn found<'a>(command: &'a Command, path: &str) -> &'a Command {
        let step = |command: &'a Command, name| command.find_subcommand(name).unwrap();
        path.split(' ').fold(command, step)
    }

    /// What a command needs beside options.
    fn needs(path: &str) -> &'static [&'static str] {
        match path {
            "init" => &["--from", "x"],
            "lab exec" => &["--", "true"],
            "control retry" | "control drop" => &["h1"],
            "control skip" => &["s", "h1"],
            _ => &[],
        }
    }

    #[test]
    fn help_lists_what_a_command_uses_and_the_rest_is_refused() {
        let mut whole = command();
        whole.build();
        whole.clone().debug_assert();
        let shared = shared(&whole);
        assert_eq!(shared.len(), 10);
        let mut all = Vec::new();
        leaves(&whole, "", &mut all);
        all.retain(|path| !path.split(' ').any(|name| name == "help"));
        assert!(all.len() > 20, "{all:?}");
        for path in &all {
            let below = |known: &str| path == known || path.starts_with(&format!("{known} "));
            let (_, used) = USED
                .iter()
                .find(|(known, _)| below(known))
                .unwrap_or_else(|| panic!("which options does `{path}` use?"));
            let help = found(&whole, path).clone().render_long_help().to_string();
            for arg in &shared {
                let option = arg.get_id().as_str();
                let is_used = used.contains(&option);
                let listed = help.contains(&format!("--{option}"));
                assert_eq!(listed, is_used, "--{option} of `{path}`:\n{help}");
                let named = format!("--{option}");
                let value = match option {
                    "parallel" => Some("3"),
                    _ if arg.get_action().takes_values() => Some("x"),
                    _ => None,
                };
                let given: Vec<&str> = [named.as_str()].into_iter().chain(value).collect();
                let command: Vec<&str> = path.split(' ').collect();
                let orders = [
                    [&["phalanx"], &given[..], &command, needs(path)].concat(),
                    [&["phalanx"], &command[..], &given, needs(path)].concat(),
                ];
                for line in orders {
                    let parsed = try_parse(&line);
                    let taken = is_used
                        || ALWAYS_TAKEN.contains(&option)
                        || REFUSED_THERE.contains(&(path, option));
                    match parsed {
                        Ok(_) => assert!(taken, "{line:?} is taken"),
                        Err(error) => {
                            assert!(!taken, "{line:?}: {error}");
                            let said = error.to_string();
                            let begins =
                                format!("error: `{path}` does not use the option `{named}`;");
                            assert!(said.starts_with(&begins), "{line:?}: {said}");
                            assert_eq!(error.exit_code(), 2);
                        }
                    }
                }
            }
        }
        // No line is about a command or an option that is not there.
        for (path, used) in USED.iter().filter(|(path, _)| *path != "help") {
            found(&whole, path);
            assert!(
                used.iter()
                    .all(|option| shared.iter().any(|arg| arg.get_id() == option))
            );
        }
    }
}
