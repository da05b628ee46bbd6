"""Tests of the stand-in's generator: python3 test_generator.py (needs PyYAML, no root, no docker)."""

import contextlib
import datetime
import importlib.util
import io
import json
import lzma
import os
import runpy
import sys
import tarfile
import tempfile
import unittest

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
GENERATOR = os.path.join(HERE, "generator")
sys.dont_write_bytecode = True
sys.path.insert(0, GENERATOR)

import arguments  # noqa: E402
import validation  # noqa: E402

GOOD = {
    "bootstrap_url": "http://10.0.0.1:9999",
    "cluster_name": "DCOS188",
    "exhibitor_storage_backend": "static",
    "master_discovery": "static",
    "master_list": ["10.0.0.2", "10.0.0.3", "10.0.0.4"],
}
RELEASE = {"commit": "c" * 40, "bootstrap_id": "b" * 40}


class InFolder(unittest.TestCase):
    """A test in a folder of its own, with an ip-detect script."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(folder.name)
        os.makedirs("genconf")
        os.makedirs("artifacts")
        # The generator takes it away.
        self.addCleanup(os.umask, os.umask(0o022))
        self.write("genconf/ip-detect", "#!/bin/sh\necho 10.0.0.2\n")
        self.write("artifacts/release.json", json.dumps(RELEASE))
        self.write("artifacts/" + "b" * 40 + ".active.json", "[]")
        self.write("artifacts/" + "b" * 40 + ".bootstrap.tar.xz", "no tar")
        os.environ["STAND_IN_ARTIFACTS"] = os.path.join(folder.name, "artifacts")

    def write(self, path, text):
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)

    def read(self, path):
        with open(path, encoding="utf-8") as text:
            return text.read()

    def config(self, **changes):
        config = {key: value for key, value in dict(GOOD, **changes).items() if value is not ...}
        self.write("genconf/config.yaml", yaml.safe_dump(config))

    def run_generator(self, *words):
        """Exit status, stdout and stderr."""
        out, err = io.StringIO(), io.StringIO()
        argv, sys.argv = sys.argv, ["generator", *words]
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                with self.assertRaises(SystemExit) as end:
                    runpy.run_path(GENERATOR, run_name="__main__")
        finally:
            sys.argv = argv
        return end.exception.code, out.getvalue(), err.getvalue()


class Validation(InFolder):
    def messages(self, with_ssh=False, **changes):
        config = {key: value for key, value in dict(GOOD, **changes).items() if value is not ...}
        return validation.Resolved(arguments.as_texts(config), with_ssh).messages

    def test_a_good_configuration_has_no_messages(self):
        self.assertEqual(self.messages(), {})

    def test_what_must_be_set(self):
        for key in GOOD:
            self.assertEqual(
                self.messages(**{key: ...}), {key: f"Must set {key}, no way to calculate value."}
            )

    def test_ip_detect_must_be_there(self):
        os.remove("genconf/ip-detect")
        message = {"ip_detect_contents": "ip-detect script `genconf/ip-detect` must exist"}
        self.assertEqual(self.messages(), message)
        self.assertEqual(self.messages(ip_detect_contents="#!/bin/sh\n"), {})

    def test_what_a_value_may_be(self):
        overlay = {"vtep_subnet": "44.128.0.0/20", "vtep_mac_oui": "70:B3:D5:00:00:00"}
        dcos = {"name": "dcos", "subnet": "9.0.0.0/8"}
        for key, value, message in (
            ("bootstrap_url", "http://x/", "Must not end in a '/'"),
            ("bootstrap_url", "h", "Should be a url (http://example.com/bar or file:///path/to/local/cache)"),
            ("master_list", [], "Must have 1, 3, 5, 7, or 9 masters. Found 0"),
            ("master_list", ["10.0.0.2", "10.0.0.3"], "Must have 1, 3, 5, 7, or 9 masters. Found 2"),
            ("master_list", ["10.0.0.2"] * 3, "List cannot contain duplicates: 10.0.0.2 appears 3 times"),
            ("master_list", ["m1", "10.0.0.3", "::1"], "Invalid IPv4 addresses in list: m1, ::1"),
            ("master_list", ["10.0.0.2:2181"], "Invalid IPv4 addresses in list: 10.0.0.2:2181"),
            ("master_list", [1], "Items in list must be strings, got invalid values: 1 type int"),
            ("master_list", {"a": 1}, "Must be a JSON list. Got a dict"),
            ("num_masters", 3, "num_masters must be calculated"),
            ("resolvers", "8.8.8.8", "Must be a JSON formatted list, but couldn't be parsed"),
            ("resolvers", ["8.8.8.8:0"], "Must be between 1 and 65535 inclusive"),
            ("telemetry_enabled", "True", "Must be one of 'true', 'false'. Got 'True'."),
            ("check_time", 1, "Must be one of 'true', 'false'. Got '1'."),
            ("dns_search", "a,b", "Commas are not allowed"),
            ("dns_search", "a b c d e f g", "Must contain no more than 6 domains"),
            ("dns_search", "a" * 256, "Must be less than 256 characters long"),
            ("master_discovery", "dns", "Invalid choice dns. Must choose one of static, master_http"),
            ("exhibitor_storage_backend", "nfs", "Invalid choice nfs. Must choose one of static, zoo"),
            ("dcos_overlay_mtu", 551, "Must be above 552"),
            ("dcos_overlay_mtu", "big", "Must be an integer but got a str: big"),
            ("dcos_overlay_config_attempts", 11, "Must be between 0 and 10 inclusive"),
            ("dcos_overlay_network", dict(overlay, overlays=[]), '"Overlays" network configuration is empty'),
            ("dcos_overlay_network", dict(overlay, overlays=[dict(dcos, name="a" * 14)]),
             "Overlay name cannot exceed 13 characters"),
            ("dcos_overlay_network", dict(overlay, overlays=[dict(dcos, subnet="9.0.0.1/8")]),
             "Incorrect value for overlay subnet"),
            ("mesos_log_retention_mb", 1000, "Must retain at least 1024 MB of logs"),
            ("rexray_config", "aws", "Must be valid JSON. Got: aws"),
            ("bootstrap_tmp_dir", "/tmp", "Must be an absolute path to a directory, although leave off"),
        ):
            with self.subTest(key=key, value=value):
                messages = self.messages(**{key: value})
                place = "num_masters" if "masters" in message else key
                self.assertEqual(list(messages), [place])
                self.assertTrue(messages[place].startswith(message), messages)

    def test_what_is_accepted(self):
        for changes in (
            {"resolvers": []},
            {"resolvers": ["8.8.8.8:53"]},
            {"ip_detect_public_filename": "genconf/none"},
            {"cluster_nane": "misspelt keys are never reported"},
            {"rexray_config_preset": "aws"},
            {"rexray_config_preset": "gce"},
            {"rexray_config_method": "file", "rexray_config_filename": "rexray.yaml"},
            {"agent_list": "no list, and nobody looks"},
            {"dns_search": "a b c d e f"},
        ):
            with self.subTest(**changes):
                self.assertEqual(self.messages(**changes), {})

    def test_choices_ask_for_more_keys(self):
        self.assertEqual(
            set(self.messages(exhibitor_storage_backend="aws_s3")),
            {"aws_region", "exhibitor_explicit_keys", "s3_bucket", "s3_prefix"},
        )
        self.assertEqual(
            set(self.messages(master_discovery="master_http_loadbalancer")),
            {"exhibitor_address", "num_masters"},
        )
        zookeeper = {"exhibitor_storage_backend": "zookeeper", "exhibitor_zk_hosts": "zk://a:2181",
                     "exhibitor_zk_path": "no"}
        self.assertEqual(set(self.messages(**zookeeper)), {"exhibitor_zk_hosts", "exhibitor_zk_path"})

    def test_a_proxy_needs_all_three(self):
        self.assertEqual(
            set(self.messages(use_proxy=True)), {"http_proxy", "https_proxy", "no_proxy_final"}
        )
        proxies = {"http_proxy": "http://p:1", "https_proxy": "http://p:1", "no_proxy": ["a"]}
        self.assertEqual(self.messages(use_proxy=True, **proxies), {})

    def test_the_preset_of_rexray_excludes_a_configuration(self):
        messages = self.messages(rexray_config_preset="aws", rexray_config={"rexray": {}})
        self.assertEqual(list(messages), ["rexray_config"])

    def test_ssh_is_only_looked_at_when_asked_for(self):
        self.assertEqual(set(self.messages(with_ssh=True)), {"ssh_user", "ssh_key_path"})
        self.write("genconf/ssh_key", "key")
        os.chmod("genconf/ssh_key", 0o600)
        good = {"ssh_user": "centos", "agent_list": ["10.0.0.5"]}
        self.assertEqual(self.messages(with_ssh=True, **good), {})
        for changes, key in (
            ({"agent_list": ["10.0.0.2"]}, "master_list"),
            ({"public_agent_list": ["10.0.0.5"]}, "agent_list"),
            ({"ssh_port": 32001}, "ssh_port"),
            ({"ssh_parallelism": 0}, "ssh_parallelism"),
        ):
            with self.subTest(**changes):
                self.assertEqual(list(self.messages(with_ssh=True, **dict(good, **changes))), [key])
        os.chmod("genconf/ssh_key", 0o640)
        self.assertEqual(list(self.messages(with_ssh=True, **good)), ["ssh_key_path"])

    def test_values_without_a_text(self):
        for value in (None, 1.5, datetime.date(2016, 1, 1)):
            with self.assertRaisesRegex(Exception, "Invalid type for value of any"):
                arguments.as_texts({"any": value})
        self.assertEqual(
            arguments.as_texts({"a": True, "b": 3, "c": ["x"], "d": {"y": 1}, "e": "z"}),
            {"a": "true", "b": "3", "c": '["x"]', "d": '{"y": 1}', "e": "z"},
        )


class Generation(InFolder):
    def files(self):
        return {
            os.path.relpath(os.path.join(folder, name), "genconf")
            for folder, _, names in os.walk("genconf")
            for name in names
        }

    def members(self, package):
        with open(os.path.join("genconf/serve", package["filename"]), "rb") as packed:
            with tarfile.open(fileobj=io.BytesIO(lzma.decompress(packed.read()))) as archive:
                return {
                    member.name: (member.mode, archive.extractfile(member).read().decode())
                    for member in archive
                }

    def generate(self, *words):
        status, out, err = self.run_generator(*words)
        self.assertEqual(status, 0, err)
        self.assertIn("stand-in", err)
        return json.loads(self.read("genconf/cluster_packages.json"))

    def test_it_writes_upstreams_files(self):
        self.config(rexray_config_preset="aws")
        packages = self.generate()
        own = {"config.yaml", "ip-detect", "cluster_packages.json"}
        self.assertEqual(
            self.files() - own,
            {
                "serve/bootstrap.latest",
                f"serve/bootstrap/{RELEASE['bootstrap_id']}.active.json",
                f"serve/bootstrap/{RELEASE['bootstrap_id']}.bootstrap.tar.xz",
                "serve/cluster-package-info.json",
                "serve/dcos_install.sh",
                "serve/" + packages["dcos-config"]["filename"],
                "serve/" + packages["dcos-metadata"]["filename"],
            },
        )
        self.assertRegex(packages["dcos-config"]["id"], "^dcos-config--setup_[0-9a-f]{40}$")
        config = self.members(packages["dcos-config"])
        self.assertEqual(config["bin/detect_ip"], (0o755, "#!/bin/sh\necho 10.0.0.2\n"))
        self.assertEqual(json.loads(config["etc/master_list"][1]), GOOD["master_list"])
        self.assertIn("MASTER_LIST=10.0.0.2 10.0.0.3 10.0.0.4\n", config["etc/stand-in.conf"][1])
        self.assertEqual(yaml.safe_load(config["etc/user.config.yaml"][1])["cluster_name"], "DCOS188")
        version = json.loads(self.members(packages["dcos-metadata"])["etc/dcos-version.json"][1])
        self.assertEqual(version["version"], "1.8.8")
        script = self.read("genconf/serve/dcos_install.sh")
        self.assertNotIn("{{", script)
        self.assertIn("ignoreusedcount: true", script)
        self.assertIn(f"http://10.0.0.1:9999/bootstrap/{RELEASE['bootstrap_id']}.bootstrap.tar.xz", script)

    def test_the_configuration_is_many_files_some_of_one_role(self):
        title = 'A "title"'
        self.config(ui_banner_header_title=json.dumps(title), cluster_name="Bob's")
        config = self.members(self.generate()["dcos-config"])
        self.assertGreater(len(config), 60)
        for folder in ("etc/", "etc_master/", "etc_slave/", "etc_slave_public/", "etc/overlay/config/"):
            self.assertTrue([path for path in config if path.startswith(folder)], folder)
        user = yaml.safe_load(config["etc/user.config.yaml"][1])
        self.assertEqual(user["cluster_name"], "Bob's")
        self.assertEqual(config["etc/mesos-master-provider"][1], "MESOS_CLUSTER=Bob's\n")
        shown = json.loads(config["etc/ui-config.json"][1])
        self.assertEqual(shown["uiConfiguration"]["plugins"]["banner"]["headerTitle"], title)
        # As it stands: what is no JSON makes none.
        self.config(ui_banner_header_title="A title")
        config = self.members(self.generate()["dcos-config"])
        with self.assertRaises(json.JSONDecodeError):
            json.loads(config["etc/ui-config.json"][1])

    def test_the_same_input_gives_the_same_packages_and_nothing_is_cleaned(self):
        self.config()
        first = self.generate("--genconf")
        self.write("genconf/serve/dcos_install.sh", "old")
        self.write("genconf/serve/mine", "")
        before = self.files()
        self.assertEqual(self.generate("--genconf"), first)
        self.assertEqual(self.files(), before)
        self.assertNotEqual(self.read("genconf/serve/dcos_install.sh"), "old")
        self.config(cluster_name="other")
        self.assertNotEqual(self.generate("--genconf"), first)
        self.assertLess(before, self.files())

    def test_everybody_can_write_to_what_it_makes(self):
        self.config()
        packages = self.generate()
        for path, mode in (("dcos_install.sh", 0o666), ("bootstrap.latest", 0o666),
                           ("bootstrap/" + RELEASE["bootstrap_id"] + ".bootstrap.tar.xz", 0o666),
                           (packages["dcos-config"]["filename"], 0o666), ("packages", 0o777),
                           ("bootstrap", 0o777), (".", 0o777)):
            with self.subTest(path=path):
                self.assertEqual(os.stat("genconf/serve/" + path).st_mode & 0o7777, mode)

    def test_it_tells_its_arguments_in_colour_and_with_the_users_secrets(self):
        self.config(superuser_password_hash="$6$salt$hash")
        status, _, err = self.run_generator("--genconf")
        self.assertEqual(status, 0)
        self.assertEqual(err.count("$6$salt$hash"), 4)
        self.assertGreater(err.count("\n"), 80)
        self.assertIn("\033[32mFinal arguments:{\n", err)

    def test_a_bad_configuration_writes_nothing(self):
        self.config(master_list=["10.0.0.2", "10.0.0.3"], check_time="yes")
        status, _, err = self.run_generator()
        self.assertEqual(status, 1)
        self.assertIn("\n\033[31mnum_masters: Must have 1, 3, 5, 7, or 9 masters. Found 2\033[0m\n", err)
        self.assertIn("\n\033[31mcheck_time: Must be one of 'true', 'false'. Got 'yes'.\033[0m\n", err)
        self.assertEqual(self.files(), {"config.yaml", "ip-detect"})


class CommandLine(InFolder):
    def test_version(self):
        status, out, _ = self.run_generator("--version")
        self.assertEqual(status, 0)
        self.assertEqual(json.loads(out), {"variant": "stand-in", "version": "1.8.8"})

    def test_no_configuration(self):
        status, out, _ = self.run_generator()
        self.assertEqual(status, 1)
        self.assertTrue(out.startswith("No config file found at genconf/config.yaml."), out)

    def test_a_configuration_that_is_none(self):
        for text, error in (("", NotImplementedError), ("- a\n", NotImplementedError),
                            ("a: [\n", yaml.YAMLError), ("a: b: c\n", yaml.YAMLError)):
            self.write("genconf/config.yaml", text)
            with self.subTest(text=text), self.assertRaises(error):
                arguments.load()

    def test_verbose_alone_and_what_is_not_there(self):
        status, out, _ = self.run_generator("-v")
        self.assertEqual((status, out), (1, "Internal Error: No known way to dispatch None\n"))
        self.assertEqual(self.run_generator("--bogus")[0], 2)
        self.assertEqual(self.run_generator("--genconf", "--version")[0], 2)
        status, _, err = self.run_generator("--web")
        self.assertEqual(status, 1)
        self.assertIn("not part of the DC/OS stand-in", err)

    @unittest.skipUnless(importlib.util.find_spec("_crypt"), "this Python cannot hash passwords")
    def test_the_password_is_hashed_and_the_configuration_rewritten(self):
        self.config()
        text = self.read("genconf/config.yaml")
        self.write("genconf/config.yaml", "# a comment\n" + text)
        self.assertEqual(self.run_generator("--set-superuser-password", "secret")[0], 0)
        loaded = yaml.safe_load(self.read("genconf/config.yaml"))
        self.assertRegex(loaded.pop("superuser_password_hash"), r"^\$6\$rounds=656000\$[./\w]{16}\$")
        self.assertEqual(loaded, GOOD)
        self.assertNotIn("# a comment", self.read("genconf/config.yaml"))


if __name__ == "__main__":
    unittest.main()
