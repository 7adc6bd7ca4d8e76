-- What the roles may do with the tables, after the first `activation-worker migrate`.
--
-- Run it as numbers_owner, as often as you like:  psql -U numbers_owner -d numbers -f grants.sql
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO numbers_worker;
REVOKE INSERT, UPDATE, DELETE ON activation_worker_version, schema_compatibility FROM numbers_worker;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO numbers_reader;
-- The same for the tables of later migrations: a worker of the new release may start at once.
ALTER DEFAULT PRIVILEGES FOR ROLE numbers_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO numbers_worker;
ALTER DEFAULT PRIVILEGES FOR ROLE numbers_owner IN SCHEMA public
    GRANT SELECT ON TABLES TO numbers_reader;
