"""What the package dcos-config holds beside what the stand-in itself reads: many small files, some for one
role only. Their names are as in DC/OS, as far as they are known; in most of them there is nothing."""

import json

# Below etc, by the role that alone has them; "" is every role's.
EMPTY = {
    "": (
        "3dt.env", "adminrouter.env", "check_time.env", "cluster-id.conf", "cosmos.env", "dcos.network",
        "dns_config", "dns_search_config", "docker_credentials", "epmd.env", "erlang_inetrc", "exhibitor",
        "history-service.env", "marathon.env", "mesos-dns.env", "mesos-dns.json",
        "mesos-executor-environment.json", "mesos-master", "mesos-master-extras",
        "mesos-master-modules/dummy.json", "mesos-master-modules/overlay_master_modules.json",
        "mesos-slave", "mesos-slave-common", "mesos-slave-modules/dummy.json",
        "mesos-slave-modules/logrotate_logger_modules.json",
        "mesos-slave-modules/overlay_slave_modules.json", "mesos-slave-public", "metronome.env",
        "minuteman.config", "navstar.config", "oauth.env", "overlay/config/agent-master.json",
        "overlay/config/agent.json", "overlay/config/master.json", "proxy.env", "rexray.env",
        "signal-config.json", "spartan.config", "telemetry.env",
    ),
    "master": (
        "adminrouter-listen-open.conf", "cosmos.service.env", "dns_config_master", "marathon.zk.env",
        "mesos-master-role.env", "metronome.zk.env", "navstar.master.config", "oauth.zk.env",
        "signal.master.env", "spartan.master.config",
    ),
    "slave": ("dns_config_slave", "mesos-slave-role.env", "navstar.slave.config"),
    "slave_public": ("dns_config_slave", "mesos-slave-role.env", "navstar.slave.config"),
}
# Texts of the user interface, which are put into its file as they stand: who wants JSON writes JSON.
BANNER = {
    "headerTitle": "ui_banner_header_title",
    "headerContent": "ui_banner_header_content",
    "footerContent": "ui_banner_footer_content",
    "imagePath": "ui_banner_image_path",
}


def folder(role):
    """Where a package has what one role alone is to have."""
    return "etc_" + role if role else "etc"


def ui_config(user):
    banner = ",".join(f'"{name}":{user.get(key, "null")}' for name, key in BANNER.items())
    colour = json.dumps(user.get("ui_banner_foreground_color", "#FFFFFF"))
    return f'{{"uiConfiguration":{{"plugins":{{"banner":{{"foregroundColor":{colour},{banner}}}}}}}}}\n'


def config_files(user):
    """Path and content."""
    files = {
        f"{folder(role)}/{name}": "# nothing: this is a stand-in\n"
        for role, names in EMPTY.items()
        for name in names
    }
    files["etc/ui-config.json"] = ui_config(user)
    # systemd reads it, and takes quotes, backslashes and blanks its own way.
    files["etc/mesos-master-provider"] = f"MESOS_CLUSTER={user['cluster_name']}\n"
    return files
