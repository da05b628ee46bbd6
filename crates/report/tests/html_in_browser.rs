//! The page of a run in a real browser: what it shows, what it does, and what it does not let happen. Pictures of
//! it are left in `target/tmp/html-report`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what it expects by unwrapping"
)]
// The package is Debian's.
#![cfg(not(target_os = "macos"))]

mod browser;
mod scenario;

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::{LazyLock, mpsc};

use browser::{DESK, Look, Page};
use phalanx_report::{HtmlContext, html};
use scenario::all_outcomes::{FATES, HOSTILE, names, run, very_long};
use serde_json::Value;

const DARK: Look = Look { dark: true, ..DESK };
/// The narrowest window the browser has.
const NARROW: Look = Look { width: 500, ..DESK };

/// More stages than there are colours.
const STEPS: usize = 22;

fn page(hosts: usize, steps: usize) -> Page {
    let (plan, story) = run(hosts, steps);
    let report = scenario::report(&plan, &story.events);
    let said = format!("{}\n{}\n", HOSTILE.join("\n"), very_long());
    let log = |_: &_, _| Some(said.clone());
    Page::new(html(
        &plan,
        &story.events,
        &report,
        &HtmlContext { log: &log },
    ))
}

/// What the probe finds on the page of eight hosts, one for each way in which a host can come out.
static LIGHT: LazyLock<Value> = LazyLock::new(|| page(8, STEPS).probed(DESK));

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

/// As the page has to show it: what turns text around or cannot be seen is marked.
fn shown(name: &str) -> String {
    let hidden = |c: char| c.is_control() || c == '\u{202e}';
    name.replace(hidden, "\u{fffd}")
}

/// The row of the host that has come to this.
fn row_of(fate: &str) -> &'static Value {
    let index = FATES.iter().position(|known| *known == fate).unwrap();
    &list(&LIGHT["rows"])[index]
}

/// What is drawn in a row: bars, or gaps.
fn parts<'a>(row: &'a Value, class: &str) -> Vec<&'a Value> {
    let is = |part: &&Value| text(&part["class"]).split(' ').any(|word| word == class);
    list(&row["parts"]).iter().filter(is).collect()
}

#[test]
fn text_of_hosts_makes_no_elements_and_every_host_has_its_row() {
    let expected: Vec<String> = names(8).iter().map(|name| shown(name)).collect();
    for key in ["host", "text"] {
        let rows: Vec<&str> = list(&LIGHT["rows"])
            .iter()
            .map(|row| text(&row[key]))
            .collect();
        assert_eq!(rows, expected);
    }
    // The page's own script, and the probe.
    assert_eq!(list(&LIGHT["foreign"]).len(), 2, "{:#}", LIGHT["foreign"]);
    assert_eq!(list(&LIGHT["handlers"]), &[] as &[Value]);
    assert_eq!(list(&LIGHT["resources"]), &[] as &[Value]);
    assert!(
        list(&LIGHT["links"])
            .iter()
            .all(|link| text(link).starts_with('#'))
    );
    assert_eq!(LIGHT["title"], "example r1");
}

#[test]
fn only_the_pages_own_script_runs_and_nothing_leaves_the_page() {
    let here = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = here.local_addr().unwrap().port();
    let (tell, asked) = mpsc::channel();
    // Whoever asks gets no answer.
    std::thread::spawn(move || {
        here.incoming()
            .try_for_each(|caller| tell.send(caller.is_ok()))
    });
    let smuggled = format!(
        "<p id=\"told\">quiet</p><script>document.title = 'gone'</script>\
         <img src=\"data:,\" onerror=\"document.getElementById('told').textContent = 'loud'\">\
         <img src=\"http://127.0.0.1:{port}/\">"
    );
    let arguments = ["--virtual-time-budget=2000"];
    let page = page(8, STEPS);
    let document = page.smuggled(&smuggled).document(DESK, &arguments);
    assert!(document.contains(">8 of 8 hosts<"), "its own script ran");
    assert!(document.contains("<title>example r1</title>"));
    assert!(document.contains(">quiet<"));
    assert!(asked.try_recv().is_err(), "something was asked for");
    // It is the policy that holds all this back.
    let document = page.opened(&smuggled).document(DESK, &arguments);
    assert!(document.contains("<title>gone</title>"));
    assert!(document.contains(">loud<"));
    assert!(asked.try_recv().unwrap());
}

#[test]
fn bars_lie_in_the_timeline_and_say_what_they_are() {
    assert_eq!(LIGHT["outside"], 0);
    let mut bars = 0;
    for row in list(&LIGHT["rows"]) {
        let (left, right) = (
            number(&row["track"]["left"]),
            number(&row["track"]["right"]),
        );
        for bar in parts(row, "bar") {
            bars += 1;
            assert!(number(&bar["left"]) >= left - 1.0 && number(&bar["right"]) <= right + 1.5);
            assert!(number(&bar["width"]) > 0.0);
            assert!(text(&bar["title"]).contains(": "), "{bar}");
        }
        assert!(
            number(&row["height"]) < 30.0,
            "one line for one host: {row}"
        );
    }
    assert_eq!(bars, 3 * (STEPS + 1) + 2 * (STEPS + 1) + 2 * STEPS - 1);
    assert_eq!(parts(row_of("missing"), "bar").len(), 0);
    assert_eq!(parts(row_of("open"), "open").len(), 1);
    for fate in ["failed", "cancelled"] {
        let broken = parts(row_of(fate), "broken");
        assert_eq!(broken.len(), 1, "{fate}");
        assert_eq!(broken[0]["outlineStyle"], "solid");
    }
}

#[test]
fn every_attempt_has_its_own_bar_and_what_lies_between_is_a_gap() {
    for (fate, ends) in [("retried", "already right"), ("late", "changed")] {
        let row = row_of(fate);
        let tries: Vec<&Value> = parts(row, "bar")
            .into_iter()
            .filter(|bar| text(&bar["title"]).starts_with(&format!("step-{}:", STEPS - 1)))
            .collect();
        let [first, last] = tries[..] else {
            panic!("{fate} has {} bars: {tries:?}", tries.len())
        };
        assert!(
            text(&first["title"]).ends_with("1.0 s, failed, attempt 1 of 2"),
            "{first}"
        );
        assert!(
            text(&last["title"]).ends_with(&format!("{ends}, attempt 2 of 2")),
            "{last}"
        );
        assert_eq!(parts(row, "broken"), [first]);
        let between: Vec<&Value> = parts(row, "gap")
            .into_iter()
            .filter(|gap| number(&gap["left"]) >= number(&first["right"]) - 1.0)
            .filter(|gap| number(&gap["right"]) <= number(&last["left"]) + 1.0)
            .collect();
        assert_eq!(between.len(), 1, "{fate}");
        let width = number(&last["left"]) - number(&first["right"]);
        assert!((number(&between[0]["width"]) - width).abs() < 2.0 && width > 5.0);
    }
}

#[test]
fn waiting_is_not_work_and_the_critical_path_is_marked() {
    let row = row_of("already");
    let gap = parts(row, "gap")[0];
    let bars = parts(row, "bar");
    let (work, wait) = (bars[0], *bars.last().unwrap());
    assert!(text(&gap["backgroundImage"]).contains("gradient"));
    assert_eq!(gap["backgroundColor"], "rgba(0, 0, 0, 0)");
    assert!(text(&wait["class"]).contains("waits"));
    assert!(text(&wait["backgroundImage"]).contains("repeating-linear-gradient"));
    assert_eq!(work["backgroundImage"], "none");
    let all = list(&LIGHT["rows"])
        .iter()
        .flat_map(|row| parts(row, "bar"));
    let (critical, others): (Vec<&Value>, Vec<&Value>) =
        all.partition(|bar| text(&bar["class"]).contains("critical"));
    assert!(critical.len() >= STEPS / 2, "{}", critical.len());
    assert!(others.len() > critical.len());
    assert!(critical.iter().all(|bar| bar["boxShadow"] != "none"));
    assert!(others.iter().all(|bar| bar["boxShadow"] == "none"));
}

#[test]
fn stages_look_different() {
    let legend = list(&LIGHT["legend"]);
    let looks: BTreeSet<(&str, &str)> = legend
        .iter()
        .map(|one| (text(&one["backgroundColor"]), text(&one["backgroundImage"])))
        .collect();
    // Beside the stages: waiting; the critical path and what failed, which are only outlined; what is open.
    assert_eq!(legend.len(), STEPS + 2 + 4);
    assert_eq!(looks.len(), legend.len() - 1, "{looks:#?}");
}

#[test]
fn zoom_makes_it_wider_and_names_stay() {
    let steps = list(&LIGHT["zoom"]);
    let width = |at: usize, of: &str| number(&steps[at][of]);
    for (at, zoom) in [(1, 4.0), (2, 20.0)] {
        assert!(
            (width(at, "rows") / width(0, "rows") - zoom).abs() < 0.1,
            "{steps:#?}"
        );
        assert!(width(at, "bar") > width(0, "bar") * zoom * 0.9);
    }
    assert_eq!(steps[3]["rows"], steps[0]["rows"]);
    for step in steps {
        assert_eq!(step["view"], steps[0]["view"], "it scrolls in its box");
        assert_eq!(step["page"], LIGHT["innerWidth"]);
    }
    let scrolled = &LIGHT["scrolled"];
    let (name, view) = (
        number(&scrolled["name"]["left"]),
        number(&scrolled["view"]["left"]),
    );
    assert!((name - view).abs() < 3.0, "{scrolled}");
}

#[test]
fn words_on_the_axis_do_not_overlap() {
    for ms in [165_000, 60_000, 4_500, 7_190_000, 11 * 3_600_000] {
        let plan = scenario::hello();
        let mut story = scenario::Story::new(&plan);
        story.connected(100, &["s1"]);
        story.task(500, ms, "prepare", "s1", scenario::already());
        let report = scenario::report(&plan, &story.events);
        let context = HtmlContext { log: &|_, _| None };
        let page = Page::new(html(&plan, &story.events, &report, &context));
        for width in [1_400, 1_000, 700, 500] {
            let found = page.probed(Look { width, ..DESK });
            let words = list(&found["axis"]);
            assert!(words.len() >= 2, "{ms} {width}: {words:#?}");
            for pair in words.windows(2) {
                assert!(
                    number(&pair[0]["right"]) + 2.0 < number(&pair[1]["left"]),
                    "{ms} {width}: {pair:#?}"
                );
            }
            let track = number(&list(&found["rows"])[0]["track"]["right"]);
            let last = number(&words[words.len() - 1]["right"]);
            assert!(last <= track + 1.0, "{ms} {width}: {last} of {track}");
        }
    }
}

#[test]
fn filter_and_search_hide_rows() {
    for (state, hosts) in [
        ("", 8),
        ("failed", 1),
        ("missing", 1),
        ("unfinished", 3),
        ("done", 3),
    ] {
        let found = &LIGHT["filtered"][state];
        assert_eq!(found["hosts"], hosts, "{state}");
        assert_eq!(found["details"], hosts, "{state}");
        assert_eq!(text(&found["told"]), format!("{hosts} of 8 hosts"));
        if !state.is_empty() {
            assert_eq!(list(&found["states"]), [state]);
        }
    }
    assert_eq!(list(&LIGHT["servers"]), [shown(&names(8)[0])]);
    for (word, host) in [
        ("ONERROR", Some(1)),
        ("worker-7", Some(7)),
        ("</li>", Some(2)),
        ("no such host", None),
    ] {
        let found: Vec<&str> = list(&LIGHT["searched"][word]["hosts"])
            .iter()
            .map(text)
            .collect();
        let expected: Vec<String> = host.iter().map(|at| shown(&names(8)[*at])).collect();
        assert_eq!(found, expected, "{word}");
    }
    assert_eq!(list(&LIGHT["searched"][""]["hosts"]).len(), 8);
}

#[test]
fn it_works_by_keyboard_and_has_names_for_what_is_there() {
    let names: Vec<String> = names(8).iter().map(|name| shown(name)).collect();
    let stops = list(&LIGHT["stops"]);
    for stop in stops {
        assert!(!text(&stop["name"]).trim().is_empty(), "{stop}");
    }
    for (id, name) in [
        ("search", "Search"),
        ("state", "State"),
        ("role", "Role"),
        ("zoom", "Zoom"),
        ("timeline", "Timeline"),
    ] {
        assert!(
            stops
                .iter()
                .any(|stop| stop["id"] == id && stop["name"] == name),
            "{id}: {stops:#?}"
        );
    }
    // One row is a stop of the tab key, and arrows lead to the others.
    assert_eq!(stops.iter().filter(|stop| stop["tag"] == "LI").count(), 1);
    for word in ["", "ONERROR", "worker-7"] {
        assert_eq!(LIGHT["searched"][word]["stops"], 1, "{word}");
    }
    let focused = &LIGHT["focused"];
    assert_eq!(
        text(&focused["name"]),
        format!("{}, done, worked 1:19 min", names[0])
    );
    assert_eq!(text(&focused["host"]), names[0]);
    assert_eq!(focused["outline"], "solid");
    assert_eq!(focused["unfocused"], "none");
    assert_eq!(text(&LIGHT["after"]), names[1]);
    assert_eq!(text(&LIGHT["last"]), names[7]);
    assert_eq!(text(&LIGHT["first"]), names[0]);
    let entered = &LIGHT["entered"];
    assert_eq!(
        (text(&entered["host"]), &entered["tag"]),
        (names[1].as_str(), &"SUMMARY".into())
    );
    assert_eq!(entered["open"], true);
    assert_eq!(text(&LIGHT["back"]), names[1]);
}

#[test]
fn it_is_a_sound_document() {
    assert_eq!(LIGHT["lang"], "en");
    assert_eq!(list(&LIGHT["headings"])[0]["tag"], "H1");
    assert!(
        list(&LIGHT["headings"])[1..]
            .iter()
            .all(|heading| heading["tag"] == "H2")
    );
    assert!(number(&LIGHT["tables"]) >= 8.0);
    assert!(list(&LIGHT["columns"]).len() > 40);
    assert!(list(&LIGHT["columns"]).iter().all(|scope| scope == "col"));
}

#[test]
fn it_can_be_read_by_day_by_night_and_in_a_narrow_window() {
    let page = page(8, STEPS);
    let (night, narrow) = (page.probed(DARK), page.probed(NARROW));
    assert_eq!(
        (&LIGHT["theme"]["dark"], &night["theme"]["dark"]),
        (&false.into(), &true.into())
    );
    for part in ["body", "name"] {
        for colour in ["color", "backgroundColor"] {
            let (day, night) = (&LIGHT["theme"][part][colour], &night["theme"][part][colour]);
            assert_ne!(day, night, "{part} {colour}");
        }
    }
    for (what, found) in [("day", &*LIGHT), ("night", &night), ("narrow", &narrow)] {
        assert_eq!(
            list(&found["faint"]),
            &[] as &[Value],
            "{what}: too little contrast"
        );
        assert_eq!(
            found["pageWidth"], found["innerWidth"],
            "{what}: it has to be scrolled sideways"
        );
        assert_eq!(found["outside"], 0, "{what}");
    }
    assert_eq!(narrow["innerWidth"], 500);
    page.picture(
        Look {
            height: 3_000,
            ..DESK
        },
        "light.png",
    );
    page.picture(
        Look {
            height: 3_000,
            ..DARK
        },
        "dark.png",
    );
    page.picture(
        Look {
            width: 400,
            height: 3_000,
            dark: false,
        },
        "narrow.png",
    );
}

#[test]
fn on_paper_everything_is_open() {
    let print = &LIGHT["print"];
    assert_eq!(print["closed"], 0, "by the style sheet alone");
    assert_eq!(print["cut"], 0);
    assert_eq!(print["controls"], 0);
    assert_eq!(print["rows"], 8);
    let details = &print["details"];
    let [before, during, after] = list(&print["open"]) else {
        panic!("{print}")
    };
    assert!(
        before == after && during == details && before != details,
        "{print}"
    );
    let page = page(8, STEPS);
    let pages = |pdf: Vec<u8>| {
        assert!(
            pdf.starts_with(b"%PDF-") && pdf.len() > 50_000,
            "{} bytes",
            pdf.len()
        );
        pdf.windows(12)
            .filter(|part| part == b"/Type /Page\n")
            .count()
    };
    let whole = pages(page.printed("page.pdf"));
    assert!(whole >= 3, "{whole} pages");
}

#[test]
fn a_thousand_hosts_load_in_seconds() {
    let page = page(1_000, 12);
    let found = page.probed(DESK);
    assert_eq!(found["count"], 1_000);
    assert_eq!(found["outside"], 0);
    assert_eq!(list(&found["foreign"]).len(), 2);
    assert_eq!(found["filtered"]["missing"]["hosts"], 125);
    let sevens = names(1_000)
        .iter()
        .filter(|name| name.contains("worker-7"))
        .count();
    assert_eq!(list(&found["searched"]["worker-7"]["hosts"]).len(), sevens);
    // A second on a quiet machine.
    assert!(
        number(&found["laidOutMs"]) < 20_000.0,
        "{} ms",
        found["laidOutMs"]
    );
    page.picture(DESK, "thousand.png");
}
