//! `bundle`: what is in a support case's archive, and what is not.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod past;
mod sandbox;
mod site;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::hash::{BuildHasher as _, RandomState};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use phalanx_engine::{RunFolder, RunId};
use phalanx_plan::TaskId;
use sandbox::Sandbox;
use site::{Site, all_text, host, plain};

const RUN: &str = "20260101-000000-abcd";

/// Unpacks an archive, and gives the one folder in it.
fn unpack(archive: &Path) -> PathBuf {
    let into = archive.with_extension("unpacked");
    fs::create_dir(&into).unwrap();
    let mut tar = Command::new("tar");
    let tar = tar.arg("-xzf").arg(archive).arg("-C").arg(&into);
    assert!(tar.status().unwrap().success());
    let mut folders = fs::read_dir(&into)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let folder = folders.next().unwrap();
    assert!(folders.next().is_none());
    folder
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The password, and how others write it.
fn spellings(password: &str) -> Vec<(&'static str, String)> {
    let url = |lower: bool| {
        let bytes = password
            .bytes()
            .map(|byte| match byte.is_ascii_alphanumeric() {
                true => char::from(byte).to_string(),
                false if lower => format!("%{byte:02x}"),
                false => format!("%{byte:02X}"),
            });
        bytes.collect::<String>()
    };
    let json = serde_json::to_string(password).unwrap();
    vec![
        ("as it is", password.to_owned()),
        ("in JSON", json[1..json.len() - 1].to_owned()),
        ("in a URL", url(false)),
        ("in another URL", url(true)),
    ]
}

#[test]
fn a_planted_password_is_in_no_file_in_no_spelling() {
    let random = RandomState::new().hash_one(std::process::id());
    let password = format!("Zq\"{random:016x}'& %wK");
    let mut site = site_that_spells(&password);
    site.phalanx(&["install", "--yes"]).expect(1);

    let made = site.phalanx(&["bundle", "-o", "case.tar.gz"]);
    made.expect(0);
    assert_eq!(made.stdout, "case.tar.gz\n");
    assert!(made.stderr.contains("asking 2 hosts"), "{}", made.stderr);
    assert!(
        made.stderr.contains("w2 can't be asked: "),
        "{}",
        made.stderr
    );
    let archive = site.path().join("case.tar.gz");
    let mode = fs::metadata(&archive).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);

    let folder = unpack(&archive);
    let told = all_text(&folder) + &made.stdout + &made.stderr;
    // The control: the same search finds it where nothing was taken out.
    let raw = all_text(&site.path().join(".phalanx"));
    let base64 = site.log("w1", "needs").lines().nth(1).unwrap().to_owned();
    let middle = &base64[4..base64.len() - 4];
    for (how, text) in spellings(&password) {
        assert!(raw.contains(&text), "{how}: the search itself fails");
        assert!(!told.contains(&text), "{how}: it was told");
    }
    assert!(raw.contains(middle) && !told.contains(middle), "in base64");
    let digits = format!("{random:016x}");
    for part in [&digits[..8], &digits[8..], "of-somebody-else"] {
        assert!(raw.contains(part), "{part}: the search itself fails");
        assert!(!told.contains(part), "{part}: it was told");
    }
    all_is_there_without_it(&folder);

    again(&site);
    with_errors(&mut site, &digits);
}

/// Two hosts; on the first a stage writes the password in all spellings, and fails.
fn site_that_spells(password: &str) -> Site {
    let heredoc: String = spellings(password)[1..]
        .iter()
        .map(|(how, text)| format!("{how}: <{text}>\n"))
        .collect();
    // The plan holds scripts: some of it stands there too.
    let needs = format!(
        ". \"$PX_SECRETS\"\nprintf 'as it is: <%s>\\n' \"$PX_SECRET_TOKEN\"\n\
         printf %s \"$PX_SECRET_TOKEN\" | base64\nprintf 'root:%s' \"$PX_SECRET_TOKEN\" | base64\n\
         cat <<'END'\n{heredoc}END\n\
         echo 'db_password=of-somebody-else'\n\
         fact word \"$PX_SECRET_TOKEN\"\n\
         head -c 1048100 /dev/zero | tr '\\0' x; printf '%s\\n' \"$PX_SECRET_TOKEN\"\n\
         head -c 385 /dev/zero | tr '\\0' y; printf 'error %s\\n' \"$PX_SECRET_TOKEN\"\n\
         echo \"cannot log in with $PX_SECRET_TOKEN\"\nexit 1\n"
    );
    let mut site = Site::new(
        "    - { id: needs, on: all, run: scripts/needs.sh }\n",
        &[("needs.sh", needs.as_str())],
        vec![host("w1", "worker", plain()), host("w2", "worker", plain())],
    )
    .with_facts("word: text");
    site.settings(
        "schema: { type: object, properties: { token: { type: string } } }\nsecrets: { token: [needs] }\n",
    );
    // Nobody listens at that port.
    "port: 1".clone_into(&mut site.hosts[1].fields);
    site.extra(&format!(
        "settings:\n  token: '{}'\n",
        password.replace('\'', "''")
    ));
    site
}

/// Everything else is in the bundle, and says where something was taken out.
fn all_is_there_without_it(folder: &Path) {
    let log = read(folder, "logs/w1/needs.log");
    assert!(
        log.contains("Z as it is: <[secret token]>\n20"),
        "{:.200}",
        log
    );
    assert!(log.contains("x[secret token]\n"), "where pieces meet");
    assert!(read(folder, "facts.txt").contains("word: [secret token]"));
    let readme = read(folder, "README.txt");
    for word in [
        "(token)",
        " x secret token\n",
        " x password\n",
        "hosts/w1.txt",
        "w2: ",
    ] {
        assert!(readme.contains(word), "{word} is not in\n{readme}");
    }
    let says = read(folder, "hosts/w1.txt");
    for word in [
        "=== uname -a\nLinux",
        "=== df -P\nFilesystem",
        "=== ip addr\n",
    ] {
        assert!(says.contains(word), "{word} is not in\n{says}");
    }
    for name in [
        "report.txt",
        "report.html",
        "report.json",
        "plan.json",
        "journal.jsonl",
        "versions.txt",
    ] {
        assert!(read(folder, name).len() > 50, "{name}");
    }
    let report = read(folder, "report.txt");
    assert!(
        report.contains("cannot log in with [secret token]"),
        "{report}"
    );
}

/// An error in the cluster file is no reason not to know its secrets, of which these digits are a part.
fn with_errors(site: &mut Site, digits: &str) {
    site.hosts[0].key = Some(site.path().join("no-such-key"));
    site.write_cluster();
    let made = site.phalanx(&["bundle", "--offline", "-o", "with-errors.tar.gz"]);
    made.expect(0);
    assert!(
        made.stderr
            .contains("there may be secrets that are not known: "),
        "{}",
        made.stderr
    );
    let folder = unpack(&site.path().join("with-errors.tar.gz"));
    assert!(read(&folder, "README.txt").contains("the cluster file has errors"));
    assert!(read(&folder, "logs/w1/needs.log").contains("<[secret token]>"));
    assert!(!all_text(&folder).contains(&digits[..8]));
}

/// A file is not replaced unasked; the same run makes the same archive.
fn again(site: &Site) {
    let refused = site.phalanx(&["bundle", "-o", "case.tar.gz"]);
    refused.expect(2);
    assert!(refused.stderr.contains("--force"), "{}", refused.stderr);
    let offline = |name: &str| {
        let made = site.phalanx(&["bundle", "--offline", "--force", "-o", name]);
        made.expect(0);
        assert!(!made.stderr.contains("asking"), "{}", made.stderr);
        fs::read(site.path().join(name)).unwrap()
    };
    let (one, two) = (offline("case.tar.gz"), offline("two.tar.gz"));
    assert!(one == two, "the same run makes the same archive");
    let folder = unpack(&site.path().join("two.tar.gz"));
    assert!(!folder.join("hosts").exists());
    let document = site.phalanx(&["bundle", "--offline", "--json", "-o", "three.tar.gz"]);
    let document: serde_json::Value = serde_json::from_str(&document.stdout).unwrap();
    assert_eq!(
        (&document["file"], &document["secrets_known"]),
        (&"three.tar.gz".into(), &true.into())
    );
    let left = fs::read_dir(site.path()).unwrap().flatten();
    let left: Vec<_> = left
        .filter(|entry| entry.file_name().as_bytes().starts_with(b".tmp"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// A run that was, made by hand; no cluster file.
fn past_run() -> (Sandbox, RunFolder) {
    let sandbox = Sandbox::new();
    let home = sandbox.path().join(".phalanx");
    let folder = RunFolder::create(&home, &RunId::new(RUN), &past::plan()).unwrap();
    fs::write(folder.journal_path(), include_str!("data/failed-run.jsonl")).unwrap();
    let log = folder.log_path(&TaskId::new("serve", "s1"));
    fs::create_dir_all(log.parent().unwrap()).unwrap();
    fs::write(&log, "one\ntoken=4711\n").unwrap();
    fs::write(RunFolder::log_times_path(&log), "4 1767225601500\n").unwrap();
    (sandbox, folder)
}

#[track_caller]
fn bundled(sandbox: &Sandbox) -> PathBuf {
    let made = sandbox.run(&["bundle", RUN, "--offline"]);
    assert_eq!(
        (made.code, made.stdout),
        (0, format!("phalanx-{RUN}.tar.gz\n")),
        "{}",
        made.stderr
    );
    unpack(&sandbox.path().join(format!("phalanx-{RUN}.tar.gz")))
}

#[test]
fn without_the_cluster_file_only_what_looks_like_a_secret_goes_and_that_is_said() {
    let (sandbox, folder) = past_run();
    // A fact of such a name is no secret's value; the plan stays one.
    let plan = fs::read_to_string(folder.path().join("plan.json")).unwrap();
    let with = plan.replace(
        "\"fact_kinds\":{",
        "\"fact_kinds\":{\"password_salt\":\"text\",",
    );
    assert_ne!(plan, with);
    fs::write(folder.path().join("plan.json"), with).unwrap();
    let unpacked = bundled(&sandbox);
    assert_eq!(
        read(&unpacked, "logs/s1/serve.log"),
        "- one\n2026-01-01T00:00:01.5Z token=[redacted password]\n"
    );
    let readme = read(&unpacked, "README.txt");
    assert!(readme.contains("only patterns were redacted"), "{readme}");
    assert!(
        readme.contains("neither phalanx.yaml nor cluster.conf"),
        "{readme}"
    );
    // All else is as it was: the page's own script too, or it would not run.
    fs::write(folder.log_path(&TaskId::new("serve", "s1")), "one\n").unwrap();
    fs::remove_dir_all(unpacked.parent().unwrap()).unwrap();
    fs::remove_file(sandbox.path().join(format!("phalanx-{RUN}.tar.gz"))).unwrap();
    let unpacked = bundled(&sandbox);
    sandbox.run(&["show", RUN, "--html", "page.html"]);
    assert_eq!(
        read(&unpacked, "report.html"),
        read(sandbox.path(), "page.html")
    );
}

#[test]
fn what_is_no_log_is_left_out_and_holds_nothing_up() {
    let (sandbox, folder) = past_run();
    let logs = folder.path().join("logs/s1");
    for name in [
        &b"evil\x1b[2J\n.log"[..],
        b"bytes\xff.log",
        b".hidden.log",
        b"note.txt",
    ] {
        fs::write(logs.join(OsStr::from_bytes(name)), "hostile").unwrap();
    }
    symlink("/etc/passwd", logs.join("link.log")).unwrap();
    symlink("/etc", folder.path().join("logs/etc")).unwrap();
    fs::create_dir(logs.join("folder.log")).unwrap();
    // Opening it would wait for somebody to write.
    let fifo = Command::new("mkfifo").arg(logs.join("fifo.log")).status();
    assert!(fifo.unwrap().success());
    // The times of a log may be anything as well.
    let times = RunFolder::log_times_path(&logs.join("serve.log"));
    fs::remove_file(&times).unwrap();
    let fifo = Command::new("mkfifo").arg(&times).status();
    assert!(fifo.unwrap().success());

    let unpacked = bundled(&sandbox);
    let kept = fs::read_dir(unpacked.join("logs/s1")).unwrap();
    let kept: Vec<_> = kept.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(kept, ["serve.log"]);
    assert!(!unpacked.join("logs/etc").exists());
    let readme = read(&unpacked, "README.txt");
    for name in [
        "s1/evil .log",
        "s1/.hidden.log",
        "s1/note.txt",
        "s1/link.log",
        "s1/folder.log",
        "s1/fifo.log",
        "etc",
    ] {
        assert!(
            readme.contains(&format!("  {name}\n")),
            "{name} is not in\n{readme}"
        );
    }
}

#[test]
fn a_run_that_goes_on_is_packed_as_far_as_it_is() {
    let (sandbox, folder) = past_run();
    let journal = include_str!("data/failed-run.jsonl");
    let cut = journal.find("{\"seq\":9").unwrap() + 30;
    fs::write(folder.journal_path(), &journal[..cut]).unwrap();
    let lock = File::open(folder.journal_path()).unwrap();
    lock.try_lock().unwrap();
    let unpacked = bundled(&sandbox);
    let readme = read(&unpacked, "README.txt");
    assert!(readme.contains("still going on"), "{readme}");
    assert!(!readme.contains("could not be had"), "{readme}");
    let lines = journal[..cut].lines().count();
    assert_eq!(read(&unpacked, "journal.jsonl").lines().count(), lines);
    assert!(read(&unpacked, "report.txt").contains("not ended"));
}

#[test]
fn a_plan_or_a_journal_that_is_damaged_is_told_and_the_rest_is_there() {
    let (sandbox, folder) = past_run();
    fs::write(
        folder.path().join("plan.json"),
        "{\"settings\": {\"password\": \"4712\", ",
    )
    .unwrap();
    fs::write(folder.journal_path(), "what is this\npassword: 4713\n").unwrap();
    let unpacked = bundled(&sandbox);
    let readme = read(&unpacked, "README.txt");
    for word in [
        "plan 1: it is damaged",
        "the journal's events: ",
        "the report, and what hosts say now: ",
    ] {
        assert!(readme.contains(word), "{word} is not in\n{readme}");
    }
    assert!(!unpacked.join("report.txt").exists());
    assert!(read(&unpacked, "logs/s1/serve.log").contains("one"));
    let told = all_text(&unpacked);
    assert!(
        told.contains("what is this") && !told.contains("471"),
        "{told}"
    );
}

#[test]
fn of_a_very_long_log_head_and_tail_are_kept() {
    let (sandbox, folder) = past_run();
    let line = "0123456789012345678901234567890123456789012345678\n";
    let mut text = line.repeat(420_000);
    text.replace_range(..5, "first");
    text.push_str("last\n");
    fs::write(folder.log_path(&TaskId::new("serve", "s1")), &text).unwrap();
    let log = read(&bundled(&sandbox), "logs/s1/serve.log");
    assert!(log.starts_with("- first"), "{:.80}", log);
    assert!(log.ends_with(" last\n"));
    let left_out = text.len() - 20_000_000;
    assert!(log.contains(&format!(
        "\n[{left_out} bytes of this log were left out here]\n"
    )));
    assert!(log.len() > 20_000_000);
}

#[test]
fn where_it_cannot_be_written_that_is_said_and_nothing_is_left() {
    let (sandbox, _folder) = past_run();
    let nowhere = sandbox.run(&["bundle", "--offline", "-o", "no/such/folder/x.tar.gz"]);
    assert_eq!(nowhere.code, 2);
    assert!(
        nowhere.stderr.contains("could not be written"),
        "{}",
        nowhere.stderr
    );
    let is_folder = sandbox.run(&["bundle", "--offline", "--force", "-o", ".phalanx"]);
    assert_eq!(is_folder.code, 2, "{is_folder:?}");
    let left = fs::read_dir(sandbox.path()).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [".phalanx"]);
}
