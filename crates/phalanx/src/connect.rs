//! From a plan's hosts to SSH.

use std::path::PathBuf;

use phalanx_plan::{HostKeys, JobMode, PlannedHost, PreparedPlan};
use phalanx_remote::{HostKeyPolicy, JobKeeper, SshOptions, SshTarget, SshTransport};
use tokio::runtime::Runtime;

use crate::environment::Environment;
use crate::trouble::Trouble;

/// ssh's own keys, below the home folder, in ssh's order.
const DEFAULT_KEYS: [&str; 3] = [".ssh/id_rsa", ".ssh/id_ecdsa", ".ssh/id_ed25519"];
/// ssh's own known_hosts, below the home folder.
const USER_KNOWN_HOSTS: [&str; 2] = [".ssh/known_hosts", ".ssh/known_hosts2"];
/// ssh's own known_hosts of the whole machine.
const MACHINE_KNOWN_HOSTS: [&str; 2] = ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"];

/// Without any connection the program has about as many files open.
const FEWEST_FILES: u64 = 12;

/// What hosts are talked to in. One thread: that is the cheapest for each host, and enough to fill a network. More
/// threads mostly wake each other.
pub(crate) fn runtime() -> Result<Runtime, Trouble> {
    // Each connection takes a file; where the limit can't be raised, connecting tells.
    let files = phalanx_remote::raise_fd_limit();
    if let Some(files) = files.filter(|files| *files < FEWEST_FILES) {
        let text = format!(
            "this machine lets the program have only {files} files open at once, which is too few"
        );
        return Err(Trouble::new("command::files", text)
            .help("raise the limit where phalanx is started: `ulimit -n 4096`"));
    }
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Trouble::because("command::runtime", "the program could not start", &error)
        })
}

/// A transport to all hosts of the plan.
pub(crate) fn transport(plan: &PreparedPlan, environment: &Environment) -> SshTransport {
    let targets = plan.hosts.iter().map(|host| target(host, environment));
    SshTransport::new(targets.collect(), SshOptions::default())
}

fn target(host: &PlannedHost, environment: &Environment) -> SshTarget {
    let ssh = &host.ssh;
    let below_home = |paths: &[&str]| -> Vec<PathBuf> {
        let home = environment.home.iter().map(PathBuf::from);
        home.flat_map(|home| paths.iter().map(move |path| home.join(path)))
            .collect()
    };
    let named: Vec<PathBuf> = ssh.keys.iter().map(PathBuf::from).collect();
    let default_keys = match named.is_empty() {
        true => below_home(&DEFAULT_KEYS),
        false => Vec::new(),
    };
    let mut known_hosts: Vec<PathBuf> = ssh.known_hosts.iter().map(PathBuf::from).collect();
    if known_hosts.is_empty() {
        known_hosts = below_home(&USER_KNOWN_HOSTS);
        known_hosts.extend(MACHINE_KNOWN_HOSTS.map(PathBuf::from));
    }
    SshTarget {
        name: host.name.to_string(),
        address: host.address.clone(),
        port: ssh.port,
        user: ssh.user.clone(),
        keys: named,
        // It may hold the very key that a file names.
        agent: environment.agent.clone(),
        agent_keys: ssh.agent,
        default_keys,
        host_keys: match ssh.host_keys {
            HostKeys::AcceptNew => HostKeyPolicy::AcceptNew,
            HostKeys::Strict => HostKeyPolicy::Strict,
        },
        known_hosts,
        spool: ssh.spool.clone(),
        jobs: match ssh.jobs {
            JobMode::Systemd => JobKeeper::Systemd,
            JobMode::Session => JobKeeper::Session,
        },
        connect_timeout: ssh.connect_timeout,
        auth_timeout: ssh.auth_timeout,
        keepalive: ssh.keepalive,
        stall_timeout: ssh.stall_timeout,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use phalanx_plan::SshSettings;

    use super::*;

    fn environment() -> Environment {
        Environment {
            home: Some("/home/me".into()),
            agent: Some("/run/agent".into()),
            ..Environment::default()
        }
    }

    fn target_of(ssh: SshSettings) -> SshTarget {
        let host = PlannedHost {
            name: "w1".into(),
            role: "worker".into(),
            address: "10.0.0.1".into(),
            private_address: None,
            labels: BTreeSet::new(),
            ssh,
        };
        target(&host, &environment())
    }

    #[test]
    fn without_a_named_key_the_agent_then_sshs_own_keys_are_tried() {
        let target = target_of(SshSettings::default());
        assert_eq!(target.agent, Some("/run/agent".into()));
        assert!(target.keys.is_empty() && target.agent_keys);
        assert_eq!(
            target.default_keys[0],
            PathBuf::from("/home/me/.ssh/id_rsa")
        );
        assert_eq!(
            target.known_hosts[0],
            PathBuf::from("/home/me/.ssh/known_hosts")
        );
    }

    #[test]
    fn a_named_key_is_the_only_file() {
        let ssh = SshSettings {
            keys: vec!["/k.pem".into()],
            agent: false,
            known_hosts: vec!["/kh".into()],
            ..SshSettings::default()
        };
        let target = target_of(ssh);
        assert_eq!(target.keys, [PathBuf::from("/k.pem")]);
        assert!(!target.agent_keys && target.agent.is_some());
        assert!(target.default_keys.is_empty());
        assert_eq!(target.known_hosts, [PathBuf::from("/kh")]);
    }

    #[test]
    fn a_named_key_comes_before_the_agents() {
        let target = target_of(SshSettings {
            keys: vec!["/k.pem".into()],
            agent: true,
            ..SshSettings::default()
        });
        assert_eq!(target.keys, [PathBuf::from("/k.pem")]);
        assert!(target.agent_keys && target.agent.is_some());
        assert!(target.default_keys.is_empty());
    }
}
