//! The part of a script's environment that is the same for every host and stage.

use serde_json::Value;

use crate::address::without_zone;
use crate::plan::PlanData;
use crate::variables::variable_name;

/// A setting as a script sees it. Texts and numbers stand as they are, a list of them with a space
/// between two; a mapping, and a list that holds one or an item with a blank in it, is JSON.
pub(crate) fn setting_text(value: &Value) -> String {
    fn scalar(value: &Value) -> Option<String> {
        match value {
            Value::Null => Some(String::new()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Number(value) => Some(value.to_string()),
            Value::String(value) => Some(value.clone()),
            Value::Array(_) | Value::Object(_) => None,
        }
    }
    fn word(value: &Value) -> Option<String> {
        scalar(value).filter(|text| !text.is_empty() && !text.contains(char::is_whitespace))
    }
    let words = |items: &Vec<Value>| items.iter().map(word).collect::<Option<Vec<_>>>();
    match value {
        Value::Array(items) => match words(items) {
            Some(words) => words.join(" "),
            None => value.to_string(),
        },
        _ => scalar(value).unwrap_or_else(|| value.to_string()),
    }
}

/// The part of the environment that is the same for every host and stage.
pub(crate) fn common(plan: &PlanData) -> Vec<(String, String)> {
    let mut environment = vec![
        ("PX_CLUSTER".to_owned(), plan.cluster.clone()),
        ("PX_RECIPE".to_owned(), plan.recipe.clone()),
        (
            "PX_RELEASE".to_owned(),
            plan.release.clone().unwrap_or_default(),
        ),
        ("PX_FLOW".to_owned(), plan.flow.clone()),
        (
            "PX_REPAIR".to_owned(),
            if plan.repair { "yes" } else { "" }.to_owned(),
        ),
    ];
    let left_out: Vec<&str> = plan.left_out().map(|host| host.name.as_str()).collect();
    environment.push(("PX_LEFT_OUT".to_owned(), left_out.join(" ")));
    for (name, value) in &plan.release_values {
        environment.push((format!("PX_RELEASE_{}", variable_name(name)), value.clone()));
    }
    for (name, value) in &plan.settings {
        let name = format!("PX_SETTING_{}", variable_name(name));
        environment.push((name, setting_text(value)));
    }
    for role in &plan.roles {
        let hosts = || plan.roster.iter().filter(|host| host.role == *role);
        let names: Vec<&str> = hosts().map(|host| host.name.as_str()).collect();
        let addresses: Vec<&str> = hosts()
            .map(|host| host.private_address.as_ref().unwrap_or(&host.address))
            .map(|address| without_zone(address))
            .collect();
        let role = variable_name(role.as_str());
        environment.push((format!("PX_HOSTS_{role}"), names.join(" ")));
        environment.push((format!("PX_ADDRESSES_{role}"), addresses.join(" ")));
    }
    environment
}
