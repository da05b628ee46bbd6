//! No diagnostic shows a secret, however its file was mistyped.

use proptest::prelude::*;

use super::*;
use crate::planted::{CORE, check, secret, slipped, slips, tells};

/// `KEY` is the secret's name, `SECRET` its value.
const LINES: [&str; 9] = [
    "KEY=SECRET\nPORT=80\n",
    "export KEY='SECRET'\nMOTTO='abc'\n",
    "MOTTO=\"abc\"\nKEY=\"SECRET\"\nPORT=\"80\"\n",
    "KEY = SECRET\nPORT=80\n",
    "export KEY = SECRET\n",
    "MINE=SECRET\nKEY=$MINE\nNODES_W='54.0.0.9'\n",
    "#KEY=SECRET\nKEY='SECRET\nMOTTO=abc\n",
    "RESOLVERS=\"1.1.1.1\n2.2.2.2\"\nKEY=SECRET;PORT=80\n",
    "KEY=(SECRET)\nKEY+=SECRET\nKEY[0]=SECRET\nPORT=x\n",
];

fn told(text: &str) -> Problems {
    let settings = ShownSettings::new(["password"], []);
    let context = ReadContext {
        home: Some("/home/me"),
        key_file: &key_file,
        settings: &settings,
        recipe: "small",
    };
    let source = SourceFile::new("cluster.conf", text);
    let (cluster, problems) = read_conf_in_part(&source, &mapping(), &context);
    if let Some(cluster) = cluster {
        assert!(
            !tells(cluster.source.text()),
            "{text}\n{}",
            cluster.source.text()
        );
    }
    problems
}

#[test]
fn a_secret_that_lost_its_name_or_its_quotes_is_blanked() {
    for lines in [
        format!("export PASSWORD = {CORE}\n"),
        format!("PASSWROD={CORE}\n"),
        format!("SOMETHING={CORE}\n"),
        format!("SOMETHING = {CORE}\n"),
        format!("SOMETHING=a {CORE}\n"),
        format!("SOMETHING=a;{CORE}\n"),
        format!("SOMETHING=~{CORE}\n"),
        format!("PASSWORD {CORE}\n"),
        format!("PASSWORD=\n{CORE}\n"),
        format!("PASSWORD=\n{CORE}=\n"),
        format!("PASSWORD='a\n{CORE}=='\n"),
        format!("MOTTO=\"abc\n PASSWORD = {CORE}\n\"\n"),
        format!("MOTTO=abc PASSWORD = {CORE}\n"),
        format!("NODES_W=\"54.0.0.4 PASSWORD={CORE}\"\n"),
        format!("PORT=x\n# PASSWORD={CORE}\n"),
        format!("my-{CORE}=1\n"),
        format!("MOTTO=\"abcZONK={CORE}\"\nPORT=x\n"),
        format!("MOTTO=abcZONK={CORE}\nPORT=x\n"),
        format!("MOTTO=abcPASSWROD={CORE}\nPORT=x\n"),
        format!("PORT=xyzPASSWROD={CORE}\n"),
        format!("RETRIES=xyzPASSWORD={CORE}\n"),
    ] {
        let text = format!("{GOOD}{lines}");
        let problems = told(&text);
        assert!(!problems.is_empty(), "{text}");
        check(&text, &problems).unwrap();
    }
}

#[test]
fn what_is_plain_stays_to_be_seen() {
    let text = "\
# a comment
PORT=x # why
NODES_W=54.0.0.4 54.0.0.5
NET=54.0.0
NODES_L=\"$NET.2\"
PASSWORD=abc
PASSWROD=abc
if true
";
    let problems = told(text);
    let shown = problems.iter().find_map(|problem| problem.source.clone());
    assert_snapshot!(shown.expect("a problem").text(), @r#"
    # * *******
    PORT=x # ***
    NODES_W=54.0.0.4 54.0.0.5
    NET=54.0.0
    NODES_L="$NET.2"
    PASSWORD=***
    PASSWROD=***
    if ****
    "#);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn no_mistyped_file_shows_its_secret(
        lines in prop::sample::select(LINES.to_vec()),
        key in prop::sample::select(vec!["PASSWORD", "PASSWORD", "PASSWROD", "password", "PASS-WORD", "ZONK"]),
        secret in secret(),
        slips in slips(),
    ) {
        let text = slipped(&lines.replace("KEY", key).replace("SECRET", &secret), &slips);
        let text = format!("{GOOD}{text}");
        check(&text, &told(&text))?;
    }
}
