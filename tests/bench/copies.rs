//! Many profiles in a short time: copies of a crowd under other keys, made by the database itself.

use intake_store::testing::TestDatabase;

/// Makes as many crowds of the one with this name, itself among them; their names follow it. No others may be there.
pub(crate) fn make(database: &TestDatabase, name: u32, crowds: u32) {
    let id = |column: &str, copy| format!("(left({column}::text, 32) || lpad(to_hex({copy}), 4, '0'))::uuid");
    let keys = |text: &str, other: u32| {
        format!(
            "replace(replace(replace({text}, 'person.{name}.', 'person.{other}.'), '+79{name}', '+79{other}'), \
             'ID\": 1{name}', 'ID\": 1{other}')"
        )
    };
    // Only of the first crowd: the others' ids end with their number.
    database.execute("CREATE TABLE originals AS SELECT id FROM profiles");
    database.execute("ALTER TABLE originals ADD PRIMARY KEY (id)");
    database.execute("ANALYZE originals");
    for copy in 1..crowds {
        let other = name + copy;
        database.execute(&format!(
            "INSERT INTO profiles (db_id, id, fields, written_by, written) \
             SELECT db_id, {}, {}::jsonb, written_by, written FROM profiles JOIN originals USING (id)",
            id("id", copy),
            keys("fields::text", other)
        ));
        database.execute(&format!(
            "INSERT INTO identities (db_id, kind, value, ordinal, profile_id, sources) \
             SELECT db_id, kind, CASE WHEN value ~ '^1{name}' THEN '1{other}' || substring(value FROM 4) ELSE {} END, \
             ordinal, {}, sources FROM identities JOIN originals ON id = profile_id",
            keys("value", other),
            id("profile_id", copy)
        ));
        database.execute(&format!(
            "INSERT INTO subscriptions (db_id, profile_id, resource_id, channel, address, status, priority, custom_fields, cats) \
             SELECT db_id, {}, resource_id, channel, {}, status, priority, custom_fields, cats \
             FROM subscriptions JOIN originals ON id = profile_id",
            id("profile_id", copy),
            keys("address", other)
        ));
    }
    for table in ["profiles", "identities", "subscriptions"] {
        database.execute(&format!("VACUUM ANALYZE {table}"));
    }
}
