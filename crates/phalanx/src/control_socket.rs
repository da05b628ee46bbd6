//! The way into a run from other processes: a socket in its folder, for its owner alone.
//!
//! One line of JSON in, one line of JSON out: an [`Order`], and `{"ok": TEXT}` or `{"refused": TEXT}`.

use std::convert::Infallible;
use std::fs::{self, File, Permissions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use phalanx_engine::Said;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::orders::{Order, Orders};

/// The socket's name in the run's folder.
const NAME: &str = "control.sock";
/// An order is no longer than this.
const LONGEST: u64 = 64 * 1024;
/// How long somebody may take to say an order, and the run to answer.
const WITHIN: Duration = Duration::from_secs(10);
/// So many may speak at once.
const AT_ONCE: usize = 16;
/// A socket's path has no room for more.
const LONGEST_PATH: usize = 100;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    Ok(String),
    Refused(String),
}

/// Takes orders for as long as it is polled, once the run's folder is there. Where no socket can be made the
/// run goes on without.
pub(crate) async fn serve(folder: oneshot::Receiver<PathBuf>, orders: Orders) -> Infallible {
    if let Ok(folder) = folder.await
        && let Ok(socket) = Socket::bind(&folder)
    {
        let mut speaking = JoinSet::new();
        loop {
            // One that has ended makes room for another.
            while speaking.try_join_next().is_some() {}
            if speaking.len() >= AT_ONCE {
                let _ = speaking.join_next().await;
            }
            match socket.listener.accept().await {
                Ok((stream, _)) => {
                    let orders = orders.clone();
                    speaking.spawn(async move {
                        // Whoever breaks off is not served further.
                        let _ = timeout(WITHIN * 2, listen(stream, &orders)).await;
                    });
                }
                // No more files may be open, say: it passes.
                Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }
    std::future::pending().await
}

async fn listen(mut stream: UnixStream, orders: &Orders) -> io::Result<()> {
    let (read, mut write) = stream.split();
    let mut line = String::new();
    let mut read = tokio::io::BufReader::new(read.take(LONGEST));
    let said = match timeout(WITHIN, read.read_line(&mut line)).await {
        Ok(Ok(1..)) => match serde_json::from_str::<Order>(&line) {
            Ok(order) => orders.carry_out(order).await,
            Err(error) => Err(format!("that is no order: {error}")),
        },
        _ => return Ok(()),
    };
    let answer = match said {
        Ok(text) => Answer::Ok(text),
        Err(text) => Answer::Refused(text),
    };
    let mut text = serde_json::to_string(&answer)?;
    text.push('\n');
    write.write_all(text.as_bytes()).await
}

/// The socket, removed when it is no longer listened to.
struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    fn bind(folder: &Path) -> io::Result<Self> {
        let path = folder.join(NAME);
        // Who holds the journal is the only one to listen: what is there was left by a process that died.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let short = ShortPath::of(folder)?;
        let listener = UnixListener::bind(short.path())?;
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        Ok(Self { listener, path })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // A run whose folder is gone has no socket either.
        let _ = fs::remove_file(&self.path);
    }
}

/// A path that has room in a socket's address: through an open folder, where it is too long.
struct ShortPath {
    path: PathBuf,
    _folder: Option<File>,
}

impl ShortPath {
    fn of(folder: &Path) -> io::Result<Self> {
        let path = folder.join(NAME);
        if path.as_os_str().len() <= LONGEST_PATH {
            return Ok(Self {
                path,
                _folder: None,
            });
        }
        let opened = File::open(folder)?;
        Ok(Self {
            path: Path::new("/proc/self/fd")
                .join(opened.as_raw_fd().to_string())
                .join(NAME),
            _folder: Some(opened),
        })
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

/// Says an order to the run of this folder, and waits for the answer.
///
/// # Errors
/// Where nobody listens, or does not answer in time.
pub(crate) fn say(folder: &Path, order: &Order) -> io::Result<Said> {
    let short = ShortPath::of(folder)?;
    let mut stream = BlockingStream::connect(short.path())?;
    stream.set_read_timeout(Some(WITHIN))?;
    stream.set_write_timeout(Some(WITHIN))?;
    let mut text = serde_json::to_string(order)?;
    text.push('\n');
    stream.write_all(text.as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream.take(LONGEST)).read_line(&mut line)?;
    Ok(match serde_json::from_str(&line)? {
        Answer::Ok(text) => Ok(text),
        Answer::Refused(text) => Err(text),
    })
}
