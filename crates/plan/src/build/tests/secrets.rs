//! Which stages are handed which secrets, and how.

use super::*;

#[test]
fn a_secret_is_handed_as_its_hash_and_only_where_it_is_of_use() {
    let settings = SETTINGS.replace(
        "secrets: { password: [lead, check] }",
        "secrets: { password: { stages: [lead], when: port == 82, hash_salt: salt } }",
    );
    let facts = RECIPE.replace("names: {", "names: { salt: text,");
    let recipe = recipe(&[("recipe.yaml", &facts), ("settings/any.yaml", &settings)]);
    let planned = |port: u16| {
        let text = format!(
            "hosts: {{ l1: leader }}\nsettings: {{ port: {port} }}\nsecrets: {{ password: geheim }}\n"
        );
        build(&cluster(&text), &recipe, &request())
            .unwrap_or_else(|p| panic!("{}", p.to_plain_text()))
    };
    let (plan, problems) = planned(82);
    assert_eq!(problems.to_plain_text(), "");
    let salt = "salt".to_owned();
    assert_eq!(
        plan.stage_named(&"lead".into()).expect("lead").secrets,
        [("password".to_owned(), Handing::Hashed { salt })].into()
    );
    let (plan, problems) = planned(80);
    assert!(plan.stages.iter().all(|stage| stage.secrets.is_empty()));
    assert!(
        problems.to_plain_text().starts_with(
            "note[plan::secret-withheld]: cluster.yaml:3:22: `password` is sent nowhere"
        ),
        "{}",
        problems.to_plain_text()
    );
}

#[test]
fn a_secret_that_was_not_given_is_not_handed() {
    let plan = plan_of(CLUSTER, &request());
    assert!(plan.stages.iter().all(|stage| stage.secrets.is_empty()));
}
