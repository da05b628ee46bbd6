"""What a generation writes: everything below genconf/serve."""

import hashlib
import io
import json
import os
import shutil
import tarfile

import yaml

from config_files import config_files

GENCONF = "genconf"


def read_release(artifacts):
    """The identifiers that the release was built with."""
    with open(os.path.join(artifacts, "release.json"), encoding="utf-8") as text:
        return json.load(text)


def config_id(release, user):
    """The same configuration for the same release always has the same identifier."""
    source = json.dumps([release["commit"], user, "stand-in"], sort_keys=True)
    return hashlib.sha1(source.encode()).hexdigest()


def package(files):
    """A package: a tar.xz of files, the same bytes for the same content."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:xz", preset=1) as archive:
        for path, (mode, content) in sorted(files.items()):
            content = content.encode()
            member = tarfile.TarInfo(path)
            member.mode = mode
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def rexray_file(values):
    return yaml.dump(json.loads(values["rexray_config"]), default_flow_style=False).rstrip("\n")


def service_settings(values):
    """For the services on the hosts. Only what the operator cannot put a line break into."""
    masters = json.loads(values["master_list"]) if "master_list" in values else []
    if "static" not in (values["master_discovery"], values["exhibitor_storage_backend"]):
        masters = []
    lines = (
        "VERSION=" + values["dcos_version"],
        "OAUTH_ENABLED=" + values["oauth_enabled"],
        "MASTER_LIST=" + " ".join(masters),
    )
    return "\n".join(lines) + "\n"


def write(path, content):
    """Leaves the mode to the umask, which is none: whoever is on the host can write to the file."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    # Never half a file: nginx may be serving this folder.
    part = path + ".part"
    with open(part, "wb") as out:
        out.write(content if isinstance(content, bytes) else content.encode())
    os.replace(part, path)


def generate(release, artifacts, templates, user, values, when):
    """Writes genconf/serve and genconf/cluster_packages.json. Tells what it makes by `print`."""
    # DC/OS takes its umask away here, and never gives it back.
    os.umask(0)
    serve = os.path.join(GENCONF, "serve")
    bootstrap = release["bootstrap_id"]
    identifier = config_id(release, user)
    version = {
        "version": values["dcos_version"],
        "dcos-image-commit": release["commit"],
        "bootstrap-id": bootstrap,
        "dcos-variant": "stand-in",
    }
    user_yaml = yaml.dump(user, default_flow_style=False, explicit_start=True)
    contents = {
        "dcos-config": {
            **{path: (0o644, content) for path, content in config_files(user).items()},
            "bin/detect_ip": (0o755, values["ip_detect_contents"]),
            "bin/detect_ip_public": (0o755, values["ip_detect_contents"]),
            "etc/expanded.config.json": (0o644, json.dumps(values, indent=2, sort_keys=True) + "\n"),
            "etc/stand-in.conf": (0o644, service_settings(values)),
            "etc/user.config.yaml": (0o644, user_yaml),
        },
        "dcos-metadata": {
            "etc/dcos-version.json": (0o644, json.dumps(version, indent=2) + "\n"),
        },
    }
    if "master_list" in values:
        contents["dcos-config"]["etc/master_list"] = (0o644, values["master_list"] + "\n")
    information = {}
    for name, files in contents.items():
        package_id = f"{name}--setup_{identifier}"
        files["pkginfo.json"] = (0o644, "{}\n")
        filename = f"packages/{name}/{package_id}.tar.xz"
        print(f"Package filename: {filename}")
        write(os.path.join(serve, filename), package(files))
        information[name] = {"filename": filename, "id": package_id}

    for name in (f"{bootstrap}.bootstrap.tar.xz", f"{bootstrap}.active.json"):
        target = os.path.join(serve, "bootstrap", name)
        if not os.path.exists(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(os.path.join(artifacts, name), target + ".part")
            os.replace(target + ".part", target)
    write(os.path.join(serve, "bootstrap.latest"), bootstrap)
    text = json.dumps(information, indent=2, sort_keys=True) + "\n"
    write(os.path.join(serve, "cluster-package-info.json"), text)
    write(os.path.join(GENCONF, "cluster_packages.json"), text)

    print("Generating Bash configuration files for DC/OS")
    with open(os.path.join(templates, "dcos_install.sh"), encoding="utf-8") as template:
        script = template.read()
    places = {
        "bootstrap_id": bootstrap,
        "bootstrap_tmp_dir": values["bootstrap_tmp_dir"],
        "bootstrap_url": values["bootstrap_url"],
        "cluster_packages": json.dumps([information[name]["id"] for name in sorted(information)]),
        "dcos_image_commit": release["commit"],
        "generation_date": when,
        "rexray_config": rexray_file(values),
    }
    for name, value in places.items():
        script = script.replace("{{ %s }}" % name, value)
    write(os.path.join(serve, "dcos_install.sh"), script)
