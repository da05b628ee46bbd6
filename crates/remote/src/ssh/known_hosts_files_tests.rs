use std::os::unix::fs::PermissionsExt;

use super::*;

fn blob(number: u8) -> Vec<u8> {
    let mut blob = vec![0, 0, 0, 11];
    blob.extend(b"ssh-ed25519");
    blob.push(number);
    blob
}

fn name(host: &str) -> HostName {
    HostName::new(host, 22)
}

#[test]
fn makes_file_and_folder_for_the_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("home/.ssh/known_hosts");
    let known = KnownHosts::default();
    let read = || known.read(name("h"), std::slice::from_ref(&path)).unwrap();
    let mut host = read();
    assert_eq!(judge(&host.keys, &blob(1)), Verdict::New);
    assert_eq!(host.remember(&blob(1)).unwrap(), Some(path.clone()));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(judge(&read().keys, &blob(1)), Verdict::Known);
}

#[test]
fn finds_out_what_others_wrote_meanwhile() {
    for one_program in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known_hosts");
        fs::write(&path, "# no line end").unwrap();
        let known = KnownHosts::default();
        let read = || {
            let other = KnownHosts::default();
            let known = if one_program { &known } else { &other };
            known.read(name("h"), std::slice::from_ref(&path)).unwrap()
        };
        let (mut first, mut second, mut third) = (read(), read(), read());
        first.remember(&blob(1)).unwrap();
        second.remember(&blob(1)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2, "not written twice: {text}");
        third.remember(&blob(2)).unwrap();
        assert!(matches!(judge(&third.keys, &blob(2)), Verdict::Changed(key) if key.line == 2));
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        // A file that was rewritten is read again.
        let mut fourth = read();
        fs::write(&path, "").unwrap();
        fourth.remember(&blob(2)).unwrap();
        assert_eq!(judge(&read().keys, &blob(2)), Verdict::Known);
    }
}

#[test]
fn a_file_is_read_once_for_all_hosts_and_again_when_others_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known_hosts");
    let old = new_line(&name("old"), &blob(9)).unwrap();
    fs::write(&path, format!("# a comment\n{}", old.trim_end())).unwrap();
    let known = KnownHosts::default();
    let read = |host: &str| known.read(name(host), std::slice::from_ref(&path)).unwrap();
    let readings = || known.file(&path).content().reading;
    let mut hosts = ["a", "b", "c"].map(read);
    for host in &mut hosts {
        host.remember(&blob(1)).unwrap();
    }
    assert_eq!(readings(), 1, "what is written here need not be read");
    for (host, line) in [("old", 2), ("a", 3), ("b", 4), ("c", 5)] {
        let keys = read(host).keys;
        assert_eq!(keys.iter().map(|key| key.line).collect::<Vec<_>>(), [line]);
        // Found again, and not twice.
        assert_eq!(read(host).keys, keys);
    }
    assert_eq!(readings(), 1);
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for (host, line) in [("a", 3), ("b", 4), ("c", 5)] {
        let expected = new_line(&name(host), &blob(1)).unwrap();
        assert_eq!(lines[line - 1], expected.trim_end());
    }

    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    let revoked = format!("@revoked {}", new_line(&name("a"), &blob(1)).unwrap());
    file.write_all(revoked.as_bytes()).unwrap();
    assert!(matches!(judge(&read("a").keys, &blob(1)), Verdict::Revoked(key) if key.line == 6));
    assert_eq!(readings(), 2);
    fs::remove_file(&path).unwrap();
    assert_eq!(judge(&read("a").keys, &blob(1)), Verdict::New);
}

#[test]
fn lines_never_interleave() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known_hosts");
    let shared = KnownHosts::default();
    let host_of = |thread, number| name(&format!("h{thread}-{number}"));
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (files, shared) = ([path.clone()], &shared);
            scope.spawn(move || {
                // Half of them in one program, each of the others in its own.
                let own = KnownHosts::default();
                let known = if thread % 2 == 0 { shared } else { &own };
                for number in 0..25 {
                    let mut host = known.read(host_of(thread, number), &files).unwrap();
                    host.remember(&blob(1)).unwrap();
                }
            });
        }
    });
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 200);
    for thread in 0..8 {
        for number in 0..25 {
            let host = shared.read(host_of(thread, number), std::slice::from_ref(&path));
            assert_eq!(judge(&host.unwrap().keys, &blob(1)), Verdict::Known);
        }
    }
}

/// What keeps nothing, says nothing: it is no file that could be read once.
#[test]
fn a_device_keeps_nothing() {
    let files = [PathBuf::from("/dev/null")];
    let known = KnownHosts::default();
    for _ in 0..2 {
        let mut host = known.read(name("h"), &files).unwrap();
        assert_eq!(judge(&host.keys, &blob(1)), Verdict::New);
        assert_eq!(host.remember(&blob(1)).unwrap(), Some(files[0].clone()));
    }
}

#[test]
fn a_folder_in_place_of_the_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let folder_as_file = KnownHosts::default().read(name("h"), &[folder.path().to_owned()]);
    assert!(matches!(
        folder_as_file,
        Err(ConnectError::KnownHosts { .. })
    ));
}
