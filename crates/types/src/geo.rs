//! Places of addresses: what `detect_geo` asks, and whoever can answer it.

use std::fmt::Debug;
use std::net::IpAddr;

/// Where an address is, as far as that is known; names in English.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The city.
    pub city: Option<String>,
    /// The country, as ISO 3166 two-letter code.
    pub country: Option<String>,
    /// The largest part of the country that the address is in.
    pub region: Option<String>,
    /// The postal code.
    pub postal_code: Option<String>,
    /// The IANA time zone.
    pub time_zone: Option<String>,
}

/// Knows places of addresses. Asked once for each address of a record, so it answers from memory.
pub trait Atlas: Debug + Send + Sync {
    /// Where an address is; `None`: it does not know the address.
    fn place(&self, address: IpAddr) -> Option<Place>;
}
