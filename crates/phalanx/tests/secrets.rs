//! What becomes of secrets on real SSH servers: who is handed them, in which form, and where they are not.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod site;

use std::fs;

use site::{Site, all_text, host, plain};

#[test]
fn a_secret_reaches_its_stage_and_nothing_else() {
    let secret = "s3cr3t-of-the-test";
    let mut site = Site::new(
        "    - { id: other, on: all, run: scripts/other.sh }\n    \
             - { id: needs, on: all, run: scripts/needs.sh }\n",
        &[
            (
                "other.sh",
                "[ -z \"${PX_SECRETS:-}\" ] && env | grep -ci s3cr3t; true\n",
            ),
            (
                "needs.sh",
                "stat -c %a \"$PX_SECRETS\"\n. \"$PX_SECRETS\"\nprintf %s \"$PX_SECRET_TOKEN\" | md5sum\n",
            ),
        ],
        vec![host("w1", "worker", plain())],
    );
    site.settings(
        "schema: { type: object, properties: { token: { type: string } } }\nsecrets: { token: [needs] }\n",
    );
    site.extra(&format!("settings:\n  token: {secret}\n"));
    let ran = site.phalanx(&["install", "--yes", "-v"]);
    ran.expect(0);
    assert_eq!(site.log("w1", "other").trim(), "0");
    let log = site.log("w1", "needs");
    assert!(log.starts_with("600\n"), "{log}");
    // Its MD5.
    assert!(log.contains("a3163005c490db71350262c0b0347f5a"), "{log}");
    let told = format!(
        "{}{}{}",
        ran.stdout,
        ran.stderr,
        all_text(&site.path().join(".phalanx"))
    );
    assert!(!told.contains(secret), "the secret was told");
    assert!(
        !all_text(&site.hosts[0].host.spool_path()).contains(secret),
        "it is still on the host"
    );
}

#[test]
fn a_host_is_handed_a_passwords_hash_and_it_stays_while_the_password_does() {
    let site = Site::new(
        "    - { id: look, on: all, run: scripts/look.sh }\n    \
             - { id: keep, on: all, run: scripts/keep.sh }\n",
        &[
            (
                "look.sh",
                "kept=$(cat SPOOL/../kept 2>/dev/null)\nfact salt \"${kept%\\$*}\"\n",
            ),
            (
                "keep.sh",
                ". \"$PX_SECRETS\"\nenv | grep -c SECRET_TOKEN= \n\
                 printf '%s\\n' \"$PX_SECRET_TOKEN_HASH\" >SPOOL/../now\n\
                 cmp -s SPOOL/../now SPOOL/../kept || { mv SPOOL/../now SPOOL/../kept; changed 'the hash'; }\n",
            ),
        ],
        vec![host("w1", "worker", plain())],
    );
    let mut site = site.with_facts("salt: text");
    site.settings(
        "schema: { type: object, properties: { token: { type: string }, wanted: { type: boolean } } }\n\
         secrets: { token: { stages: [keep], when: wanted, hash_salt: salt } }\n",
    );
    let spool = site.hosts[0].host.spool_path();
    for script in ["look.sh", "keep.sh"] {
        let path = site.path().join("recipe/scripts").join(script);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("SPOOL", spool.to_str().unwrap())).unwrap();
    }
    let kept = || fs::read_to_string(spool.join("../kept")).unwrap();
    let mut hashes = Vec::new();
    for password in ["s3cr3t-one", "s3cr3t-one", "s3cr3t-two"] {
        site.extra(&format!("settings:\n  token: {password}\n  wanted: true\n"));
        let ran = site.phalanx(&["install", "--yes", "-v"]);
        ran.expect(0);
        assert_eq!(site.log("w1", "keep").trim(), "0");
        let told = format!("{}{}", ran.stdout, all_text(&site.path().join(".phalanx")));
        assert!(
            !told.contains("s3cr3t") && !all_text(&spool).contains("s3cr3t"),
            "told"
        );
        hashes.push(kept());
    }
    assert!(hashes[0].starts_with("$6$rounds=656000$"), "{hashes:?}");
    assert_eq!(hashes[0], hashes[1]);
    assert_ne!(hashes[1], hashes[2]);

    site.extra("settings:\n  token: s3cr3t-one\n  wanted: false\n");
    let ran = site.phalanx(&["plan"]);
    ran.expect(0);
    assert!(
        ran.stderr.contains("`token` is sent nowhere"),
        "{}",
        ran.stderr
    );
}
