//! People as they are, against what they should be.

use std::collections::{BTreeMap, BTreeSet};

use intake_store::testing::TestDatabase;
use intake_types::catalog::{Catalog, Database};
use intake_types::{DatabaseId, ProfileId};
use serde_json::Value;

use crate::book::Closed;
use crate::catalog::catalog;
use crate::ledger::Ledger;
use crate::people::{self, Person};
use crate::reckoning::Reckoning;
use crate::request::TOKENS;
use crate::serial::{self, Expected, VISITS};

/// Looks at all of them.
pub(crate) fn check(reckoning: &mut Reckoning, closed: &Closed, ledger: &Ledger, database: &TestDatabase) {
    let catalog = catalog();
    let all = std::thread::scope(|scope| {
        let catalog = &catalog;
        let accounts: Vec<_> = (0..TOKENS.len())
            .map(|account| scope.spawn(move || serial::apply(closed, ledger, catalog, account)))
            .collect();
        accounts.into_iter().map(|account| account.join().expect("it does not panic")).collect::<Vec<_>>()
    });
    for (account, (expected, complaints)) in all.into_iter().enumerate() {
        for complaint in complaints {
            reckoning.complain(complaint);
        }
        let found = people::read(database, account);
        if let Some(database) = database_of(&catalog, account) {
            compare(reckoning, database, &expected, &found);
        }
    }
}

fn database_of(catalog: &Catalog, account: usize) -> Option<&Database> {
    catalog.databases.get(&DatabaseId(i32::try_from(account + 1).ok()?))
}

fn compare(
    reckoning: &mut Reckoning,
    database: &Database,
    expected: &BTreeMap<u16, Expected>,
    found: &BTreeMap<ProfileId, Person>,
) {
    let mut profiles: BTreeMap<Option<u16>, Vec<(ProfileId, &Person)>> = BTreeMap::new();
    for (id, person) in found {
        profiles.entry(person.member()).or_default().push((*id, person));
    }
    for (member, found) in &profiles {
        if found.len() > 1 {
            reckoning.double(found.len() - 1, format!("{member:?} is there {} times", found.len()));
        }
        if member.is_none_or(|member| !expected.contains_key(&member)) {
            reckoning.complain(format!("{member:?} is there, of whom nothing was applied"));
        }
    }
    for (member, expected) in expected {
        let Some((id, found)) = profiles.get(&Some(*member)).and_then(|found| found.first()) else {
            reckoning.lose(1, format!("person {member} is not there"));
            continue;
        };
        if expected.told != BTreeSet::from([*id]) {
            reckoning.double(1, format!("person {member} is {id}, and was told to be {:?}", expected.told));
        }
        person(reckoning, (*member, found), expected, &expected.person(database));
    }
}

fn person(reckoning: &mut Reckoning, (member, found): (u16, &Person), how: &Expected, expected: &Person) {
    let (found, expected) = (found.cells(), expected.cells());
    let names: BTreeSet<&String> = found.keys().chain(expected.keys()).collect();
    for name in names {
        if !how.is_sure(name) {
            reckoning.unsure += 1;
            continue;
        }
        reckoning.compared += 1;
        let (found, expected) = (found.get(name), expected.get(name));
        if found == expected {
            continue;
        }
        let show = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
        let what = format!("person {member}, {name}: {}, should be {}", show(found), show(expected));
        let count = |value: Option<&Value>| value.and_then(Value::as_u64).unwrap_or_default();
        let (found, expected) = (count(found), count(expected));
        let missing = |more: u64, less: u64| usize::try_from(more - less).unwrap_or(usize::MAX);
        if name != VISITS {
            reckoning.late(what);
        } else if found < expected {
            reckoning.lose(missing(expected, found), what);
        } else {
            reckoning.double(missing(found, expected), what);
        }
    }
}
