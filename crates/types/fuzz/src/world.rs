//! The demo catalogue and a job, for inputs to meet.

use std::sync::LazyLock;

use intake_types::catalog::{Account, Catalog, Database};
use intake_types::wire::Limits;
use intake_types::{DatabaseId, JobId, JobKey};

/// The account of the demo catalogue that may use [`database`].
pub(crate) const ACCOUNT: &str = "demo";

/// Those of a gateway, but for the records: planning many tiny ones is no news.
pub(crate) const LIMITS: Limits = Limits { records: 20, depth: Limits::RECORD_DEPTH, body_bytes: 1 << 20 };

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    let yaml = include_str!("../../../../deploy/demo/catalog.yaml");
    let declaration = serde_saphyr::from_str(yaml).expect("the demo catalogue is readable");
    Catalog::default().declare(&declaration).expect("the demo catalogue is valid").0
});

pub(crate) fn catalog() -> &'static Catalog {
    &CATALOG
}

pub(crate) fn account() -> &'static Account {
    catalog().accounts.get(ACCOUNT).expect("the demo catalogue has the account")
}

pub(crate) fn database() -> &'static Database {
    catalog().databases.get(&DatabaseId(1)).expect("the demo catalogue has database 1")
}

pub(crate) fn job() -> JobId {
    let key = JobKey::new(b"a key for fuzzing only").expect("it is long enough");
    JobId::mint(1_700_000_000_000_000_000, 1, ACCOUNT, &key)
}
