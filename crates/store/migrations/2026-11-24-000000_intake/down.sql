DROP TABLE outbox_strands, outbox, callbacks, job_failures, job_parts, job_aliases, request_keys, cancellations, job_chunks, jobs, subscriptions, identities, profiles, tokens, accounts, resources, databases, catalog_version;
DROP FUNCTION count_catalog_version;
