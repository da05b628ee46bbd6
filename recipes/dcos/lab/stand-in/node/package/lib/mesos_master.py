"""dcos-mesos-master.service: the Mesos master, Admin Router, 3dt and the names of a master."""

import os
import socket
import time

from health import Health
from loop import Loop, connect, lines
import names
from settings import MESOS_VERSION, MESOSPHERE, STARTED, ZOOKEEPER_SOCKET, Cluster, detect_ip, log
import web

MESOS_PORT = 5050
ROUTER_PORT = 80
HEALTH_PORT = 1050
EXHIBITOR = ("127.0.0.1", 8181)
VERSION_FILE = MESOSPHERE + "/etc/dcos-version.json"
ZOOKEEPER_RETRY = 0.2
# What Mesos answers only where it leads.
ONLY_LEADER = ("/slaves", "/state", "/state.json", "/state-summary", "/tasks", "/roles")


class Agent:
    def __init__(self, stream, identifier, fields):
        self.stream = stream
        self.identifier = identifier
        self.fields = fields
        self.registered = time.time()

    def json(self):
        fields = self.fields
        public = fields["role"] == "slave_public"
        resources = {"cpus": int(fields["cpus"]), "mem": int(fields["mem"]), "disk": int(fields["disk"]),
                     "gpus": 0, "ports": fields["ports"]}
        nothing = {"cpus": 0, "mem": 0, "disk": 0, "gpus": 0}
        return {
            "id": self.identifier, "pid": "slave(1)@%s:5051" % fields["address"],
            "hostname": fields["address"], "port": 5051, "active": not self.stream.closed,
            "registered_time": self.registered, "version": MESOS_VERSION,
            "resources": resources, "used_resources": nothing, "offered_resources": nothing,
            "reserved_resources": {"slave_public": resources} if public else {},
            "unreserved_resources": nothing if public else resources,
            "attributes": {"public_ip": "true"} if public else {},
        }


class MesosMaster:
    def __init__(self):
        self.cluster = Cluster()
        self.address = detect_ip()
        self.loop = Loop()
        self.zookeeper = False
        self.serving = False
        self.leader = "-"
        self.agents = {}
        self.numbered = 0
        self.identifier = "-".join(os.urandom(n).hex() for n in (4, 2, 2, 2, 6))
        web.serve(self.loop, ("0.0.0.0", MESOS_PORT), self.mesos)
        web.serve(self.loop, ("0.0.0.0", ROUTER_PORT), self.router)
        self.health = Health(self.loop, self.cluster, self.address, lambda: self.identifier, self.failures)
        web.serve(self.loop, ("0.0.0.0", HEALTH_PORT), self.health.handle)
        names.serve(self.loop, self.addresses)
        self.follow_zookeeper()

    def leads(self):
        return self.serving and self.leader == self.address

    # The election.

    def follow_zookeeper(self):
        def lost(_stream):
            self.zookeeper = False
            self.elected(False, "-")
            self.loop.later(ZOOKEEPER_RETRY, self.follow_zookeeper)

        def news(_stream, words):
            if len(words) == 3 and words[0] == "zookeeper":
                self.elected(words[1] == "1", words[2])

        def connected(stream):
            self.zookeeper = True
            stream.on_data = lines(news)
            stream.on_close = lost

        connect(self.loop, ZOOKEEPER_SOCKET, connected,
                lambda: self.loop.later(ZOOKEEPER_RETRY, self.follow_zookeeper))

    def elected(self, serving, leader):
        if (serving, leader) == (self.serving, self.leader):
            return
        led = self.leads()
        self.serving, self.leader = serving, leader
        log("the leading master is " + leader)
        if led and not self.leads():
            agents, self.agents = self.agents, {}
            for agent in agents.values():
                agent.stream.close()

    def failures(self):
        failures = {}
        if not self.serving:
            failures["dcos-exhibitor.service"] = "ZooKeeper does not serve"
        if self.leader == "-":
            failures["dcos-mesos-master.service"] = "there is no leading master"
        return failures

    def addresses(self, name):
        if name == "ready.spartan":
            return ["127.0.0.1"]
        if self.leader != "-" and name in ("leader.mesos", "master.mesos"):
            return [self.leader] if name == "leader.mesos" else self.cluster.masters
        return None

    # Mesos.

    def mesos(self, request):
        path = request.path
        if path.startswith("/master/"):
            path = path[len("/master"):]
        path = path.rstrip("/") or "/"
        if path in ("/redirect", "/register") or path in ONLY_LEADER:
            if self.leader == "-":
                request.answer(503, "No leader elected\n")
                return
            if path == "/redirect" or not self.leads():
                tail = "" if path == "/redirect" else request.path
                request.answer(307, Location="//%s:%d%s" % (self.leader, MESOS_PORT, tail))
                return
        if path == "/register":
            self.register(request)
        elif path == "/slaves":
            request.json({"slaves": [agent.json() for agent in self.agents.values()]})
        elif path in ("/state", "/state.json", "/state-summary"):
            request.json({
                "id": self.identifier, "version": MESOS_VERSION, "hostname": self.address,
                "pid": "master@%s:5050" % self.address, "leader": "master@%s:5050" % self.leader,
                "start_time": STARTED, "slaves": [agent.json() for agent in self.agents.values()],
                "frameworks": [], "stand_in": True,
            })
        elif path in ("/tasks", "/roles"):
            request.json({path[1:]: []})
        elif path == "/metrics/snapshot":
            active = sum(not agent.stream.closed for agent in self.agents.values())
            request.json({
                "master/elected": int(self.leads()), "master/uptime_secs": time.time() - STARTED,
                "master/slaves_connected": active, "master/slaves_active": active,
                "master/slaves_disconnected": len(self.agents) - active,
                "registrar/log/recovered": int(self.leader != "-"),
            })
        elif path == "/version":
            request.json({"version": MESOS_VERSION, "stand_in": True})
        elif path in ("/", "/health"):
            request.answer(200, "Mesos master of the DC/OS stand-in\n" if path == "/" else "")
        else:
            request.not_found()

    def register(self, request):
        """An agent: from here on its connection carries lines, and lasts as long as the agent."""
        fields = {name[len("x-agent-"):]: value for name, value in request.headers.items()
                  if name.startswith("x-agent-")}
        if not {"address", "role", "cpus", "mem", "disk", "ports"} <= set(fields):
            request.answer(405, "not an agent of the stand-in\n")
            return
        identifier = fields.get("id")
        if not identifier:
            identifier = "%s-S%d" % (self.identifier, self.numbered)
            self.numbered += 1
        known = self.agents.get(identifier)
        if known:
            known.stream.close()
        stream = request.stream
        stream.on_data = lambda *_: None
        stream.on_close = lambda _: log("lost the agent at " + fields["address"])
        self.agents[identifier] = Agent(stream, identifier, fields)
        log("registered the agent at %s as %s" % (fields["address"], identifier))
        stream.send(("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                     "Upgrade: stand-in-agent\r\n\r\nregistered %s\n" % identifier).encode())

    # Admin Router.

    def router(self, request):
        path = request.path
        if path == "/":
            request.answer(200, "<!doctype html><title>DC/OS stand-in</title>\n"
                           "<p>This is a stand-in for DC/OS %s, not DC/OS.\n" % self.cluster.version,
                           "text/html")
        elif path == "/dcos-metadata/dcos-version.json":
            with open(VERSION_FILE, encoding="utf-8") as version:
                request.answer(200, version.read(), "application/json")
        elif path in ("/mesos", "/exhibitor"):
            request.answer(301, Location=path + "/")
        elif not path.startswith(("/mesos/", "/exhibitor/", "/system/health/v1",
                                  "/dcos-history-service/", "/service/metronome/")):
            request.not_found()
        elif self.cluster.oauth:
            # The stand-in has no users, so nobody can have a token.
            request.answer(401, "the DC/OS stand-in cannot log anybody in; with oauth_enabled: false "
                           "this needs no login\n", WWW_Authenticate="oauthjwt")
        elif path.startswith("/system/health/v1"):
            self.health.handle(request)
        elif path.startswith("/exhibitor/"):
            request.proxy(EXHIBITOR, path[len("/exhibitor"):])
        elif self.leader == "-":
            request.answer(502, "there is no leading master\n")
        elif path == "/dcos-history-service/ping":
            request.answer(200, "pong")
        elif path == "/service/metronome/v1/jobs":
            request.json([])
        elif path.startswith("/mesos/"):
            request.proxy((self.leader, MESOS_PORT), path[len("/mesos"):])
        else:
            request.not_found()

    def run(self):
        log("master %s on %s" % (self.address, socket.gethostname()))
        self.loop.run()
