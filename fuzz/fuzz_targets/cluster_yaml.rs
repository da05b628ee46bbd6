//! The reader of YAML cluster files: what it takes and writes, it takes again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use phalanx_plan::cluster_write::to_yaml;
use phalanx_plan::cluster_yaml::{parse, read_yaml};
use phalanx_plan::read::decode;
use phalanx_plan::read_context::{KeyFile, ReadContext};
use phalanx_plan::{ShownSettings, SourceFile};

fuzz_target!(|data: &[u8]| {
    let Ok(source) = decode("phalanx.yaml", data) else {
        return;
    };
    let settings = ShownSettings::new(["password"], ["port"]);
    let context = ReadContext {
        home: Some("/home/me"),
        key_file: &|_| KeyFile::Readable { mode: 0o600 },
        settings: &settings,
        recipe: "small",
    };
    let document = parse(&source);
    let _ = document.recipe();
    let (cluster, problems) = document.read(&context);
    assert_eq!(cluster.is_none(), problems.has_errors());
    for label in problems.iter().flat_map(|problem| &problem.labels) {
        assert!(
            source
                .text()
                .get(label.span.start..label.span.end)
                .is_some()
        );
    }
    let _ = problems.to_plain_text();
    if let Some(cluster) = cluster {
        let text = to_yaml(&cluster, context.home);
        let (again, problems) = read_yaml(&SourceFile::new("again", text.as_str()), &context);
        assert!(again.is_some(), "{text}\n{}", problems.to_plain_text());
    }
});
