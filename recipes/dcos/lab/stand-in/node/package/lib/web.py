"""The HTTP server and proxy of the stand-in's services: one request a connection."""

import json_text
from loop import connect, listen

REASONS = {
    101: "Switching Protocols",
    200: "OK",
    301: "Moved Permanently",
    307: "Temporary Redirect",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    502: "Bad Gateway",
    503: "Service Unavailable",
}
LONGEST_HEAD = 32768


class Request:
    def __init__(self, stream, method, path, headers):
        self.stream = stream
        self.method = method
        self.path = path
        self.headers = headers

    def answer(self, status, body="", kind="text/plain", **headers):
        body = body.encode()
        head = [
            "HTTP/1.1 %d %s" % (status, REASONS[status]),
            "Server: DC/OS stand-in",
            "Content-Type: " + kind,
            "Content-Length: %d" % len(body),
            "Connection: close",
        ]
        head += ["%s: %s" % (name.replace("_", "-"), value) for name, value in headers.items()]
        head = ("\r\n".join(head) + "\r\n\r\n").encode()
        self.stream.finish(head if self.method == "HEAD" else head + body)

    def json(self, value, status=200):
        self.answer(status, json_text.dumps(value), "application/json")

    def not_found(self):
        self.answer(404, "not part of the stand-in: %s\n" % self.path)

    def proxy(self, address, path):
        """Hands the request on to the server at `address`, as a request for `path`."""
        loop = self.stream.loop

        def connected(server):
            server.on_data = lambda _, data: self.stream.send(data)
            server.on_close = lambda _: self.stream.finish()
            self.stream.on_close = lambda _: server.close()
            host = "%s:%d" % address
            request = "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"
            server.send((request % (self.method, path, host)).encode())

        def failed():
            self.answer(502, "%s:%d does not answer\n" % address)

        connect(loop, address, connected, failed)


def serve(loop, address, handle):
    """Serves HTTP at `address`: each request goes to `handle(request)`."""

    def data(stream, received):
        stream.received += received
        if len(stream.received) > LONGEST_HEAD:
            stream.close()
            return
        if b"\r\n\r\n" not in stream.received:
            return
        head, stream.received = stream.received.split(b"\r\n\r\n", 1)
        stream.on_data = None
        first, *rest = head.decode("latin-1").split("\r\n")
        words = first.split(" ")
        if len(words) != 3:
            stream.close()
            return
        headers = {}
        for line in rest:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        request = Request(stream, words[0], words[1].split("?")[0], headers)
        if request.method in ("GET", "HEAD", "POST"):
            handle(request)
        else:
            request.answer(405)

    def accepted(stream):
        stream.on_data = data

    listen(loop, address, accepted)
