"""What the services of the stand-in know of their cluster and of their host."""

import os
import sys
import time

MESOSPHERE = "/opt/mesosphere"
CLUSTER = MESOSPHERE + "/etc/stand-in.conf"
KNOBS = "/etc/stand-in.conf"
ROLES = "/etc/mesosphere/roles"

# The version of Mesos in DC/OS 1.8.8.
MESOS_VERSION = "1.0.1"
ZOOKEEPER_SOCKET = "/run/dcos/stand-in-zookeeper.sock"
HEALTH_SOCKET = "/run/dcos/3dt.sock"


def log(text):
    print("stand-in: " + text, file=sys.stderr, flush=True)


def read_assignments(path):
    """KEY=VALUE lines; a file that is not there has none."""
    found = {}
    try:
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                key, separator, value = line.strip().partition("=")
                if separator and not key.startswith("#"):
                    found[key.strip()] = value.strip()
    except FileNotFoundError:
        pass
    return found


def read_seconds(name, default):
    text = read_assignments(KNOBS).get(name, "")
    try:
        return max(0.0, float(text)) if text else default
    except ValueError:
        log("%s: %s=%s is no number of seconds; taking %s" % (KNOBS, name, text, default))
        return default


def is_address(text):
    parts = text.split(".")
    return len(parts) == 4 and all(part.isdigit() and int(part) < 256 for part in parts)


def detect_ip():
    """What the ip-detect script prints, which must be one IPv4 address and nothing else."""
    program = MESOSPHERE + "/bin/detect_ip"
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writer, 1)
        try:
            os.execve(program, [program], {"PATH": MESOSPHERE + "/bin:/usr/sbin:/usr/bin:/sbin:/bin"})
        except OSError as error:
            os.write(2, ("cannot run %s: %s\n" % (program, error.strerror)).encode())
        finally:
            os._exit(127)
    os.close(writer)
    output = b""
    while True:
        chunk = os.read(reader, 4096)
        if not chunk:
            break
        output += chunk
    os.close(reader)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    text = output.decode("utf-8", "replace")
    address = text[:-1] if text.endswith("\n") else text
    if status != 0 or not is_address(address):
        log("%s printed %r and ended with %d: it must print one IPv4 address" % (program, text, status))
        sys.exit(1)
    return address


class Cluster:
    def __init__(self):
        found = read_assignments(CLUSTER)
        self.version = found.get("VERSION", "")
        self.masters = found.get("MASTER_LIST", "").split()
        self.oauth = found.get("OAUTH_ENABLED") == "true"


def own_role():
    for role in ("master", "slave_public", "slave"):
        if os.path.exists(ROLES + "/" + role):
            return role
    log("there is no role in " + ROLES)
    sys.exit(1)


STARTED = time.time()
