//! What survives between commands: ports and generated secrets, as `key=value` lines in `.dev/memory`.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::checkout::Checkout;

/// The remembered values; every change is on disk when `set` returns.
pub(crate) struct Memory {
    path: PathBuf,
    values: BTreeMap<String, String>,
}

impl Memory {
    pub(crate) fn load(checkout: &Checkout) -> Result<Self> {
        let path = checkout.dev.join("memory");
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            other => other.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let values = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        Ok(Self { path, values })
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        self.values.values().map(String::as_str)
    }

    pub(crate) fn set(&mut self, key: &str, value: &str) -> Result<()> {
        if self.get(key) == Some(value) {
            return Ok(());
        }
        self.values.insert(key.to_owned(), value.to_owned());
        self.save()
    }

    pub(crate) fn forget(&mut self, key: &str) -> Result<()> {
        if self.values.remove(key).is_some() { self.save() } else { Ok(()) }
    }

    /// A secret of 48 hexadecimal digits, made up on first use. Digits only, so that it needs no quoting in a URL.
    pub(crate) fn secret(&mut self, key: &str) -> Result<String> {
        if let Some(secret) = self.get(key) {
            return Ok(secret.to_owned());
        }
        let mut bytes = [0; 24];
        File::open("/dev/urandom")
            .and_then(|mut random| random.read_exact(&mut bytes))
            .context("cannot read /dev/urandom")?;
        let secret = bytes.map(|byte| format!("{byte:02x}")).concat();
        self.set(key, &secret)?;
        Ok(secret)
    }

    fn save(&self) -> Result<()> {
        let lines: Vec<String> = self.values.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
        write_private(&self.path, &lines.concat())
    }
}

/// Writes a file that only its owner reads, whole or not at all.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<()> {
    let fresh = path.with_extension("new");
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&fresh, path))
        .with_context(|| format!("cannot write {}", path.display()))
}
