"""What ZooKeeper does for the cluster, as far as it can be seen from outside: the masters find each
other, agree after a while, choose a leader, and lose each other again.

Each member connects to all others at ZooKeeper's port for elections. Who accepts a connection tells
its state at once and whenever it changes, in a line:
    state ADDRESS SERVING LEADER MESOS MESOS_LEADER REACHED
"""

import os

from loop import connect, lines, listen

PORT = 3888
RETRY_WHILE_FORMING = 0.15
RETRY_WHILE_SERVING = 0.5
# Once the members have formed an ensemble, a majority is enough to form it again.
FORMED = "/var/lib/zookeeper/stand-in-formed"


class State:
    """What a member says about itself."""

    def __init__(self, address, serving=False, leader="-", mesos=False, mesos_leader="-", reached=()):
        self.address = address
        self.serving = serving
        self.leader = leader
        self.mesos = mesos
        self.mesos_leader = mesos_leader
        self.reached = frozenset(reached)

    def key(self):
        return (self.serving, self.leader, self.mesos, self.mesos_leader, self.reached)

    def line(self):
        return "state %s %d %s %d %s %s\n" % (
            self.address, self.serving, self.leader, self.mesos, self.mesos_leader,
            ",".join(sorted(self.reached)) or "-",
        )

    @staticmethod
    def of(words):
        if len(words) != 7 or words[0] != "state":
            return None
        reached = () if words[6] == "-" else words[6].split(",")
        return State(words[1], words[2] == "1", words[3], words[4] == "1", words[5], reached)


class Ensemble:
    def __init__(self, loop, address, members, converge_seconds, on_change):
        self.loop = loop
        # Identifiers are positions in the list sorted as text, as in DC/OS's static ensemble.
        self.members = sorted(members)
        self.own = State(address)
        self.member = address in members
        self.peers = {}
        self._converge_seconds = converge_seconds
        self._on_change = on_change
        self._timer = None
        self._timer_for = None
        self._subscribers = set()
        self._told = None
        listen(loop, ("0.0.0.0", PORT), self._accepted)
        for peer in self.members:
            if peer != address:
                self._dial(peer)
        self._decide()

    # The network.

    def _accepted(self, stream):
        self._subscribers.add(stream)
        stream.on_data = lambda *_: None
        stream.on_close = self._subscribers.discard
        stream.send(self.own.line().encode())

    def _dial(self, peer):
        def again():
            seconds = RETRY_WHILE_SERVING if self.own.serving else RETRY_WHILE_FORMING
            self.loop.later(seconds, lambda: self._dial(peer))

        def lost(_stream):
            if self.peers.pop(peer, None):
                self._decide()
            again()

        def said(stream, words):
            state = State.of(words)
            # Who calls itself otherwise than the list of masters does is none of the ensemble.
            if state is None or state.address != peer:
                stream.close()
                return
            self.peers[peer] = state
            self._decide()

        def connected(stream):
            stream.on_close = lost
            stream.on_data = lines(said)

        connect(self.loop, (peer, PORT), connected, again)

    # The decisions.

    def set_mesos(self, running):
        self.own.mesos = running
        self._decide()

    def _majority(self):
        return len(self.members) // 2 + 1

    def _may_form(self):
        if not self.member:
            return False
        others = set(self.members) - {self.own.address}
        everyone = all(
            peer in self.peers and self.peers[peer].reached >= set(self.members) - {peer}
            for peer in others
        )
        if everyone:
            return True
        if len(self.peers) + 1 < self._majority():
            return False
        return os.path.exists(FORMED) or any(peer.serving for peer in self.peers.values())

    def _decide(self):
        own = self.own
        own.reached = frozenset(self.peers)
        if own.serving:
            if len(self.peers) + 1 < self._majority():
                own.serving = False
        elif not self._may_form():
            self._stop_timer()
        elif self._timer_for != own.reached:
            # Whoever comes or goes starts the waiting anew.
            self._stop_timer()
            self._timer_for = own.reached
            self._timer = self.loop.later(self._converge_seconds, self._converged)
        self._choose()
        if own.key() != self._told:
            self._told = own.key()
            line = own.line().encode()
            for stream in list(self._subscribers):
                stream.send(line)
        self._on_change()

    def _stop_timer(self):
        if self._timer:
            self._timer.cancel()
        self._timer = self._timer_for = None

    def _converged(self):
        self._timer = self._timer_for = None
        self.own.serving = True
        try:
            os.makedirs(os.path.dirname(FORMED), exist_ok=True)
            with open(FORMED, "w"):
                pass
        except OSError:
            pass
        self._decide()

    def _choose(self):
        own = self.own
        if not own.serving:
            own.leader = own.mesos_leader = "-"
            return
        serving = {own.address} | {a for a, peer in self.peers.items() if peer.serving}
        alive = {own.address} | set(self.peers)
        claims = [own.leader] + [peer.leader for peer in self.peers.values() if peer.serving]
        # At the beginning all members see the same others; later only who serves can take over.
        own.leader = _elect(claims, alive, alive if own.leader == "-" else serving)

        candidates = {a for a in serving if a != own.address and self.peers[a].mesos}
        if own.mesos:
            candidates.add(own.address)
        claims = [own.mesos_leader]
        claims += [peer.mesos_leader for peer in self.peers.values() if peer.serving]
        # Not before ZooKeeper itself is settled.
        settled = own.leader in serving and len(serving) >= self._majority()
        electable = candidates if settled else set()
        own.mesos_leader = _elect(claims, candidates, electable)


def _elect(claims, valid, electable):
    """Who is claimed most stays; where nobody valid is claimed, the highest of those electable."""
    counts = {}
    for claim in claims:
        if claim in valid:
            counts[claim] = counts.get(claim, 0) + 1
    if counts:
        return max(counts, key=lambda address: (counts[address], address))
    return max(electable, default="-")
