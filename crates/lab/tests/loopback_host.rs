//! A lab host is a host: with the real ssh as the client.
#![allow(missing_docs, clippy::unwrap_used)]

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use phalanx_lab::{BenchSshd, LabError, Login, LoopbackHost, OnReboot, Sudo};

const WITHIN: Duration = Duration::from_secs(20);

fn command(host: &LoopbackHost, tty: bool, line: &str) -> Command {
    let known_hosts = host.folder().join("known_hosts");
    std::fs::write(&known_hosts, host.known_hosts_line() + "\n").unwrap();
    let mut ssh = Command::new("ssh");
    ssh.args(["-F", "none", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR"])
        .arg("-o")
        .arg(format!("UserKnownHostsFile={}", known_hosts.display()))
        .args([
            "-o",
            "GlobalKnownHostsFile=none",
            "-o",
            "StrictHostKeyChecking=yes",
        ])
        .arg("-i")
        .arg(host.key_path())
        .args(["-p", &host.port().to_string(), "-l", host.user()])
        .args(if tty { vec!["-tt"] } else { vec![] })
        .arg(host.address().to_string())
        .arg(line);
    ssh
}

fn ssh(host: &LoopbackHost, line: &str) -> Output {
    command(host, false, line).output().unwrap()
}

fn says(host: &LoopbackHost, line: &str) -> String {
    let output = ssh(host, line);
    assert!(
        output.status.success(),
        "{line}: {output:?}\n{}",
        host.log()
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[track_caller]
fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + WITHIN;
    while !done() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        std::thread::yield_now();
    }
}

#[test]
fn is_a_host_of_its_own() {
    let host = LoopbackHost::builder().name("first").start().unwrap();
    let other = LoopbackHost::builder().name("second").start().unwrap();
    assert_eq!(
        says(&host, "id -un; uname -n; pwd"),
        "operator\nfirst\n/home/operator"
    );
    assert_eq!(says(&host, "sudo -n id -un"), "root");
    // What one changes, neither the other nor this machine sees.
    says(
        &host,
        "sudo sh -c 'echo mine > /etc/phalanx-lab-test; echo job > /var/lib/phalanx/job'",
    );
    assert_eq!(says(&host, "cat /etc/phalanx-lab-test"), "mine");
    assert!(
        !ssh(&other, "test -e /etc/phalanx-lab-test")
            .status
            .success()
    );
    assert!(!std::path::Path::new("/etc/phalanx-lab-test").exists());
    assert_eq!(
        std::fs::read_to_string(host.spool_path().join("job")).unwrap(),
        "job\n"
    );
    assert_ne!(host.boot_id().unwrap(), other.boot_id().unwrap());
    assert_eq!(
        says(&host, "cat /proc/sys/kernel/random/boot_id"),
        host.boot_id().unwrap()
    );
    // Its processes are its own: process 1 is its sshd.
    assert_eq!(says(&host, "cat /proc/1/comm"), "sshd");
}

#[test]
fn root_can_log_in() {
    let host = LoopbackHost::builder().login(Login::Root).start().unwrap();
    assert_eq!(says(&host, "id -un"), "root");
}

#[test]
fn sudo_is_what_was_asked_for() {
    let asks = LoopbackHost::builder()
        .sudo(Sudo::WantsPassword)
        .start()
        .unwrap();
    let output = ssh(&asks, "sudo -n true");
    assert!(!output.status.success());
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("a password is required"),
        "{output:?}"
    );

    let tty = LoopbackHost::builder()
        .sudo(Sudo::RequireTty)
        .start()
        .unwrap();
    let output = ssh(&tty, "sudo -n true");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("must have a tty"),
        "{output:?}"
    );
    assert!(
        command(&tty, true, "sudo -n true")
            .status()
            .unwrap()
            .success()
    );

    let denied = LoopbackHost::builder().sudo(Sudo::Denied).start().unwrap();
    assert!(!ssh(&denied, "sudo -n true").status.success());
}

#[test]
fn reboots_and_keeps_its_spool() {
    for request in ["systemctl reboot", "shutdown -r now", "reboot"] {
        let host = LoopbackHost::builder().start().unwrap();
        let (before, lines) = (host.boot_id().unwrap(), host.known_hosts_lines());
        says(&host, "sudo sh -c 'echo kept > /var/lib/phalanx/kept'");
        says(
            &host,
            "sudo setsid sh -c 'echo $$ > /var/lib/phalanx/pid; sleep 600' </dev/null >/dev/null 2>&1 &",
        );
        wait_for("the job", || host.spool_path().join("pid").exists());
        says(&host, &format!("sudo {request}"));
        wait_for(request, || host.boots() == 2);
        host.wait_until_up(WITHIN).unwrap();
        assert_ne!(host.boot_id().unwrap(), before, "{request}");
        assert_eq!(host.known_hosts_lines(), lines);
        assert_eq!(says(&host, "sudo cat /var/lib/phalanx/kept"), "kept");
        assert_eq!(
            says(&host, "pgrep -x sleep || true"),
            "",
            "nothing outlives a reboot"
        );
    }
}

#[test]
fn may_not_return_or_not_reboot_at_all() {
    let host = LoopbackHost::builder()
        .on_reboot(OnReboot::Ignored)
        .start()
        .unwrap();
    let before = host.boot_id().unwrap();
    says(&host, "sudo systemctl reboot");
    assert_eq!(says(&host, "cat /proc/sys/kernel/random/boot_id"), before);
    assert!(
        !ssh(&host, "systemctl reboot").status.success(),
        "only root may"
    );

    host.set_on_reboot(OnReboot::NeverReturns).unwrap();
    says(&host, "sudo systemctl reboot");
    wait_for("the end", || !host.is_up());
    assert!(matches!(
        host.wait_until_up(WITHIN),
        Err(LabError::NotUp { .. })
    ));
    host.start().unwrap();
    assert_ne!(says(&host, "cat /proc/sys/kernel/random/boot_id"), before);
    host.power_cycle().unwrap();
    wait_for("the end", || !host.is_up());
}

#[test]
fn a_job_outlives_its_connection_only() {
    let host = LoopbackHost::builder().start().unwrap();
    let pid = host.spool_path().join("pid");
    let mut client = command(
        &host,
        false,
        "sudo setsid sh -c 'echo $$ > /var/lib/phalanx/pid; exec sleep 600' & wait",
    )
    .spawn()
    .unwrap();
    wait_for("the job", || {
        std::fs::read_to_string(&pid).is_ok_and(|text| text.ends_with('\n'))
    });
    assert!(host.drop_connections() > 0);
    assert_eq!(client.wait().unwrap().code(), Some(255));
    assert_eq!(
        says(&host, "pgrep -x sleep"),
        std::fs::read_to_string(&pid).unwrap().trim()
    );
    host.stop();
    assert!(!ssh(&host, "true").status.success());
    host.start().unwrap();
    assert_eq!(says(&host, "pgrep -x sleep || echo gone"), "gone");
}

#[test]
fn freezes_and_thaws() {
    let host = LoopbackHost::builder().start().unwrap();
    host.freeze();
    let mut client = command(&host, false, "echo there").spawn().unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| client.wait().unwrap());
        let until = Instant::now() + Duration::from_millis(300);
        wait_for("the time", || Instant::now() > until);
        assert!(!waiting.is_finished());
        host.thaw();
        assert!(waiting.join().unwrap().success());
    });
}

#[test]
fn a_small_spool_is_full_soon() {
    let host = LoopbackHost::builder().spool_size(1 << 20).start().unwrap();
    let output = ssh(
        &host,
        "sudo sh -c 'head -c 5000000 /dev/zero > /var/lib/phalanx/big'",
    );
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("No space left"),
        "{output:?}"
    );
}

#[test]
fn new_host_keys_are_other_keys() {
    let mut host = LoopbackHost::builder().start().unwrap();
    let before = host.known_hosts_line();
    host.replace_host_keys().unwrap();
    assert_ne!(host.known_hosts_line(), before);
    assert_eq!(says(&host, "echo there"), "there");
}

#[test]
fn does_without_namespaces_for_the_current_user() {
    let host = LoopbackHost::builder()
        .login(Login::Current)
        .start()
        .unwrap();
    assert_eq!(says(&host, "echo there"), "there");
    assert!(matches!(host.boot_id(), Err(LabError::NeedsRoot { .. })));
    host.stop();
    host.start().unwrap();
    assert_eq!(says(&host, "echo back"), "back");
}

#[test]
fn one_sshd_is_many_hosts() {
    let bench = BenchSshd::start().unwrap();
    for number in [0, 1, 999] {
        let name = format!("{}:{}", bench.address(number), bench.port());
        let stream = std::net::TcpStream::connect(name).unwrap();
        stream.set_read_timeout(Some(WITHIN)).unwrap();
        let mut banner = [0; 4];
        std::io::Read::read_exact(&mut &stream, &mut banner).unwrap();
        assert_eq!(&banner, b"SSH-");
    }
}

/// Dies with the process that started it, however that dies: the test starts itself once more, as a
/// process that starts a host and is then killed.
#[test]
fn dies_with_the_process_that_started_it() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("port");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "hold_a_host_for_ever", "--ignored"])
        .env("PHALANX_LAB_MARK", &mark)
        .env("TMPDIR", folder.path())
        .spawn()
        .unwrap();
    wait_for("the host", || {
        std::fs::read_to_string(&mark).is_ok_and(|text| text.ends_with('\n'))
    });
    let name = std::fs::read_to_string(&mark).unwrap().trim().to_owned();
    drop(std::net::TcpStream::connect(&name).unwrap());
    child.kill().unwrap();
    child.wait().unwrap();
    wait_for("its death", || std::net::TcpStream::connect(&name).is_err());
}

#[test]
#[ignore = "the other half of dies_with_the_process_that_started_it"]
#[allow(
    clippy::disallowed_methods,
    reason = "tells the two processes of one test what to do"
)]
fn hold_a_host_for_ever() {
    let Some(mark) = std::env::var_os("PHALANX_LAB_MARK") else {
        return;
    };
    let host = LoopbackHost::builder().start().unwrap();
    std::fs::write(mark, format!("{}:{}\n", host.address(), host.port())).unwrap();
    loop {
        std::thread::park();
    }
}
