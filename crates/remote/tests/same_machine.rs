//! Whether two connections lead to one machine, on real SSH servers.
#![allow(missing_docs, clippy::unwrap_used)]

mod lab_target;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use lab_target::{target, transport};
use phalanx_lab::{LoopbackHost, Sudo};
use phalanx_remote::{Connection, Transport, is_same_machine};

async fn connect(host: &LoopbackHost) -> Box<dyn Connection> {
    transport(target(host)).connect("host").await.unwrap()
}

#[tokio::test]
async fn one_machine_is_known_over_two_connections_and_another_one_is_not() {
    let start = || LoopbackHost::builder().sudo(Sudo::NoPassword).start();
    // Each is a container on one kernel: they share its boot id, or could.
    let (one, other) = (start().unwrap(), start().unwrap());
    let (first, second, third) = (
        connect(&one).await,
        connect(&one).await,
        connect(&other).await,
    );
    assert!(is_same_machine(&*first, &*second).await.unwrap());
    assert!(is_same_machine(&*second, &*first).await.unwrap());
    assert!(is_same_machine(&*first, &*first).await.unwrap());
    assert!(!is_same_machine(&*first, &*third).await.unwrap());
    assert!(!is_same_machine(&*third, &*first).await.unwrap());
}

/// The same processes, other files: as `docker run --pid=host`.
#[test]
fn a_container_that_sees_our_processes_is_another_machine() {
    let (mark, marked) = (
        include_str!("../src/host/mark.sh"),
        include_str!("../src/host/marked.sh"),
    );
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().display();
    let inside = format!(
        "mount -t tmpfs none {root} && cd {root} && for f in usr bin lib lib64 proc; do [ -d /$f ] || continue; \
         mkdir $f && mount --rbind /$f $f || exit 9; done; exec chroot . /bin/sh -c \"$LOOK\""
    );
    for shell in ["dash", "bash"] {
        let mut standing = Command::new(shell)
            .args(["-c", mark])
            .env("PX_MARK", "px0123456789abc")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut process = Vec::new();
        let said = standing.stdout.as_mut().unwrap();
        BufReader::new(said).read_until(b'.', &mut process).unwrap();
        let process = String::from_utf8(process).unwrap();
        let look = |command: &mut Command, mark: &str| {
            let command = command
                .env("PX_MARK", mark)
                .env("PX_MARKED", process.trim_end_matches('.'));
            command.env("LOOK", marked).status().unwrap().code()
        };
        let here = || {
            let mut here = Command::new(shell);
            here.args(["-c", marked]);
            here
        };
        assert_eq!(look(&mut here(), "px0123456789abc"), Some(0), "{shell}");
        assert_eq!(look(&mut here(), "px0123456789abd"), Some(1), "{shell}");
        let mut there = Command::new("unshare");
        there.args(["--mount", "sh", "-c", &inside]);
        assert_eq!(look(&mut there, "px0123456789abc"), Some(1), "{shell}");
        standing.kill().unwrap();
        standing.wait().unwrap();
        assert_eq!(look(&mut here(), "px0123456789abc"), Some(1), "{shell}");
    }
}
