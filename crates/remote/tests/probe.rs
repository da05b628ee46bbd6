//! Probes, boot identity, reboot: what runs on the channel itself.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests say what they expect by unwrapping"
)]

mod support;

use std::time::Duration;

use phalanx_remote::{ProbeEnd, ProbeError, RequestError, Script, parse_result};
use support::{Host, program, script, within};

async fn probe(host: &Host, text: &str) -> (ProbeEnd, String) {
    let mut output = Vec::new();
    let end = within(host.protocol().probe(&script(text), &mut output))
        .await
        .expect("it answers");
    (end, String::from_utf8(output).expect("UTF-8"))
}

#[tokio::test]
async fn output_status_and_result_come_back() {
    for host in Host::each() {
        let text = "echo out; echo err >&2; changed 'a\nb'; fact x 1; sh -c 'echo sub'; exit 7";
        let (end, output) = probe(&host, text).await;
        assert_eq!((end.status, output.as_str()), (7, "out\nerr\nsub\n"));
        let lines = parse_result(&end.result);
        assert_eq!(
            (lines.changed, lines.malformed),
            (vec!["a\nb".to_owned()], 0)
        );
        assert_eq!(lines.facts.len(), 1);
    }
}

#[tokio::test]
async fn any_way_to_end_is_told() {
    for host in Host::each() {
        let cases = [
            ("", 0),
            ("false", 1),
            ("kill -9 $$", 137),
            ("sh -c 'kill -9 $$'", 137),
            ("no_such_program_at_all", 127),
            ("set -eu; echo $UNSET_NAME; exit 3", 127),
            ("trap 'exit 9' EXIT; false", 9),
            ("exec >&- 2>&-; exit 5", 5),
            ("if read x; then exit 1; fi", 0),
            ("say x || exit 4", 4),
        ];
        for (text, status) in cases {
            let (end, _) = probe(&host, text).await;
            // At an unset name, each shell and version ends with another status.
            let unset = text.starts_with("set") && matches!(end.status, 1 | 2 | 127);
            let right = end.status == status || unset;
            assert!(right, "{text} with {}: {}", host.shell, end.status);
        }
        let (end, output) = probe(&host, "echo a\nif").await;
        assert!(matches!(end.status, 1 | 2), "{end:?} {output}");
    }
}

#[tokio::test]
async fn nothing_is_written_on_the_host() {
    for host in Host::each() {
        let before = std::fs::read_dir(host.folder.path()).unwrap().count();
        probe(
            &host,
            "problem disk error 'too small' ''; echo \"$PX_RESULT\"",
        )
        .await;
        assert!(!host.spool().exists());
        assert_eq!(
            std::fs::read_dir(host.folder.path()).unwrap().count(),
            before
        );
    }
}

#[tokio::test]
async fn the_environment_is_clean_and_exact() {
    for host in Host::each() {
        let value = "it's\n\"two\" lines ☃\n";
        let text = "printf '%s' \"$PX_A\"; sh -c 'printf %s. \"$PX_A\"'\n\
                    set | grep -c -e ^SSH_ -e ^SUDO_; echo \"$HOME|$LANG|$PWD|$(umask)|$TERM\"";
        let env = vec![("PX_A".to_owned(), value.to_owned())];
        let mut output = Vec::new();
        let script = Script {
            text: text.into(),
            env,
            ..Script::default()
        };
        within(host.protocol().probe(&script, &mut output))
            .await
            .unwrap();
        let expected = format!("{value}{value}.0\n/root|C|/|0022|dumb\n");
        assert_eq!(String::from_utf8(output).unwrap(), expected);
    }
}

/// Names that a shell sets for its children itself, and the one that dash does not let go of.
fn is_the_shells_own(name: &str) -> bool {
    matches!(name, "_" | "SHLVL" | "PWD" | "OLDPWD" | "IFS")
}

#[tokio::test]
async fn a_probe_has_the_variables_of_a_job() {
    for host in Host::each() {
        let mut exec = host.exec.clone();
        exec.noise =
            "export LD_LIBRARY_PATH=/x PYTHONPATH=/p PYTHONHOME=/h PERL5LIB=/l BASH_ENV=/b \
                      ENV=/e CDPATH=/c IFS=: px_mine=1 px_script=3 TZ=Asia/Tokyo\n\
                      export MANY='one\nexport px_nonce=2\nHOME=3\n-x *'\n\
                      ls() { echo mine; }; command -v declare >/dev/null && export -f ls"
                .into();
        let text = "env -0 | sed -z 's/=.*//' | tr '\\0' '\\n' | sort; ls -d /";
        let protocol = host.protocol_over(exec, host.options());
        let mut output = Vec::new();
        within(protocol.probe(&script(text), &mut output))
            .await
            .unwrap();
        let mut seen = support::Recorder::default();
        support::start(&protocol, &support::id("env"), text, &mut seen)
            .await
            .unwrap();
        let names = |text: &str| -> Vec<String> {
            let names = text.lines().filter(|name| !is_the_shells_own(name));
            names
                .filter(|name| !name.starts_with("PX_"))
                .map(str::to_owned)
                .collect()
        };
        let (probe, job) = (
            names(&String::from_utf8(output).unwrap()),
            names(&seen.text()),
        );
        assert_eq!(probe, job);
        assert_eq!(
            job,
            [
                "HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "/"
            ]
        );
    }
}

#[tokio::test]
async fn what_splits_words_is_the_usual_and_is_set() {
    for host in Host::each() {
        let mut exec = host.exec.clone();
        exec.noise = "export IFS=:".into();
        let text =
            "set -u; before=$IFS; IFS=:; set -- a:b; IFS=$before; printf %s \"$IFS\" | od -An -tx1";
        let protocol = host.protocol_over(exec, host.options());
        let mut output = Vec::new();
        let end = within(protocol.probe(&script(text), &mut output)).await;
        assert_eq!(end.unwrap().status, 0);
        assert_eq!(String::from_utf8(output).unwrap().trim(), "20 09 0a");
    }
}

#[tokio::test]
async fn bytes_and_look_alikes_come_through() {
    let all: Vec<u8> = (0..=255u8).cycle().take(256 * 1024).collect();
    for host in Host::each() {
        let file = host.folder.path().join("bytes");
        std::fs::write(&file, &all).unwrap();
        let text = format!(
            "cat {}; printf '\\n@%s end rc=0\\n\\n@done\\n' x; exit 3",
            file.display()
        );
        let mut output = Vec::new();
        let end = within(host.protocol().probe(&script(&text), &mut output))
            .await
            .unwrap();
        assert_eq!(end.status, 3);
        assert!(output.starts_with(&all) && output.ends_with(b"@done\n"));
    }
}

#[tokio::test]
async fn noise_of_the_login_is_not_output() {
    for host in Host::each() {
        let mut exec = host.exec.clone();
        exec.noise = "echo hello; printf 'no line end'".into();
        let mut output = Vec::new();
        let protocol = host.protocol_over(exec, host.options());
        let end = within(protocol.probe(&script("echo a"), &mut output))
            .await
            .unwrap();
        assert_eq!((end.status, output.as_slice()), (0, &b"a\n"[..]));
    }
}

#[tokio::test]
async fn a_login_without_a_shell_is_told() {
    let host = &Host::each()[0];
    let mut exec = host.exec.clone();
    exec.noise = "echo This account is not available.; exit 1".into();
    let mut output = Vec::new();
    let protocol = host.protocol_over(exec, host.options());
    let error = within(protocol.probe(&script("true"), &mut output))
        .await
        .unwrap_err();
    assert!(
        matches!(error, ProbeError::Request(RequestError::Login(_))),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("This account is not available."),
        "{error}"
    );
}

#[tokio::test]
async fn a_lost_connection_is_told() {
    let host = &Host::each()[0];
    let mut exec = host.exec.clone();
    exec.cut_after = Some(200);
    let mut output = Vec::new();
    let protocol = host.protocol_over(exec, host.options());
    let error = within(protocol.probe(&script("seq 1 1000"), &mut output))
        .await
        .unwrap_err();
    assert!(
        matches!(error, ProbeError::Request(RequestError::Lost(_))),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_host_that_says_nothing_has_stalled() {
    let host = &Host::each()[0];
    let mut exec = host.exec.clone();
    exec.noise = "exec sleep 1000".into();
    let options = phalanx_remote::HostOptions {
        stall_timeout: Duration::from_millis(300),
        ..host.options()
    };
    let protocol = host.protocol_over(exec, options.clone());
    let error = within(protocol.boot_identity()).await.unwrap_err();
    assert!(matches!(error, RequestError::Stalled(_)), "{error:?}");
    // A script that says nothing has not.
    let mut output = Vec::new();
    let protocol = host.protocol_over(host.exec.clone(), options);
    let end = within(protocol.probe(&script("sleep 0.6"), &mut output))
        .await
        .unwrap();
    assert_eq!(end.status, 0);
}

#[tokio::test]
async fn the_boot_is_identified() {
    for host in Host::each() {
        let identity = within(host.protocol().boot_identity()).await.unwrap();
        assert_eq!(
            within(host.protocol().boot_identity()).await.unwrap(),
            identity
        );
        // A probe tells it as well, and its script notices nothing of that.
        let mut output = Vec::new();
        let asking = script("echo $# ${id-none} ${stat-none}");
        let end = within(host.protocol().probe(&asking, &mut output))
            .await
            .unwrap();
        assert_eq!(end.boot, identity);
        assert_eq!(String::from_utf8_lossy(&output).trim(), "0 none none");
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        let stat = std::fs::read_to_string("/proc/1/stat").unwrap();
        let ticks = stat
            .rsplit(") ")
            .next()
            .unwrap()
            .split(' ')
            .nth(19)
            .unwrap();
        assert_eq!(identity.0, format!("{}.{ticks}", boot.trim()));
    }
}

#[tokio::test]
async fn a_reboot_is_asked_for_the_most_orderly_way_that_works() {
    for host in Host::each() {
        // The host side has a PATH of its own: these functions stand in for the programs.
        let with = |name: &str, body: &str| {
            let text = format!(
                "#!{0}\ncase $1 in\n-c) exec {0} -c '{body}'\"$2\" ;;\nesac\n",
                host.shell
            );
            program(host.folder.path(), name, &text);
            let shell = host.folder.path().join(name);
            host.protocol().with_shell(shell.to_str().unwrap())
        };
        let log = host.folder.path().join("log");
        let all = "sync() { :; }; systemctl() { no; }; shutdown() { no shutdown; }; \
                   reboot() { no reboot; }; ";
        let tell = format!(
            "no() {{ echo \"$*\" >>{}; echo not now; return 1; }}; ",
            log.display()
        );
        let error = within(with("none", &format!("{tell}{all}")).request_reboot(0)).await;
        let Err(RequestError::Protocol(said)) = error else {
            panic!("{error:?}")
        };
        assert_eq!(said, "the host will not reboot: not now");
        let asked = std::fs::read_to_string(&log).unwrap();
        assert!(asked.contains("shutdown\nreboot\n"), "{asked}");
        let takes = format!("{tell}{all}shutdown() {{ [ \"$*\" = \"-r now\" ]; }}; ");
        assert!(
            within(with("takes", &takes).request_reboot(0))
                .await
                .is_ok()
        );
        // The reboot is faster than its own answer.
        let fast = format!("{tell}{all}shutdown() {{ kill -9 $$; }}; ");
        assert!(within(with("fast", &fast).request_reboot(0)).await.is_ok());
    }
}
