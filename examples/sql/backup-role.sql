-- Roles for pgseal that can read everything and change nothing.
-- Run as a superuser; log in by peer or scram with a passfile, never with a password in the configuration.

-- Logical backups. pg_read_all_data reads every table and sequence; BYPASSRLS
-- because row security would silently hide rows from the dump otherwise (pgseal
-- dumps with row security off, so without it the dump fails instead).
CREATE ROLE pgseal_logical LOGIN BYPASSRLS CONNECTION LIMIT 10;
GRANT pg_read_all_data, pg_read_all_settings TO pgseal_logical;
-- That covers pg_authid, too: this role can read every stored password (as a verifier),
-- so guard its login like a superuser's. role_passwords = false keeps the verifiers out of
-- the backup, not from the role. It cannot read large objects that it was not granted
-- (PostgreSQL 15 has no right for all of them): use a superuser where there are some.
-- A read-only session is the default; a function called by a view cannot write.
ALTER ROLE pgseal_logical SET default_transaction_read_only = on;

-- Physical backups: REPLICATION copies the whole cluster, so guard this login
-- like a superuser's. pg_hba.conf, for a role on the same host:
--   local  replication  pgseal_physical  peer map=pgseal
CREATE ROLE pgseal_physical LOGIN REPLICATION CONNECTION LIMIT 5;
GRANT pg_read_all_settings, pg_monitor TO pgseal_physical;
-- It has every file anyway. Without this the backup knows nothing of databases whose schemas
-- it may not enter, and their drills prove nothing of them.
GRANT pg_read_all_data TO pgseal_physical;
-- pgseal reads the roles, databases and settings beside the copy from this database.
GRANT CONNECT ON DATABASE postgres TO pgseal_physical;

-- What exposure checks judge is read at every backup. Without these two grants the
-- checks of sessions and of access rules say that they could not look. (Whoever may
-- call the function sees passwords that stand in pg_hba.conf, of LDAP or RADIUS; its
-- grant holds in the database that pgseal connects to.)
GRANT pg_monitor TO pgseal_logical;
GRANT EXECUTE ON FUNCTION pg_catalog.pg_hba_file_rules() TO pgseal_logical, pgseal_physical;
