//! The reader of recipes: the recipe's own file, beside a script, a template and a schema.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use phalanx_plan::Recipe;
use phalanx_plan::recipe::RecipeFiles;

fuzz_target!(|data: &[u8]| {
    let files = BTreeMap::from([
        ("recipe.yaml".to_owned(), data.to_vec()),
        ("scripts/a.sh".to_owned(), b"exit 0\n".to_vec()),
        ("templates/a".to_owned(), b"{{ settings.a }}\n".to_vec()),
        ("settings/1.yaml".to_owned(), data.to_vec()),
    ]);
    let (recipe, problems) = Recipe::read(&RecipeFiles::new("fuzz", files));
    assert_eq!(recipe.is_none(), problems.has_errors());
});
