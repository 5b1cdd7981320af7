//! The tables, as the typed queries see them. The statements of the import itself are written out in SQL.

diesel::table! {
    databases (id) {
        id -> Int4,
        definition -> Jsonb,
    }
}

diesel::table! {
    catalog_version (is_only) {
        is_only -> Bool,
        version -> Int8,
    }
}

diesel::table! {
    resources (id) {
        id -> Int4,
        definition -> Jsonb,
    }
}

diesel::table! {
    accounts (name) {
        name -> Text,
        definition -> Jsonb,
    }
}

diesel::table! {
    tokens (hash) {
        hash -> Bytea,
        account -> Text,
        label -> Text,
        created_at -> Timestamptz,
        revoked_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    profiles (db_id, id) {
        db_id -> Int4,
        id -> Uuid,
        fields -> Jsonb,
        written_by -> Uuid,
        written -> Nullable<Json>,
        imprint -> Nullable<Uuid>,
    }
}

diesel::table! {
    identities (db_id, kind, value, ordinal) {
        db_id -> Int4,
        kind -> Int2,
        value -> Text,
        ordinal -> Int4,
        profile_id -> Uuid,
        sources -> Array<Int4>,
    }
}

diesel::table! {
    subscriptions (db_id, profile_id, resource_id, channel, address) {
        db_id -> Int4,
        profile_id -> Uuid,
        resource_id -> Int4,
        channel -> Text,
        address -> Text,
        status -> Int2,
        priority -> Nullable<Int4>,
        custom_fields -> Jsonb,
        cats -> Array<Text>,
    }
}

diesel::table! {
    jobs (db_id, id) {
        db_id -> Int4,
        id -> Uuid,
        account -> Text,
        header -> Jsonb,
        external_id -> Nullable<Text>,
        total -> Int4,
        state -> Text,
        attempts -> Int4,
        started_at -> Timestamptz,
        taken_at -> Timestamptz,
        finished_at -> Nullable<Timestamptz>,
        expires_at -> Nullable<Timestamptz>,
        error -> Nullable<Int4>,
        error_text -> Nullable<Text>,
        tally -> Nullable<Array<Int4>>,
    }
}

diesel::table! {
    job_chunks (db_id, job_id, first_index) {
        db_id -> Int4,
        job_id -> Uuid,
        first_index -> Int4,
        records -> Int4,
        created -> Int4,
        updated -> Int4,
        unchanged -> Int4,
        skipped -> Int4,
        failed -> Int4,
        warnings -> Int4,
        actions -> Array<Int2>,
        profile_ids -> Array<Nullable<Uuid>>,
        details -> Jsonb,
        applied_at -> Timestamptz,
    }
}

diesel::table! {
    job_failures (db_id, job_id, first_index) {
        db_id -> Int4,
        job_id -> Uuid,
        first_index -> Int4,
        indices -> Array<Int4>,
        records -> Array<Text>,
    }
}

diesel::table! {
    outbox (strand, id, db_id) {
        db_id -> Int4,
        strand -> Int2,
        id -> Int8,
        topic -> Text,
        events -> Int4,
        body -> Text,
    }
}
