//! Reading what hosts can become: roles, and names for sets of them.

use std::collections::{BTreeMap, BTreeSet};

use super::reader::RecipeReader;
use super::{Counts, Role};
use crate::ids::RoleName;
use crate::naming::{check_plain, unknown};
use crate::stage_parts::Allowance;
use crate::yaml::{Fields, Kind, Node};

impl RecipeReader<'_> {
    pub(super) fn roles(&mut self, root: &Node, fields: Fields<'_>) -> Vec<Role> {
        let node = fields.get("roles");
        self.unread.roles = node.is_none_or(|node| node.as_map().is_none());
        let Some(node) = node else {
            self.yaml.missing(
                root,
                "a recipe",
                "roles",
                "say what hosts can become: `roles: { server: { count: [1] } }`",
            );
            return Vec::new();
        };
        let Some(entries) = self.yaml.map(node, "`roles`") else {
            return Vec::new();
        };
        let mut roles = Vec::new();
        for (key, node) in entries {
            if key.text == "all" {
                self.yaml.error(
                    "recipe::name",
                    key.span,
                    "`all` can't be a role's name: it stands for every host",
                    "taken",
                    "call the role something else",
                );
                continue;
            }
            if !check_plain(&mut self.yaml, &key.text, key.span, "a role's name") {
                continue;
            }
            let what = format!("the role `{}`", key.text);
            let mut role = Role {
                name: RoleName::new(key.text.as_str()),
                count: Counts::default(),
                may_miss: None,
                span: key.span,
            };
            if !node.is_null()
                && let Some(fields) = self.yaml.fields(node, &what, &["count", "may_miss"])
            {
                if let Some(count) = fields.get("count").and_then(|node| self.counts(node)) {
                    role.count = count;
                }
                role.may_miss = fields.get("may_miss").and_then(|node| self.allowance(node));
            }
            roles.push(role);
        }
        roles
    }

    fn counts(&mut self, node: &Node) -> Option<Counts> {
        const EXPECTED: &str = "a list of numbers (`[1, 3]`), a number or a range (`0..`, `2..5`)";
        if let Kind::List(items) = &node.kind {
            let numbers: Option<BTreeSet<usize>> = items
                .iter()
                .map(|item| match item.kind {
                    Kind::Int(number) => usize::try_from(number).ok(),
                    _ => None,
                })
                .collect();
            if let Some(numbers) = numbers.filter(|numbers| !numbers.is_empty()) {
                return Some(Counts::OneOf(numbers));
            }
        } else if let Some(counts) = node.as_text(self.yaml.source).and_then(Counts::parse) {
            return Some(counts);
        }
        self.yaml.expected(node, "`count`", EXPECTED);
        None
    }

    fn allowance(&mut self, node: &Node) -> Option<Allowance> {
        let text = node.as_text(self.yaml.source).unwrap_or_default();
        let allowance = match text.strip_suffix('%') {
            Some(percent) => percent
                .trim()
                .parse()
                .ok()
                .filter(|percent| *percent <= 100)
                .map(Allowance::Percent),
            None => text.parse().ok().map(Allowance::Hosts),
        };
        if allowance.is_none() {
            self.yaml
                .expected(node, "`may_miss`", "a number of hosts, or `20%` of them");
        }
        allowance
    }

    pub(super) fn groups(
        &mut self,
        fields: Fields<'_>,
        roles: &[Role],
    ) -> BTreeMap<String, BTreeSet<RoleName>> {
        let all = roles.iter().map(|role| role.name.clone()).collect();
        let mut groups = BTreeMap::from([("all".to_owned(), all)]);
        let given = fields.get("groups");
        self.unread.roles |= Self::is_misspelt(fields, "groups")
            || given.is_some_and(|node| node.as_map().is_none());
        let Some(entries) = fields
            .get("groups")
            .and_then(|node| self.yaml.map(node, "`groups`"))
        else {
            return groups;
        };
        for (key, node) in entries {
            let taken =
                key.text == "all" || roles.iter().any(|role| role.name.as_str() == key.text);
            if taken {
                self.yaml.error(
                    "recipe::name",
                    key.span,
                    format!("`{}` can't be a group's name", key.text),
                    "taken by a role, or built in",
                    "call the group something else",
                );
                continue;
            }
            check_plain(&mut self.yaml, &key.text, key.span, "a group's name");
            let what = format!("the group `{}`", key.text);
            let members = self.yaml.texts(node, &what).unwrap_or_default();
            let mut set = BTreeSet::new();
            for member in members {
                match roles.iter().find(|role| role.name.as_str() == member.value) {
                    Some(role) => {
                        set.insert(role.name.clone());
                    }
                    None if self.unread.roles => {}
                    None => self.yaml.problems.push(unknown(
                        self.yaml.source,
                        &member,
                        "role",
                        roles.iter().map(|role| role.name.as_str()),
                    )),
                }
            }
            groups.insert(key.text.clone(), set);
        }
        groups
    }
}
