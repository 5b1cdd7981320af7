-- Gives databases of the catalogue partitions of their own, in one PostgreSQL: each is vacuumed, analysed and backed up by
-- itself, its indexes are smaller, and it can be taken away in a moment. Nothing else changes: Intake need not know.
--
--     psql -d intake -f partition.sql -c 'SELECT intake_partition(7)'
--
-- What has no partition of its own is in the one called `.._rest`. Best before the first import into a database: profiles
-- that are there already are moved, and imports wait meanwhile; stop the workers before you move many. Imports also wait
-- while it is made sure that nothing of the database is left in `.._rest`, which is looked through for that, from the second
-- partition on: so give large databases theirs first.
--
-- The owner of the tables runs this, or a superuser: what is made has the same owner, and whoever was allowed something on a table
-- is allowed it on its partitions, too. What was allowed on single columns is to be allowed again.
--
-- To take a database away at once: `DROP TABLE profiles_7, identities_7, subscriptions_7`.

CREATE OR REPLACE FUNCTION intake_partition(database integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    parent text;
    tables CONSTANT text[] := ARRAY['identities', 'profiles', 'subscriptions'];
    rest text;
    part text;
    settings text;
    made text;
    was record;
    allowed record;
BEGIN
    -- All of them first, in the order in which an import comes to them: so neither waits for the other for ever.
    LOCK TABLE identities, profiles, subscriptions IN ACCESS EXCLUSIVE MODE;
    FOREACH parent IN ARRAY tables LOOP
        rest := parent || '_rest';
        SELECT pg_get_userbyid(relowner) AS owner, relacl AS acl INTO was FROM pg_class WHERE oid = parent::regclass;
        part := parent || '_' || database;
        IF to_regclass(part) IS NOT NULL THEN
            CONTINUE;
        END IF;
        -- The first time: the table becomes the partition of all that have none, where it is, as it is.
        IF (SELECT relkind FROM pg_class WHERE oid = parent::regclass) = 'r' THEN
            EXECUTE format('ALTER TABLE %I RENAME TO %I', parent, rest);
            EXECUTE format('ALTER INDEX %I RENAME TO %I', parent || '_pkey', rest || '_pkey');
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL) PARTITION BY LIST (db_id)', parent, rest);
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I DEFAULT', parent, rest);
        END IF;
        SELECT array_to_string(reloptions, ', ') INTO settings FROM pg_class WHERE oid = rest::regclass;
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL) WITH (%s)', part, rest, settings);
        FOREACH made IN ARRAY ARRAY[parent, part] LOOP
            EXECUTE format('ALTER TABLE %I OWNER TO %I', made, was.owner);
            FOR allowed IN
                SELECT privilege_type AS what, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS who,
                    CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS how
                FROM aclexplode(was.acl)
            LOOP
                EXECUTE format('GRANT %s ON %I TO %s%s', allowed.what, made, allowed.who, allowed.how);
            END LOOP;
        END LOOP;
        EXECUTE format('INSERT INTO %I SELECT * FROM %I WHERE db_id = %s', part, rest, database);
        EXECUTE format('DELETE FROM %I WHERE db_id = %s', rest, database);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES IN (%s)', parent, part, database);
    END LOOP;
END
$$;
