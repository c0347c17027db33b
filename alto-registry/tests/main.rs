//! One battery of tests against every backend.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(unreachable_pub, reason = "modules of a test program")]

#[macro_use]
mod battery;
#[cfg(feature = "redis")]
mod redis;
mod swarms;

use std::sync::Arc;

use alto_registry::{Limits, LocalRegistry, Registry, Silent, Timestamp};
use battery::Backend;

/// Local registry that ends with the process.
struct Memory;

impl Backend for Memory {
    const SURVIVES_RESTART: bool = false;
    const SEQUENCES: u32 = 256;

    fn new() -> Self {
        Self
    }

    fn open(&self, limits: Limits, now: Timestamp) -> Box<dyn Registry> {
        Box::new(LocalRegistry::open(limits, None, Arc::new(Silent), now).unwrap())
    }
}

/// Local registry that saves every change in a folder.
struct Disk(tempfile::TempDir);

impl Backend for Disk {
    const SURVIVES_RESTART: bool = true;
    const SEQUENCES: u32 = 24;

    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn open(&self, limits: Limits, now: Timestamp) -> Box<dyn Registry> {
        Box::new(LocalRegistry::open(limits, Some(self.0.path()), Arc::new(Silent), now).unwrap())
    }
}

battery!(memory, super::Memory);
battery!(disk, super::Disk);
#[cfg(feature = "redis")]
battery!(over_redis, super::redis::Redis, if test_support::redis_server::is_installed());
