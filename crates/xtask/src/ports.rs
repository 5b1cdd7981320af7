//! Ports on 127.0.0.1: chosen once for a checkout, and kept as long as nobody else takes them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result};

use crate::memory::Memory;

/// Below Linux' ephemeral ports (32768 and up), so that no outgoing connection takes one between two runs.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// Whether a server could listen on this port of the loopback address now.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// The port remembered under `key` if it is still free, else another one that is, remembered from now on.
pub(crate) fn choose(memory: &mut Memory, key: &str, checkout: &str) -> Result<u16> {
    if let Some(port) = remembered(memory, key).filter(|port| is_free(*port)) {
        return Ok(port);
    }
    let mut hasher = DefaultHasher::new();
    (checkout, key).hash(&mut hasher);
    let start = u16::try_from(hasher.finish() % u64::from(COUNT))?;
    let port = (0..COUNT)
        .map(|step| FIRST + (start + step) % COUNT)
        .find(|port| !memory.values().any(|value| value == port.to_string()) && is_free(*port))
        .context("no free port between 20000 and 29999 on 127.0.0.1")?;
    memory.set(key, &port.to_string())?;
    Ok(port)
}

/// Whether a server that has ended can come back to the port remembered under `key`.
pub(crate) fn is_free_again(memory: &Memory, key: &str) -> bool {
    remembered(memory, key).is_some_and(is_free)
}

/// The port remembered under `key`, free or not.
pub(crate) fn remembered(memory: &Memory, key: &str) -> Option<u16> {
    memory.get(key)?.parse().ok()
}
