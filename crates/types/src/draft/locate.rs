//! `detect_geo`: fills in where the addresses of a record are. What the record says itself wins.

use std::net::IpAddr;

use serde_json::Value;

use super::{Assignment, Draft};
use crate::field::system_fields;
use crate::{Atlas, Code, Place, Warning};

/// A field, and the part of a place that goes there.
type Target = (&'static str, fn(&mut Place) -> Option<String>);

/// The address fields, and what each of them fills.
const ADDRESSES: [(&str, &[Target]); 2] = [
    ("_regip", &[("_regcity", |place| place.city.take()), ("_regcountry", country)]),
    (
        "_ip",
        &[
            ("_city", |place| place.city.take()),
            ("_country", country),
            ("_region", |place| place.region.take()),
            ("_postal_code", |place| place.postal_code.take()),
            ("_tz", |place| place.time_zone.take()),
        ],
    ),
];

/// Locates the addresses that the record sets; where one cannot be, a warning says why.
pub(super) fn fill(draft: &mut Draft, atlas: Option<&dyn Atlas>) {
    for (name, targets) in ADDRESSES {
        let Some(address) = address(draft, name) else { continue };
        let wanted: Vec<&Target> = targets.iter().filter(|(field, _)| !says(draft, field)).collect();
        if wanted.is_empty() {
            continue;
        }
        match located(address, &wanted, atlas) {
            Ok(assignments) => draft.fields.extend(assignments),
            Err(text) => draft.warnings.push(Warning {
                code: Code::GeoUnavailable,
                text,
                field: Some(name.to_owned()),
            }),
        }
    }
}

fn located(
    address: IpAddr,
    wanted: &[&Target],
    atlas: Option<&dyn Atlas>,
) -> Result<Vec<(String, Assignment)>, String> {
    let atlas = atlas.ok_or("no geo database is available")?;
    if is_private(address) {
        return Err("the address is one of a private network".to_owned());
    }
    let mut place = atlas.place(address).ok_or("the geo database does not know the address")?;
    let found: Vec<(String, Assignment)> = wanted
        .iter()
        .filter_map(|(field, part)| Some(((*field).to_owned(), stored(field, part(&mut place)?)?)))
        .collect();
    if found.is_empty() {
        let fields: Vec<&str> = wanted.iter().map(|(field, _)| *field).collect();
        return Err(format!("the geo database knows the address, but nothing for {}", fields.join(", ")));
    }
    Ok(found)
}

/// Whether an address is anybody's. Some databases have a country for such addresses all the same.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified(),
        IpAddr::V6(v6) => {
            v6.is_unique_local() || v6.is_loopback() || v6.is_unicast_link_local() || v6.is_unspecified()
        }
    }
}

/// A value as its field stores it; one that the field would refuse from a client is left out.
fn stored(field: &str, text: String) -> Option<Assignment> {
    if text.trim().is_empty() {
        return None;
    }
    let field = system_fields().get(field)?;
    field.field_type.check(&Value::String(text), None).ok().map(Assignment::Set)
}

fn country(place: &mut Place) -> Option<String> {
    let mut code = place.country.take()?;
    code.make_ascii_uppercase();
    (code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())).then_some(code)
}

fn address(draft: &Draft, name: &str) -> Option<IpAddr> {
    draft.fields.iter().find_map(|(known, assignment)| match assignment {
        Assignment::Set(Value::String(text)) if known == name => text.parse().ok(),
        _ => None,
    })
}

/// Whether the record itself says something of a field, be it that it has no value.
fn says(draft: &Draft, field: &str) -> bool {
    draft.fields.iter().any(|(known, _)| known == field)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[derive(Debug)]
    struct Map(BTreeMap<IpAddr, Place>);

    impl Atlas for Map {
        fn place(&self, address: IpAddr) -> Option<Place> {
            self.0.get(&address).cloned()
        }
    }

    fn riga() -> Place {
        Place {
            city: Some("Riga".to_owned()),
            country: Some("LV".to_owned()),
            region: Some("Riga Region".to_owned()),
            postal_code: Some("LV-1001".to_owned()),
            time_zone: Some("Europe/Riga".to_owned()),
        }
    }

    fn tula() -> Place {
        Place { city: Some("Tula".to_owned()), country: Some("RU".to_owned()), ..Place::default() }
    }

    fn atlas(places: &[(&str, Place)]) -> Map {
        Map(places.iter().map(|(address, place)| (address.parse().unwrap(), place.clone())).collect())
    }

    type Filled = (Vec<(String, Assignment)>, Vec<(String, String)>);

    /// What is added to a record of these fields, and the warnings as field and text.
    fn filled(fields: &[(&str, Assignment)], atlas: Option<&dyn Atlas>) -> Filled {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let mut draft = Draft { fields, ..Draft::empty(0) };
        let told = draft.fields.len();
        fill(&mut draft, atlas);
        assert!(draft.warnings.iter().all(|warning| warning.code == Code::GeoUnavailable));
        let added = draft.fields.split_off(told);
        let warnings = draft.warnings.into_iter().map(|warning| (warning.field.unwrap(), warning.text));
        (added, warnings.collect())
    }

    fn set(value: &str) -> Assignment {
        Assignment::Set(json!(value))
    }

    fn sets(values: &[(&str, &str)]) -> Vec<(String, Assignment)> {
        values.iter().map(|(name, value)| ((*name).to_owned(), set(value))).collect()
    }

    #[test]
    fn each_address_fills_its_own_fields() {
        let atlas = atlas(&[("192.0.2.1", riga()), ("2001:db8::1", tula())]);
        let record = [("_regip", set("192.0.2.1")), ("_ip", set("2001:db8::1"))];
        let (added, warnings) = filled(&record, Some(&atlas));
        let wanted = [("_regcity", "Riga"), ("_regcountry", "LV"), ("_city", "Tula"), ("_country", "RU")];
        assert_eq!((added, warnings), (sets(&wanted), Vec::new()));

        let (added, _) = filled(&[("_ip", set("192.0.2.1"))], Some(&atlas));
        let wanted = [
            ("_city", "Riga"),
            ("_country", "LV"),
            ("_region", "Riga Region"),
            ("_postal_code", "LV-1001"),
            ("_tz", "Europe/Riga"),
        ];
        assert_eq!(added, sets(&wanted));
    }

    #[test]
    fn what_the_record_says_wins() {
        let atlas = atlas(&[("192.0.2.1", riga())]);
        let record = [
            ("_city", set("Sigulda")),
            ("_ip", set("192.0.2.1")),
            ("_tz", Assignment::Clear),
            ("_region", set("")),
        ];
        let (added, warnings) = filled(&record, Some(&atlas));
        assert_eq!((added, warnings), (sets(&[("_country", "LV"), ("_postal_code", "LV-1001")]), Vec::new()));
    }

    #[test]
    fn nothing_is_asked_where_nothing_is_wanted() {
        let all = [("_regip", set("192.0.2.1")), ("_regcity", set("A")), ("_regcountry", set("B"))];
        assert_eq!(filled(&all, None), (Vec::new(), Vec::new()));
        assert_eq!(filled(&[("_ip", Assignment::Clear)], None), (Vec::new(), Vec::new()));
        assert_eq!(filled(&[("_fname", set("192.0.2.1"))], None), (Vec::new(), Vec::new()));
    }

    #[test]
    fn a_warning_tells_the_reasons_apart() {
        let only_city = Place { city: riga().city, ..Place::default() };
        let atlas = atlas(&[("192.0.2.1", only_city), ("192.168.0.1", tula()), ("::1", tula())]);
        let text = |address: &str, atlas: Option<&dyn Atlas>| {
            let record = [("_ip", set(address)), ("_city", set("Riga"))];
            let (added, warnings) = filled(&record, atlas);
            assert!(added.is_empty(), "{added:?}");
            let [(field, text)] = warnings.as_slice() else { panic!("{warnings:?}") };
            assert_eq!(field, "_ip");
            text.clone()
        };
        assert_eq!(text("192.0.2.1", None), "no geo database is available");
        assert_eq!(text("192.0.2.2", Some(&atlas)), "the geo database does not know the address");
        assert_eq!(
            text("192.0.2.1", Some(&atlas)),
            "the geo database knows the address, but nothing for _country, _region, _postal_code, _tz"
        );
        for address in ["192.168.0.1", "::ffff:192.168.0.1", "::1", "127.0.0.1", "169.254.1.1", "fd00::1"] {
            assert_eq!(text(address, Some(&atlas)), "the address is one of a private network");
        }
        let (added, warnings) =
            filled(&[("_ip", set("192.0.2.2")), ("_regip", set("192.0.2.1"))], Some(&atlas));
        assert_eq!(added, sets(&[("_regcity", "Riga")]));
        assert_eq!(warnings.len(), 1, "an address that is not known keeps no other from its place");
    }

    #[test]
    fn what_a_client_could_not_send_is_left_out() {
        let odd = Place {
            city: Some("a\0b".to_owned()),
            country: Some("Latvia".to_owned()),
            region: Some(" ".to_owned()),
            postal_code: Some("1001".to_owned()),
            time_zone: Some("Baltic/Riga".to_owned()),
        };
        let small = Place { country: Some("lv".to_owned()), ..Place::default() };
        let atlas = atlas(&[("192.0.2.1", odd), ("192.0.2.2", small)]);
        assert_eq!(filled(&[("_ip", set("192.0.2.1"))], Some(&atlas)).0, sets(&[("_postal_code", "1001")]));
        assert_eq!(filled(&[("_regip", set("192.0.2.1"))], Some(&atlas)).1.len(), 1);
        assert_eq!(filled(&[("_ip", set("192.0.2.2"))], Some(&atlas)).0, sets(&[("_country", "LV")]));
    }
}
