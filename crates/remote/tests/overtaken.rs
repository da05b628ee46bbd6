//! Who finds at the end of a put that the host is not its own any more says why (`unfenced.sh`).
#![allow(missing_docs, clippy::unwrap_used)]

use std::process::Command;

#[test]
fn another_run_is_said_only_of_another_run() {
    let (fence, unfenced) = (
        include_str!("../src/host/fence.sh"),
        include_str!("../src/host/unfenced.sh"),
    );
    for shell in ["dash", "bash"] {
        for (then, says) in [
            ("true", "ours"),
            (
                "echo 8 >$spool/fence",
                "another run has taken over this host (its number is 8)",
            ),
            (
                "echo x >$spool/fence",
                "nobody can say any more who holds this host, since SPOOL/fence is damaged",
            ),
            (
                "rm -r $spool",
                "nobody can say any more who holds this host, since SPOOL was removed or emptied",
            ),
        ] {
            let spool = tempfile::tempdir().unwrap();
            let path = spool.path().display().to_string();
            let text = format!(
                "fail() {{ echo \"fail $*\"; exit 1; }}\nspool={path} fence=7\necho 7 >$spool/fence\n{fence}\n\
                 {unfenced}\n{then}\nif overtaken; then echo \"$why\"; else echo ours; fi"
            );
            let output = Command::new(shell).args(["-c", &text]).output().unwrap();
            let said = String::from_utf8(output.stdout).unwrap();
            assert_eq!(
                said.trim_end(),
                says.replace("SPOOL", &path),
                "{shell}: {then}"
            );
        }
    }
}
