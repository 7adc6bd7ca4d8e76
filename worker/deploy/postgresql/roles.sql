-- Roles of the database `numbers`, before the first `activation-worker migrate`.
--
-- Run it once, as a superuser, or as an owner of the database who may create roles (CREATEROLE):
--     createdb --encoding=UTF8 --template=template0 numbers
--     psql -v ON_ERROR_STOP=1 -d numbers -f roles.sql
-- The roles have no passwords yet:
--     \password numbers_owner
--
-- numbers_owner    migrate
-- numbers_worker   run, import, resolve, manual-logouts close, outbox, dead-letters replay, discard,
--                  pause, resume, retention --now, partitions
-- numbers_reader   show, pending, entitlements, manual-logouts, outbox list, acts, retention,
--                  republish, reconcile
CREATE ROLE numbers_owner LOGIN;
CREATE ROLE numbers_worker LOGIN;
CREATE ROLE numbers_reader LOGIN;
REVOKE ALL ON DATABASE numbers FROM PUBLIC;
GRANT CONNECT ON DATABASE numbers TO numbers_owner, numbers_worker, numbers_reader;
GRANT TEMPORARY ON DATABASE numbers TO numbers_worker, numbers_reader;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT CREATE, USAGE ON SCHEMA public TO numbers_owner;
GRANT USAGE ON SCHEMA public TO numbers_worker, numbers_reader;
