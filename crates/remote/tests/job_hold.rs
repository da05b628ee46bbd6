//! Holding a host: one at a time, and whoever wakes up late is refused.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests say what they expect by unwrapping"
)]

mod support;

use std::fs;
use std::time::Duration;

use phalanx_remote::{
    Content, FenceError, FileToPut, Hold, HolderWords, HostOptions, HostProtocol, JobCall,
    JobError, JobId, JobKeeper, LeftJob, PutError, RequestError, Stance,
};
use support::{Host, Recorder, id, script, within};

fn words(process: &str) -> HolderWords {
    HolderWords {
        process: process.into(),
        beats: 0,
        stance: Stance::Taking,
        rank: i64::MAX as u64 - 1,
        run: "20260101-000000-abcde".into(),
        owner: "kim o'hara".into(),
        machine: "desk".into(),
        since: "2026-01-01T00:00:00Z".into(),
        host: "m1".into(),
    }
}

async fn hold(protocol: &HostProtocol, process: &str, seen: Option<&HolderWords>) -> Hold {
    within(protocol.hold(&words(process), seen)).await.unwrap()
}

async fn take(protocol: &HostProtocol, process: &str, seen: Option<&HolderWords>) -> u64 {
    match hold(protocol, process, seen).await {
        Hold::Taken { fence } => fence,
        other => panic!("{other:?}"),
    }
}

fn busy(hold: Hold) -> HolderWords {
    match hold {
        Hold::Busy { them, .. } => them,
        other => panic!("{other:?}"),
    }
}

fn left(id: &JobId, folder_gone: bool) -> Hold {
    let id = id.clone();
    Hold::Jobs(vec![LeftJob { id, folder_gone }])
}

#[tokio::test]
async fn a_host_is_held_by_one_and_taken_only_from_the_dead() {
    for host in Host::each() {
        let protocol = host.protocol();
        let first = take(&protocol, "a", None).await;
        let found = hold(&protocol, "b", None).await;
        let Hold::Busy { them, quiet_for } = found else {
            panic!("{found:?}")
        };
        let expected = HolderWords {
            // Words stay single on the host.
            owner: "kim_o'hara".into(),
            ..words("a")
        };
        assert_eq!(them, expected);
        let quiet_for = quiet_for.unwrap();
        assert!(quiet_for < Duration::from_secs(30), "{quiet_for:?}");
        // It lives: what was seen is not what is there any more.
        let working = HolderWords {
            stance: Stance::Working,
            ..words("a")
        };
        within(protocol.beat(&working, first)).await.unwrap();
        let lives = busy(hold(&protocol, "b", Some(&them)).await);
        assert_eq!((lives.beats, lives.stance), (1, Stance::Working));
        // It does not.
        assert_eq!(take(&protocol, "b", Some(&lives)).await, first + 1);
        // The same process may ask again: its answer may have been lost.
        assert_eq!(take(&protocol, "b", None).await, first + 2);
        within(protocol.release(first + 2)).await.unwrap();
        assert_eq!(take(&protocol, "a", None).await, first + 3);
    }
}

#[tokio::test]
async fn how_long_somebody_was_quiet_is_known_only_of_this_boot() {
    for host in Host::each() {
        let protocol = host.protocol();
        take(&protocol, "a", None).await;
        let holder = host.spool().join("holder");
        let written = fs::read_to_string(&holder).unwrap();
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        assert!(written.contains(boot.trim()), "{written}");
        let before = written.replace(boot.trim(), "another-boot");
        // The two lines that phalanx 0.1.0 wrote: it worked at once.
        let two_lines: String = written.lines().take(2).map(|l| format!("{l}\n")).collect();
        for (text, stance) in [(before, Stance::Taking), (two_lines, Stance::Working)] {
            fs::write(&holder, text).unwrap();
            let found = hold(&protocol, "b", None).await;
            let Hold::Busy { them, quiet_for } = found else {
                panic!("{found:?}")
            };
            assert_eq!((them.stance, quiet_for), (stance, None));
        }
    }
}

#[tokio::test]
async fn one_machine_under_two_names_is_told_as_that() {
    for host in Host::each() {
        let protocol = host.protocol();
        let fence = take(&protocol, "a", None).await;
        let twin = HolderWords {
            host: "m2".into(),
            ..words("a")
        };
        let found = within(protocol.hold(&twin, None)).await.unwrap();
        assert_eq!(found, Hold::Twice { host: "m1".into() });
        // The first is still who it was.
        within(protocol.beat(&words("a"), fence)).await.unwrap();
    }
}

/// All that is asked of a host with this number.
async fn all_with(host: &Host, fence: u64) -> Vec<String> {
    let protocol = host.protocol();
    let (id, script) = (id("late"), script("true"));
    let call = JobCall {
        fence,
        ..support::call(&id, Some(&script))
    };
    let mut said = Vec::new();
    let job = within(protocol.job(call, &mut Recorder::default())).await;
    said.push(job.map(drop).unwrap_err());
    assert!(!host.job_folder(&id).exists());
    said.push(within(protocol.beat(&words("a"), fence)).await.unwrap_err());
    said.push(within(protocol.release(fence)).await.unwrap_err());
    let cancel = within(protocol.cancel_job(&id, fence, Duration::ZERO)).await;
    said.push(cancel.unwrap_err());
    said.push(
        within(protocol.collect_jobs("run1", fence))
            .await
            .unwrap_err(),
    );
    let mut said: Vec<RequestError> = said.into_iter().map(request).collect();
    let path = host.folder.path().join("late");
    let file = FileToPut {
        path: path.to_str().unwrap().into(),
        content: Content::Bytes(b"late".to_vec()),
        mode: 0o600,
        owner: None,
    };
    match within(protocol.put_all(&[file], fence, &mut Vec::new())).await {
        Err(PutError::Request(error)) => said.push(error),
        other => panic!("{other:?}"),
    }
    assert!(!path.exists());
    said.push(within(protocol.request_reboot(fence)).await.unwrap_err());
    said.iter().map(|error| format!("{error:?}")).collect()
}

fn request(error: JobError) -> RequestError {
    match error {
        JobError::Request(error) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn who_wakes_up_late_can_do_nothing_any_more() {
    for host in Host::each() {
        let protocol = host.protocol();
        let late = take(&protocol, "a", None).await;
        let them = busy(hold(&protocol, "b", None).await);
        let by = take(&protocol, "b", Some(&them)).await;
        for error in all_with(&host, late).await {
            assert_eq!(error, format!("Fenced {{ by: {by} }}"));
        }
        // Who only looks is in nobody's way.
        let (id, script) = (id("late"), script("true"));
        let call = support::call(&id, Some(&script));
        within(protocol.job(call, &mut Recorder::default()))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_number_from_before_the_spool_was_removed_is_of_no_use() {
    for host in Host::each() {
        let protocol = host.protocol();
        // Taken again and again, its number is as high as one can be.
        take(&protocol, "a", None).await;
        fs::write(host.spool().join("fence"), "99999999999999990\n").unwrap();
        let before = take(&protocol, "a", None).await;
        assert_eq!(before, 99_999_999_999_999_991);
        // Somebody unlocks the host, as they think.
        for entry in fs::read_dir(host.spool()).unwrap() {
            let path = entry.unwrap().path();
            let removed = if path.is_dir() {
                fs::remove_dir_all(path)
            } else {
                fs::remove_file(path)
            };
            removed.unwrap();
        }
        let spool = host.spool().to_str().unwrap().to_owned();
        let removed = format!("Fence({:?})", FenceError::Removed { spool });
        for error in all_with(&host, before).await {
            assert_eq!(error, removed);
        }
        // The next begins at a number that nobody can have.
        let next = take(&protocol, "b", None).await;
        assert!(next > 1 && next != before + 1, "{next}");
        for error in all_with(&host, before).await {
            assert_eq!(error, format!("Fenced {{ by: {next} }}"));
        }
        within(protocol.beat(&words("b"), next)).await.unwrap();
    }
}

#[tokio::test]
async fn what_nobody_of_us_wrote_is_told_with_its_path() {
    type Damage = (&'static str, fn(&std::path::Path));
    let damages: [Damage; 8] = [
        ("garbage", |path| fs::write(path, "&%x y\n").unwrap()),
        ("another", |path| fs::write(path, "something\n").unwrap()),
        ("bytes", |path| fs::write(path, [0u8; 64]).unwrap()),
        ("a shell", |path| {
            fs::write(path, "$(touch /nowhere)\n").unwrap()
        }),
        ("high", |path| {
            fs::write(path, "99999999999999999999999 1\n").unwrap()
        }),
        ("negative", |path| fs::write(path, "-4 -4\n").unwrap()),
        ("octal", |path| fs::write(path, "007 x\n").unwrap()),
        ("a folder", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
    ];
    for host in Host::each() {
        for name in ["fence", "holder"] {
            for (what, damage) in damages {
                let protocol = host.protocol();
                let fence = take(&protocol, "a", None).await;
                let path = host.spool().join(name);
                damage(&path);
                let said = match name {
                    "fence" => all_with(&host, fence).await,
                    _ => vec![format!(
                        "{:?}",
                        request(within(protocol.beat(&words("a"), fence)).await.unwrap_err())
                    )],
                };
                let error = within(protocol.hold(&words("a"), None)).await.unwrap_err();
                let file = path.to_str().unwrap().to_owned();
                let spool = host.spool().to_str().unwrap().to_owned();
                let damaged = FenceError::Damaged { spool, file };
                for said in said {
                    assert_eq!(said, format!("Fence({damaged:?})"), "{name}: {what}");
                }
                let advice = error.advice().unwrap();
                assert!(
                    matches!(&error, JobError::Request(RequestError::Fence(error)) if *error == damaged),
                    "{name}: {what}: {error:?}"
                );
                assert!(
                    advice.contains(&format!("remove {}", path.display())),
                    "{advice}"
                );
                // Which is what helps.
                let removed = if path.is_dir() {
                    fs::remove_dir_all(&path)
                } else {
                    fs::remove_file(&path)
                };
                removed.unwrap();
                take(&protocol, "a", None).await;
            }
            // Nothing is not damage: what was not on disk yet is lost with the power.
            fs::write(host.spool().join(name), "").unwrap();
            let who = if name == "holder" { "b" } else { "a" };
            take(&host.protocol(), who, None).await;
            fs::remove_dir_all(host.spool()).unwrap();
        }
    }
}

#[tokio::test]
async fn signs_of_life_may_begin_anew() {
    for host in Host::each() {
        let protocol = host.protocol();
        let fence = take(&protocol, "a", None).await;
        let holder = host.spool().join("holder");
        let written = fs::read_to_string(&holder).unwrap();
        for beats in ["999999999999999999", "99999999999999999999999999"] {
            fs::write(&holder, written.replacen("a 0", &format!("a {beats}"), 1)).unwrap();
            let before = busy(hold(&protocol, "b", None).await);
            within(protocol.beat(&words("a"), fence)).await.unwrap();
            let after = busy(hold(&protocol, "b", Some(&before)).await);
            assert_ne!(before.beats, after.beats);
        }
    }
}

#[tokio::test]
async fn at_the_end_of_a_run_older_ones_are_cleared_away_as_well() {
    for host in Host::each() {
        let protocol = host.protocol();
        let old = JobId::new("run0", "a", "host1", 1);
        host.run(&old, "true").await;
        std::thread::sleep(std::time::Duration::from_millis(20));
        let fence = take(&protocol, "a", None).await;
        std::thread::sleep(std::time::Duration::from_millis(20));
        // Somebody only looks meanwhile.
        let (late, script) = (JobId::new("check1", "a", "host1", 1), script("true"));
        let call = JobCall {
            fence: 0,
            ..support::call(&late, Some(&script))
        };
        within(protocol.job(call, &mut Recorder::default()))
            .await
            .unwrap();
        within(protocol.collect_jobs("run1", fence)).await.unwrap();
        assert!(!host.job_folder(&old).exists());
        assert!(host.job_folder(&late).exists());
        assert!(!host.spool().join("holder").exists());
    }
}

#[tokio::test]
async fn what_another_run_left_running_is_not_run_beside() {
    for host in Host::each() {
        let pipe = host.pipe("go");
        let waiting = format!("read x <{}", pipe.display());
        let (protocol, mut seen) = (host.protocol(), Recorder::default());
        let running = JobId::new("run0", "a", "host1", 1);
        let watched = seen.clone();
        host.run(&JobId::new("run0", "over", "host1", 1), "exit 3")
            .await;
        let (end, ()) = tokio::join!(
            support::start(&protocol, &running, &waiting, &mut seen),
            async {
                support::until("it runs", || watched.accepted() == 1).await;
                let other = host.protocol();
                assert_eq!(hold(&other, "a", None).await, left(&running, false));
                // The run that it is of may go on.
                let own = HolderWords {
                    run: "run0".into(),
                    ..words("b")
                };
                let held = within(other.hold(&own, None)).await.unwrap();
                assert!(matches!(held, Hold::Taken { .. }), "{held:?}");
                support::release(pipe).await;
            }
        );
        end.unwrap();
    }
}

#[tokio::test]
async fn a_script_whose_folder_is_gone_is_not_run_beside() {
    for host in Host::each() {
        let pipe = host.pipe("go");
        let waiting = format!("read x <{}", pipe.display());
        let running = JobId::new("run0", "a", "host1", 1);
        let (protocol, mut seen) = (host.protocol(), Recorder::default());
        let watched = seen.clone();
        let (end, ()) = tokio::join!(
            support::start(&protocol, &running, &waiting, &mut seen),
            async {
                support::until("it runs", || watched.accepted() == 1).await;
                support::until("the script runs", || {
                    host.processes()
                        .iter()
                        .any(|line| line.contains("/main") && !line.contains("env -i"))
                })
                .await;
                fs::remove_dir_all(host.spool()).unwrap();
                let other = host.protocol();
                assert_eq!(hold(&other, "a", None).await, left(&running, true));
                // The run that it is of may go on.
                let own = HolderWords {
                    run: "run0".into(),
                    ..words("b")
                };
                let held = within(other.hold(&own, None)).await.unwrap();
                let Hold::Taken { fence } = held else {
                    panic!("{held:?}")
                };
                within(other.release(fence)).await.unwrap();
                support::release(pipe).await;
            }
        );
        drop(end); // it is told somehow: its folder is gone
        support::until("it is over", || {
            !host.processes().iter().any(|line| line.contains("/main"))
        })
        .await;
        take(&host.protocol(), "a", None).await;
    }
}

/// Only root's processes are a job's: anybody may say of theirs what they like.
#[tokio::test]
async fn a_stranger_keeps_nobody_from_a_host() {
    use std::os::unix::process::CommandExt as _;
    for host in Host::each() {
        let folder = host.spool().join("j/run0.a.host1.1");
        let mut stranger = std::process::Command::new("/bin/sleep");
        stranger.arg("1000").env("PX_DIR", &folder).uid(65_534);
        let mut stranger = stranger.spawn().unwrap();
        // The environment is there once it is the program.
        support::until("it runs", || {
            let path = format!("/proc/{}/environ", stranger.id());
            fs::read(path).is_ok_and(|told| told.windows(7).any(|part| part == b"PX_DIR="))
        })
        .await;
        let held = hold(&host.protocol(), "a", None).await;
        stranger.kill().unwrap();
        stranger.wait().unwrap();
        assert!(matches!(held, Hold::Taken { .. }), "{held:?}");
    }
}

/// The host's shell sees these files as its control groups.
fn with_scopes(host: &Host, scopes: &[(&str, &str)]) -> HostProtocol {
    let real = fs::read_link(&host.shell).unwrap();
    let real = real.display();
    let mut making = String::new();
    for (scope, processes) in scopes {
        let folder = format!("/sys/fs/cgroup/system.slice/{scope}");
        making.push_str(&format!(
            "mkdir -p {folder} && echo {processes} >{folder}/cgroup.procs && "
        ));
    }
    let text = format!(
        "#!{real}\nexec unshare -m {real} -c 'mount -t tmpfs none /sys/fs/cgroup && {making}exec {real} \
         \"$@\"' sh \"$@\"\n"
    );
    support::program(host.folder.path(), "with-scopes", &text);
    let shell = host.folder.path().join("with-scopes");
    let exec = support::LocalExec::new(shell.to_str().unwrap());
    let options = HostOptions {
        jobs: JobKeeper::Systemd,
        ..host.options()
    };
    host.protocol_over(exec, options)
}

#[tokio::test]
async fn a_scope_that_lives_is_not_run_beside() {
    for host in Host::each() {
        let gone = JobId::new("run0", "a", "host1", 1);
        let scope = format!("phalanx-{gone}.scope");
        let own = format!("phalanx-{}.a.host1.1.scope", words("a").run);
        for scopes in [
            // Empty: it is over, and systemd has not noticed yet.
            vec![(scope.as_str(), "''")],
            vec![(own.as_str(), "7")],
            vec![("phalanx-other-service.scope", "7"), ("sshd.service", "8")],
        ] {
            let protocol = with_scopes(&host, &scopes);
            take(&protocol, "a", None).await;
        }
        let protocol = with_scopes(&host, &[(scope.as_str(), "7")]);
        assert_eq!(hold(&protocol, "a", None).await, left(&gone, true));
        // The spool knows it, and that it has ended: its watcher is on its way out.
        let folder = host.job_folder(&gone);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("rc"), "rc=0 cancel=0 whole\n").unwrap();
        take(&protocol, "a", None).await;
        // What watched over it was killed, what it watched was not.
        fs::write(folder.join("rc"), " \n").unwrap();
        fs::write(folder.join("boot"), "this\n").unwrap();
        assert_eq!(hold(&protocol, "a", None).await, left(&gone, false));
    }
}
