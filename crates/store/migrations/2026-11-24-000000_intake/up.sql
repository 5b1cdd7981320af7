-- The database id comes first in every key of profile data, so that the tables can be partitioned or distributed by it.
-- Texts that are keys compare by bytes (COLLATE "C"): the order is that of the Rust side, in which rows are locked.
-- Tables whose rows are updated leave room on each page (fillfactor), so that an update stays on its page and touches no
-- index; for the same reason nothing that an import changes is indexed.

-- What is declared. A definition is JSON that only the catalogue code reads; it is always loaded whole.
CREATE TABLE databases (
    id integer PRIMARY KEY,
    definition jsonb NOT NULL
);

CREATE TABLE resources (
    id integer PRIMARY KEY,
    definition jsonb NOT NULL
);

CREATE TABLE accounts (
    name text COLLATE "C" PRIMARY KEY,
    definition jsonb NOT NULL
);

-- SHA-256 of each token; the token itself is never stored. A revoked one stays, so that it can be told from one that never was.
CREATE TABLE tokens (
    hash bytea PRIMARY KEY CHECK (length(hash) = 32),
    account text COLLATE "C" NOT NULL REFERENCES accounts ON DELETE CASCADE,
    label text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);

-- Another one with each change of these four: whoever has read them knows by it whether they are still the same. Counted before
-- anything else is locked, so that of two changes one waits for the other.
CREATE TABLE catalog_version (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    version bigint NOT NULL DEFAULT 1
);

INSERT INTO catalog_version DEFAULT VALUES;

CREATE FUNCTION count_catalog_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE catalog_version SET version = version + 1;
    RETURN NULL;
END $$;

CREATE TRIGGER counted BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON databases EXECUTE FUNCTION count_catalog_version();
CREATE TRIGGER counted BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON resources EXECUTE FUNCTION count_catalog_version();
CREATE TRIGGER counted BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON accounts EXECUTE FUNCTION count_catalog_version();
CREATE TRIGGER counted BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON tokens EXECUTE FUNCTION count_catalog_version();

-- One row per person. No foreign key to databases: it would lock one row there for every profile written.
CREATE TABLE profiles (
    db_id integer NOT NULL,
    id uuid NOT NULL,
    fields jsonb NOT NULL CHECK (jsonb_typeof(fields) = 'object'),
    -- Who wrote what, so that what was accepted later wins whenever it is applied: the request that most of it is of, and what
    -- is of others. Plain json, for it is only ever read whole.
    written_by uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    written json,
    -- Of the record that wrote it last, where the same once more would find everything as it is: then it is not even read.
    -- Whoever changes the profile by hand, or its subscriptions, must set this to NULL.
    imprint uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (db_id, id)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- Every value that a profile can be found by, one row per profile that carries it. The first holder of a value has ordinal
-- 0, so inserting ordinal 0 is the claim of the value, which only one can have; further holders take the next ordinals.
-- One index serves look-up, claim and uniqueness.
CREATE TABLE identities (
    db_id integer NOT NULL,
    kind smallint NOT NULL,
    value text COLLATE "C" NOT NULL,
    ordinal integer NOT NULL CHECK (ordinal >= 0),
    profile_id uuid NOT NULL,
    -- Where the profile carries it: 0 is a field of its own, any other number a subscription to that resource.
    sources integer[] NOT NULL CHECK (cardinality(sources) > 0),
    PRIMARY KEY (db_id, kind, value, ordinal)
) WITH (fillfactor = 95, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

CREATE TABLE subscriptions (
    db_id integer NOT NULL,
    profile_id uuid NOT NULL,
    resource_id integer NOT NULL,
    channel text COLLATE "C" NOT NULL,
    -- The contact as one text: an e-mail address, a phone number, else JSON.
    address text COLLATE "C" NOT NULL,
    status smallint NOT NULL CHECK (status BETWEEN 0 AND 6),
    priority integer,
    custom_fields jsonb NOT NULL CHECK (jsonb_typeof(custom_fields) = 'object'),
    cats text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (db_id, profile_id, resource_id, channel, address)
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- The ledger. A job is registered when a worker first takes it; before that it is in the queue alone. No foreign keys to
-- accounts and databases: a job whose database is gone must still be able to end as failed, and to be read.
CREATE TABLE jobs (
    db_id integer NOT NULL,
    id uuid NOT NULL,
    account text COLLATE "C" NOT NULL,
    -- How the records are applied, as it crossed the broker; the columns below that say the same are there to be searched.
    header jsonb NOT NULL CHECK (jsonb_typeof(header) = 'object'),
    external_id text,
    total integer NOT NULL CHECK (total > 0),
    state text COLLATE "C" NOT NULL CHECK (state IN ('processing', 'completed', 'cancelled', 'failed')),
    -- How often a worker took it; none yet of one that was made of what was left of another, or that was to be applied together
    -- with others.
    attempts integer NOT NULL CHECK (attempts >= 0),
    started_at timestamptz NOT NULL DEFAULT now(),
    -- When a worker last took it: a job in which nothing moves any more is known by this and its newest chunk.
    taken_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    -- Until when the results of a job that has ended are kept.
    expires_at timestamptz,
    -- Whether its chunks are still there; false once they are swept.
    results_kept boolean NOT NULL DEFAULT true,
    error integer,
    error_text text,
    -- The sums over its chunks, once it has ended: they outlive them.
    tally integer[] CHECK (cardinality(tally) = 6),
    PRIMARY KEY (db_id, id),
    CHECK ((finished_at IS NULL) = (state = 'processing')),
    CHECK ((finished_at IS NULL) = (tally IS NULL)),
    CHECK ((finished_at IS NULL) = (expires_at IS NULL)),
    CHECK ((error IS NOT NULL) = (state = 'failed')),
    CHECK ((error IS NULL) = (error_text IS NULL))
) WITH (fillfactor = 85);

-- A job is asked for by its id alone, also when its database is gone from the catalogue.
CREATE INDEX jobs_id ON jobs (id);

-- An account's jobs, newest first.
CREATE INDEX jobs_account ON jobs (account, id);

-- The same of one name that the client gave, and of those that are not as most are.
CREATE INDEX jobs_external_id ON jobs (account, external_id, id) WHERE external_id IS NOT NULL;
CREATE INDEX jobs_state ON jobs (account, state, id) WHERE state <> 'completed';

-- What is kept no longer, and what nothing moves in any more.
CREATE INDEX jobs_expired ON jobs (expires_at) WHERE results_kept;
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE NOT results_kept;
CREATE INDEX jobs_processing ON jobs (taken_at) WHERE state = 'processing';

-- The wish that a job be stopped, also one that no worker has taken yet. Whoever works on the job looks here before each
-- chunk.
CREATE TABLE cancellations (
    job_id uuid PRIMARY KEY,
    account text COLLATE "C" NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now()
);

-- Which job a request that says it may be sent again was given. The scope tells what the key is: 'key', the client's own
-- (Idempotency-Key); 'body', the digest of a body, where an operator wants equal bodies to be one request for a while;
-- 'retry', the id of the job whose failed records are sent again.
CREATE TABLE request_keys (
    account text COLLATE "C" NOT NULL,
    scope text COLLATE "C" NOT NULL CHECK (scope IN ('key', 'body', 'retry')),
    key text COLLATE "C" NOT NULL,
    -- SHA-256 of what was asked for.
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    job_id uuid NOT NULL,
    -- Where the request stands in the order of acceptance: where it stood when it was first taken.
    stands_at uuid NOT NULL,
    -- How many times it was about to be published and not refused by the broker; counted until a worker has the job. Where none
    -- is left, the key is free.
    takings integer NOT NULL DEFAULT 1 CHECK (takings >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account, scope, key)
);

CREATE INDEX request_keys_age ON request_keys (created_at);

-- Jobs that were given out for a request which had its job already (while the ledger could not be asked), and that job.
CREATE TABLE job_aliases (
    id uuid PRIMARY KEY,
    account text COLLATE "C" NOT NULL,
    same_as uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- The parts of a stream, packed as they crossed the broker, until its job has ended. Nothing of them is applied before the
-- seal has come, which makes them a job.
CREATE TABLE job_parts (
    db_id integer NOT NULL,
    job_id uuid NOT NULL,
    first_index integer NOT NULL CHECK (first_index >= 0),
    records integer NOT NULL CHECK (records > 0),
    -- As in jobs: for a stream whose seal never comes.
    header jsonb NOT NULL CHECK (jsonb_typeof(header) = 'object'),
    payload bytea NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now(),
    -- Until when more of the stream may come: before that it is not taken for one that has lost its sender.
    open_until timestamptz NOT NULL,
    PRIMARY KEY (db_id, job_id, first_index)
);

-- It is compressed already.
ALTER TABLE job_parts ALTER COLUMN payload SET STORAGE EXTERNAL;

-- One row per applied chunk, written in the transaction that applied it: that is what makes a redelivery harmless, and
-- progress is the sum over these rows. Chunks of a job follow each other without gaps.
CREATE TABLE job_chunks (
    db_id integer NOT NULL,
    job_id uuid NOT NULL,
    first_index integer NOT NULL CHECK (first_index >= 0),
    records integer NOT NULL CHECK (records > 0),
    created integer NOT NULL CHECK (created >= 0),
    updated integer NOT NULL CHECK (updated >= 0),
    unchanged integer NOT NULL CHECK (unchanged >= 0),
    skipped integer NOT NULL CHECK (skipped >= 0),
    failed integer NOT NULL CHECK (failed >= 0),
    warnings integer NOT NULL CHECK (warnings >= 0),
    -- One element per record, in input order: 1 created, 2 updated, 3 unchanged, 4 skipped, 5 failed.
    actions smallint[] NOT NULL CHECK (cardinality(actions) = records),
    -- One element per record; NULL for one that failed or was skipped.
    profile_ids uuid[] NOT NULL CHECK (cardinality(profile_ids) = records),
    -- Only for records that have any: {"index", "failure"?, "warnings"?, "reference"?}.
    details jsonb NOT NULL CHECK (jsonb_typeof(details) = 'array'),
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (db_id, job_id, first_index),
    FOREIGN KEY (db_id, job_id) REFERENCES jobs ON DELETE CASCADE,
    CHECK (created + updated + unchanged + skipped + failed = records)
);

-- The records that failed, as they were sent, so that they can be put right and sent again. One row per chunk that has any;
-- kept for a shorter time than the outcomes.
CREATE TABLE job_failures (
    db_id integer NOT NULL,
    job_id uuid NOT NULL,
    first_index integer NOT NULL,
    -- Side by side, in input order.
    indices integer[] NOT NULL,
    records text[] NOT NULL CHECK (cardinality(records) = cardinality(indices)),
    PRIMARY KEY (db_id, job_id, first_index),
    FOREIGN KEY (db_id, job_id, first_index) REFERENCES job_chunks ON DELETE CASCADE
);

-- Whom to tell that a job has ended, and how that went. Written in the transaction that ends the job.
CREATE TABLE callbacks (
    db_id integer NOT NULL,
    job_id uuid NOT NULL,
    account text COLLATE "C" NOT NULL,
    url text NOT NULL,
    state text COLLATE "C" NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_at timestamptz NOT NULL DEFAULT now(),
    -- The HTTP status of the last answer, or why there was none.
    last_status integer,
    last_error text,
    tried_at timestamptz,
    PRIMARY KEY (db_id, job_id),
    FOREIGN KEY (db_id, job_id) REFERENCES jobs ON DELETE CASCADE
);

CREATE INDEX callbacks_due ON callbacks (next_at) WHERE state = 'pending';

-- Events on their way to the broker, written in the transaction that they tell of and deleted once the broker has them. One
-- row holds the events of one chunk in one strand (a further one where that grows large). All events of a profile are in one
-- strand. Its number comes first in the key because a strand is read in order; nothing else is looked up here.
CREATE TABLE outbox (
    db_id integer NOT NULL,
    strand smallint NOT NULL,
    -- Drawn while the profiles that the events tell of are locked, so for one profile the order of ids is the order of
    -- commits. That holds because the sequence hands out numbers one by one: its cache must stay 1.
    id bigint GENERATED ALWAYS AS IDENTITY (CACHE 1),
    topic text COLLATE "C" NOT NULL CHECK (topic IN ('profiles', 'jobs')),
    events integer NOT NULL CHECK (events > 0),
    -- A JSON array, as it is sent. Text: nothing here looks inside.
    body text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (strand, id, db_id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Whoever sends the events of a strand holds the lock of its row: one at a time, so that they stay in order.
CREATE TABLE outbox_strands (
    strand smallint PRIMARY KEY
);

INSERT INTO outbox_strands SELECT generate_series(0, 15);
