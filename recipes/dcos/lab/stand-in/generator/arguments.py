"""The configuration as the operator wrote it: config.yaml, as texts by key."""

import json

import yaml

PATH = "genconf/config.yaml"


class NoConfiguration(Exception):
    """There is no config.yaml."""


def load(path=PATH):
    try:
        with open(path, encoding="utf-8") as text:
            loaded = yaml.safe_load(text)
    except FileNotFoundError:
        raise NoConfiguration(
            f"No config file found at {path}. See the DC/OS documentation for the available "
            "configuration options. You can also use the GUI web installer (--web), which provides a "
            "guided configuration and installation for simple deployments."
        ) from None
    if not isinstance(loaded, dict):
        # An empty file, a list: DC/OS has no better words for it either.
        raise NotImplementedError()
    return loaded


def as_texts(loaded):
    """Every value as a text, as DC/OS hands it to its own templates."""
    texts = {}
    for key, value in loaded.items():
        if isinstance(value, bool):
            texts[key] = "true" if value else "false"
        elif isinstance(value, str):
            texts[key] = value
        elif isinstance(value, int):
            texts[key] = str(value)
        elif isinstance(value, (list, dict)):
            texts[key] = json.dumps(value)
        else:
            raise Exception(
                f"Invalid type for value of {key} in config. Got {type(value)}, only can handle list, "
                "string, int, bool, and dictionary"
            )
    return texts


def write(loaded, path=PATH):
    """Writes the configuration back. Comments are lost and keys are sorted, as with DC/OS."""
    with open(path, "w", encoding="utf-8") as text:
        yaml.dump(loaded, text, default_flow_style=False, explicit_start=True)
