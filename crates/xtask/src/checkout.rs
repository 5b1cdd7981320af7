//! The checkout that a command works on, and where its private things lie.

use std::env;
use std::fs::{self, DirBuilder};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Paths of one checkout. `.dev` holds all that may be thrown away.
pub(crate) struct Checkout {
    pub(crate) root: PathBuf,
    pub(crate) dev: PathBuf,
    /// Tells the processes and directories of this checkout from those of another one on the same machine.
    pub(crate) key: String,
}

impl Checkout {
    pub(crate) fn open() -> Result<Self> {
        // Set by `cargo run`; asked at run time because a checkout may be moved together with its target directory.
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        let root = fs::canonicalize(manifest.join("../..")).context("cannot find the checkout")?;
        let dev = root.join(".dev");
        Self::at(root, dev)
    }

    /// The same checkout with other private things: servers of another sort, which touch nothing of those of `up`.
    pub(crate) fn beside(&self, name: &str) -> Result<Self> {
        Self::at(self.root.clone(), self.dev.join(name))
    }

    fn at(root: PathBuf, dev: PathBuf) -> Result<Self> {
        let mut hasher = DefaultHasher::new();
        dev.hash(&mut hasher);
        let key = format!("intake-{:016x}", hasher.finish());
        // Others may pass through (PostgreSQL runs as a user of its own), not look around.
        for directory in [dev.clone(), dev.join("log"), dev.join("run")] {
            DirBuilder::new()
                .recursive(true)
                .mode(0o711)
                .create(&directory)
                .with_context(|| format!("cannot create {}", directory.display()))?;
        }
        Ok(Self { root, dev, key })
    }

    /// The log of a server or step.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.dev.join("log").join(format!("{name}.log"))
    }

    /// A path as a person would write it: relative to the checkout where it lies inside.
    pub(crate) fn show(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}
