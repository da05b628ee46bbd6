//! What a run that was is made of.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;

use phalanx_plan::read_context::{KeyFile, ReadContext};
use phalanx_plan::{PlanRequest, PreparedPlan, Recipe, RecipeFiles, SourceFile, build};

/// The hello recipe's install on one server and two workers.
pub(crate) fn plan() -> PreparedPlan {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/hello");
    let mut files = std::collections::BTreeMap::new();
    for below in ["", "scripts", "templates", "settings"] {
        for entry in fs::read_dir(folder.join(below)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                let name = entry.file_name().into_string().unwrap();
                let path = if below.is_empty() {
                    name
                } else {
                    format!("{below}/{name}")
                };
                files.insert(path, fs::read(entry.path()).unwrap());
            }
        }
    }
    let (recipe, problems) = Recipe::read(&RecipeFiles::new("hello", files));
    let recipe = recipe.unwrap_or_else(|| panic!("{problems}"));
    let text = "\
cluster: example
recipe: hello
hosts:
  - { name: s1, role: server, address: 127.0.0.1 }
  - { name: w1, role: worker, address: 127.0.0.2 }
  - { name: w2, role: worker, address: 127.0.0.3 }
";
    let context = ReadContext {
        home: None,
        key_file: &|_| KeyFile::Missing,
        settings: &phalanx_plan::ShownSettings::default(),
        recipe: "hello",
    };
    let source = SourceFile::new("phalanx.yaml", text);
    let (cluster, problems) = phalanx_plan::cluster_yaml::read_yaml(&source, &context);
    let cluster = cluster.unwrap_or_else(|| panic!("{problems}"));
    let request = PlanRequest {
        flow: "install".into(),
        ..PlanRequest::default()
    };
    build(&cluster, &recipe, &request).unwrap().0
}
