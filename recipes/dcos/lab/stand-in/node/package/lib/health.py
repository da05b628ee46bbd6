"""3dt: how the units of a host are."""

import os
import socket

from settings import HEALTH_SOCKET, own_role
import web

UNITS = "/etc/systemd/system/dcos.target.wants"
VERSION = "stand-in"
NAMES = {
    "dcos-3dt.service": ("3DT", "Distributed diagnostics"),
    "dcos-adminrouter.service": ("Admin Router", "Exposes the cluster's services"),
    "dcos-adminrouter-agent.service": ("Admin Router Agent", "Exposes the agent's services"),
    "dcos-exhibitor.service": ("Exhibitor", "Supervises ZooKeeper"),
    "dcos-mesos-master.service": ("Mesos Master", "The leading master assigns resources"),
    "dcos-mesos-slave.service": ("Mesos Agent", "Runs the cluster's tasks"),
    "dcos-mesos-slave-public.service": ("Mesos Agent Public", "Runs the cluster's public tasks"),
}


class Health:
    def __init__(self, loop, cluster, address, identity, failures):
        """`failures()` maps the units that are not well to the reason."""
        self.cluster = cluster
        self.address = address
        self.identity = identity
        self.failures = failures
        self.role = {"slave": "agent", "slave_public": "agent_public"}.get(own_role(), "master")
        web.serve(loop, HEALTH_SOCKET, self.handle)

    def units(self):
        failures = self.failures()
        try:
            names = sorted(os.listdir(UNITS))
        except OSError:
            names = []
        units = []
        for unit in names:
            name, description = NAMES.get(unit, (unit, ""))
            units.append({
                "id": unit, "health": int(unit in failures), "output": failures.get(unit, ""),
                "description": description, "help": "", "name": name,
            })
        return units

    def handle(self, request):
        path = request.path.rstrip("/")
        units = self.units()
        if path == "/system/health/v1":
            request.json({
                "units": units, "hostname": socket.gethostname(), "ip": self.address,
                "dcos_version": self.cluster.version, "node_role": self.role,
                "mesos_id": self.identity(), "3dt_version": VERSION, "system": {},
            })
        elif path == "/system/health/v1/units":
            keys = ("id", "name", "health", "description")
            request.json({"units": [{key: unit[key] for key in keys} for unit in units]})
        elif path == "/system/health/v1/nodes":
            worst = max((unit["health"] for unit in units), default=0)
            request.json({"nodes": [{"host_ip": self.address, "health": worst, "role": self.role}]})
        else:
            request.not_found()
