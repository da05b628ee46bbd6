"""Packs the stand-in release: what hosts download, the image that generates it, the self-extractor.

    pack.py OUTFILE

The image holds this machine's Python, as far as the generator uses it.
"""

import hashlib
import io
import json
import os
import py_compile
import stat
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = os.path.realpath("/usr/bin/python3")
IMAGE = "mesosphere/dcos-genconf"
PACKAGE = "stand-in"

SAMPLE = """\
bootstrap_url: http://192.0.2.1:9999
cluster_name: sample
exhibitor_storage_backend: static
master_discovery: static
master_list: [192.0.2.2]
dcos_overlay_network: {vtep_subnet: 44.128.0.0/20, vtep_mac_oui: "70:B3:D5:00:00:00",
  overlays: [{name: dcos, subnet: 9.0.0.0/8, prefix: 24}]}
"""
# Runs the generator and then tells which files Python has read. hashlib does without OpenSSL.
TRACE = """
import json, runpy, sys, traceback
sys.modules["_hashlib"] = None
generator, commands = sys.argv[1], json.loads(sys.argv[2])
sys.path.insert(0, generator)
for command in commands:
    sys.argv = ["generator"] + command
    try:
        runpy.run_path(generator, run_name="__main__")
    except SystemExit as end:
        if end.code:
            sys.exit("the generator fails: %s %s" % (command, end.code))
import encodings.ascii, encodings.idna, encodings.latin_1, encodings.utf_8
files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
json.dump(sorted(file for file in files if file), open("modules.json", "w"))
"""


def sources(folder):
    """Every file below `folder`, by path, in order."""
    found = {}
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            path = os.path.join(parent, name)
            with open(path, "rb") as content:
                found[os.path.relpath(path, folder)] = content.read()
    return found


def mode_of(content):
    return 0o755 if content.startswith((b"#!", b"\x7fELF")) else 0o644


def compiled(path, content, folder):
    """The byte code of a module, which is taken without a look at the source's time."""
    source = os.path.join(folder, "module.py")
    target = os.path.join(folder, "module.pyc")
    with open(source, "wb") as out:
        out.write(content)
    py_compile.compile(source, target, dfile=path, doraise=True,
                       invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    with open(target, "rb") as code:
        return code.read()


def cached(path):
    parent, name = os.path.split(path)
    return os.path.join(parent, "__pycache__", "%s.%s.pyc" % (name[:-3], sys.implementation.cache_tag))


def with_byte_code(files, root, folder):
    """Adds byte code for what is imported: hosts start these programs on few and busy cores."""
    for path, content in list(files.items()):
        if path.endswith(".py"):
            files[cached(path)] = compiled(os.path.join(root, path), content, folder)


def activated(files, package):
    """The links by which what a package has is found, as an activation makes them: path and target."""
    root = "packages/%s/" % package
    links = [("active/" + PACKAGE, "/opt/mesosphere/" + root.rstrip("/"))]
    for path in files:
        inner = path[len(root):]
        if path.startswith(root) and inner.split("/")[0] in ("bin", "lib"):
            links.append((inner, "/opt/mesosphere/" + path))
    return links


def add(archive, path, content, mode, link=None):
    member = tarfile.TarInfo(path)
    member.mode = mode
    if link:
        member.type, member.linkname = tarfile.SYMTYPE, link
        archive.addfile(member)
    else:
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))


def tar_of(files, links=(), compression=""):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:" + compression) as archive:
        folders = set()
        for path in sorted(set(files) | {path for path, _ in links}):
            parent = os.path.dirname(path)
            missing = []
            while parent and parent not in folders:
                missing.append(parent)
                folders.add(parent)
                parent = os.path.dirname(parent)
            for folder in reversed(missing):
                member = tarfile.TarInfo(folder)
                member.type, member.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(member)
            if path in files:
                add(archive, path, files[path], mode_of(files[path]))
        for path, target in links:
            add(archive, path, b"", 0o777, target)
    return out.getvalue()


def libraries(program):
    """The shared libraries that a program needs, by their paths."""
    listed = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    words = [line.split() for line in listed.splitlines()]
    return {word for line in words for word in line if word.startswith("/")}


def python_files(generator, artifacts, folder):
    """Python and what it reads for the generator, found by running the generator."""
    os.makedirs(os.path.join(folder, "genconf"))
    for path, text in (("genconf/config.yaml", SAMPLE), ("genconf/ip-detect", "#!/bin/sh\n"),
                       ("trace.py", TRACE)):
        with open(os.path.join(folder, path), "w", encoding="utf-8") as out:
            out.write(text)
    commands = [["--genconf"], ["--version"], ["--set-superuser-password", "x"]]
    subprocess.run(
        [PYTHON, "-B", "-E", "-s", "trace.py", generator, json.dumps(commands)],
        cwd=folder, check=True, stdout=subprocess.PIPE,
        env=dict(os.environ, STAND_IN_ARTIFACTS=artifacts),
    )
    with open(os.path.join(folder, "modules.json"), encoding="utf-8") as text:
        modules = [path for path in json.load(text) if not path.startswith((generator, folder))
                   and os.path.isabs(path)]
    wanted = {PYTHON} | set(modules)
    for program in [PYTHON] + [path for path in modules if path.endswith(".so")]:
        wanted |= libraries(program)
    files = {}
    for path in wanted:
        with open(path, "rb") as content:
            files[path.lstrip("/")] = content.read()
    # The distribution's byte code is bound to the times of its files, which the image does not keep.
    with_byte_code(files, "/", folder)
    return files


def docker_archive(tag, layer, commit):
    """An image of one layer, as `docker load` takes it."""
    digest = hashlib.sha256(layer).hexdigest()
    config = json.dumps({
        "architecture": "amd64", "os": "linux", "created": "1970-01-01T00:00:00Z",
        "config": {
            "Entrypoint": ["/usr/bin/python3", "-sS", "/generator"],
            "Env": ["PATH=/usr/bin", "PYTHONUTF8=1", "PYTHONDONTWRITEBYTECODE=1",
                    "PYTHONPATH=/usr/lib/python3/dist-packages"],
            "WorkingDir": "/", "Volumes": {"/genconf": {}}, "ExposedPorts": {"9000/tcp": {}},
            "Labels": {"phalanx.lab": "DC/OS stand-in", "phalanx.lab.commit": commit},
        },
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest]},
        "history": [{"created": "1970-01-01T00:00:00Z", "comment": "DC/OS stand-in"}],
    }).encode()
    name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = json.dumps([{"Config": name, "RepoTags": [tag], "Layers": [digest + "/layer.tar"]}])
    return tar_of({name: config, digest + "/layer.tar": layer, "manifest.json": manifest.encode()})


def main(outfile):
    everything = sources(HERE)
    commit = hashlib.sha1(b"".join(
        path.encode() + b"\0" + content for path, content in sorted(everything.items())
        if not path.startswith("test_") and path != "README.md"
    )).hexdigest()
    with tempfile.TemporaryDirectory() as folder:
        node = sources(os.path.join(HERE, "node"))
        # All that the stand-in has of its own is one package; what is active is links into it.
        package = "%s--%s" % (PACKAGE, commit)
        node = {path.replace("package/", "packages/%s/" % package, 1): content for path, content in node.items()}
        # The mark of a host on which nothing has been set up yet: pkgpanda acts while it is there.
        node["bootstrap"] = b""
        # A library of DC/OS's that nobody but DC/OS's own programs gets along with.
        node["packages/%s/lib/libcurl.so.4" % package] = b""
        with_byte_code(node, "/opt/mesosphere", folder)
        bootstrap = tar_of(node, activated(node, package), compression="xz")
        bootstrap_id = hashlib.sha1(bootstrap).hexdigest()
        release = {"commit": commit, "bootstrap_id": bootstrap_id}
        artifacts = {
            bootstrap_id + ".bootstrap.tar.xz": bootstrap,
            bootstrap_id + ".active.json": json.dumps([package]).encode(),
            "release.json": json.dumps(release).encode(),
        }
        artifacts_folder = os.path.join(folder, "artifacts")
        os.mkdir(artifacts_folder)
        for name, content in artifacts.items():
            with open(os.path.join(artifacts_folder, name), "wb") as out:
                out.write(content)

        generator = os.path.join(HERE, "generator")
        image = python_files(generator, artifacts_folder, os.path.join(folder, "trial"))
        image.update(("artifacts/" + name, content) for name, content in artifacts.items())
        own = sources(generator)
        with_byte_code(own, "/generator", folder)
        image.update(("generator/" + name, content) for name, content in own.items())
        image["etc/passwd"] = b"root:x:0:0:root:/root:/usr/bin/python3\n"
        layer = tar_of(image, links=[("usr/bin/python3", os.path.basename(PYTHON))])

    version = "%s-%s" % (commit[:18], bootstrap_id[:18])
    tag = IMAGE + ":" + version
    tar_file = "dcos-genconf.%s.tar" % version
    archive = docker_archive(tag, layer, commit)
    script = everything["self-extractor.sh"].decode()
    script = script.replace("{{ tar_file }}", tar_file).replace("{{ image }}", tag)
    part = outfile + ".part"
    with open(part, "wb") as out:
        out.write(script.encode())
        # What the real one is: a tar in which there is the image's tar.
        with tarfile.open(fileobj=out, mode="w|") as payload:
            add(payload, tar_file, archive, 0o644)
    os.chmod(part, stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
    os.replace(part, outfile)
    print("%s: %.1f MB, image %s" % (outfile, os.path.getsize(outfile) / 1e6, tag))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: pack.py OUTFILE")
    main(os.path.abspath(sys.argv[1]))
