//! For tests, of this crate and of others: small geo databases, written here.

#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::net::IpAddr;

use serde_json::{Number, Value, json};

// The types of values, by their numbers in the format.
const STRING: u8 = 2;
const DOUBLE: u8 = 3;
const UINT16: u8 = 5;
const UINT32: u8 = 6;
const MAP: u8 = 7;
const UINT64: u8 = 9;
const ARRAY: u8 = 11;
const BOOLEAN: u8 = 14;

/// A file in the MaxMind DB format, in the making: <https://maxmind.github.io/MaxMind-DB/>.
#[derive(Debug, Clone)]
pub struct Mmdb {
    database_type: String,
    ip_version: u8,
    built: u64,
    networks: Vec<(IpAddr, usize, Value)>,
}

/// Where one bit of an address leads to.
#[derive(Debug, Clone, Copy)]
enum Branch {
    Nowhere,
    Node(usize),
    Data(usize),
}

impl Mmdb {
    /// A database for addresses of both versions, with no network in it yet.
    pub fn new(database_type: &str) -> Self {
        Self { database_type: database_type.to_owned(), ip_version: 6, built: 0, networks: Vec::new() }
    }

    /// Makes it one for IPv4 alone.
    #[must_use]
    pub fn ipv4_only(mut self) -> Self {
        self.ip_version = 4;
        self
    }

    /// Sets when it was made, in seconds of Unix time.
    #[must_use]
    pub fn built(mut self, epoch: u64) -> Self {
        self.built = epoch;
        self
    }

    /// Adds a network such as `203.0.113.0/24`; networks may not overlap.
    ///
    /// # Panics
    /// Panics when it is no network.
    #[must_use]
    pub fn network(mut self, network: &str, record: Value) -> Self {
        let (address, length) = network.split_once('/').expect("an address, a slash, a length");
        let address = address.parse().expect("an address");
        self.networks.push((address, length.parse().expect("a length"), record));
        self
    }

    /// The file.
    ///
    /// # Panics
    /// Panics when networks overlap, or a record holds what the format cannot.
    pub fn bytes(&self) -> Vec<u8> {
        let (mut nodes, mut data) = (vec![[Branch::Nowhere; 2]], Vec::new());
        for (address, length, record) in &self.networks {
            insert(&mut nodes, &self.path(*address, *length), data.len());
            encode(&mut data, record);
        }
        let mut file = Vec::new();
        for branch in nodes.iter().flatten() {
            let record = match branch {
                Branch::Nowhere => nodes.len(),
                Branch::Node(node) => *node,
                Branch::Data(offset) => nodes.len() + 16 + offset,
            };
            let record = u32::try_from(record).expect("a small file").to_be_bytes();
            file.extend_from_slice(&record[1..]);
        }
        file.extend_from_slice(&[0; 16]);
        file.append(&mut data);
        file.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
        self.metadata(&mut file, nodes.len());
        file
    }

    /// What the file says of itself; readers want each number in the type that the format gives it.
    fn metadata(&self, file: &mut Vec<u8>, nodes: usize) {
        control(file, MAP, 9);
        for (name, kind, value) in [
            ("binary_format_major_version", UINT16, 2),
            ("binary_format_minor_version", UINT16, 0),
            ("build_epoch", UINT64, self.built),
            ("ip_version", UINT16, self.ip_version.into()),
            ("node_count", UINT32, u64::try_from(nodes).expect("a small file")),
            ("record_size", UINT16, 24),
        ] {
            string(file, name);
            whole(file, kind, value);
        }
        for (name, value) in [
            ("database_type", json!(self.database_type)),
            ("description", json!({"en": "written by a test"})),
            ("languages", json!(["en"])),
        ] {
            string(file, name);
            encode(file, &value);
        }
    }

    /// The bits that lead from the root to a network. IPv4 addresses are those below `::/96` in a tree for both.
    fn path(&self, address: IpAddr, length: usize) -> Vec<usize> {
        let (octets, length) = match (address, self.ip_version) {
            (IpAddr::V4(address), 4) => (address.octets().to_vec(), length),
            (IpAddr::V4(address), _) => ([&[0; 12], &address.octets()[..]].concat(), 96 + length),
            (IpAddr::V6(address), 6) => (address.octets().to_vec(), length),
            (IpAddr::V6(_), _) => panic!("an IPv6 network in a database for IPv4"),
        };
        let bits = octets.iter().flat_map(|octet| (0..8).rev().map(move |bit| usize::from(octet >> bit & 1)));
        bits.take(length).collect()
    }
}

fn insert(nodes: &mut Vec<[Branch; 2]>, path: &[usize], offset: usize) {
    let (last, way) = path.split_last().expect("a network is not the whole world");
    let mut node = 0;
    for bit in way {
        node = match nodes[node][*bit] {
            Branch::Node(next) => next,
            Branch::Nowhere => {
                nodes.push([Branch::Nowhere; 2]);
                nodes[node][*bit] = Branch::Node(nodes.len() - 1);
                nodes.len() - 1
            }
            Branch::Data(_) => panic!("networks overlap"),
        };
    }
    assert!(matches!(nodes[node][*last], Branch::Nowhere), "networks overlap");
    nodes[node][*last] = Branch::Data(offset);
}

fn encode(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => panic!("the format has no null"),
        Value::Bool(truth) => control(out, BOOLEAN, usize::from(*truth)),
        Value::String(text) => string(out, text),
        Value::Array(items) => {
            control(out, ARRAY, items.len());
            for item in items {
                encode(out, item);
            }
        }
        Value::Object(members) => {
            control(out, MAP, members.len());
            for (name, value) in members {
                string(out, name);
                encode(out, value);
            }
        }
        Value::Number(value) => number(out, value),
    }
}

fn number(out: &mut Vec<u8>, number: &Number) {
    if let Some(value) = number.as_u64() {
        whole(out, if u32::try_from(value).is_ok() { UINT32 } else { UINT64 }, value);
    } else {
        control(out, DOUBLE, 8);
        out.extend_from_slice(&number.as_f64().expect("a finite number").to_be_bytes());
    }
}

/// A whole number has no leading zeros.
fn whole(out: &mut Vec<u8>, kind: u8, number: u64) {
    let bytes = number.to_be_bytes();
    let bytes = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
    control(out, kind, bytes.len());
    out.extend_from_slice(bytes);
}

fn string(out: &mut Vec<u8>, text: &str) {
    control(out, STRING, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// The bytes in front of a value: its type and its size.
fn control(out: &mut Vec<u8>, kind: u8, size: usize) {
    let (low, more) = match size {
        0..29 => (u8::try_from(size).expect("below 29"), Vec::new()),
        29..285 => (29, vec![u8::try_from(size - 29).expect("below 256")]),
        _ => (30, u16::try_from(size - 285).expect("a small value").to_be_bytes().to_vec()),
    };
    if kind < 8 {
        out.push(kind << 5 | low);
    } else {
        out.extend([low, kind - 7]);
    }
    out.extend(more);
}
