//! `phalanx recipe`.

use std::fmt::Write as _;
use std::path::Path;

use phalanx_events::schema::journal_schema;
use phalanx_plan::cluster_schema::cluster_schema;
use phalanx_plan::{Action, Recipe, recipe_schema};
use serde::Serialize;
use serde_json::Value;

use crate::cli::{Global, RecipeArgs, SchemaArgs, SchemaOf};
use crate::diagnostics;
use crate::exit_code::Exit;
use crate::recipe_source;
use crate::shell::LocalShell;
use crate::terminal::Terminal;
use crate::trouble::Trouble;

/// The recipe that is meant.
fn named<'a>(global: &'a Global, args: &'a RecipeArgs) -> &'a str {
    args.recipe
        .as_deref()
        .or(global.recipe.as_deref())
        .unwrap_or(recipe_source::default_name())
}

/// Tells everything that is wrong with a recipe.
pub(crate) fn lint(
    global: &Global,
    args: &RecipeArgs,
    terminal: &Terminal,
) -> Result<Exit, Trouble> {
    let name = named(global, args);
    let files = recipe_source::files(name, Path::new("."))?;
    let (_, problems) = Recipe::read_with(&files, Some(&LocalShell::default()));
    if problems.has_errors() {
        return Err(Trouble::input(problems));
    }
    diagnostics::show(&problems, terminal);
    if global.json {
        terminal.print_json(&diagnostics::document(&problems))?;
    } else if problems.is_empty() {
        terminal.print(&format!("{name}: no faults\n"));
    }
    Ok(Exit::Done)
}

/// Writes a JSON Schema, for editors and programs.
pub(crate) fn schema(
    global: &Global,
    args: &SchemaArgs,
    terminal: &Terminal,
) -> Result<Exit, Trouble> {
    let schema = match args.of {
        SchemaOf::Recipe => recipe_schema(),
        SchemaOf::Journal => journal_schema(),
        SchemaOf::Cluster => {
            let recipe = recipe_source::read(named(global, &args.recipe), Path::new("."))?;
            let roles: Vec<&str> = recipe.roles.iter().map(|role| role.name.as_str()).collect();
            let line = recipe.settings_for(recipe.default_release.as_deref());
            cluster_schema(&roles, line.map(|line| &line.schema))
        }
    };
    terminal.print_json(&schema)?;
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct RecipeDocument<'a> {
    format: u32,
    name: &'a str,
    title: Option<&'a str>,
    releases: &'a [String],
    default_release: Option<&'a str>,
    roles: Vec<RoleDocument<'a>>,
    settings: Vec<LineDocument<'a>>,
    flows: Vec<FlowDocument<'a>>,
}

#[derive(Serialize)]
struct RoleDocument<'a> {
    name: &'a str,
    count: String,
}

#[derive(Serialize)]
struct LineDocument<'a> {
    line: &'a str,
    schema: &'a Value,
}

#[derive(Serialize)]
struct FlowDocument<'a> {
    name: &'a str,
    stages: Vec<StageDocument<'a>>,
}

#[derive(Serialize)]
struct StageDocument<'a> {
    id: &'a str,
    roles: Vec<&'a str>,
    action: &'a Action,
}

/// Shows a recipe's roles, settings and flows.
pub(crate) fn show(
    global: &Global,
    args: &RecipeArgs,
    terminal: &Terminal,
) -> Result<Exit, Trouble> {
    let recipe = recipe_source::read(named(global, args), Path::new("."))?;
    let document = document(&recipe);
    if global.json {
        terminal.print_json(&document)?;
    } else {
        terminal.print(&text(&document, &recipe));
    }
    Ok(Exit::Done)
}

fn document(recipe: &Recipe) -> RecipeDocument<'_> {
    let roles = recipe.roles.iter().map(|role| RoleDocument {
        name: role.name.as_str(),
        count: role.count.describe(),
    });
    let settings = recipe.settings.iter().map(|line| LineDocument {
        line: &line.line,
        schema: &line.schema,
    });
    let flows = recipe.flows.iter().map(|flow| FlowDocument {
        name: &flow.name.value,
        stages: flow
            .stages
            .iter()
            .map(|stage| StageDocument {
                id: stage.id.value.as_str(),
                roles: stage.roles.iter().map(|role| role.as_str()).collect(),
                action: &stage.action,
            })
            .collect(),
    });
    RecipeDocument {
        format: phalanx_report::data::FORMAT,
        name: &recipe.name,
        title: recipe.title.as_deref(),
        releases: &recipe.releases,
        default_release: recipe.default_release.as_deref(),
        roles: roles.collect(),
        settings: settings.collect(),
        flows: flows.collect(),
    }
}

fn text(document: &RecipeDocument<'_>, recipe: &Recipe) -> String {
    // Writing to a string never fails: the results of `writeln!` are dropped.
    let mut text = String::new();
    let title = document
        .title
        .map(|title| format!(": {title}"))
        .unwrap_or_default();
    let _ = writeln!(text, "{}{title}", document.name);
    if !document.releases.is_empty() {
        let _ = writeln!(text, "\nreleases: {}", document.releases.join(", "));
    }
    if let Some(release) = document.default_release {
        let _ = writeln!(text, "where none is named: {release}");
    }
    let _ = writeln!(text, "\nroles (and how many hosts may have them)");
    let width = document
        .roles
        .iter()
        .map(|role| role.name.len())
        .max()
        .unwrap_or(0);
    for role in &document.roles {
        let _ = writeln!(text, "  {:width$}  {}", role.name, role.count);
    }
    for line in &recipe.settings {
        let _ = writeln!(text, "\nsettings ({})", line.line);
        for (name, schema) in line.properties() {
            let about = schema
                .get("description")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let default = match schema.get("default") {
                Some(default) => format!(" [default: {default}]"),
                None => String::new(),
            };
            let secret = if line.secrets.contains_key(name) {
                " (secret)"
            } else {
                ""
            };
            let _ = writeln!(text, "  {name}{secret}: {about}{default}");
        }
    }
    for flow in &document.flows {
        let _ = writeln!(text, "\nflow {}", flow.name);
        let width = flow
            .stages
            .iter()
            .map(|stage| stage.id.len())
            .max()
            .unwrap_or(0);
        for stage in &flow.stages {
            let what = match stage.action {
                Action::Put => "puts files".to_owned(),
                Action::Run(script) => format!("runs {script}"),
                Action::Until(script) => format!("until {script} says yes"),
                Action::Reboot => "reboots".to_owned(),
            };
            let _ = writeln!(
                text,
                "  {:width$}  {what}  (on {})",
                stage.id,
                stage.roles.join(", ")
            );
        }
    }
    text
}
