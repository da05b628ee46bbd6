//! A recipe of one's own in a lab: `demo --recipe ./FOLDER`, and what `lab exec` takes from the folder where one stands.
//! Needs Linux and root.

#![allow(clippy::unwrap_used, clippy::panic)]

mod labs;

use std::fs;
use std::path::Path;
use std::process::Command;

use labs::Place;

const LAB: &str = "demo";

/// The cluster file's template: a line of it is the recipe's.
const TEMPLATE: &str = "
cluster: the-labs
ssh: { user: {{ user }}, key: \"{{ key }}\" }
hosts:
{% for host in hosts %}
  - { name: {{ host.name }}, role: {{ host.role }}, address: {{ host.address }}, private_address: {{ host.private_address }} }
{% endfor %}
";

/// The example recipe with lab data, as `recipe` in this folder.
fn recipe(folder: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let recipe = folder.join("recipe");
    let copied = Command::new("cp")
        .arg("-r")
        .arg(root.join("examples/hello"))
        .arg(&recipe)
        .status();
    assert!(copied.unwrap().success());
    let lab = recipe.join("lab");
    fs::create_dir(&lab).unwrap();
    // The same packages as other labs have: their root filesystem is there, or is needed anyway.
    fs::copy(root.join("recipes/dcos/lab/packages"), lab.join("packages")).unwrap();
    for (name, text) in [
        ("login", "tester\n"),
        ("sizes", "pair server=1 worker=1\n"),
        (
            "prepare.sh",
            "#!/bin/sh\nset -eu\nuseradd --create-home --shell /bin/bash tester\n\
             echo 'tester ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/tester\nchmod 440 /etc/sudoers.d/tester\n",
        ),
        (
            "phalanx.yaml",
            &format!("recipe: {}\n{TEMPLATE}", recipe.display()),
        ),
    ] {
        fs::write(lab.join(name), text).unwrap();
    }
}

#[test]
fn a_recipe_of_ones_own_is_tried_where_it_lies() {
    let place = Place::new(LAB);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let folder = folder.path().canonicalize().unwrap();
    recipe(&folder);
    let run = |args: &[&str]| {
        let output = place.command(args).current_dir(&folder).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (out, err) = (text(output.stdout), text(output.stderr));
        assert!(output.status.success(), "{args:?}\n{out}\n{err}");
        (out, err)
    };
    let enter = ["lab", "exec", "--lab", LAB, "--"];
    let inside = |args: &[&str]| run(&[&enter[..], &["phalanx"], args].concat());

    let (demo, _) = run(&["demo", "--recipe", "./recipe", "--size", "pair", "--keep"]);
    let labs_file = place.folder().canonicalize().unwrap().join("phalanx.yaml");
    for words in [
        "Installed on 2 hosts, and healthy on the one that is asked, in ",
        &format!(
            "the cluster file is {}, in the lab demo\n",
            labs_file.display()
        ),
        "phalanx lab exec --lab demo -- phalanx logs ",
    ] {
        assert!(demo.contains(words), "{words}\n{demo}");
    }
    assert!(!demo.contains("stand-in"), "{demo}");

    let (pwd, _) = run(&[&enter[..], &["pwd"]].concat());
    assert_eq!(pwd.trim_end(), folder.to_str().unwrap());
    let (runs, said) = inside(&["runs"]);
    assert!(said.contains("the one of the lab demo is taken"), "{said}");
    assert_eq!(runs.matches("  hello  the-labs  ").count(), 2, "{runs}");

    // The folder's own, of another name: it is taken, named, and remembered with the lab that it was for.
    let text = fs::read_to_string(&labs_file).unwrap();
    let text = text.replace("cluster: the-labs", "cluster: mine");
    fs::write(folder.join("phalanx.yaml"), text).unwrap();
    for args in [&["check"][..], &["-c", "phalanx.yaml", "check"]] {
        let (check, said) = inside(args);
        assert!(!said.contains("is taken"), "{said}");
        let own = folder.join("phalanx.yaml");
        for words in [
            " on mine (2 hosts".to_owned(),
            format!("the cluster file is {}, in the lab demo\n", own.display()),
            format!(
                "phalanx lab exec --lab demo -- phalanx {}install",
                match args.len() {
                    1 => "",
                    _ => "-c phalanx.yaml ",
                }
            ),
        ] {
            assert!(check.contains(&words), "{words}\n{check}");
        }
    }
    let (shown, _) = run(&["show"]);
    assert!(
        shown.contains("phalanx lab exec --lab demo -- phalanx install"),
        "{shown}"
    );
    let (labs, _) = inside(&["-c", labs_file.to_str().unwrap(), "runs"]);
    assert_eq!(labs.matches("  hello  the-labs  ").count(), 2, "{labs}");
    run(&["lab", "down", LAB]);
}
