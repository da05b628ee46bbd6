//! The reader of mapping files.

#![no_main]

use libfuzzer_sys::fuzz_target;
use phalanx_plan::cluster_conf::ConfMapping;
use phalanx_plan::read::decode;

fuzz_target!(|data: &[u8]| {
    if let Ok(source) = decode("cluster-conf.yaml", data) {
        let (mapping, problems) = ConfMapping::read(&source);
        assert_eq!(mapping.is_none(), problems.has_errors());
    }
});
