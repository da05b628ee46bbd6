"""dcos-exhibitor.service: Exhibitor and ZooKeeper of a master."""

from ensemble import Ensemble
from loop import Loop, listen
from settings import ZOOKEEPER_SOCKET, Cluster, detect_ip, log, read_seconds
import web

EXHIBITOR_PORT = 8181
ZOOKEEPER_PORT = 2181

CODES = {1: "down", 2: "not serving", 3: "serving"}


class Exhibitor:
    def __init__(self):
        self.cluster = Cluster()
        self.address = detect_ip()
        self.loop = Loop()
        self.ensemble = None
        self.watchers = set()
        self.told = None
        if self.address not in self.cluster.masters:
            log("%s is not in the list of masters (%s): this master will never serve"
                % (self.address, " ".join(self.cluster.masters)))
        listen(self.loop, ZOOKEEPER_SOCKET, self.watched)
        listen(self.loop, ("0.0.0.0", ZOOKEEPER_PORT), self.asked)
        web.serve(self.loop, ("0.0.0.0", EXHIBITOR_PORT), self.handle)
        self.ensemble = Ensemble(
            self.loop, self.address, self.cluster.masters, read_seconds("CONVERGE_SECONDS", 3.0),
            self.changed,
        )

    # For Mesos on the same host: who is connected is a candidate, and is told who leads.

    def watched(self, stream):
        def closed(_stream):
            self.watchers.discard(stream)
            self.ensemble.set_mesos(bool(self.watchers))

        self.watchers.add(stream)
        stream.on_data = lambda *_: None
        stream.on_close = closed
        stream.send(self.news())
        self.ensemble.set_mesos(True)

    def news(self):
        own = self.ensemble.own
        return ("zookeeper %d %s\n" % (own.serving, own.mesos_leader)).encode()

    def changed(self):
        if self.ensemble is None:
            return
        own = self.ensemble.own
        members = self.ensemble.members
        serving = sum(self.status_of(member)["code"] == 3 for member in members)
        view = (own.serving, own.leader, own.mesos_leader, serving)
        if view != self.told:
            self.told = view
            log("%d of %d serve, leader %s, Mesos leader %s"
                % (serving, len(members), own.leader, own.mesos_leader))
            for watcher in list(self.watchers):
                watcher.send(self.news())

    # ZooKeeper's four-letter words.

    def asked(self, stream):
        def data(_stream, received):
            stream.received += received
            word = stream.received[:4]
            if len(word) < 4:
                return
            if word == b"ruok":
                stream.finish(b"imok")
            elif word in (b"stat", b"srvr"):
                stream.finish(self.stat().encode())
            else:
                stream.close()

        stream.on_data = data

    def stat(self):
        own = self.ensemble.own
        if not own.serving:
            return "This ZooKeeper instance is not currently serving requests\n"
        if len(self.ensemble.members) == 1:
            mode = "standalone"
        else:
            mode = "leader" if own.leader == self.address else "follower"
        return (
            "Zookeeper version: stand-in\nClients:\n\nLatency min/avg/max: 0/0/0\n"
            "Received: 0\nSent: 0\nConnections: 1\nOutstanding: 0\nZxid: 0x0\nMode: %s\n"
            "Node count: 4\n" % mode
        )

    # Exhibitor.

    def handle(self, request):
        if request.path == "/exhibitor/v1/cluster/status":
            request.json([self.status_of(member) for member in self.ensemble.members])
        elif request.path == "/exhibitor/v1/cluster/state":
            own = self.status_of(self.address)
            request.json({"response": {"state": own["code"], "description": own["description"],
                                       "isLeader": own["isLeader"]}})
        elif request.path in ("/", "/exhibitor/v1/ui/index.html"):
            request.answer(200, "Exhibitor of the DC/OS stand-in\n")
        else:
            request.not_found()

    def status_of(self, member):
        own = self.ensemble.own
        state = own if member == self.address else self.ensemble.peers.get(member)
        if state is None:
            code = 1
        elif state.serving:
            code = 3
        else:
            # Alone it is down; with all others in sight it is about to serve.
            code = 2 if len(state.reached) + 1 == len(self.ensemble.members) else 1
        return {"code": code, "description": CODES[code], "hostname": member,
                "isLeader": code == 3 and own.leader == member}

    def run(self):
        self.loop.run()
