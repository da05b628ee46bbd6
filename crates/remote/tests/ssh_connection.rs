//! A whole connection to a real sshd: probes, jobs, files and reboots over SSH and sudo.
#![allow(missing_docs, clippy::unwrap_used)]

mod lab_target;

use std::time::{Duration, Instant};

use insta::assert_snapshot;
use lab_target::{target, transport};
use phalanx_lab::{Login, LoopbackHost, LoopbackHostBuilder, Sudo};
use phalanx_remote::{
    Connection, FileToPut, JobCall, JobEnd, JobError, JobId, JobStart, JobState, JobWatch,
    ProbeError, PutOutcome, RequestError, Script, Transport,
};
use tokio::time::timeout;

const WITHIN: Duration = Duration::from_secs(30);

fn script(text: &str) -> Script {
    Script {
        text: text.into(),
        env: vec![("GREETING".into(), "it's ok\n".into())],
        ..Script::default()
    }
}

async fn connect(host: &LoopbackHost) -> Box<dyn Connection> {
    transport(target(host)).connect("host").await.unwrap()
}

async fn probe(connection: &dyn Connection, text: &str) -> (String, i32) {
    let mut output = Vec::new();
    let end = timeout(WITHIN, connection.probe(&script(text), &mut output))
        .await
        .unwrap()
        .unwrap();
    (String::from_utf8(output).unwrap(), end.status)
}

/// Keeps what comes, and tells when there is enough.
#[derive(Default)]
struct Watch {
    accepted: bool,
    output: Vec<u8>,
    seen: std::sync::Arc<std::sync::Mutex<Vec<u8>>>,
}

impl JobWatch for Watch {
    fn accepted(&mut self) {
        self.accepted = true;
    }

    fn output(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.output.extend_from_slice(bytes);
        self.seen.lock().unwrap().extend_from_slice(bytes);
        Ok(())
    }
}

async fn job(
    connection: &dyn Connection,
    id: &JobId,
    text: Option<&str>,
    watch: &mut Watch,
) -> Result<JobEnd, JobError> {
    let script = script(text.unwrap_or_default());
    let start = text.map(|_| JobStart {
        script: &script,
        secrets: None,
    });
    let offset = watch.output.len() as u64;
    let call = JobCall {
        id,
        fence: 0,
        start,
        offset,
    };
    timeout(WITHIN, connection.job(call, watch)).await.unwrap()
}

async fn a_host_can_be_worked_with(builder: LoopbackHostBuilder) {
    let host = builder.start().unwrap();
    let connection = connect(&host).await;
    let said = probe(&*connection, "id -un; printf %s \"$GREETING\"; exit 3").await;
    assert_eq!(said, ("root\nit's ok\n".into(), 3));

    let mut watch = Watch::default();
    let id = JobId::new("run", "stage", "host", 1);
    let end = job(
        &*connection,
        &id,
        Some("id -un; changed it; exit 4"),
        &mut watch,
    )
    .await
    .unwrap();
    assert_eq!(end.state, JobState::Ended(4));
    assert!(watch.accepted && watch.output == b"root\n");

    let bytes: Vec<u8> = (0..=255).cycle().take(200_000).collect();
    let file = FileToPut {
        path: "/etc/phalanx-test/file".into(),
        content: phalanx_remote::Content::Bytes(bytes.clone()),
        mode: 0o640,
        owner: None,
    };
    let mut done = Vec::new();
    for _ in 0..2 {
        let put = connection.put_all(std::slice::from_ref(&file), 0, &mut done);
        put.await.unwrap();
    }
    assert_eq!(done, [PutOutcome::Written, PutOutcome::Already]);
    let said = probe(&*connection, "stat -c '%a %U %s' /etc/phalanx-test/file").await;
    assert_eq!(said.0, "640 root 200000\n");
    assert!(!std::path::Path::new("/etc/phalanx-test").exists());

    connection.collect_jobs("run", 0).await.unwrap();
    let left = job(&*connection, &id, None, &mut Watch::default()).await;
    assert!(matches!(left, Err(JobError::Absent)), "{left:?}");
    connection.close().await;
}

#[tokio::test]
async fn with_sudo() {
    a_host_can_be_worked_with(LoopbackHost::builder()).await;
}

#[tokio::test]
async fn with_sudo_that_wants_a_terminal() {
    a_host_can_be_worked_with(LoopbackHost::builder().sudo(Sudo::RequireTty)).await;
}

#[tokio::test]
async fn as_root() {
    a_host_can_be_worked_with(LoopbackHost::builder().login(Login::Root)).await;
}

#[tokio::test]
async fn sudo_that_wants_a_password() {
    let host = LoopbackHost::builder()
        .sudo(Sudo::WantsPassword)
        .start()
        .unwrap();
    let connection = connect(&host).await;
    let error = connection
        .probe(&script("true"), &mut Vec::new())
        .await
        .unwrap_err();
    let ProbeError::Request(RequestError::Sudo(error)) = error else {
        panic!("{error:?}")
    };
    assert!(error.wants_password);
    assert_snapshot!(format!("{error}\nadvice: {}", error.advice()), @"
    the login may not become root: sudo: a password is required
    advice: the login needs sudo without a password (a line such as `USER ALL=(ALL) NOPASSWD: ALL` in /etc/sudoers.d), or log in as root
    ");
}

#[tokio::test]
async fn a_full_disk() {
    let host = LoopbackHost::builder()
        .spool_size(64 << 10)
        .start()
        .unwrap();
    let connection = connect(&host).await;
    let fill = "head -c 1000000 /dev/zero > /var/lib/phalanx/fill";
    assert_ne!(probe(&*connection, fill).await.1, 0);
    let id = JobId::new("run", "stage", "host", 1);
    let error = job(&*connection, &id, Some("true"), &mut Watch::default())
        .await
        .unwrap_err();
    let advice = error.advice().unwrap_or_default();
    assert_snapshot!(format!("{error}\nadvice: {advice}"), @"
    there is no space left for the spool /var/lib/phalanx
    advice: free some space below /var/lib/phalanx on the host
    ");
}

#[tokio::test]
async fn a_job_outlives_its_connection() {
    let host = LoopbackHost::builder().start().unwrap();
    let connection = connect(&host).await;
    let id = JobId::new("run", "stage", "host", 1);
    let go_on = host.spool_path().join("go-on");
    let text = "echo before; until [ -e /var/lib/phalanx/go-on ]; do sleep 0.05; done; echo after";
    let mut watch = Watch::default();
    let seen = watch.seen.clone();
    let cut = async {
        let deadline = Instant::now() + WITHIN;
        while seen.lock().unwrap().is_empty() {
            assert!(Instant::now() < deadline, "nothing came");
            tokio::task::yield_now().await;
        }
        assert!(host.drop_connections() > 0);
    };
    let (ended, ()) = tokio::join!(job(&*connection, &id, Some(text), &mut watch), cut);
    assert!(
        matches!(ended, Err(JobError::Request(RequestError::Lost(_)))),
        "{ended:?}"
    );
    timeout(WITHIN, connection.lost()).await.unwrap();

    let connection = connect(&host).await;
    std::fs::write(go_on, "").unwrap();
    let end = job(&*connection, &id, None, &mut watch).await.unwrap();
    assert_eq!(end.state, JobState::Ended(0));
    assert_eq!(String::from_utf8(watch.output).unwrap(), "before\nafter\n");
}

#[tokio::test]
async fn a_reboot_is_proven_and_interrupts_jobs() {
    let host = LoopbackHost::builder().start().unwrap();
    let connection = connect(&host).await;
    let before = connection.boot_identity().await.unwrap();
    assert_eq!(connection.boot_identity().await.unwrap(), before);
    let id = JobId::new("run", "stage", "host", 1);
    let mut watch = Watch::default();
    let seen = watch.seen.clone();
    let reboot = async {
        let deadline = Instant::now() + WITHIN;
        while seen.lock().unwrap().is_empty() {
            assert!(Instant::now() < deadline, "nothing came");
            tokio::task::yield_now().await;
        }
        timeout(WITHIN, connection.request_reboot(0))
            .await
            .unwrap()
            .unwrap();
    };
    let work = job(&*connection, &id, Some("echo here; sleep 60"), &mut watch);
    let (ended, ()) = tokio::join!(work, reboot);
    assert!(
        !matches!(
            ended,
            Ok(JobEnd {
                state: JobState::Ended(0),
                ..
            })
        ),
        "{ended:?}"
    );
    timeout(WITHIN, connection.lost()).await.unwrap();

    let deadline = Instant::now() + WITHIN;
    while host.boots() < 2 {
        assert!(Instant::now() < deadline, "it did not reboot");
        tokio::task::yield_now().await;
    }
    host.wait_until_up(WITHIN).unwrap();
    let connection = connect(&host).await;
    assert_ne!(connection.boot_identity().await.unwrap(), before);
    let end = job(&*connection, &id, None, &mut watch).await.unwrap();
    assert_eq!(end.state, JobState::Interrupted);
}
