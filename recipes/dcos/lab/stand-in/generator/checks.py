"""What a single value may be. A check that fails raises AssertionError with DC/OS's message."""

import collections
import ipaddress
import json
import os
import socket
import stat


def kind(value):
    return type(value).__name__


def require(condition, message):
    if not condition:
        raise AssertionError(message)


def one_of(value, choices):
    words = ", ".join(f"'{choice}'" for choice in choices)
    require(value in choices, f"Must be one of {words}. Got '{value}'.")


def true_or_false(value):
    one_of(value, ["true", "false"])


def choice(value, choices):
    require(value in choices, f"Invalid choice {value}. Must choose one of {', '.join(choices)}")


def integer(value):
    try:
        return int(value)
    except ValueError:
        raise AssertionError(f"Must be an integer but got a {kind(value)}: {value}") from None


def in_range(value, low, high=None):
    number = integer(value)
    if high is None:
        require(low <= number, f"Must be above {low}")
    else:
        require(low <= number <= high, f"Must be between {low} and {high} inclusive")


def json_list(value):
    try:
        items = json.loads(value)
    except ValueError as error:
        raise AssertionError(
            "Must be a JSON formatted list, but couldn't be parsed the given value "
            f"`{value}` as one because of: {error}"
        ) from None
    require(isinstance(items, list), f"Must be a JSON list. Got a {kind(items)}")
    wrong = [item for item in items if not isinstance(item, str)]
    words = ", ".join(f"{item} type {kind(item)}" for item in wrong)
    require(not wrong, f"Items in list must be strings, got invalid values: {words}")
    return items


def json_dictionary(value):
    try:
        found = json.loads(value)
    except ValueError:
        raise AssertionError(f"Must be valid JSON. Got: {value}") from None
    require(isinstance(found, dict), f"Must be a JSON dictionary. Got a {kind(found)}")


def no_duplicates(items):
    twice = [(item, count) for item, count in collections.Counter(items).items() if count > 1]
    words = ", ".join(f"{item} appears {count} times" for item, count in twice)
    require(not twice, f"List cannot contain duplicates: {words}")


def is_ipv4(text):
    try:
        socket.inet_pton(socket.AF_INET, text)
        return True
    except OSError:
        return False


def ipv4_addresses(items):
    wrong = [item for item in items if not is_ipv4(item)]
    require(not wrong, f"Invalid IPv4 addresses in list: {', '.join(wrong)}")


def address_list(value):
    items = json_list(value)
    no_duplicates(items)
    ipv4_addresses(items)


def resolvers(value):
    items = json_list(value)
    no_duplicates(items)
    addresses = []
    for item in items:
        address, separator, port = item.rpartition(":")
        if separator:
            in_range(port, 1, 65535)
        addresses.append(address if separator else item)
    ipv4_addresses(addresses)


def disjoint(first, second):
    twice = sorted(set(json_list(first)) & set(json_list(second)))
    require(not twice, f"master_list and agent_list cannot contain duplicates {', '.join(twice)}")


def bootstrap_url(value):
    require(len(value) > 1, "Should be a url (http://example.com/bar or file:///path/to/local/cache)")
    require(value[-1] != "/", "Must not end in a '/'")


def num_masters(value):
    require(integer(value) in (1, 3, 5, 7, 9), f"Must have 1, 3, 5, 7, or 9 masters. Found {value}")


def dns_search(value):
    require("\n" not in value, "Newlines are not allowed")
    require("," not in value, "Commas are not allowed")
    require(len(value) < 256, "Must be less than 256 characters long")
    require(len(value.split()) <= 6, "Must contain no more than 6 domains")


def log_retention(value):
    require(integer(value) >= 1024, "Must retain at least 1024 MB of logs")


def zk_hosts(value):
    require(not value.startswith("zk://"), "Must be of the form `host:port,host:port', not start with zk://")


def zk_path(value):
    require(value.startswith("/"), "Must be of the form /path/to/znode")


def bootstrap_tmp_dir(value):
    require(value, "Must not be empty")
    require(
        value[0] != "/",
        "Must be an absolute path to a directory, although leave off the `/` at the beginning and end.",
    )


def overlay_network(value):
    try:
        network = json.loads(value)
    except ValueError:
        raise AssertionError(f"Provided input was not valid JSON: {value}") from None
    require(isinstance(network, dict), f"Must be a JSON dictionary. Got a {kind(network)}")
    for key in ("vtep_subnet", "vtep_mac_oui", "overlays"):
        require(key in network, f'Missing "{key}" in overlay configuration {network}')
    _network("vtep_subnet", network["vtep_subnet"])
    require(
        len(network["overlays"]) > 0, f'"Overlays" network configuration is empty: {network}'
    )
    for overlay in network["overlays"]:
        for key in ("name", "subnet"):
            require(key in overlay, f'Missing "{key}" in overlay configuration: {overlay}')
        require(
            len(overlay["name"]) <= 13, f"Overlay name cannot exceed 13 characters:{overlay['name']}"
        )
        _network("overlay subnet", overlay["subnet"])


def _network(what, value):
    try:
        ipaddress.ip_network(value)
    except ValueError:
        raise AssertionError(
            f"Incorrect value for {what}: {value}. Only IPv4 values are allowed"
        ) from None


def ssh_key(path):
    require(os.path.isfile(path), f"could not find ssh private key: {path}")
    require(
        stat.S_IMODE(os.stat(path).st_mode) & (stat.S_IRWXG | stat.S_IRWXO) == 0,
        "ssh_key_path must be only read / write / executable by the owner. It may not be read / write "
        "/ executable by group, or other.",
    )
    with open(path, encoding="utf-8", errors="replace") as key:
        require(
            "ENCRYPTED" not in key.read(),
            "Encrypted SSH keys (which contain passphrases) are not allowed. Use a key without a "
            "passphrase.",
        )
