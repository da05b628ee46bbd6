//! Faults of a mapping file.

use insta::assert_snapshot;

use crate::cluster_conf::{ConfMapping, read_conf};
use crate::read_context::{KeyFile, ReadContext};
use crate::shown_settings::ShownSettings;
use crate::source::SourceFile;

#[test]
fn faults_of_a_mapping() {
    let lint = |text: &str| {
        let (mapping, problems) = ConfMapping::read(&SourceFile::new("m.yaml", text));
        assert_eq!(mapping.is_none(), problems.has_errors());
        problems.to_plain_text()
    };
    assert_snapshot!(lint("names: {}\nhost_name: {}\n"), @r"
    error[mapping::incomplete]: m.yaml:1:8: no name lists the addresses of hosts
      1:8 `` among these
      help: add a name with `addresses: ROLE`
    error[yaml::unknown-key]: m.yaml:2:1: the mapping has no key `host_name`
      2:1 `host_name` unknown key
      help: did you mean `host_names`?
    ");
    assert_snapshot!(lint(
        "names:
  A: { addresses: a, about: x }
  A: { addresses: b, about: x }
  B: { addresses: a, about: x }
  B C: { addresses: c, about: x }
  L{1..}: { private_addresses: a, about: x }
  M{1..3}: { addresses: m, about: x }
  N{1..3}: { private_addresses: n, about: x }
  N2: { setting: a, type: txet, about: x }
  D: { setting: a, secret: b, about: x }
  E: { about: x }
  F: { ssh: keys, about: x }
  G: { all_addresses: false, about: x }
  H: { secret: a, type: port, default: x, about: x }
  I: { setting: x }
  J: { cluster: name, default: a b, about: x }
  K: { adresses: x, about: x }
host_names: { a: x, zz: y, b: 'a b', c: 'x{n}' }
"), @r"
    error[yaml::duplicate-key]: m.yaml:3:3: `A` is given twice
      3:3 `A` given again here
      2:3 `A` given here first
      help: keep one of the two
    error[mapping::twice]: m.yaml:4:3: `B` and `A` mean the same
      4:3 `B` this
      2:3 `A` and this
      help: keep one of the two
    error[mapping::name]: m.yaml:5:3: this can't be the name of an assignment
      5:3 `B C` letters, digits and `_` only
      help: write `NAME`, or `NAME{1..9}` for a series
    error[mapping::name]: m.yaml:6:3: this can't be the name of an assignment
      6:3 `L{1..}` letters, digits and `_` only
      help: write `NAME`, or `NAME{1..9}` for a series
    error[mapping::series]: m.yaml:7:3: only `private_addresses` can be a numbered series
      7:3 `M{1..3}` this series
      help: write a single name
    error[mapping::role]: m.yaml:8:3: no name lists the addresses at which the hosts of `n` are reached
      8:3 `N{1..3}` these are only the private ones
      help: add a name with `addresses: n`
    error[yaml::type]: m.yaml:9:27: `N2`'s `type` must be `text` or `number` or `port` or `bool` or `list`, found the text `txet`
      9:27 `txet` expected `text` or `number` or `port` or `bool` or `list`
    error[mapping::meaning]: m.yaml:10:3: `D` must mean one thing, not 2
      10:3 `D` this name
      help: write one of `addresses`, `private_addresses`, `all_addresses`, `setting`, `secret`, `ssh`, `cluster`
    error[mapping::meaning]: m.yaml:11:3: `E` must mean one thing, not 0
      11:3 `E` this name
      help: write one of `addresses`, `private_addresses`, `all_addresses`, `setting`, `secret`, `ssh`, `cluster`
    error[yaml::type]: m.yaml:12:13: `F`'s `ssh` must be `key` or `user`, found the text `keys`
      12:13 `keys` expected `key` or `user`
    error[yaml::type]: m.yaml:13:23: `G`'s `all_addresses` must be `true`, found `false`
      13:23 `false` expected `true`
    error[mapping::extra]: m.yaml:14:19: `type` means nothing beside `secret`
      14:19 `type` not used
      help: remove it
    error[mapping::extra]: m.yaml:14:31: `default` means nothing beside `secret`
      14:31 `default` not used
      help: remove it
    error[mapping::about]: m.yaml:15:3: `I` lacks a word about what it is
      15:3 `I` this name
      help: write `about: ...`, one line for people
    error[yaml::type]: m.yaml:16:32: `J`'s `default` must be letters, digits, `.`, `_` and `-`, at most 64, found the text `a b`
      16:32 `a b` expected letters, digits, `.`, `_` and `-`, at most 64
    error[mapping::meaning]: m.yaml:17:3: `K` must mean one thing, not 0
      17:3 `K` this name
      help: write one of `addresses`, `private_addresses`, `all_addresses`, `setting`, `secret`, `ssh`, `cluster`
    error[yaml::unknown-key]: m.yaml:17:8: `K` has no key `adresses`
      17:8 `adresses` unknown key
      help: did you mean `addresses`?
    error[mapping::role]: m.yaml:18:21: no name lists hosts of the role `zz`
      18:21 `zz` this role
      help: remove it, or add a name with `addresses`
    error[mapping::role]: m.yaml:18:28: no name lists hosts of the role `b`
      18:28 `b` this role
      help: remove it, or add a name with `addresses`
    error[yaml::type]: m.yaml:18:31: a pattern for host names must be letters, digits, `.`, `_` and `-`, at most 64, found the text `a b`
      18:31 `\'a b\'` expected letters, digits, `.`, `_` and `-`, at most 64
    error[mapping::role]: m.yaml:18:38: no name lists hosts of the role `c`
      18:38 `c` this role
      help: remove it, or add a name with `addresses`
    error[mapping::host-names]: m.yaml:18:41: hosts of two roles would have the same names
      18:41 `\'x{n}\'` this
      18:18 `x` and this
      help: let each role have names of its own
    ");
}

#[test]
fn a_mapping_in_which_nothing_names_the_cluster() {
    let text = "names: { NODES: { addresses: leader, about: x } }\n";
    let (mapping, _) = ConfMapping::read(&SourceFile::new("m.yaml", text));
    let mapping = mapping.expect("a mapping");
    for (recipe, name) in [
        ("small", "small"),
        ("../my/recipe/", "recipe"),
        ("..", "cluster"),
    ] {
        let context = ReadContext {
            home: None,
            key_file: &|_| KeyFile::Missing,
            settings: &ShownSettings::default(),
            recipe,
        };
        let file = SourceFile::new("cluster.conf", "NODES=h\n");
        let (cluster, problems) = read_conf(&file, &mapping, &context);
        assert!(problems.is_empty());
        assert_eq!(cluster.expect("a cluster").name.value, name);
    }
}
