//! Room on the disk of a run's folder that logs leave alone, so that the journal can be written to the end.

use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

use rustix::fs::fstatvfs;

/// So much is left alone, on a disk that is large enough.
const RESERVE: u64 = 64 << 20;
/// On a small one this part of it.
const PART: u64 = 16;
/// It is looked again after so many bytes, or so much time.
const LOOK_AFTER: u64 = 256 << 10;
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// One log's view of it.
#[derive(Debug, Default)]
pub(super) struct DiskReserve {
    /// When it was looked last, and how much may be written until it is looked again.
    looked: Option<(Instant, u64)>,
}

impl DiskReserve {
    /// Before so many bytes are written: an error as of a full disk, where they would be taken from the
    /// reserve. Where the file system does not tell, nothing is in the way.
    pub(super) fn take(&mut self, file: &File, bytes: usize) -> io::Result<()> {
        let bytes = bytes as u64;
        if let Some((at, left)) = &mut self.looked
            && at.elapsed() < LOOK_EVERY
            && *left >= bytes
        {
            *left -= bytes;
            return Ok(());
        }
        let Ok(disk) = fstatvfs(file) else {
            return Ok(());
        };
        if disk.f_blocks == 0 {
            return Ok(()); // ramfs, tmpfs without a limit, some of FUSE
        }
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let size = disk.f_blocks.saturating_mul(disk.f_frsize);
        let room = beyond_reserve(free, size);
        if room < bytes {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                "No space left on the disk of the run's folder but what is kept for the journal",
            ));
        }
        // Others write as well.
        let left = (room / 8).min(LOOK_AFTER).saturating_sub(bytes);
        self.looked = Some((Instant::now(), left));
        Ok(())
    }
}

/// How much of the free bytes of a disk of this size logs may take.
fn beyond_reserve(free: u64, size: u64) -> u64 {
    free.saturating_sub(RESERVE.min(size / PART))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_room_is_left_alone() {
        const MIB: u64 = 1 << 20;
        assert_eq!(beyond_reserve(500 * MIB, 10_000 * MIB), 436 * MIB);
        assert_eq!(beyond_reserve(64 * MIB, 10_000 * MIB), 0);
        assert_eq!(beyond_reserve(MIB, MIB), MIB - MIB / 16);
        assert_eq!(beyond_reserve(0, 0), 0);
    }

    #[test]
    fn a_disk_with_room_takes_it() {
        let file = tempfile::tempfile().unwrap();
        let mut reserve = DiskReserve::default();
        for _ in 0..100 {
            reserve.take(&file, 100_000).unwrap();
        }
        let much = usize::MAX >> 1;
        let full = reserve.take(&file, much).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    }
}
