"""dcos_generate_config of the DC/OS stand-in: the command line of 1.8.8, as far as it is one."""

import argparse
import json
import os
import sys
import time

import arguments
from validation import VERSION, Resolved

HERE = os.path.dirname(os.path.abspath(__file__))
ARTIFACTS = os.environ.get("STAND_IN_ARTIFACTS", "/artifacts")
# What DC/OS has and the stand-in has not.
REFUSED = {
    "web": "Run the web interface",
    "preflight": "Execute the preflight checks on a series of nodes.",
    "install-prereqs": "Install the cluster prerequisites.",
    "deploy": "Execute a deploy.",
    "postflight": "Execute postflight checks on a series of nodes.",
    "uninstall": "Execute uninstall on target hosts.",
    "aws-cloudformation": "Generate AWS Advanced AWS CloudFormation templates using the provided config",
}


# DC/OS colours what it says, whether a terminal is there or not.
BOLD, RED, GREEN, PLAIN = "\033[1m", "\033[31m", "\033[32m", "\033[0m"


def tell(text, colour=GREEN):
    print(f"{colour}{text}{PLAIN}", file=sys.stderr, flush=True)


def header(text):
    tell("====> " + text, BOLD)


def tell_messages(messages):
    for key, message in messages.items():
        # One line a message, whatever was in the value.
        tell(f"{key}: {' '.join(message.splitlines())}", RED)


def tell_arguments(user, values):
    """All that it has calculated, and twice what the user has given: with the user's secrets. DC/OS
    tells it when it has checked them, and once more when it writes."""
    pretty = {"sort_keys": True, "indent": 2, "separators": (",", ":")}
    everything = dict(values, **user)
    everything["user_arguments"] = json.dumps(user, **pretty)
    tell("Final arguments:" + json.dumps(everything, **pretty))


def genconf():
    import packages

    header("EXECUTING CONFIGURATION GENERATION")
    tell(f"This is a stand-in for DC/OS {VERSION}, not DC/OS.")
    user = arguments.as_texts(arguments.load())
    resolved = Resolved(user)
    if resolved.messages:
        tell_messages(resolved.messages)
        return 1
    tell_arguments(user, resolved.values)
    time.sleep(float(os.environ.get("STAND_IN_GENERATE_SECONDS") or 0))
    tell("Generating configuration files...")
    tell_arguments(user, resolved.values)
    when = time.strftime("%Y-%m-%d %H:%M:%S +0000", time.gmtime())
    release = packages.read_release(ARTIFACTS)
    packages.generate(release, ARTIFACTS, os.path.join(HERE, "templates"), user, resolved.values, when)
    return 0


def validate_config():
    header("VALIDATING CONFIGURATION")
    resolved = Resolved(arguments.as_texts(arguments.load()), with_ssh=True)
    if resolved.messages:
        tell("Validation of configuration parameters failed: ")
        tell_messages(resolved.messages)
        return 1
    return 0


def version():
    print(json.dumps({"variant": "stand-in", "version": VERSION}, indent=2, sort_keys=True))
    return 0


def hash_of(password):
    # Only where Python has it, and the image's has.
    from _crypt import crypt

    while not password:
        tell("Password: ")
        password = sys.stdin.readline().rstrip("\n")
        if not password:
            tell("Must provide a non-empty password")
            sys.exit(1)
    header("HASHING PASSWORD TO SHA512")
    letters = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    salt = "".join(letters[byte & 63] for byte in os.urandom(16))
    return crypt(password, f"$6$rounds=656000${salt}")


def hash_password(password):
    print(hash_of(password))
    return 0


def set_superuser_password(password):
    loaded = arguments.load()
    loaded["superuser_password_hash"] = hash_of(password)
    arguments.write(loaded)
    return 0


class WithPassword(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        namespace.action = self.option_strings[0][2:]
        namespace.password = values


def parse(words):
    parser = argparse.ArgumentParser(
        prog="dcos_generate_config.stand-in.sh",
        description=f"DC/OS Install and Configuration Utility (a stand-in for DC/OS {VERSION})",
    )
    modes = parser.add_mutually_exclusive_group()
    for name, text in (
        ("hash-password", "Hash a password on the CLI for use in the config.yaml."),
        ("set-superuser-password", "Hash and set the superuser password in config.yaml."),
    ):
        modes.add_argument("--" + name, action=WithPassword, dest="password", metavar="password",
                           nargs="?", help=text)
    parser.add_argument("-v", "--verbose", action="store_true", help="Verbose log output (DEBUG).")
    parser.add_argument("-p", "--port", type=int, default=9000, help=argparse.SUPPRESS)
    parser.add_argument("--offline", action="store_true",
                        help="Do not install preflight prerequisites on CentOS7, RHEL7 in web mode")
    parser.add_argument("--cli-telemetry-disabled", action="store_true",
                        help="Disable the CLI telemetry gathering for SegmentIO")
    for name, text in (
        ("version", "Print the DC/OS version"),
        ("genconf", "Execute the configuration generation (genconf)."),
        ("validate-config", "Validate the configuration in config.yaml"),
        *((name, text + " (not part of the stand-in)") for name, text in REFUSED.items()),
    ):
        modes.add_argument("--" + name, action="store_const", const=name, dest="action", help=text)
    parser.set_defaults(action=None, password=None)
    return parser.parse_args(words)


def main(words):
    options = parse(words)
    action = options.action if words else "genconf"
    try:
        if action == "genconf":
            return genconf()
        if action == "validate-config":
            return validate_config()
        if action == "version":
            return version()
        if action == "hash-password":
            return hash_password(options.password)
        if action == "set-superuser-password":
            return set_superuser_password(options.password)
    except arguments.NoConfiguration as error:
        print(error)
        return 1
    if action in REFUSED:
        tell(f"--{action} is not part of the DC/OS stand-in; use --genconf and dcos_install.sh")
        return 1
    print(f"Internal Error: No known way to dispatch {action}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
