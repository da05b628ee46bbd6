"""The rules for config.yaml of DC/OS 1.8.8: which keys must be there, and what they may be."""

import json
import os

import checks

VERSION = "1.8.8"

OVERLAY = {
    "vtep_subnet": "44.128.0.0/20",
    "vtep_mac_oui": "70:B3:D5:00:00:00",
    "overlays": [{"name": "dcos", "subnet": "9.0.0.0/8", "prefix": 24}],
}
# REX-Ray starts, but is no volume driver.
REXRAY_OFF = {
    "rexray": {
        "loglevel": "info",
        "modules": {
            "default-admin": {"host": "tcp://127.0.0.1:61003"},
            "default-docker": {"disabled": True},
        },
    }
}
REXRAY_AWS = {
    "rexray": {
        "loglevel": "info",
        "modules": {"default-admin": {"host": "tcp://127.0.0.1:61003"}},
        "storageDrivers": ["ec2"],
        "volume": {"unmount": {"ignoreusedcount": True}},
    }
}

ALWAYS = ("bootstrap_url", "cluster_name", "exhibitor_storage_backend", "master_discovery")
DEFAULTS = {
    "auth_cookie_secure_flag": "false",
    "bootstrap_tmp_dir": "tmp",
    "check_time": "true",
    "cluster_docker_credentials": "{}",
    "cluster_docker_credentials_enabled": "false",
    "cluster_docker_credentials_write_to_etc": "false",
    "cluster_docker_registry_url": "",
    "dcos_overlay_config_attempts": "4",
    "dcos_overlay_enable": "true",
    "dcos_overlay_mtu": "1420",
    "dcos_overlay_network": json.dumps(OVERLAY),
    "dcos_remove_dockercfg_enable": "false",
    "dns_search": "",
    "docker_remove_delay": "1hrs",
    "docker_stop_timeout": "20secs",
    "gc_delay": "2days",
    "ip_detect_filename": "genconf/ip-detect",
    "master_dns_bindall": "true",
    "mesos_dns_ip_sources": '["host", "netinfo"]',
    "mesos_log_retention_mb": "4000",
    "minuteman_max_named_ip": "11.255.255.255",
    "minuteman_min_named_ip": "11.0.0.0",
    "no_proxy": "",
    "oauth_enabled": "true",
    "resolvers": '["8.8.8.8", "8.8.4.4"]',
    "rexray_config_preset": "",
    "telemetry_enabled": "true",
    "ui_tracking": "true",
    "use_proxy": "false",
}
SSH_DEFAULTS = {
    "agent_list": "[]",
    "process_timeout": "120",
    "public_agent_list": "[]",
    "ssh_key_path": "genconf/ssh_key",
    "ssh_parallelism": "20",
    "ssh_port": "22",
}

TRUE_OR_FALSE = (
    "auth_cookie_secure_flag", "check_time", "cluster_docker_credentials_dcos_owned",
    "cluster_docker_credentials_enabled", "cluster_docker_credentials_write_to_etc",
    "dcos_overlay_enable", "dcos_remove_dockercfg_enable", "master_dns_bindall", "oauth_enabled",
    "telemetry_enabled",
)
CHECKS = {
    "bootstrap_tmp_dir": checks.bootstrap_tmp_dir,
    "bootstrap_url": checks.bootstrap_url,
    "cluster_docker_credentials": checks.json_dictionary,
    "dcos_overlay_config_attempts": lambda value: checks.in_range(value, 0, 10),
    "dcos_overlay_mtu": lambda value: checks.in_range(value, 552),
    "dcos_overlay_network": checks.overlay_network,
    "dns_search": checks.dns_search,
    "exhibitor_zk_hosts": checks.zk_hosts,
    "exhibitor_zk_path": checks.zk_path,
    "master_list": checks.address_list,
    "mesos_dns_ip_sources": checks.json_list,
    "mesos_log_retention_mb": checks.log_retention,
    "minuteman_max_named_ip": lambda value: checks.ipv4_addresses([value]),
    "minuteman_min_named_ip": lambda value: checks.ipv4_addresses([value]),
    "num_masters": checks.num_masters,
    "resolvers": checks.resolvers,
    "rexray_config": checks.json_dictionary,
    **{key: checks.true_or_false for key in TRUE_OR_FALSE},
}
SSH_CHECKS = {
    "agent_list": checks.address_list,
    "public_agent_list": checks.address_list,
    "ssh_key_path": checks.ssh_key,
    "ssh_parallelism": lambda value: checks.in_range(value, 1, 100),
    "ssh_port": lambda value: checks.in_range(value, 1, 32000),
}
# The choices, and the keys that each makes necessary.
CHOICES = {
    "master_discovery": {
        "static": ("master_list",),
        "master_http_loadbalancer": ("exhibitor_address", "num_masters"),
    },
    "exhibitor_storage_backend": {
        "static": ("master_list",),
        "zookeeper": ("exhibitor_zk_hosts", "exhibitor_zk_path"),
        "aws_s3": ("aws_region", "exhibitor_explicit_keys", "s3_bucket", "s3_prefix"),
        "shared_filesystem": ("exhibitor_fs_config_dir",),
        "azure": (
            "exhibitor_azure_account_key", "exhibitor_azure_account_name", "exhibitor_azure_prefix",
        ),
        "agent_only_group_no_exhibitor": (),
    },
    "use_proxy": {"true": ("http_proxy", "https_proxy"), "false": ()},
    "exhibitor_explicit_keys": {
        "true": ("aws_access_key_id", "aws_secret_access_key"),
        "false": (),
    },
}


class Resolved:
    """All arguments with what is calculated from them, and the messages about those that are wrong."""

    def __init__(self, user, with_ssh=False):
        self.messages = {}
        self.values = dict(DEFAULTS, **(SSH_DEFAULTS if with_ssh else {}))
        self.values.update(user)
        self._calculate(user)
        self._choose()
        self._require(ALWAYS + (("ssh_user",) if with_ssh else ()))
        table = dict(CHECKS, **(SSH_CHECKS if with_ssh else {}))
        for key, check in table.items():
            if key in self.values:
                self._check(key, check, self.values[key])
        if self.values["use_proxy"] == "true":
            self._check("no_proxy_final", checks.json_list, self.values["no_proxy"])
        if with_ssh:
            for key, other in (
                ("master_list", "agent_list"),
                ("master_list", "public_agent_list"),
                ("agent_list", "public_agent_list"),
            ):
                if {key, other} <= set(self.values) and not {key, other} & set(self.messages):
                    self._check(key, lambda value: checks.disjoint(value, self.values[other]),
                                self.values[key])

    def _check(self, key, check, value):
        try:
            check(value)
        except AssertionError as error:
            self.messages.setdefault(key, str(error))

    def _require(self, keys):
        for key in keys:
            if key not in self.values:
                self.messages[key] = f"Must set {key}, no way to calculate value."

    def _must(self, key, user, value):
        """A value that is calculated and that the operator must not set."""
        if key in user:
            self.messages[key] = (
                f"{key} must be calculated, but was explicitly set in the configuration. Remove it."
            )
        else:
            self.values[key] = value

    def _calculate(self, user):
        values = self.values
        if values.get("master_discovery") == "static" and "master_list" in values:
            try:
                count = len(checks.json_list(values["master_list"]))
            except AssertionError:
                count = None
            if count is not None or "num_masters" in user:
                self._must("num_masters", user, str(count))
        if values["rexray_config_preset"] == "aws":
            self._must("rexray_config", user, json.dumps(REXRAY_AWS))
        values.setdefault("rexray_config", json.dumps(REXRAY_OFF))
        values.setdefault(
            "cluster_docker_credentials_dcos_owned",
            "false" if values["cluster_docker_credentials"] == "{}" else "true",
        )
        if "ip_detect_contents" not in values:
            path = values["ip_detect_filename"]
            if os.path.exists(path):
                with open(path, encoding="utf-8") as script:
                    values["ip_detect_contents"] = script.read()
            else:
                self.messages["ip_detect_contents"] = f"ip-detect script `{path}` must exist"
        self._must("dcos_version", user, VERSION)

    def _choose(self):
        for key, choices in CHOICES.items():
            value = self.values.get(key)
            if value is None:
                continue
            self._check(key, lambda value: checks.choice(value, list(choices)), value)
            self._require(choices.get(value, ()))
