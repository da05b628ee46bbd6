"""dcos-mesos-slave.service and dcos-mesos-slave-public.service: the Mesos agent, Admin Router and
3dt of an agent."""

import os
import time

from health import Health
from loop import Loop, connect
from settings import MESOS_VERSION, STARTED, Cluster, detect_ip, is_address, log, own_role
import web

AGENT_PORT = 5051
ROUTER_PORT = 61001
MASTER_PORT = 5050
IDENTIFIER = "/var/lib/mesos/slave/meta/slaves/latest"
UNIT = {"slave": "dcos-mesos-slave.service", "slave_public": "dcos-mesos-slave-public.service"}
PORTS = {"slave": "[1025-2180, 2182-3887, 3889-5049, 5052-8079, 8082-8180, 8182-32000]",
         "slave_public": "[1-21, 23-5050, 5052-32000]"}
# How often masters are looked for: often while a cluster comes up, then at a quieter pace.
OFTEN, SELDOM, OFTEN_FOR = 0.2, 1.0, 60.0
ANSWER_WITHIN = 3.0


def resources():
    memory = 0
    with open("/proc/meminfo", encoding="ascii") as lines:
        for line in lines:
            if line.startswith("MemTotal:"):
                memory = int(line.split()[1]) // 1024
    disk = os.statvfs("/var")
    return {"cpus": os.cpu_count() or 1, "mem": memory, "disk": disk.f_frsize * disk.f_blocks >> 20}


class MesosAgent:
    def __init__(self):
        self.cluster = Cluster()
        self.role = own_role()
        self.address = detect_ip()
        self.loop = Loop()
        self.looking_since = time.monotonic()
        self.registered = False
        self.identifier = ""
        try:
            self.identifier = os.path.basename(os.readlink(IDENTIFIER))
        except OSError:
            pass
        web.serve(self.loop, ("0.0.0.0", AGENT_PORT), self.mesos)
        health = Health(self.loop, self.cluster, self.address, lambda: self.identifier, self.failures)
        web.serve(self.loop, ("0.0.0.0", ROUTER_PORT), health.handle)
        self.look(0)

    def failures(self):
        return {} if self.registered else {UNIT[self.role]: "not registered with a master"}

    # Finding the leading master: each master of the list is asked in turn.

    def look(self, number):
        if number >= len(self.cluster.masters):
            looking = time.monotonic() - self.looking_since
            self.loop.later(OFTEN if looking < OFTEN_FOR else SELDOM, lambda: self.look(0))
            return
        master = self.cluster.masters[number]
        heard = [b""]

        def next_master(_stream=None):
            self.look(number + 1)

        def data(stream, received):
            heard[0] += received
            if b"\r\n\r\n" not in heard[0]:
                return
            leader = None
            for line in heard[0].decode("latin-1").split("\r\n"):
                if line.startswith("Location: //"):
                    leader = line[len("Location: //"):].split(":")[0]
            if leader and is_address(leader):
                stream.on_close = None
                stream.close()
                self.register(leader, next_master)
            else:
                stream.close()

        def connected(stream):
            stream.on_data = data
            stream.on_close = next_master
            self.loop.later(ANSWER_WITHIN, stream.close)
            stream.send(b"GET /redirect HTTP/1.1\r\nHost: master\r\n\r\n")

        connect(self.loop, (master, MASTER_PORT), connected, next_master)

    def register(self, leader, failed):
        fields = dict(resources(), address=self.address, role=self.role, ports=PORTS[self.role])
        if self.identifier:
            fields["id"] = self.identifier
        overdue = None
        headers = "".join("X-Agent-%s: %s\r\n" % item for item in fields.items())

        def data(stream, received):
            stream.received += received
            if not stream.received.endswith(b"\n") or b"\nregistered " not in stream.received:
                return
            self.remember(stream.received.rsplit(b"\nregistered ", 1)[1].decode("ascii").strip())
            self.registered = True
            overdue.cancel()
            log("registered with the master at %s as %s" % (leader, self.identifier))

        def lost(_stream):
            overdue.cancel()
            if self.registered:
                log("lost the master at " + leader)
                self.registered = False
                self.looking_since = time.monotonic()
                self.loop.later(0, lambda: self.look(0))
            else:
                failed()

        def connected(stream):
            nonlocal overdue
            overdue = self.loop.later(ANSWER_WITHIN, stream.close)
            stream.on_data = data
            stream.on_close = lost
            stream.send(("POST /register HTTP/1.1\r\nHost: master\r\n%s\r\n" % headers).encode())

        connect(self.loop, (leader, MASTER_PORT), connected, failed)

    def remember(self, identifier):
        if identifier == self.identifier:
            return
        self.identifier = identifier
        folder = os.path.dirname(IDENTIFIER)
        os.makedirs(folder + "/" + identifier, exist_ok=True)
        try:
            os.unlink(IDENTIFIER)
        except FileNotFoundError:
            pass
        os.symlink(folder + "/" + identifier, IDENTIFIER)

    # What it answers.

    def mesos(self, request):
        path = request.path.rstrip("/") or "/"
        if path.startswith("/slave(1)/"):
            path = path[len("/slave(1)"):]
        if path == "/metrics/snapshot":
            request.json({"slave/registered": int(self.registered),
                          "slave/uptime_secs": time.time() - STARTED})
        elif path in ("/state", "/state.json"):
            request.json({"id": self.identifier, "version": MESOS_VERSION, "hostname": self.address,
                          "pid": "slave(1)@%s:5051" % self.address, "start_time": STARTED,
                          "frameworks": [], "stand_in": True})
        elif path == "/version":
            request.json({"version": MESOS_VERSION, "stand_in": True})
        elif path in ("/", "/health"):
            request.answer(200, "Mesos agent of the DC/OS stand-in\n" if path == "/" else "")
        else:
            request.not_found()

    def run(self):
        self.loop.run()
