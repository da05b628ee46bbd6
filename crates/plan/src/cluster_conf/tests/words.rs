//! Words, quotes, variables, and names.

use insta::assert_snapshot;

use super::{GOOD, good, hosts, instead, read_with, with};

#[test]
fn all_ways_to_write_a_value() {
    let cluster = good(
        concat!(
            "\u{feff}  MOTTO=a\\ b\"c $X d\"'$e'\"\\$f \\\"g\\\" \\h\"i\\\n",
            "j # comment\r\n",
            "export NODES_G=54.0.0.1 PORT=80\r\n",
            "export NODES_G\r\n",
            "RESOLVERS=\"1.1.1.1\r\n  2.2.2.2\t3.3.3.3\"\r\n",
            "RETRIES=\"3\" FAST=true\n",
            "CLUSTER='my-cluster'#x\n",
        )
        .replace("$X", "")
        .replace("#x", "")
        .as_str(),
    );
    let setting = |name: &str| cluster.settings.get(name).expect("set").value.to_string();
    assert_eq!(setting("motto"), r#""a bc  d$e$f \"g\" \\hij""#);
    assert_eq!(setting("port"), "80");
    assert_eq!(setting("resolvers"), r#"["1.1.1.1","2.2.2.2","3.3.3.3"]"#);
    assert_eq!(setting("retries"), "3");
    assert_eq!(setting("fast"), "true");
    assert_eq!(cluster.name.value, "my-cluster");
    let place = cluster.setting_places.get("/resolvers/1").expect("a place");
    assert_eq!(cluster.source.slice(*place), "2.2.2.2");
}

#[test]
fn names_of_ones_own_and_home() {
    let cluster = good(
        "net=54.0.0\nG=\"$net.1\"\nNODES_G=${G}\nMOTTO=~/x:$HOME\nKEY=~/.ssh/good.pem\nLOGIN=me\n",
    );
    assert_snapshot!(hosts(&cluster), @"guide guide 54.0.0.1 - at 3:9 `${G}`");
    let motto = cluster.settings.get("motto").expect("set");
    assert_eq!(motto.value, "/home/me/x:/home/me");
    assert_eq!(cluster.ssh.keys, ["/home/me/.ssh/good.pem"]);
    assert!(!cluster.ssh.agent);
    assert_eq!(cluster.ssh.user, "me");
    // A quoted `~` is no home folder to a shell, but to ssh it is.
    let cluster = good("NODES_G=h\nKEY=\"~/.ssh/good.pem\"\n");
    assert_eq!(cluster.ssh.keys, ["/home/me/.ssh/good.pem"]);
}

#[test]
fn an_empty_value_means_not_set() {
    let cluster = good(&format!(
        "{GOOD}LEADER3=\nPORT=''\nKEY=\"\"\nPASSWORD=\nEXTRA=\nMOTTO=$EXTRA\n"
    ));
    assert!(cluster.settings.is_empty());
    assert!(cluster.secrets.is_empty());
}

#[test]
fn misspelt_names() {
    assert_snapshot!(instead("NODES_W='", "NODE_W='"), @r"
    error[conf::unknown-name]: cluster.conf:8:1: `NODE_W` is a name that means nothing
      8:1 `NODE_W` unknown name
      9:28 `${NODES_W}` `NODES_W` is used here
      help: did you mean `NODES_W`?
    ");
    assert_snapshot!(with("PROT=80\nZZZZZZ=1\n"), @r"
    error[conf::unknown-name]: cluster.conf:10:1: `PROT` is a name that means nothing
      10:1 `PROT` unknown name
      help: did you mean `PORT`?
    error[conf::unknown-name]: cluster.conf:11:1: `ZZZZZZ` is a name that means nothing
      11:1 `ZZZZZZ` unknown name
      help: the names are GUIDE, LEADER1..LEADER9, NODES_G, NODES_L, NODES_W, NODES, PORT, RETRIES, FAST, RESOLVERS, MOTTO, PASSWORD, KEY, LOGIN, CLUSTER; a name of your own must be used by a later line
    ");
    assert_snapshot!(with("EXTRA=1\nMOTTO=$EXTRAS\n"), @r"
    error[conf::unknown-name]: cluster.conf:10:1: `EXTRA` is a name that means nothing
      10:1 `EXTRA` unknown name
      11:7 `$EXTRAS` `EXTRAS` is used here
      help: did you mean `EXTRAS`?
    ");
}

#[test]
fn a_name_that_is_not_set() {
    assert_snapshot!(with("MOTTO=\"$USER ${LATER}\"\nLATER=1\nMOTTO=$LATER\n"), @r"
    error[conf::unset]: cluster.conf:10:8: `USER` is not set
      10:8 `$USER` used here
      help: set it above: `USER=...`; of the environment, only HOME is known
    error[conf::unset]: cluster.conf:10:14: `LATER` is not set
      10:14 `${LATER}` used here
      11:1 `LATER` set only here
      help: move this line above the one that uses it
    ");
    let (_, problems) = read_with("NODES_G=h\nMOTTO=~/x$HOME\n", None);
    assert_snapshot!(problems.to_plain_text(), @r"
    error[cluster::home]: cluster.conf:2:7: the home folder is not known
      2:7 `~` stands for it
      help: set HOME, or write the path in full
    error[cluster::home]: cluster.conf:2:10: the home folder is not known
      2:10 `$HOME` stands for it
      help: set HOME, or write the path in full
    ");
}

#[test]
fn unclosed_quotes() {
    assert_snapshot!(instead("54.0.0.3\"", "54.0.0.3"), @r#"
    error[conf::unclosed-quote]: cluster.conf:7:9: the value of `NODES_L` has no closing quote
      7:9 `\"` opened here
      help: write `"` at the end of the value
    "#);
    assert_snapshot!(instead("54.0.0.4'", "54.0.0.4"), @r"
    error[conf::unclosed-quote]: cluster.conf:8:9: the value of `NODES_W` has no closing quote
      8:9 `\'` opened here
      help: write `'` at the end of the value
    ");
    assert_snapshot!(with("MOTTO=\"x\n\n"), @r#"
    error[conf::unclosed-quote]: cluster.conf:10:7: the value of `MOTTO` has no closing quote
      10:7 `\"` opened here
      help: write `"` at the end of the value
    "#);
    assert_snapshot!(with("MOTTO='x\n\n"), @r"
    error[conf::unclosed-quote]: cluster.conf:10:7: the value of `MOTTO` has no closing quote
      10:7 `\'` opened here
      help: write `'` at the end of the value
    ");
}

#[test]
fn what_a_shell_would_run() {
    assert_snapshot!(with("MOTTO=$(date)\nPORT=`cat x`\nRETRIES=$((1+2))\nFAST=$[1]\n"), @r"
    error[conf::substitution]: cluster.conf:10:7: `$(...)` would be run: the file is read, never run
      10:7 `$(date)` not run
      help: write the value itself
    error[conf::substitution]: cluster.conf:11:6: a command in backticks would be run: the file is read, never run
      11:6 ``cat x`` not run
      help: write the value itself
    error[conf::expansion]: cluster.conf:12:9: arithmetic is not supported
      12:9 `$((1+2))` not expanded
      help: write the value itself, or `${NAME}` of a name set above
    error[conf::expansion]: cluster.conf:13:6: arithmetic is not supported
      13:6 `$[1]` not expanded
      help: write the value itself, or `${NAME}` of a name set above
    ");
    assert_snapshot!(with("MOTTO=\"a $(b \"c\") d\"\n"), @r#"
    error[conf::substitution]: cluster.conf:10:10: `$(...)` would be run: the file is read, never run
      10:10 `$(* \"*\")` not run
      help: write the value itself
    "#);
    assert_snapshot!(with("MOTTO=${PORT:-80}\nPORT=${#MOTTO}\nRETRIES=${MOTTO\nFAST=$1\n"), @r"
    error[conf::expansion]: cluster.conf:10:7: only a plain `${NAME}` is supported
      10:7 `${PORT:-80}` not expanded
      help: write the value itself, or `${NAME}` of a name set above
    error[conf::expansion]: cluster.conf:11:6: only a plain `${NAME}` is supported
      11:6 `${#MOTTO}` not expanded
      help: write the value itself, or `${NAME}` of a name set above
    error[conf::expansion]: cluster.conf:12:9: `${` has no closing `}`
      12:9 `${` not expanded
      help: write the value itself, or `${NAME}` of a name set above
    error[conf::expansion]: cluster.conf:13:6: a shell's own variables are not known here
      13:6 `$1` not expanded
      help: write the value itself, or `${NAME}` of a name set above
    ");
    assert_snapshot!(with("MOTTO=a; PORT=80\nRETRIES=1 && ls\nFAST=true | x\n(PORT=1)\n"), @r"
    error[conf::operator]: cluster.conf:10:8: `;` separates commands: the file is read, never run
      10:8 `;` not allowed here
      help: write one assignment a line
    error[conf::operator]: cluster.conf:11:11: `&&` joins commands: the file is read, never run
      11:11 `&&` not allowed here
      help: put the value in quotes if it belongs there
    error[conf::operator]: cluster.conf:12:11: `|` joins commands: the file is read, never run
      12:11 `|` not allowed here
      help: put the value in quotes if it belongs there
    error[conf::operator]: cluster.conf:13:1: `(` groups commands: the file is read, never run
      13:1 `(` not allowed here
      help: put the value in quotes if it belongs there
    ");
    assert_snapshot!(with("MOTTO=a > file\nsource other.conf\nls -l\nif true; then\n"), @r#"
    error[conf::operator]: cluster.conf:10:9: `>` redirects: the file is read, never run
      10:9 `>` not allowed here
      help: put the value in quotes if it belongs there
    error[conf::command]: cluster.conf:11:1: `source` would be run as a command: the file is read, never run
      11:1 `source` a command
      help: write the assignments of that file here
    error[conf::command]: cluster.conf:12:1: `ls` would be run as a command: the file is read, never run
      12:1 `ls` a command
      help: write assignments only: `NAME=value`, `NAME="value value"`
    error[conf::command]: cluster.conf:13:1: `if` would be run as a command: the file is read, never run
      13:1 `if` a command
      help: write assignments only: `NAME=value`, `NAME="value value"`
    "#);
    assert_snapshot!(with("MOTTO=http://x/?a=1&b=2\n"), @r"
    error[conf::operator]: cluster.conf:10:20: `&` joins commands: the file is read, never run
      10:20 `&` not allowed here
      help: put the value in quotes if it belongs there
    ");
    assert_snapshot!(with("MOTTO=$'a'\nMOTTO=$\"a\"\n"), @r"
    error[conf::expansion]: cluster.conf:10:7: `$` before a quote is not supported
      10:7 `$` not expanded
      help: write the value itself, or `${NAME}` of a name set above
    error[conf::expansion]: cluster.conf:11:7: `$` before a quote is not supported
      11:7 `$` not expanded
      help: write the value itself, or `${NAME}` of a name set above
    ");
}

#[test]
fn slips() {
    assert_snapshot!(with("RESOLVERS=1.1.1.1 2.2.2.2 # two\n"), @r#"
    error[conf::unquoted]: cluster.conf:10:19: the value ends at the space: `2.2.2.2` would be run as a command
      10:19 `2.2.2.2` outside of the value
      help: write `RESOLVERS="1.1.1.1 2.2.2.2"`
    "#);
    assert_snapshot!(with("PORT = 80\nFAST= true\n"), @r"
    error[conf::spaces]: cluster.conf:10:5: there may be no space around `=`
      10:5 ` =` the shell would run the name as a command
      help: write `PORT=80`
    error[conf::unquoted]: cluster.conf:11:7: the value ends at the space: `true` would be run as a command
      11:7 `true` outside of the value
      help: write `FAST=true`
    ");
    assert_snapshot!(with("NODES+=\" x\"\nRESOLVERS=(a b)\nRESOLVERS[1]=x\nMY-NAME=1\n"), @r#"
    error[conf::append]: cluster.conf:10:6: `+=` is not supported
      10:6 `+=` appends to a value
      help: write `NODES="${NODES} ..."`
    error[conf::array]: cluster.conf:11:11: arrays are not supported
      11:11 `(` starts an array
      help: write a list as text: `RESOLVERS="... ..."`
    error[conf::array]: cluster.conf:12:1: arrays are not supported
      12:1 `RESOLVERS[` an element of an array
      help: write all values in one: `RESOLVERS="... ..."`
    error[conf::name]: cluster.conf:13:1: `MY-NAME` can't be the name of an assignment
      13:1 `MY-NAME` not a name
      help: a name has letters, digits and `_`, and no digit first
    "#);
    assert_snapshot!(with("MOTTO=~bob/x\n"), @r"
    error[conf::tilde]: cluster.conf:10:7: only your own home folder `~` is known, not `~bob`
      10:7 `~bob` another user's home folder
      help: write the path in full
    ");
    assert_snapshot!(with("cluster: lab\nhosts:\n"), @r#"
    error[conf::command]: cluster.conf:10:1: `cluster:` would be run as a command: the file is read, never run
      10:1 `cluster:` a command
      help: write assignments only: `NAME=value`, `NAME="value value"`
    error[conf::command]: cluster.conf:11:1: `hosts:` would be run as a command: the file is read, never run
      11:1 `hosts:` a command
      help: write assignments only: `NAME=value`, `NAME="value value"`
    "#);
}

#[test]
fn set_twice() {
    assert_snapshot!(with("PORT=1\nPORT=2\n"), @r"
    warning[conf::twice]: cluster.conf:11:1: `PORT` is set twice: the last one counts
      11:1 `PORT` this counts
      10:1 `PORT` this does not
      help: remove one of the two lines
    ");
    let cluster = good(&format!("{GOOD}RESOLVERS=a\nRESOLVERS=\"$RESOLVERS b\"\n"));
    assert_eq!(
        cluster.settings.get("resolvers").expect("set").value,
        serde_json::json!(["a", "b"])
    );
}
