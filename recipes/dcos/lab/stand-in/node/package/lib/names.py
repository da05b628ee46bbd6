"""The names that Mesos-DNS and Spartan give, at a master's port 61053: only addresses, only by UDP."""

import select
import socket

PORT = 61053
TTL = 5
TYPE_A, CLASS_IN = 1, 1
NO_ERROR, NO_SUCH_NAME = 0, 3


def serve(loop, addresses):
    """Answers with `addresses(name)`: a list, or None where there is no such name."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("0.0.0.0", PORT))
    server.setblocking(False)

    def ready(_events):
        while True:
            try:
                query, client = server.recvfrom(512)
            except OSError:
                return
            reply = answer(query, addresses)
            if reply:
                server.sendto(reply, client)

    loop.watch(server.fileno(), select.EPOLLIN, ready)


def answer(query, addresses):
    labels, end = [], 12
    while end < len(query) and query[end]:
        length = query[end]
        labels.append(query[end + 1:end + 1 + length].decode("ascii", "replace").lower())
        end += length + 1
    end += 5
    if len(query) < end or query[4:6] != b"\0\1":
        return None
    kind = int.from_bytes(query[end - 4:end - 2], "big")
    found = addresses(".".join(labels))
    records = found if found and kind == TYPE_A else []
    # A response, authoritative, with recursion desired where that was asked for.
    flags = 0x8400 | (query[2] & 1) << 8 | (NO_SUCH_NAME if found is None else NO_ERROR)
    reply = query[:2] + flags.to_bytes(2, "big") + b"\0\1" + len(records).to_bytes(2, "big") + bytes(4)
    reply += query[12:end]
    for address in records:
        reply += b"\xc0\x0c" + TYPE_A.to_bytes(2, "big") + CLASS_IN.to_bytes(2, "big")
        reply += TTL.to_bytes(4, "big") + b"\0\4" + socket.inet_aton(address)
    return reply
