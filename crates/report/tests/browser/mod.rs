//! A real browser without a window, which gets no further than this machine.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tempfile::TempDir;

/// What no page takes, unless something is wrong.
const DEADLINE: Duration = Duration::from_secs(120);

/// Asks the page what it is like; see `probe.js`.
const PROBE: &str = include_str!("probe.js");

/// How the page is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) dark: bool,
}

pub(crate) const DESK: Look = Look {
    width: 1400,
    height: 1000,
    dark: false,
};

/// A page in a file of its own, with a place for the browser's profile.
pub(crate) struct Page {
    folder: TempDir,
    html: String,
}

/// Where pictures are kept, to be looked at.
pub(crate) fn pictures() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("html-report");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

impl Page {
    pub(crate) fn new(html: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("page.html"), &html).unwrap();
        Self { folder, html }
    }

    /// The same page without its policy, with something added at its end.
    pub(crate) fn opened(&self, added: &str) -> Self {
        let from = self.html.find("<meta http-equiv=\"Content-Sec").unwrap();
        let to = from + self.html[from..].find('>').unwrap() + 1;
        let (before, behind) = (&self.html[..from], &self.html[to..]);
        Self::new(with(&format!("{before}{behind}"), added))
    }

    /// The same page, policy and all, with something added at its end.
    pub(crate) fn smuggled(&self, added: &str) -> Self {
        Self::new(with(&self.html, added))
    }

    /// The document after all scripts, as markup.
    pub(crate) fn document(&self, look: Look, more: &[&str]) -> String {
        let mut arguments = vec!["--dump-dom"];
        arguments.extend(more);
        String::from_utf8(self.browse(look, &arguments)).unwrap()
    }

    /// What the probe finds.
    pub(crate) fn probed(&self, look: Look) -> Value {
        let script = format!("<script>{PROBE}</script>");
        let document = self.opened(&script).document(look, &[]);
        let told = document.split("id=\"probe\">").nth(1).unwrap_or_else(|| {
            panic!(
                "the probe has told nothing: {}",
                &document[document.len().saturating_sub(500)..]
            )
        });
        let json = STANDARD.decode(told.split('<').next().unwrap()).unwrap();
        serde_json::from_slice(&json).unwrap()
    }

    pub(crate) fn picture(&self, look: Look, name: &str) {
        let path = pictures().join(name);
        let _ = std::fs::remove_file(&path);
        self.browse(look, &[&format!("--screenshot={}", path.display())]);
        let png = std::fs::read(&path).unwrap();
        assert!(png.starts_with(b"\x89PNG") && png.len() > 10_000, "{name}");
    }

    /// The page, printed.
    pub(crate) fn printed(&self, name: &str) -> Vec<u8> {
        let path = pictures().join(name);
        let _ = std::fs::remove_file(&path);
        self.browse(DESK, &[&format!("--print-to-pdf={}", path.display())]);
        std::fs::read(&path).unwrap()
    }

    /// Runs the browser over the page, to its end or to the deadline.
    fn browse(&self, look: Look, arguments: &[&str]) -> Vec<u8> {
        let folder = self.folder.path();
        let profile = folder.join("profile");
        let mut command = Command::new(phalanx_lab::program("chromium", "chromium").unwrap());
        command
            .args([
                "--headless",
                // Root has no other way, and the page is ours.
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--hide-scrollbars",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--enable-blink-features=ComputedAccessibilityInfo",
            ])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(format!("--window-size={},{}", look.width, look.height))
            .arg(format!(
                "--blink-settings=preferredColorScheme={}",
                u8::from(!look.dark)
            ))
            .arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
            .args(arguments)
            .arg(format!("file://{}", folder.join("page.html").display()))
            // What it leaves behind, and would find there, goes with the page.
            .env("HOME", folder)
            .env("TMPDIR", folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut out = child.stdout.take().unwrap();
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            out.read_to_end(&mut bytes).map(|_| bytes)
        });
        wait(&mut child);
        reader.join().unwrap().unwrap()
    }
}

fn with(html: &str, added: &str) -> String {
    let end = html.rfind("</body>").unwrap();
    format!("{}{added}{}", &html[..end], &html[end..])
}

fn wait(child: &mut Child) {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "chromium ended with {status}");
            return;
        }
        if began.elapsed() > DEADLINE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("chromium was not done in {DEADLINE:?}, and was killed");
        }
        sleep(Duration::from_millis(20));
    }
}
