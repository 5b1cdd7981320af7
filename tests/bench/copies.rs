//! Many profiles in a short time: copies of a crowd under other keys, made by the database itself.

use intake_store::testing::TestDatabase;

/// What there is of profiles, with the column that says whose a row is.
pub(crate) const TABLES: [(&str, &str); 3] =
    [("profiles", "id"), ("identities", "profile_id"), ("subscriptions", "profile_id")];

/// Makes as many crowds of the one with this name, itself among them; their names follow it.
pub(crate) fn make(database: &TestDatabase, name: u32, crowds: u32) {
    let id = |column: &str, copy| format!("(left({column}::text, 32) || lpad(to_hex({copy}), 4, '0'))::uuid");
    let keys = |text: &str, other: u32| {
        format!(
            "replace(replace(replace({text}, 'person.{name}.', 'person.{other}.'), '+79{name}', '+79{other}'), \
             'ID\": 1{name}', 'ID\": 1{other}')"
        )
    };
    // Apart: else each copy would look through all those before it.
    for (table, id) in TABLES {
        database.execute(&format!(
            "CREATE TABLE first_{table} AS SELECT * FROM {table} \
             WHERE {id} IN (SELECT id FROM profiles WHERE fields ->> 'email' LIKE 'person.{name}.%')"
        ));
    }
    for copy in 1..crowds {
        let other = name + copy;
        database.execute(&format!(
            "INSERT INTO profiles (db_id, id, fields, written_by, written) \
             SELECT db_id, {}, {}::jsonb, written_by, written FROM first_profiles",
            id("id", copy),
            keys("fields::text", other)
        ));
        database.execute(&format!(
            "INSERT INTO identities (db_id, kind, value, ordinal, profile_id, sources) \
             SELECT db_id, kind, CASE WHEN value ~ '^1{name}' THEN '1{other}' || substring(value FROM 4) ELSE {} END, \
             ordinal, {}, sources FROM first_identities",
            keys("value", other),
            id("profile_id", copy)
        ));
        database.execute(&format!(
            "INSERT INTO subscriptions (db_id, profile_id, resource_id, channel, address, status, priority, custom_fields, cats) \
             SELECT db_id, {}, resource_id, channel, {}, status, priority, custom_fields, cats FROM first_subscriptions",
            id("profile_id", copy),
            keys("address", other)
        ));
    }
    for (table, _) in TABLES {
        database.execute(&format!("DROP TABLE first_{table}"));
        database.execute(&format!("VACUUM ANALYZE {table}"));
    }
    // What was written must not be in the way of what is measured.
    database.execute("CHECKPOINT");
}
