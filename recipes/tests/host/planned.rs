//! The recipe `dcos` planned, as the command does it.
#![allow(clippy::panic, reason = "a test says what it expects")]

use phalanx_plan::cluster_yaml::read_yaml;
use phalanx_plan::read_context::{KeyFile, ReadContext};
use phalanx_plan::{PlanRequest, PreparedPlan, Recipe, RecipeFiles, SourceFile, build};

/// A plan of the flow `install` for the cluster of this file.
pub(crate) fn install(cluster: &str) -> PreparedPlan {
    let (recipe, problems) = Recipe::read(&RecipeFiles::new(
        "dcos",
        phalanx_recipes::find("dcos").unwrap(),
    ));
    assert_eq!(problems.to_plain_text(), "");
    let shown_settings = recipe.as_ref().unwrap().shown_settings();
    let context = ReadContext {
        home: None,
        key_file: &|_| KeyFile::Missing,
        settings: &shown_settings,
        recipe: "dcos",
    };
    let (cluster, problems) = read_yaml(&SourceFile::new("phalanx.yaml", cluster), &context);
    assert_eq!(problems.to_plain_text(), "");
    let request = PlanRequest {
        flow: "install".into(),
        ..PlanRequest::default()
    };
    build(&cluster.unwrap(), &recipe.unwrap(), &request)
        .unwrap_or_else(|problems| panic!("{}", problems.to_plain_text()))
        .0
}
