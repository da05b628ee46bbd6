//! A bootstrap node, with an installer that only says that it was called.

use std::fs;
use std::path::{Path, PathBuf};

use super::Host;

/// As DC/OS's generator does: it takes the umask away, leaves a tarball that is there as it is, and tells
/// all of its arguments in colour.
pub(crate) const INSTALLER: &str = r##"#!/bin/bash
[ "$*" = --genconf ] || exit 9
umask 0
cd genconf
mkdir -p serve/bootstrap serve/packages/dcos-config
echo "$(cat state/left 2>/dev/null)x" >state/left
[ -e serve/bootstrap/b1.bootstrap.tar.xz ] || echo tarball >serve/bootstrap/b1.bootstrap.tar.xz
id=dcos-config--setup_$(sha1sum config.yaml | cut -d ' ' -f 1)
echo package >serve/packages/dcos-config/$id.tar.xz
cat >serve/cluster-package-info.json <<END
{"dcos-config": {"filename": "packages/dcos-config/$id.tar.xz", "id": "$id"}}
END
echo '#!/bin/bash' >serve/dcos_install.sh
echo b1 >serve/bootstrap.latest
echo called >>../calls
printf '\033[32mFinal arguments:{\n  "http_proxy":"http://me:open@10.0.0.9:3128",\n'
printf '  "user_arguments":"{\\n  \\"superuser_password_hash\\":\\"$6$salt$hash\\"}"\n}\033[0m\n'
printf '\033[31mhttp_proxy: http://me:open@se@same@10.0.0.9:3128 is odd, as is $6$salt$hash\033[0m\n'
echo 'the last of its words'
"##;

/// A bootstrap node whose files were brought.
pub(crate) fn bootstrap() -> Host {
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

pub(crate) fn calls(host: &Host) -> usize {
    let calls = fs::read_to_string(host.path("1.8.8/calls")).unwrap_or_default();
    calls.lines().count()
}

/// The folder that is served, by a shell's run that went well.
pub(crate) fn generated(shell: &[&str]) -> (Host, PathBuf) {
    let host = bootstrap();
    let (status, said) = host.run_in(shell, "dcos", "scripts/generate.sh");
    assert_eq!(status, 0, "{said}");
    let served = host.path("1.8.8/genconf/serve");
    (host, served)
}

/// The one package of the configuration.
pub(crate) fn package(served: &Path) -> PathBuf {
    let mut found = fs::read_dir(served.join("packages/dcos-config")).unwrap();
    found.next().unwrap().unwrap().path()
}

/// What the first look at a bootstrap node tells of what it serves.
pub(crate) fn first_look(host: &Host, shell: &[&str]) -> String {
    let (status, said) = host.run_in(shell, "dcos", "scripts/facts.sh");
    assert_eq!(status, 0, "{said}");
    let mut lines = said.lines();
    let told = lines.find_map(|line| line.strip_prefix("fact served_differs"));
    told.unwrap().trim().to_owned()
}
