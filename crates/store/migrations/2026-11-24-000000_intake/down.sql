DROP TABLE job_chunks, jobs, subscriptions, identities, profiles, tokens, accounts, resources, databases;
