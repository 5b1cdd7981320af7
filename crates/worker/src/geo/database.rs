//! One geo database in the MaxMind DB format, in memory: an address to its place.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use intake_types::{Atlas, Place};
use maxminddb::{LookupResult, MaxMindDbError, PathElement, Reader, path};

/// What a file held when it was read.
#[derive(Debug)]
pub(super) struct Database(Reader<Vec<u8>>);

impl Database {
    /// Takes the bytes of a whole file.
    pub(super) fn read(bytes: Vec<u8>) -> Result<Self, MaxMindDbError> {
        // Its tree is not verified: the library's check is stricter than the format and refuses files that read well.
        Reader::from_source(bytes).map(Self)
    }

    /// What the file says it is, such as `GeoLite2-City`.
    pub(super) fn kind(&self) -> &str {
        &self.0.metadata().database_type
    }

    /// When the file says it was made.
    pub(super) fn built(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(self.0.metadata().build_epoch.try_into().ok()?, 0)
    }
}

impl Atlas for Database {
    fn place(&self, address: IpAddr) -> Option<Place> {
        // Files hold IPv4 networks as such; whether `::ffff:0:0/96` leads to them too is up to each file.
        let found = self.0.lookup(address.to_canonical()).ok()?;
        if !found.has_data() {
            return None;
        }
        // The two layouts are told apart by the record, not by the name of the file's type: that is free text.
        let flat: Option<&str> = found.decode_path(&path!["country_code"]).ok()?;
        let place = match flat {
            Some(country) => Place {
                city: text(&found, &path!["city"]),
                country: Some(country.to_owned()),
                region: text(&found, &path!["state1"]),
                postal_code: text(&found, &path!["postcode"]),
                time_zone: text(&found, &path!["timezone"]),
            },
            None => Place {
                city: text(&found, &path!["city", "names", "en"]),
                country: text(&found, &path!["country", "iso_code"]),
                // From the largest to the smallest.
                region: text(&found, &path!["subdivisions", 0, "names", "en"]),
                postal_code: text(&found, &path!["postal", "code"]),
                time_zone: text(&found, &path!["location", "time_zone"]),
            },
        };
        Some(place)
    }
}

/// One text of a record. Only what is there is decoded, and copied once; what is something else counts as missing.
fn text(found: &LookupResult<'_, Vec<u8>>, path: &[PathElement<'_>]) -> Option<String> {
    found.decode_path::<&str>(path).ok()?.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::Mmdb;

    fn place(database: &Database, address: &str) -> Option<Place> {
        database.place(address.parse().unwrap())
    }

    fn read(file: &Mmdb) -> Database {
        Database::read(file.bytes()).unwrap()
    }

    #[test]
    fn a_city_is_known_with_all_that_belongs_to_it() {
        let riga = json!({
            "city": {"geoname_id": 456_172, "names": {"de": "Riga (de)", "en": "Riga", "ru": "Рига"}},
            "continent": {"code": "EU", "names": {"en": "Europe"}},
            "country": {"iso_code": "LV", "is_in_european_union": true, "names": {"en": "Latvia"}},
            "location": {"latitude": 56.95, "longitude": 24.1, "time_zone": "Europe/Riga"},
            "postal": {"code": "LV-1001"},
            "subdivisions": [{"names": {"en": "Riga Region"}}, {"names": {"en": "Centrs"}}],
        });
        let file = Mmdb::new("GeoLite2-City").built(1_767_225_600).network("203.0.113.0/24", riga);
        let database = read(&file);
        let wanted = Place {
            city: Some("Riga".to_owned()),
            country: Some("LV".to_owned()),
            region: Some("Riga Region".to_owned()),
            postal_code: Some("LV-1001".to_owned()),
            time_zone: Some("Europe/Riga".to_owned()),
        };
        assert_eq!(place(&database, "203.0.113.255"), Some(wanted));
        assert_eq!(place(&database, "203.0.114.0"), None);
        assert_eq!(database.kind(), "GeoLite2-City");
        assert_eq!(database.built().unwrap().to_rfc3339(), "2026-01-01T00:00:00+00:00");
    }

    #[test]
    fn a_country_is_known_without_a_city() {
        let file = Mmdb::new("GeoLite2-Country")
            .network("203.0.113.0/24", json!({"country": {"iso_code": "LV"}}))
            .network("2001:db8::/32", json!({"registered_country": {"iso_code": "SE"}}));
        let database = read(&file);
        let wanted = Place { country: Some("LV".to_owned()), ..Place::default() };
        assert_eq!(place(&database, "203.0.113.1"), Some(wanted));
        // Where a network was registered is not where it is.
        assert_eq!(place(&database, "2001:db8::1"), Some(Place::default()));
    }

    #[test]
    fn flat_records_are_understood() {
        let city = json!({
            "city": "Riga", "country_code": "LV", "latitude": "56.95", "longitude": "24.1", "postcode": "",
            "state1": "Riga Region", "state2": "Centrs", "timezone": "Europe/Riga",
        });
        let file = Mmdb::new("city ipv4")
            .network("203.0.113.0/24", city)
            .network("2001:db8::/32", json!({"country_code": "SE"}));
        let database = read(&file);
        let wanted = Place {
            city: Some("Riga".to_owned()),
            country: Some("LV".to_owned()),
            region: Some("Riga Region".to_owned()),
            postal_code: Some(String::new()),
            time_zone: Some("Europe/Riga".to_owned()),
        };
        assert_eq!(place(&database, "203.0.113.1"), Some(wanted));
        let wanted = Place { country: Some("SE".to_owned()), ..Place::default() };
        assert_eq!(place(&database, "2001:db8:ffff::"), Some(wanted));
    }

    #[test]
    fn an_address_is_found_however_it_is_written() {
        let country = || json!({"country_code": "LV"});
        for file in [Mmdb::new("both"), Mmdb::new("one").ipv4_only()] {
            let database = read(&file.network("203.0.113.7/32", country()));
            assert!(place(&database, "203.0.113.7").is_some());
            assert!(place(&database, "::ffff:203.0.113.7").is_some());
            assert!(place(&database, "203.0.113.6").is_none());
            assert!(place(&database, "2001:db8::1").is_none());
        }
    }

    #[test]
    fn other_records_are_known_and_say_nothing() {
        let asn = json!({"autonomous_system_number": 64_500, "country": "LV", "city": ["Riga"], "subdivisions": []});
        let database = read(&Mmdb::new("ASN").network("203.0.113.0/24", asn));
        assert_eq!(place(&database, "203.0.113.1"), Some(Place::default()));
    }

    #[test]
    fn a_file_that_is_cut_short_is_refused() {
        let bytes = Mmdb::new("x").network("203.0.113.0/24", json!({"country_code": "LV"})).bytes();
        for end in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            assert!(Database::read(bytes[..end].to_vec()).is_err(), "{end} of {}", bytes.len());
        }
        assert!(Database::read(b"no database".repeat(100)).is_err());
    }

    #[test]
    fn a_damaged_file_never_panics() {
        let bytes = Mmdb::new("x").network("203.0.113.0/24", json!({"country_code": "LV"})).bytes();
        for position in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[position] ^= 0xff;
            if let Ok(database) = Database::read(damaged) {
                let _ = place(&database, "203.0.113.1");
                let _ = database.built();
            }
        }
    }
}
