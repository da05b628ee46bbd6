//! Waiting until the hosts of a lab answer: an SSH banner from each, seen from the hub's network.

use std::fs::File;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::error::{LabError, at};

/// How many hosts are asked at the same time.
const AT_ONCE: usize = 8;
/// How long to leave a host alone that did not answer.
const PAUSE: Duration = Duration::from_millis(10);

/// Asks hosts until all have answered or nobody wants to know any more.
#[derive(Debug)]
pub(crate) struct Answering {
    answers: mpsc::Receiver<usize>,
    enough: Arc<AtomicBool>,
}

impl Answering {
    /// Begins to ask the hosts at these addresses, in the network of the process `pid`.
    pub(crate) fn of(pid: i32, addresses: &[Ipv4Addr]) -> Result<Self, LabError> {
        let path = format!("/proc/{pid}/ns/net");
        let network = Arc::new(at("opening", path.as_ref(), File::open(&path))?);
        let enough = Arc::new(AtomicBool::new(false));
        let (answer, answers) = mpsc::channel();
        for first in 0..AT_ONCE.min(addresses.len()) {
            let mine: Vec<(usize, Ipv4Addr)> = addresses
                .iter()
                .copied()
                .enumerate()
                .skip(first)
                .step_by(AT_ONCE)
                .collect();
            let (network, enough, answer) = (network.clone(), enough.clone(), answer.clone());
            // A thread of its own, since its network is another one from here on.
            let thread = thread::Builder::new().name("lab-answering".into());
            let spawned = thread.spawn(move || {
                let kind = Some(LinkNameSpaceType::Network);
                if move_into_link_name_space(network.as_fd(), kind).is_ok() {
                    ask(mine, &enough, &answer);
                }
            });
            spawned.map_err(|source| LabError::Io {
                doing: "starting a thread".into(),
                source,
            })?;
        }
        Ok(Self { answers, enough })
    }

    /// The number of a host that has answered, if one does within this time.
    pub(crate) fn next(&self, within: Duration) -> Option<usize> {
        match self.answers.recv_timeout(within) {
            Ok(number) => Some(number),
            Err(mpsc::RecvTimeoutError::Timeout) => None,
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                // All have answered, or nobody asks any more.
                thread::sleep(within);
                None
            }
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.enough.store(true, Ordering::Relaxed);
    }
}

fn ask(mut hosts: Vec<(usize, Ipv4Addr)>, enough: &AtomicBool, answer: &mpsc::Sender<usize>) {
    while !hosts.is_empty() && !enough.load(Ordering::Relaxed) {
        hosts.retain(|(number, address)| {
            let answers = banner(*address);
            if answers {
                let _ = answer.send(*number);
            }
            !answers
        });
        thread::sleep(PAUSE);
    }
}

/// Whether an sshd says hello at this address.
fn banner(address: Ipv4Addr) -> bool {
    let address = SocketAddr::from((address, 22));
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) else {
        return false;
    };
    let mut hello = [0; 4];
    stream
        .set_read_timeout(Some(Duration::from_secs(2)))
        .is_ok()
        && stream.read_exact(&mut hello).is_ok()
        && hello == *b"SSH-"
}
