//! `detect_geo`: where the addresses of a record are, and what happens when the geo database changes or is not there.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use intake_tests::{World, until};
use intake_worker::testing::Mmdb;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Longer than a worker takes to notice a file.
const NOTICED: Duration = Duration::from_secs(3);

struct Story {
    world: World,
    directory: TempDir,
}

impl Story {
    /// A world whose worker has this geo database.
    fn start(file: &Mmdb) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("geo.mmdb");
        fs::write(&path, file.bytes()).unwrap();
        let arguments = ["--geo-database", path.to_str().unwrap()];
        Self { world: World::builder().worker_arguments(&arguments).start(), directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("geo.mmdb")
    }

    /// Imports a record with `detect_geo`; its result, and the profile as it is read back.
    fn import(&self, record: Value) -> (Value, Value) {
        let matching = json!({"matching": "email", "email": record["email"]});
        let result =
            self.world.import_all(json!({"detect_geo": true, "nulls": "clear"}), &[record]).remove(0);
        assert_eq!(result["error"], 0, "{result}");
        (result, self.world.profiles(matching).remove(0))
    }

    /// The city that an address in the first network has now.
    fn city(&self) -> Value {
        self.import(json!({"email": "where@example.com", "_ip": "203.0.113.1"})).1["_city"].take()
    }
}

fn city(name: &str, country: &str) -> Value {
    json!({
        "city": {"names": {"en": name, "ru": "Город"}},
        "country": {"iso_code": country, "names": {"en": "Country"}},
        "location": {"time_zone": "Europe/Riga"},
        "postal": {"code": "LV-1001"},
        "subdivisions": [{"names": {"en": "A region"}}],
    })
}

fn cities(first: &str) -> Mmdb {
    Mmdb::new("GeoLite2-City")
        .network("203.0.113.0/24", city(first, "LV"))
        .network("2001:db8::/32", city("Tula", "RU"))
        .network(
            "198.51.100.0/24",
            json!({"country": {"iso_code": "SE"}, "location": {"time_zone": "Mars/Base"}}),
        )
}

#[test]
fn both_addresses_are_located() {
    let story = Story::start(&cities("Riga"));
    let record = json!({"email": "a@example.com", "_regip": "203.0.113.7", "_ip": "2001:db8::7"});
    let (result, profile) = story.import(record);
    assert_eq!(result.get("warnings"), None, "{result}");
    let wanted = json!({
        "_regcity": "Riga", "_regcountry": "LV", "_city": "Tula", "_country": "RU", "_region": "A region",
        "_postal_code": "LV-1001", "_tz": "Europe/Riga",
    });
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(&profile[name], value, "{name}");
    }
    // An IPv4 address in the clothes of IPv6 is where it always was; what is no time zone is left out.
    let (_, profile) = story.import(json!({"email": "b@example.com", "_ip": "::ffff:198.51.100.1"}));
    assert_eq!((&profile["_country"], profile.get("_tz")), (&json!("SE"), None));
}

#[test]
fn nothing_is_located_unasked() {
    let story = Story::start(&cities("Riga"));
    let record = json!({"email": "a@example.com", "_ip": "203.0.113.7"});
    let result = &story.world.import_all(json!({}), &[record])[0];
    assert_eq!(result.get("warnings"), None, "{result}");
    let profile = &story.world.profiles(json!({"matching": "email", "email": "a@example.com"}))[0];
    assert_eq!(profile.get("_city"), None);
}

#[test]
fn what_a_record_says_itself_wins() {
    let story = Story::start(&cities("Riga"));
    let record = json!({"email": "a@example.com", "_city": "Sigulda", "_ip": "203.0.113.7", "_tz": null});
    let (result, profile) = story.import(record);
    assert_eq!(result.get("warnings"), None, "{result}");
    assert_eq!((&profile["_city"], &profile["_country"]), (&json!("Sigulda"), &json!("LV")));
    assert_eq!(profile.get("_tz"), None);
}

#[test]
fn an_address_that_is_not_known_is_a_warning() {
    let story = Story::start(&cities("Riga"));
    let record = json!({"email": "a@example.com", "_regip": "203.0.113.1", "_ip": "192.0.2.1"});
    let (result, profile) = story.import(record);
    let [warning] = result["warnings"].as_array().unwrap().as_slice() else { panic!("{result}") };
    assert_eq!((&warning["code"], &warning["field"]), (&json!("geo_unavailable"), &json!("_ip")));
    assert!(warning["text"].as_str().unwrap().contains("does not know"), "{warning}");
    assert_eq!((&profile["_regcity"], profile.get("_city")), (&json!("Riga"), None));
    // Known, but not its city, which is all that is asked.
    let all = ["_country", "_region", "_postal_code", "_tz"].map(|name| (name.to_owned(), Value::Null));
    let mut record = json!({"email": "b@example.com", "_ip": "198.51.100.1"});
    record.as_object_mut().unwrap().extend(all);
    let (result, _) = story.import(record);
    assert!(result["warnings"][0]["text"].as_str().unwrap().ends_with("nothing for _city"), "{result}");
}

#[test]
fn without_a_database_each_address_is_a_warning() {
    let record = || json!({"email": "g@example.com", "_ip": "203.0.113.1", "_regip": "203.0.113.1"});
    let missing = ["--geo-database", "/nonexistent/geo.mmdb"];
    for world in [World::start(), World::builder().worker_arguments(&missing).start()] {
        let result = &world.import_all(json!({"detect_geo": true}), &[record()])[0];
        assert_eq!(result["action"], "created", "{result}");
        for (warning, field) in result["warnings"].as_array().unwrap().iter().zip(["_regip", "_ip"]) {
            assert_eq!((&warning["code"], &warning["field"]), (&json!("geo_unavailable"), &json!(field)));
            assert!(warning["text"].as_str().unwrap().contains("no geo database"), "{warning}");
        }
        assert_eq!(result["warnings"].as_array().unwrap().len(), 2);
    }
}

#[test]
fn a_new_file_is_taken_while_the_worker_runs() {
    let story = Story::start(&cities("Riga"));
    assert_eq!(story.city(), "Riga");

    // Replaced, as updaters do.
    let new = story.directory.path().join("new");
    fs::write(&new, cities("Jelgava").bytes()).unwrap();
    fs::rename(&new, story.path()).unwrap();
    until("the file that replaced the first is read", || (story.city() == "Jelgava").then_some(()));

    // Written over.
    fs::write(story.path(), cities("Ventspils").bytes()).unwrap();
    until("the file that was written over is read", || (story.city() == "Ventspils").then_some(()));

    // Broken, then gone: what is at hand stays.
    for breakage in [|path: PathBuf| fs::write(path, "no database"), fs::remove_file] {
        breakage(story.path()).unwrap();
        let start = Instant::now();
        while start.elapsed() < NOTICED {
            assert_eq!(story.city(), "Ventspils");
        }
    }

    // And mended: it never stopped looking.
    fs::write(story.path(), cities("Cēsis").bytes()).unwrap();
    until("the mended file is read", || (story.city() == "Cēsis").then_some(()));
}
