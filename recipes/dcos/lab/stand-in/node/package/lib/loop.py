"""A small event loop on epoll: timers, TCP streams, listeners.

asyncio would do, but importing it costs more processor time than everything else a service of the
stand-in does until it answers, and a lab starts dozens of them at once.
"""

import errno
import heapq
import os
import select
import socket
import time

CONNECT_TIMEOUT = 1.0
# A peer whose host has vanished without a word is noticed after IDLE + COUNT * INTERVAL seconds. The
# kernel sends the probes, so that nobody has to wake up for them.
KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_COUNT = 3, 1, 3


class Timer:
    """A call in the future that can be taken back."""

    def __init__(self, call):
        self.call = call

    def cancel(self):
        self.call = None


class Loop:
    def __init__(self):
        self._poll = select.epoll()
        self._handlers = {}
        self._timers = []
        self._count = 0

    def later(self, seconds, call):
        timer = Timer(call)
        self._count += 1
        heapq.heappush(self._timers, (time.monotonic() + seconds, self._count, timer))
        return timer

    def watch(self, descriptor, events, handler):
        if descriptor in self._handlers:
            self._poll.modify(descriptor, events)
        else:
            self._poll.register(descriptor, events)
        self._handlers[descriptor] = handler

    def forget(self, descriptor):
        if self._handlers.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    def run(self):
        while True:
            timeout = -1
            while self._timers:
                due, _, timer = self._timers[0]
                if timer.call is None:
                    heapq.heappop(self._timers)
                    continue
                timeout = due - time.monotonic()
                if timeout > 0:
                    break
                heapq.heappop(self._timers)
                timer.call()
                timeout = -1
            for descriptor, events in self._poll.poll(timeout):
                handler = self._handlers.get(descriptor)
                if handler is not None:
                    handler(events)


def keep_alive(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_COUNT)


class Stream:
    """A connection: what arrives goes to `on_data(stream, bytes)`, its end to `on_close(stream)`."""

    def __init__(self, loop, connection, on_data=None, on_close=None):
        self.loop = loop
        self.connection = connection
        self.on_data = on_data
        self.on_close = on_close
        self.received = b""
        self._out = b""
        self._last = False
        self.closed = False
        connection.setblocking(False)
        loop.watch(connection.fileno(), select.EPOLLIN, self._ready)

    def _ready(self, events):
        if events & select.EPOLLOUT:
            self._flush()
        if not self.closed and events & ~select.EPOLLOUT:
            try:
                data = self.connection.recv(65536)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.close()
            elif self.on_data:
                self.on_data(self, data)

    def send(self, data):
        if not self.closed:
            self._out += data
            self._flush()

    def finish(self, data=b""):
        """Sends what is left to be sent, then closes."""
        self._last = True
        self.send(data)

    def _flush(self):
        try:
            while self._out:
                self._out = self._out[self.connection.send(self._out):]
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        if self._last and not self._out:
            self.close()
        elif not self.closed:
            events = select.EPOLLIN | (select.EPOLLOUT if self._out else 0)
            self.loop.watch(self.connection.fileno(), events, self._ready)

    def close(self):
        if self.closed:
            return
        self.closed = True
        self.loop.forget(self.connection.fileno())
        self.connection.close()
        if self.on_close:
            self.on_close(self)


def lines(on_line):
    """An `on_data` that hands over whole lines as lists of words."""

    def on_data(stream, data):
        stream.received += data
        while b"\n" in stream.received and not stream.closed:
            line, stream.received = stream.received.split(b"\n", 1)
            on_line(stream, line.decode("ascii", "replace").split())

    return on_data


def listen(loop, address, on_stream):
    """Listens at (host, port), or at the path of a unix socket."""
    if isinstance(address, str):
        os.makedirs(os.path.dirname(address), exist_ok=True)
        try:
            os.unlink(address)
        except FileNotFoundError:
            pass
        server = socket.socket(socket.AF_UNIX)
    else:
        server = socket.socket(socket.AF_INET)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(address)
    server.listen(128)
    server.setblocking(False)

    def accept(_events):
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            if server.family == socket.AF_INET:
                keep_alive(connection)
            on_stream(Stream(loop, connection))

    loop.watch(server.fileno(), select.EPOLLIN, accept)
    return server


def connect(loop, address, on_stream, on_failure):
    """Connects to (host, port), or to the path of a unix socket."""
    unix = isinstance(address, str)
    connection = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
    connection.setblocking(False)
    if not unix:
        keep_alive(connection)
    status = connection.connect_ex(address)
    if status not in (0, errno.EINPROGRESS):
        connection.close()
        loop.later(0, on_failure)
        return
    descriptor = connection.fileno()

    def give_up():
        loop.forget(descriptor)
        connection.close()
        on_failure()

    timer = loop.later(CONNECT_TIMEOUT, give_up)

    def ready(_events):
        timer.cancel()
        loop.forget(descriptor)
        if connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            connection.close()
            on_failure()
        else:
            on_stream(Stream(loop, connection))

    loop.watch(descriptor, select.EPOLLOUT, ready)
