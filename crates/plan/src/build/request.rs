//! Whether the cluster suits the recipe, and what of both is asked for.

use std::collections::{BTreeMap, BTreeSet};

use super::Builder;
use crate::cluster::Cluster;
use crate::ids::RoleName;
use crate::plan::PlannedHost;
use crate::problem::{Problem, Problems};
use crate::recipe::{Flow, Recipe, Role, Stage};
use crate::sentence::count;
use crate::suggest::did_you_mean;

/// So many of a role's hosts are marked in a problem; more would bury it.
const MARKED_HOSTS: usize = 10;
/// So many names of a kind are listed where another one was given.
const NAMES_SHOWN: usize = 10;

/// The hosts whose role the recipe does not have.
pub fn unknown_roles(cluster: &Cluster, recipe: &Recipe) -> Problems {
    let mut problems = Problems::new();
    for host in &cluster.hosts {
        let role = host.role.value.as_str();
        if recipe.role(role).is_some() {
            continue;
        }
        let known = recipe.roles.iter().map(|role| role.name.as_str());
        let known: Vec<&str> = known.collect();
        let message = format!(
            "the recipe `{}` has no role `{}`",
            recipe.name,
            role.escape_debug()
        );
        let problem = Problem::error("plan::role", message).at(
            &cluster.source,
            host.role.span,
            "unknown role",
        );
        problems.push(match did_you_mean(role, known.iter().copied()) {
            Some(close) => problem.help(format!("did you mean `{close}`?")),
            None => problem.help(format!("its roles are `{}`", known.join("`, `"))),
        });
    }
    problems
}

impl Builder<'_> {
    /// The release that is installed: the cluster file's, else the recipe's default.
    pub(super) fn release(&mut self) -> Option<String> {
        let Some(release) = &self.cluster.release else {
            return self.recipe.default_release.clone();
        };
        let known = &self.recipe.releases;
        if !known.is_empty() && !known.contains(&release.value) {
            let problem = Problem::error(
                "plan::release",
                format!(
                    "the recipe `{}` does not know the release `{}`",
                    self.recipe.name,
                    release.value.escape_debug()
                ),
            )
            .at(&self.cluster.source, release.span, "unknown release")
            .help(format!("it knows {}", known.join(", ")));
            self.problems.push(problem);
        } else if !self.recipe.settings.is_empty()
            && self.recipe.settings_for(Some(&release.value)).is_none()
        {
            let lines: Vec<&str> = self
                .recipe
                .settings
                .iter()
                .map(|line| line.line.as_str())
                .collect();
            let problem = Problem::error(
                "plan::release",
                format!(
                    "the recipe `{}` has no settings for the release `{}`",
                    self.recipe.name,
                    release.value.escape_debug()
                ),
            )
            .at(&self.cluster.source, release.span, "unknown release")
            .help(format!("it has those for {}", lines.join(", ")));
            self.problems.push(problem);
        }
        Some(release.value.clone())
    }

    /// Every host's role is one of the recipe's, and each role has as many hosts as it may.
    pub(super) fn check_roles(&mut self) {
        let mut counts: BTreeMap<&RoleName, usize> = BTreeMap::new();
        for host in &self.cluster.hosts {
            *counts.entry(&host.role.value).or_default() += 1;
        }
        self.problems
            .extend(unknown_roles(self.cluster, self.recipe));
        for role in &self.recipe.roles {
            let hosts = counts.get(&role.name).copied().unwrap_or(0);
            if !role.count.allows(hosts) {
                let problem = self.count_problem(role, hosts);
                self.problems.push(problem);
            }
        }
    }

    fn count_problem(&self, role: &Role, hosts: usize) -> Problem {
        let (name, recipe, counts) = (&role.name, &self.recipe.name, role.count.describe());
        let have = match hosts {
            0 => format!("no host has the role `{name}`"),
            1 => format!("1 host has the role `{name}`"),
            hosts => format!("{hosts} hosts have the role `{name}`"),
        };
        let code = match hosts {
            0 => "plan::role-missing",
            _ => "plan::role-count",
        };
        let problem = Problem::error(
            code,
            format!("{have}: the recipe `{recipe}` allows {counts}"),
        );
        let hosts_word = |number: usize| count(number, "host");
        let (below, above) = role.count.nearest(hosts);
        let more = above.map(|above| format!("add {}", hosts_word(above.saturating_sub(hosts))));
        let less = below
            .filter(|below| *below > 0)
            .map(|below| format!("remove {}", hosts_word(hosts.saturating_sub(below))));
        let problem = match (more, less) {
            (Some(more), Some(less)) => problem.help(format!("{more}, or {less}")),
            (Some(one), None) | (None, Some(one)) => problem.help(one),
            (None, None) => problem.help("give these hosts another role"),
        };
        let source = &self.cluster.source;
        if let Some(span) = self.cluster.role_places.get(name) {
            return problem.at(source, *span, format!("`{name}`: {}", hosts_word(hosts)));
        }
        if hosts == 0 {
            return problem.in_file(source);
        }
        self.cluster
            .hosts
            .iter()
            .filter(|host| host.role.value == *name)
            .take(MARKED_HOSTS)
            .enumerate()
            .fold(problem, |problem, (at, host)| {
                problem.at(
                    source,
                    host.role.span,
                    format!("`{name}` number {}", at + 1),
                )
            })
    }

    /// The checks whose errors are warnings: the cluster file's and those of the command line.
    pub(super) fn accept(&mut self, asked: &[String]) -> BTreeSet<String> {
        let known = self.recipe.checks();
        let written = self.cluster.accept.iter();
        let places = written.map(|check| (check.value.as_str(), Some(check.span)));
        let asked = asked.iter().map(|check| (check.as_str(), None));
        let mut accept = BTreeSet::new();
        for (check, place) in places.chain(asked) {
            if !known.contains(check) {
                let problem = Problem::error(
                    "plan::accept",
                    format!(
                        "the recipe `{}` has no check `{}`",
                        self.recipe.name,
                        check.escape_debug()
                    ),
                );
                let problem = match place {
                    Some(span) => problem.at(&self.cluster.source, span, "unknown check"),
                    None => problem.in_file(&self.recipe.source),
                };
                let names = known.iter().map(String::as_str);
                self.problems.push(match did_you_mean(check, names) {
                    Some(close) => problem.help(format!("did you mean `{close}`?")),
                    None => {
                        let names: Vec<&str> = known.iter().map(String::as_str).collect();
                        problem.help(format!("its checks are `{}`", names.join("`, `")))
                    }
                });
            }
            accept.insert(check.to_owned());
        }
        accept
    }

    /// The hosts that take part.
    pub(super) fn hosts(&mut self, on: &[String]) -> Vec<PlannedHost> {
        if self.cluster.hosts.is_empty() {
            let problem = Problem::error("plan::no-hosts", "the cluster file names no host");
            self.problems.push(problem.in_file(&self.cluster.source));
        }
        for selector in on {
            let any = self
                .cluster
                .hosts
                .iter()
                .any(|host| self.selects(selector, host));
            if !any {
                let problem = self.nothing_selected(selector);
                self.problems.push(problem);
            }
        }
        self.cluster
            .hosts
            .iter()
            .filter(|host| on.is_empty() || on.iter().any(|selector| self.selects(selector, host)))
            .map(|host| PlannedHost {
                name: host.name.value.clone(),
                role: host.role.value.clone(),
                address: host.address.value.clone(),
                private_address: host
                    .private_address
                    .as_ref()
                    .map(|address| address.value.clone()),
                labels: host.labels.clone(),
                ssh: host.ssh.clone(),
            })
            .collect()
    }

    fn selects(&self, selector: &str, host: &crate::cluster::Host) -> bool {
        host.name.value.as_str() == selector
            || host.role.value.as_str() == selector
            || host.labels.contains(selector)
            || self
                .recipe
                .groups
                .get(selector)
                .is_some_and(|group| group.contains(&host.role.value))
    }

    fn nothing_selected(&self, selector: &str) -> Problem {
        let known =
            self.recipe.role(selector).is_some() || self.recipe.groups.contains_key(selector);
        if known {
            return Problem::error(
                "plan::on",
                format!("no host of this cluster is a `{selector}`"),
            )
            .in_file(&self.cluster.source);
        }
        let hosts = &self.cluster.hosts;
        let names = hosts.iter().map(|host| host.name.value.as_str());
        let groups = self.recipe.groups.keys().map(String::as_str);
        let roles = self.recipe.roles.iter().map(|role| role.name.as_str());
        let labels = hosts.iter().flat_map(|host| &host.labels);
        let labels: BTreeSet<&str> = labels.map(String::as_str).collect();
        let kinds: [(&str, Vec<&str>); 3] = [
            ("hosts", names.collect()),
            ("roles and groups", roles.chain(groups).collect()),
            ("labels", labels.into_iter().collect()),
        ];
        let problem = Problem::error(
            "plan::on",
            format!(
                "`{}` is no host, role, group or label of this cluster",
                selector.escape_debug()
            ),
        )
        .in_file(&self.cluster.source);
        let candidates = kinds.iter().flat_map(|(_, names)| names.iter().copied());
        match did_you_mean(selector, candidates) {
            Some(close) => problem.help(format!("did you mean `{close}`?")),
            None => problem.help(there_is(&kinds)),
        }
    }

    /// The stages up to the last one that is asked for.
    pub(super) fn stages<'f>(&mut self, flow: &'f Flow, to: Option<&str>) -> Option<&'f [Stage]> {
        let Some(to) = to else {
            return Some(&flow.stages);
        };
        let ids = || flow.stages.iter().map(|stage| stage.id.value.as_str());
        if let Some(at) = ids().position(|id| id == to) {
            return flow.stages.get(..=at);
        }
        let known: Vec<&str> = ids().collect();
        let problem = Problem::error(
            "plan::to",
            format!(
                "the flow `{}` has no stage `{}`",
                flow.name.value,
                to.escape_debug()
            ),
        )
        .in_file(&self.recipe.source);
        self.problems
            .push(match did_you_mean(to, known.iter().copied()) {
                Some(close) => problem.help(format!("did you mean `{close}`?")),
                None if known.is_empty() => problem.help("it only connects: it has no stages"),
                None => problem.help(format!("its stages are `{}`", known.join("`, `"))),
            });
        None
    }
}

/// Some names of each kind, in words.
fn there_is(kinds: &[(&str, Vec<&str>)]) -> String {
    let kinds = kinds.iter().filter(|(_, names)| !names.is_empty());
    let kinds = kinds.map(|(kind, names)| {
        let shown = names.get(..NAMES_SHOWN).unwrap_or(names).join("`, `");
        match names.len().checked_sub(NAMES_SHOWN) {
            Some(more @ 1..) => format!("the {kind} `{shown}` and {more} more"),
            _ => format!("the {kind} `{shown}`"),
        }
    });
    format!("there are {}", kinds.collect::<Vec<_>>().join("; "))
}
