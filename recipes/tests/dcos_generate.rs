//! What `generate` makes of its inputs, with an installer that only says that it was called.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod host;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use host::{Host, SHELLS};

const INSTALLER: &str = "\
#!/bin/bash
[ \"$*\" = --genconf ] || exit 9
mkdir -p genconf/serve
echo '#!/bin/bash' >genconf/serve/dcos_install.sh
echo 1 >genconf/serve/bootstrap.latest
echo called >>calls
";

/// A bootstrap node whose files were brought.
fn bootstrap() -> Host {
    let host = Host::new(&[("PX_RELEASE", "1.8.8"), ("PX_SETTING_IP_DETECT", "auto")])
        .says("ss", "")
        .says("docker", "");
    let work = host.path("1.8.8");
    fs::create_dir(&work).unwrap();
    fs::write(work.join("config.yaml"), "cluster_name: 'x'\n").unwrap();
    fs::write(work.join("ip-detect"), "#!/bin/sh\necho 10.0.0.1\n").unwrap();
    let installer = host.path("installer.sh");
    fs::write(&installer, INSTALLER).unwrap();
    let (folder, installer) = (host.path(""), installer.display().to_string());
    host.with(
        "PX_SETTING_BOOTSTRAP_FOLDER",
        folder.to_str().unwrap().trim_end_matches('/'),
    )
    .with("PX_SETTING_DOWNLOAD_URL", &installer)
}

/// The same, handed this hash.
fn handed(host: Host, hash: &str) -> Host {
    let secrets = host.path("secrets");
    fs::write(
        &secrets,
        format!("PX_SECRET_SUPERUSER_PASSWORD_HASH='{hash}'\n"),
    )
    .unwrap();
    host.with("PX_SECRETS", secrets.to_str().unwrap())
}

fn calls(host: &Host) -> usize {
    let calls = fs::read_to_string(host.path("1.8.8/calls")).unwrap_or_default();
    calls.lines().count()
}

#[test]
fn what_was_generated_is_made_anew_only_where_an_input_is_another_one() {
    for shell in SHELLS {
        let host = bootstrap();
        let generate = || host.run_in(shell, "dcos", "scripts/generate.sh");
        let (status, said) = generate();
        assert_eq!(status, 0, "{said}");
        assert!(
            said.contains("changed made what the nodes install from"),
            "{said}"
        );
        assert!(said.contains("fact install_sha256 "), "{said}");
        let config = host.path("1.8.8/genconf/config.yaml");
        assert_eq!(fs::read_to_string(&config).unwrap(), "cluster_name: 'x'\n");
        let (status, said) = generate();
        assert_eq!((status, calls(&host)), (0, 1), "{said}");
        assert!(!said.contains("changed"), "{said}");
        for input in ["config.yaml", "ip-detect"] {
            let path = host.path("1.8.8").join(input);
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, text + "# another\n").unwrap();
            let before = calls(&host);
            let (status, said) = generate();
            assert_eq!((status, calls(&host)), (0, before + 1), "{input}: {said}");
        }
    }
}

#[test]
fn the_superusers_hash_goes_into_the_configuration_and_stays_while_it_is_the_same() {
    let salted = "$6$rounds=10000$saltstringsaltst";
    for shell in SHELLS {
        let host = handed(bootstrap(), &format!("{salted}$OW1/one."));
        let (status, said) = host.run_in(shell, "dcos", "scripts/generate.sh");
        assert_eq!(status, 0, "{said}");
        assert!(!said.contains("OW1"), "{said}");
        let config = host.path("1.8.8/genconf/config.yaml");
        assert_eq!(
            fs::read_to_string(&config).unwrap(),
            format!("cluster_name: 'x'\nsuperuser_password_hash: '{salted}$OW1/one.'\n")
        );
        let mode = fs::metadata(&config).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);

        let (status, said) = host.run_in(shell, "dcos", "scripts/generate.sh");
        assert_eq!((status, calls(&host)), (0, 1), "{said}");

        let host = handed(host, &format!("{salted}$another"));
        let (status, said) = host.run_in(shell, "dcos", "scripts/generate.sh");
        assert_eq!((status, calls(&host)), (0, 2), "{said}");

        // And what `preflight` tells of it is the salt, and not the hash.
        let text = fs::read_to_string(&config).unwrap();
        let preflight = salt_of(&text, shell);
        assert_eq!(preflight, format!("fact superuser_salt {salted}\n"));
    }
}

/// What that part of preflight.sh tells which reads the salt.
fn salt_of(config: &str, shell: &[&str]) -> String {
    let files = phalanx_recipes::find("dcos").unwrap();
    let text = String::from_utf8(files["scripts/preflight.sh"].clone()).unwrap();
    let begin = text.find("config=$PX_SETTING_BOOTSTRAP_FOLDER").unwrap();
    let end = begin + text[begin..].find("\n\n").unwrap();
    let host = bootstrap();
    fs::create_dir(host.path("1.8.8/genconf")).unwrap();
    fs::write(host.path("1.8.8/genconf/config.yaml"), config).unwrap();
    let folder = host.path("").display().to_string();
    let output = std::process::Command::new(shell[0])
        .args(&shell[1..])
        .args([
            "-c",
            &format!("fact() {{ echo \"fact $*\"; }}\n{}", &text[begin..end]),
        ])
        .envs([
            ("PX_SETTING_BOOTSTRAP_FOLDER", folder.trim_end_matches('/')),
            ("PX_RELEASE", "1.8.8"),
            ("PX_ROLE", "bootstrap"),
            ("PX_SETTING_ENTERPRISE", "true"),
        ])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}
