//! The reader of shell assignments, with the mapping that ships with the command.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use phalanx_plan::cluster_conf::{ConfMapping, read_conf};
use phalanx_plan::read::decode;
use phalanx_plan::read_context::{KeyFile, ReadContext};
use phalanx_plan::{ShownSettings, SourceFile};

static MAPPING: LazyLock<ConfMapping> = LazyLock::new(|| {
    let text = include_str!("../../recipes/dcos/cluster-conf.yaml");
    let (mapping, problems) = ConfMapping::read(&SourceFile::new("mapping", text));
    mapping.unwrap_or_else(|| panic!("{}", problems.to_plain_text()))
});

fuzz_target!(|data: &[u8]| {
    let Ok(source) = decode("cluster.conf", data) else {
        return;
    };
    let context = ReadContext {
        home: Some("/home/me"),
        key_file: &|path| match path.len() % 3 {
            0 => KeyFile::Missing,
            1 => KeyFile::Readable { mode: 0o600 },
            _ => KeyFile::Readable { mode: 0o644 },
        },
        settings: &ShownSettings::default(),
        recipe: "dcos",
    };
    let (cluster, problems) = read_conf(&source, &MAPPING, &context);
    assert_eq!(cluster.is_none(), problems.has_errors());
    for label in problems.iter().flat_map(|problem| &problem.labels) {
        assert!(
            source
                .text()
                .get(label.span.start..label.span.end)
                .is_some()
        );
    }
    if let Some(cluster) = cluster {
        assert_eq!(cluster.source.text().len(), source.text().len());
        let _ = phalanx_plan::cluster_write::to_yaml(&cluster, Some("/home/me"));
    }
    let _ = problems.to_plain_text();
});
