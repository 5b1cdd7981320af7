DROP TABLE outbox_lanes, outbox, job_chunks, jobs, subscriptions, identities, profiles, tokens, accounts, resources, databases;
