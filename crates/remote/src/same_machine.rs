//! Whether two connections lead to one machine.
//!
//! Nothing that a machine tells of itself is certain: clones share `/etc/machine-id` and host keys, a machine that
//! goes on from a snapshot shares the boot id, and so do all containers of a kernel. So one of the two is marked: a
//! process over the one connection takes a name that was drawn by lot, and over the other one is looked whether
//! that very process is there. Nothing is written on a disk, and nothing stays.

use std::io;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::error::{ProbeError, RequestError};
use crate::port::{Connection, OutputSink, Script};

const MARK: &str = include_str!("host/mark.sh");
const MARKED: &str = include_str!("host/marked.sh");
/// The process that is marked waits as long.
const WITHIN: Duration = Duration::from_secs(10);

/// Whether both connections lead to one machine.
///
/// # Errors
/// A [`ProbeError`] of either of them; nothing is known then.
pub async fn is_same_machine(
    one: &dyn Connection,
    other: &dyn Connection,
) -> Result<bool, ProbeError> {
    let mark = mark();
    let (tell, told) = oneshot::channel();
    let mut sink = BeforeDot {
        line: Vec::new(),
        tell: Some(tell),
    };
    let standing = script(MARK, &[("PX_MARK", &mark)]);
    let looking = async {
        match told.await {
            Ok(process) => {
                let looking = script(MARKED, &[("PX_MARK", &mark), ("PX_MARKED", &process)]);
                let seen = other.probe(&looking, &mut Vec::new()).await?;
                Ok(seen.status == 0)
            }
            // It said something else than a process.
            Err(_) => Ok(false),
        }
    };
    let both = async {
        tokio::select! {
            // It could not be marked.
            stood = one.probe(&standing, &mut sink) => stood.map(|_| false),
            seen = looking => seen,
        }
    };
    timeout(WITHIN, both)
        .await
        .unwrap_or(Err(RequestError::Stalled(WITHIN).into()))
}

fn script(text: &str, env: &[(&str, &str)]) -> Script {
    let env = env.iter().map(|(name, value)| {
        let pair: (String, String) = ((*name).into(), (*value).into());
        pair
    });
    Script {
        text: text.to_owned(),
        env: env.collect(),
        shared: Vec::new(),
    }
}

/// A process' name has 15 letters at the most.
fn mark() -> String {
    let mut mark = format!("px{}", crate::host_protocol::nonce());
    mark.truncate(15);
    mark
}

/// Hands on what comes before the first dot, where that is a process' number. (A line end would be held back: it may
/// begin an answer.)
struct BeforeDot {
    line: Vec<u8>,
    tell: Option<oneshot::Sender<String>>,
}

impl OutputSink for BeforeDot {
    fn output(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.tell.is_none() {
            return Ok(());
        }
        let end = bytes.iter().position(|byte| *byte == b'.');
        let part = bytes.get(..end.unwrap_or(bytes.len()));
        self.line.extend_from_slice(part.unwrap_or_default());
        if end.is_none() && self.line.len() < 20 {
            return Ok(());
        }
        let tell = self.tell.take();
        let number = String::from_utf8(std::mem::take(&mut self.line)).unwrap_or_default();
        if let Some(tell) = tell
            && matches!(number.len(), 1..20)
            && number.bytes().all(|byte| byte.is_ascii_digit())
        {
            // Who asked may have gone.
            let _ = tell.send(number);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pieces: &[&str]) -> Option<String> {
        let (tell, mut told) = oneshot::channel();
        let mut sink = BeforeDot {
            line: Vec::new(),
            tell: Some(tell),
        };
        for piece in pieces {
            assert!(sink.output(piece.as_bytes()).is_ok());
        }
        told.try_recv().ok()
    }

    #[test]
    fn a_process_is_a_number_before_a_dot() {
        assert_eq!(told(&["12", "34.more."]).as_deref(), Some("1234"));
        assert_eq!(told(&["7."]).as_deref(), Some("7"));
        for bad in [
            "",
            "\n",
            "12",
            "a7\n",
            "1/../2\n",
            "-1\n",
            "123456789012345678901",
        ] {
            assert_eq!(told(&[bad]), None, "{bad}");
        }
    }

    #[test]
    fn a_mark_fits_into_a_process_name() {
        assert_eq!(mark().len(), 15);
        assert_ne!(mark(), mark());
    }
}
