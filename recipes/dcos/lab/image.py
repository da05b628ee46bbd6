"""Writes an image of a web server into the folder of a registry: as its HTTP interface names the files.

    image.py NGINX BUSYBOX FOLDER NAME TAG

The image holds these two programs and the libraries that they need, and serves /usr/share/nginx/html
at port 80.
"""

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile

CONFIGURATION = """\
daemon off;
user root;
worker_processes 1;
pid /run/nginx.pid;
error_log /dev/stderr;
events {
    worker_connections 1024;
}
http {
    access_log off;
    default_type application/octet-stream;
    sendfile on;
    server {
        listen 80;
        root /usr/share/nginx/html;
    }
}
"""
PROGRAM = "/usr/sbin/nginx"


def libraries(program):
    listed = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    return sorted({word for word in listed.split() if word.startswith("/")})


def layer(nginx, busybox):
    files = {PROGRAM: nginx, "/bin/busybox": busybox}
    files.update((path, path) for path in libraries(nginx))
    texts = {
        "/etc/nginx/nginx.conf": CONFIGURATION,
        "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
        "/etc/group": "root:x:0:\n",
        "/usr/share/nginx/html/index.html": "nginx of a lab\n",
    }
    folders = {"/run", "/tmp", "/var/log/nginx", "/var/lib/nginx"}
    for path in list(folders) + list(files) + list(texts):
        while path != "/":
            path = os.path.dirname(path)
            folders.add(path)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for folder in sorted(folders - {"/"}):
            member = tarfile.TarInfo(folder.lstrip("/"))
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(member)
        for path, source in sorted(files.items()):
            with open(source, "rb") as content:
                data = content.read()
            add(archive, path, data, 0o755)
        for path, text in sorted(texts.items()):
            add(archive, path, text.encode(), 0o644)
        member = tarfile.TarInfo("bin/sh")
        member.type, member.linkname = tarfile.SYMTYPE, "busybox"
        archive.addfile(member)
    return out.getvalue()


def add(archive, path, content, mode):
    member = tarfile.TarInfo(path.lstrip("/"))
    member.size, member.mode = len(content), mode
    archive.addfile(member, io.BytesIO(content))


def main(nginx, busybox, folder, name, tag):
    files = os.path.join(folder, "v2", name)
    for kind in ("blobs", "manifests"):
        os.makedirs(os.path.join(files, kind), exist_ok=True)

    def blob(content, media_type):
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        with open(os.path.join(files, "blobs", digest), "wb") as out:
            out.write(content)
        return {"mediaType": media_type, "size": len(content), "digest": digest}

    plain = layer(nginx, busybox)
    configuration = {
        "architecture": "amd64", "os": "linux", "created": "1970-01-01T00:00:00Z",
        "config": {"Cmd": [PROGRAM, "-e", "stderr"], "ExposedPorts": {"80/tcp": {}},
                   "Labels": {"phalanx.lab": "nginx of a lab"}},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(plain).hexdigest()]},
        "history": [{"created": "1970-01-01T00:00:00Z", "comment": "nginx of a lab"}],
    }
    kind = "application/vnd.docker."
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": kind + "distribution.manifest.v2+json",
        "config": blob(json.dumps(configuration).encode(), kind + "container.image.v1+json"),
        "layers": [blob(gzip.compress(plain, 1, mtime=0), kind + "image.rootfs.diff.tar.gzip")],
    }).encode()
    digest = "sha256:" + hashlib.sha256(manifest).hexdigest()
    for reference in (tag, digest):
        with open(os.path.join(files, "manifests", reference), "wb") as out:
            out.write(manifest)


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit("usage: image.py NGINX BUSYBOX FOLDER NAME TAG")
    main(*sys.argv[1:])
