//! That profile data can be spread by database: over partitions of one PostgreSQL, over several of them.

use intake_types::MatchRule;
use serde_json::json;

use crate::fixture::{apply_all, email, fates, header, import, import_of, job_id};
use crate::testing::TestDatabase;

const PARTITION: &str = include_str!("../../../deploy/postgres/partition.sql");

/// What is looked up by the id of a job or by an account alone, and small: it stays in one place.
const WHOLE: &str = "'accounts', 'cancellations', 'catalog_version', 'databases', 'job_aliases', 'outbox_strands', 'request_keys', 'resources', \
     'tokens', '__diesel_schema_migrations'";

#[test]
fn every_unique_key_and_every_foreign_key_contains_the_database_id() {
    let database = TestDatabase::create();
    let lacking = |constraints: &str| {
        database.texts(&format!(
            "SELECT c.relname || ': ' || k.name FROM pg_class c JOIN ({constraints}) AS k (relation, name, columns) \
             ON k.relation = c.oid WHERE c.relnamespace = 'public'::regnamespace AND c.relname NOT IN ({WHOLE}) \
             AND NOT EXISTS (SELECT FROM pg_attribute a \
             WHERE a.attrelid = c.oid AND a.attname = 'db_id' AND a.attnotnull AND a.attnum = ANY (k.columns))"
        ))
    };
    let unique =
        "SELECT indrelid, indexrelid::regclass::text, indkey::smallint[] FROM pg_index WHERE indisunique";
    assert_eq!(lacking(unique), [""; 0]);
    let foreign = "SELECT conrelid, conname, conkey FROM pg_constraint WHERE contype = 'f'";
    assert_eq!(lacking(foreign), [""; 0]);
    let referenced = "SELECT confrelid, conname, confkey FROM pg_constraint WHERE contype = 'f'";
    assert_eq!(lacking(referenced), [""; 0]);
    // Of what was looked at there is something, and what stays whole exists.
    let count = |condition: &str| {
        database.scalar(&format!(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND {condition}"
        ))
    };
    assert_eq!(count(&format!("relname IN ({WHOLE})")), 10);
    assert_eq!(count(&format!("relname NOT IN ({WHOLE})")), 9);
}

#[tokio::test]
async fn a_database_moves_into_partitions_of_its_own_with_its_profiles() {
    let database = TestDatabase::create();
    let store = database.store();
    let subscribed = json!({"email": "a@example.com", "city": "Here", "subscriptions": [
        {"resource_id": 28, "channel": "email", "email": "a@example.com"},
    ]});
    apply_all(&store, &import(1, MatchRule::Email, &[subscribed.clone(), email("b")]), 10).await;
    let mut elsewhere = header(2, MatchRule::Email, 1);
    elsewhere.db_id.0 = 2;
    let record = serde_json::value::to_raw_value(&email("a")).unwrap();
    apply_all(&store, &import_of(elsewhere, vec![record]), 10).await;

    // Whose the tables are and who may read them stays as it is.
    database.execute("GRANT SELECT ON profiles TO PUBLIC");
    database.execute("GRANT UPDATE ON profiles TO pg_monitor WITH GRANT OPTION");
    database.execute("ALTER TABLE profiles OWNER TO pg_database_owner");
    database.execute(PARTITION);
    for _again in 0..2 {
        database.texts("SELECT intake_partition(1)");
    }

    let rows = |table: &str| database.scalar(&format!("SELECT count(*) FROM {table}"));
    assert_eq!(
        [
            "profiles_1",
            "identities_1",
            "subscriptions_1",
            "profiles_rest",
            "identities_rest",
            "subscriptions_rest"
        ]
        .map(rows),
        [2, 2, 1, 1, 1, 0]
    );
    // Known ones are found there, new ones come there, and the room for updates is as before.
    let changed = json!({"email": "a@example.com", "city": "There", "subscriptions": [
        {"resource_id": 28, "channel": "email", "email": "a@example.com", "status": "unsubscribed"},
    ]});
    let records = [changed, email("b"), email("c"), json!({"email": "c@example.com", "number": 7})];
    apply_all(&store, &import(3, MatchRule::Email, &records), 10).await;
    let actions: Vec<_> =
        fates(&store, job_id(3)).await.iter().map(|outcome| outcome.action.word(false)).collect();
    assert_eq!(actions, ["updated", "unchanged", "created", "updated"]);
    assert_eq!(["profiles_1", "identities_1", "subscriptions_1"].map(rows), [3, 4, 1]);
    let settings =
        "SELECT count(DISTINCT reloptions) FROM pg_class WHERE relname IN ('profiles_1', 'profiles_rest')";
    assert_eq!(database.scalar(settings), 1);
    let owners = "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relname IN ('profiles', 'profiles_1', 'profiles_rest')";
    assert_eq!(database.texts(owners), ["pg_database_owner"]);
    let may = |table: &str| {
        database.texts(&format!(
            "SELECT concat_ws(' ', grantee::regrole, privilege_type, is_grantable) FROM pg_class, aclexplode(relacl) \
             WHERE relname = '{table}' AND grantee <> relowner ORDER BY 1"
        ))
    };
    assert_eq!(may("profiles_rest"), ["- SELECT f", "pg_monitor UPDATE t"]);
    assert_eq!([may("profiles"), may("profiles_1")], [may("profiles_rest"), may("profiles_rest")]);
}
