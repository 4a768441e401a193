-- Owners work as nobody, groups hold the privileges, logins are in groups.
CREATE ROLE shop_owner;
CREATE ROLE orders_rw;
CREATE ROLE orders_ro;
CREATE ROLE money_ro;
CREATE ROLE tickets_rw;
CREATE ROLE stock_rw;
CREATE ROLE app LOGIN CONNECTION LIMIT 20 PASSWORD 'T7-vanilla-orchard-91';
CREATE ROLE worker LOGIN CONNECTION LIMIT 5 PASSWORD 'T7-copper-harbour-44';
CREATE ROLE billing LOGIN CONNECTION LIMIT 5 PASSWORD 'T7-linen-compass-17';
CREATE ROLE support LOGIN CONNECTION LIMIT 5 PASSWORD 'T7-amber-lantern-63' VALID UNTIL '2099-01-01';
CREATE ROLE stock LOGIN CONNECTION LIMIT 5 PASSWORD 'T7-velvet-anchor-28';
CREATE ROLE backup LOGIN REPLICATION BYPASSRLS CONNECTION LIMIT 5;
GRANT orders_rw TO app;
GRANT orders_ro TO worker;
GRANT tickets_rw TO support;
GRANT stock_rw TO stock;
GRANT money_ro TO billing;
GRANT pg_read_all_data, pg_monitor TO backup;
