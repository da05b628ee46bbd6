//! Jobs that run to their end: what a script gets, what comes back.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests say what they expect by unwrapping"
)]

mod support;

use std::os::unix::fs::PermissionsExt as _;

use phalanx_remote::{JobEnd, JobStart, JobState, Script, parse_result};
use support::{Host, Recorder, call, id, release, start, until, within};

/// What an uneventful job ends with.
fn ended(end: &JobEnd, status: i32, size: usize) {
    assert_eq!(end.state, JobState::Ended(status));
    assert_eq!((end.size, end.left, end.full), (size as u64, 0, false));
}

#[tokio::test]
async fn output_and_status_come_back() {
    for host in Host::each() {
        let (end, seen) = host
            .run(&id("plain"), "echo out; echo err >&2; exit 7")
            .await;
        ended(&end, 7, 8);
        assert_eq!(seen.text(), "out\nerr\n");
        assert_eq!(seen.accepted(), 1);
        let took = end.took.expect("the host has a clock");
        assert!(took < support::LIMIT);
        assert_eq!(end.result, "");
    }
}

#[tokio::test]
async fn any_way_to_end_is_told() {
    for host in Host::each() {
        let cases = [
            ("nothing", "", 0),
            ("kill", "kill -9 $$", 137),
            ("term", "kill -TERM $$", 143),
            ("group", "kill 0", 143),
            ("unknown", "no_such_program_at_all", 127),
            ("syntax", "if", 2),
            ("closed", "exec >&- 2>&-; exit 5", 5),
            ("exec", "exec true", 0),
            ("large", "exit 255", 255),
            ("stdin", "if read x; then exit 1; fi", 0),
            ("gone", "rm \"$PX_DIR/out\"; exit 6", 6),
            ("trap", "trap 'exit 9' EXIT; false", 9),
        ];
        for (name, text, status) in cases {
            let (end, _) = host.run(&id(name), text).await;
            // The two shells have different statuses for a syntax error.
            let right = end.state == JobState::Ended(status)
                || (name == "syntax" && matches!(end.state, JobState::Ended(1..=2)));
            assert!(right, "{name} with {}: {:?}", host.shell, end.state);
        }
    }
}

#[tokio::test]
async fn a_script_may_remove_its_own_folder() {
    for host in Host::each() {
        let (end, seen) = host
            .run(&id("rm"), "echo a; rm -rf \"$PX_DIR\"; echo b; exit 3")
            .await;
        assert_eq!(end.state, JobState::Ended(3));
        assert_eq!(seen.text(), "a\nb\n");
    }
}

#[tokio::test]
async fn every_byte_comes_through() {
    let all: Vec<u8> = (0..=255u8).cycle().take(256 * 512).collect();
    for host in Host::each() {
        let file = host.folder.path().join("bytes");
        std::fs::write(&file, &all).unwrap();
        let (end, seen) = host
            .run(&id("bytes"), &format!("cat {}", file.display()))
            .await;
        ended(&end, 0, all.len());
        assert!(seen.bytes() == all, "the bytes differ");
    }
}

#[tokio::test]
async fn twenty_megabytes_without_a_line_end_come_through() {
    for host in Host::each() {
        let size = 20_000_000;
        let (end, seen) = host
            .run(&id("long"), "head -c 20000000 /dev/zero | tr '\\0' x")
            .await;
        ended(&end, 0, size);
        let bytes = seen.bytes();
        assert!(bytes.len() == size && bytes.iter().all(|byte| *byte == b'x'));
    }
}

#[tokio::test]
async fn output_that_looks_like_a_trailer_is_output() {
    for host in Host::each() {
        let text = "printf '\\n@'; cut -d' ' -f2 <\"$PX_DIR/pid\" | tr -d '\\n'; printf '\\n@'\n\
                    printf '\\n@0123456789abcdef0123456789abcdef end ended rc=0\\n'; exit 4";
        let (end, seen) = host.run(&id("alike"), text).await;
        ended(&end, 4, seen.bytes().len());
        assert!(seen.text().ends_with("end ended rc=0\n"));
    }
}

#[tokio::test]
async fn the_environment_is_clean_and_exact() {
    let values = [
        "it's",
        "two\nlines\n",
        "\t \"$HOME\" `id` \\",
        "größe ☃ \u{81}",
        "",
        "-n",
        "*",
    ];
    for host in Host::each() {
        let text = "for v in A B C D E F G; do eval \"printf '%s.' \\\"\\$PX_$v\\\"\"; done\n\
                    set | grep -c -e SSH_ -e SUDO_; echo \"$HOME|$LANG|$PWD|$(umask)|$TERM\"\n\
                    sh -c 'printf %s. \"$PX_A\"'";
        let env = "ABCDEFG"
            .chars()
            .zip(values)
            .map(|(n, v)| (format!("PX_{n}"), v.to_owned()));
        let script = Script {
            text: text.into(),
            env: env.collect(),
            ..Script::default()
        };
        let mut seen = Recorder::default();
        let (protocol, id) = (host.protocol(), id("env"));
        let end = within(protocol.job(call(&id, Some(&script)), &mut seen))
            .await
            .unwrap();
        assert_eq!(end.state, JobState::Ended(0));
        let mut expected: String = values.iter().map(|value| format!("{value}.")).collect();
        expected.push_str("0\n/root|C|/|0022|dumb\nit's.");
        assert_eq!(seen.text(), expected);
    }
}

#[tokio::test]
async fn any_script_text_arrives_as_it_is() {
    for host in Host::each() {
        let odd = "'\"\\$(`é☃\u{1}\u{7f}\u{81}\u{88}\r\t";
        let text = format!("cat <<'EOF'\n{odd}\n{}\nEOF", "x".repeat(200_000));
        let (end, seen) = host.run(&id("text"), &text).await;
        assert_eq!(end.state, JobState::Ended(0));
        assert!(seen.text().starts_with(&format!("{odd}\nxxx")));
        assert_eq!(end.size as usize, odd.len() + 2 + 200_000);
    }
}

#[tokio::test]
async fn messages_name_the_lines_of_the_script() {
    for host in Host::each() {
        let (_, seen) = host.run(&id("line"), "true\ntrue\nno_such_program\n").await;
        assert!(
            seen.text().contains(": 3:") || seen.text().contains("line 3:"),
            "{}",
            seen.text()
        );
    }
}

#[tokio::test]
async fn result_lines_come_back_beside_the_output() {
    for host in Host::each() {
        let text = "changed 'a\tb\\c\nd'; already ready; fact ram_mb 2048; echo out\n\
                    problem disk warning 'too small' 'add one'; exit 1";
        let (end, seen) = host.run(&id("result"), text).await;
        assert_eq!(
            (end.state, seen.text().as_str()),
            (JobState::Ended(1), "out\n")
        );
        let lines = parse_result(&end.result);
        assert_eq!(lines.changed, ["a\tb\\c\nd"]);
        assert_eq!(lines.already, ["ready"]);
        assert_eq!(lines.facts, [("ram_mb".to_owned(), "2048".to_owned())]);
        assert_eq!((lines.problems.len(), lines.malformed), (1, 0));
    }
}

#[tokio::test]
async fn a_huge_result_is_cut() {
    for host in Host::each() {
        let text = "yes 'changed\tx' 2>/dev/null | head -c 1000000 >\"$PX_RESULT\"";
        let (end, _) = host.run(&id("huge"), text).await;
        assert_eq!(end.result.len(), 256 << 10);
    }
}

#[tokio::test]
async fn secrets_are_a_private_file_for_as_long_as_the_script_runs() {
    for host in Host::each() {
        let id = id("secret");
        let text = "stat -c %a \"$PX_SECRETS\"; . \"$PX_SECRETS\"; echo \"$TOKEN\"";
        let script = support::script(text);
        let mut call = call(&id, None);
        call.start = Some(JobStart {
            script: &script,
            secrets: Some("TOKEN='it'\\''s'\n"),
        });
        let mut seen = Recorder::default();
        within(host.protocol().job(call, &mut seen)).await.unwrap();
        assert_eq!(seen.text(), "600\nit's\n");
        assert!(host.job_folder(&id).join("out").exists());
        assert!(!host.job_folder(&id).join("secrets").exists());
        let mode = std::fs::metadata(host.spool())
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}

#[tokio::test]
async fn secrets_are_in_no_command_line() {
    for host in Host::each() {
        let (id, pipe) = (id("argv"), host.pipe("go"));
        let text = format!("read x <{}", pipe.display());
        let mut script = support::script(&text);
        script.env.push(("PX_WORD".into(), "open-sesame-1".into()));
        let mut call = call(&id, None);
        call.start = Some(JobStart {
            script: &script,
            secrets: Some("A=open-sesame-2\n"),
        });
        let protocol = host.protocol();
        let mut seen = Recorder::default();
        let accepted = seen.clone();
        let job = protocol.job(call, &mut seen);
        let look = async {
            until("the job is accepted", || accepted.accepted() == 1).await;
            assert_eq!(support::processes_with("open-sesame"), Vec::<String>::new());
            release(pipe).await;
        };
        let (end, ()) = tokio::join!(within(job), look);
        assert_eq!(end.unwrap().state, JobState::Ended(0));
    }
}

#[tokio::test]
async fn children_left_behind_are_ended() {
    for host in Host::each() {
        let (end, seen) = host.run(&id("left"), "sleep 1000 & echo $!; exit 4").await;
        assert_eq!((end.state, end.left), (JobState::Ended(4), 1));
        assert_eq!(end.left_names, ["sleep"]);
        let process = format!("/proc/{}", seen.text().trim());
        until("the child is gone", || {
            !std::path::Path::new(&process).exists()
        })
        .await;
    }
}

#[tokio::test]
async fn nothing_stays_but_the_jobs_folder() {
    for host in Host::each() {
        let (end, _) = host.run(&id("stay"), "true").await;
        assert_eq!(end.state, JobState::Ended(0));
        until("all processes are gone", || host.processes().is_empty()).await;
    }
}

#[tokio::test]
async fn a_disk_that_is_full_here_does_not_stop_the_job() {
    for host in Host::each() {
        let id = id("sink");
        let mut full = Recorder::default();
        full.room = Some(2);
        let error = start(&host.protocol(), &id, "echo abc; exit 2", &mut full).await;
        assert!(matches!(error, Err(phalanx_remote::JobError::Output(_))));
        let mut seen = Recorder::default();
        let end = support::attach(&host.protocol(), &id, 0, &mut seen)
            .await
            .unwrap();
        assert_eq!(
            (end.state, seen.text().as_str()),
            (JobState::Ended(2), "abc\n")
        );
    }
}

/// Anybody may write a job's folder into an environment: it stands in the process list.
#[tokio::test]
async fn a_strangers_process_is_no_part_of_a_job() {
    if !rustix::process::getuid().is_root() {
        println!("not root: no stranger can be played");
        return;
    }
    for host in Host::each() {
        let id = id("stranger");
        let mark = format!("PX_DIR={}", host.job_folder(&id).display());
        let mut stranger = std::process::Command::new("setpriv")
            .args([
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
                "env",
                &mark,
            ])
            .args(["sleep", "1000"])
            .spawn()
            .unwrap();
        let environ = format!("/proc/{}/environ", stranger.id());
        until("it has the job's folder in its environment", || {
            let environ = std::fs::read(&environ).unwrap_or_default();
            String::from_utf8_lossy(&environ).contains(&mark)
        })
        .await;
        let (end, _) = host.run(&id, "sleep 1000 & exit 3").await;
        assert_eq!((end.state, end.left), (JobState::Ended(3), 1));
        let lives = stranger.try_wait().unwrap().is_none();
        stranger.kill().unwrap();
        stranger.wait().unwrap();
        assert!(lives, "it was not ours to end");
    }
}
