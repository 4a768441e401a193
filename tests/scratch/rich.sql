-- Something of every kind of object that has to come back. What a restore writes
-- otherwise than it was written is in here: varchar lists in checks, dropped
-- columns, inherited columns, partitions, names that need quotes. A line that ends
-- in a mark is there only in an installation with, or without, what it names.
create role "own""er"; create role app login; create role reader; create role auditor;
grant reader to app; grant reader to auditor with admin option; grant pg_monitor to auditor;
alter role app set statement_timeout = '30s';
create role backup bypassrls; grant pg_read_all_settings to backup;
grant pg_read_all_data to backup; -- with 14
grant "own""er" to backup; -- without 14
create extension citext schema public; -- with contrib
create extension hstore schema public; -- with contrib
revoke execute on function pg_catalog.pg_sleep(double precision) from public;
grant select on pg_catalog.pg_authid to auditor;
revoke execute on function public.hstore_to_json(public.hstore) from public; -- with contrib

create schema "s 1" authorization "own""er";
grant usage on schema "s 1" to app, reader;
grant create on schema public to app;
set search_path = "s 1", public;
set role "own""er";

create type mood as enum ('sad', 'it''s "ok"', 'happy');
create domain short as varchar(10) collate "C" default 'x' not null check (value in ('x', 'yy', 'zzz'));
create type pair as (a int, "b c" text[]);
create type span as range (subtype = float8, subtype_diff = float8mi);
create sequence odd start 100 increment -5 minvalue -1000 maxvalue 1000 cache 3 cycle;
create function next_id(prefix text default 'id-' || 'x') returns text language sql volatile security definer
  set search_path = pg_catalog, pg_temp as $$ select prefix || 'z' $$;
create function touch() returns trigger language plpgsql as $$ begin new.at := now(); return new; end $$;
create function sqlbody(a int, variadic b int[]) returns int language sql immutable parallel safe -- with 14
  begin atomic select a + coalesce(b[1], 0); end; -- with 14
create procedure noop(inout x int) language plpgsql as $$ begin x := x + 1; end $$;
create aggregate total(int) (sfunc = int4pl, stype = int, initcond = '0', parallel = safe, combinefunc = int4pl);
create operator === (leftarg = int, rightarg = int, function = int4eq, commutator = ===);
create text search configuration plain (copy = pg_catalog.simple);
create collation german (provider = icu, locale = 'de-DE', deterministic = false); -- with icu
create collation german from "C"; -- without icu
create collation same from "C";

create table base (gone int, id bigint generated always as identity (start 7), state varchar(20) not null default 'new'
    check (state in ('new', 'paid', 'shipped')), amount numeric(10, 2) check (amount between 0 and 1000 or amount is null),
  doubled numeric generated always as (amount * 2) stored, m mood default 'happy', d short, p pair, r span,
  name text collate german, at timestamptz default '2020-01-01 00:00:00+02', owner_name name default current_user,
  tags text[] default array['a', 'b'], constraint base_pk primary key (id)) with (fillfactor = 80, autovacuum_enabled = off);
alter table base drop column gone;
alter table base add column late int default -1, alter column name set storage external, alter column state set statistics 500;
create table child (extra int) inherits (base);
alter table base add column later int;
alter table base add constraint positive check (late < 1000) not valid;
create unique index base_state on base (lower(state), id desc nulls last) include (amount) where state in ('new', 'paid');
create index base_at on base using brin (at) with (pages_per_range = 32);
alter table base cluster on base_pk;
alter table base replica identity using index base_pk;
create statistics base_stat (dependencies, ndistinct) on state, m from base;
insert into base (state, amount, late, name) select (array['new', 'paid'])[1 + g % 2], g, g, 'n' || g from generate_series(1, 300) g;

create table parted (k int not null, at date not null, base_id bigint references base on delete cascade deferrable,
  note text, primary key (k, at)) partition by range (at);
create table parted_1 partition of parted for values from ('2020-01-01') to ('2021-01-01');
create table parted_rest partition of parted default;
create index parted_note on parted (note);
create table refers (k int, at date, foreign key (k, at) references parted (k, at) match full);
insert into parted select g, '2020-06-01'::date + g, null, 'x' from generate_series(1, 50) g;
insert into refers values (1, '2020-06-02');
create unlogged table volatile (x jsonb default '{"a": 1}'::jsonb);
create table loose (id int, parent int);
insert into loose values (1, 1), (2, 7), (3, null), (4, 8);
alter table loose add constraint loose_pk primary key (id),
  add constraint loose_parent foreign key (parent) references loose (id) not valid;
alter table loose add constraint loose_even check (id % 2 = 0) not valid;

create view plain_view with (security_barrier) as
  select b.id, b.state, p.note, case when b.state in ('new', 'paid') then 1 else 0 end as open
  from base b left join parted p on p.base_id = b.id where b.name like 'n%' or b.m = any (array['sad', 'happy']::mood[]);
create materialized view summary as select state, count(*) as n, sum(amount)::numeric(20, 2) as total from base group by state;
create unique index summary_state on summary (state);
create materialized view unfilled as select 1 as one with no data;
create rule no_delete as on delete to volatile do instead nothing;
create trigger touch_base before update of state on base for each row when (old.state is distinct from new.state) execute function touch();
create trigger on_parted after insert on parted for each statement execute function suppress_redundant_updates_trigger();
drop trigger on_parted on parted;
create trigger row_parted before insert on parted for each row execute function touch();
alter table base disable trigger touch_base;

alter table base enable row level security;
create policy mine on base for select to app, reader using (owner_name = current_user or state in ('new', 'paid'));
create policy writes on base as restrictive for update using (true) with check (amount < 500);
alter table loose enable row level security;
alter table loose force row level security;

grant select, insert on base to app with grant option;
grant select (id, note) on plain_view to reader;
grant update (state) on base to reader;
grant usage on sequence odd to app;
grant usage on type mood to reader; revoke usage on type mood from public;
revoke execute on function next_id(text) from public; grant execute on function next_id(text) to app;
revoke all on table volatile from "own""er";
alter default privileges in schema "s 1" grant select on tables to reader;
alter default privileges revoke execute on functions from public;
reset role;
set role app;
grant select on base to auditor;
reset role;

create foreign data wrapper nothing options (z 'b', a 'c');
create server far foreign data wrapper nothing options (host 'h', dbname 'd');
create foreign table away (x int options (column_name 'y', b 'z')) server far options (t 'z', b 'y');
create user mapping for app server far options (password 'secret-of-mapping');
grant usage on foreign server far to reader; grant usage on foreign data wrapper nothing to app;
create function on_ddl() returns event_trigger language plpgsql as $$ begin end $$;
create event trigger ddl on ddl_command_end when tag in ('CREATE TABLE') execute function on_ddl();
create function mood_rank(mood) returns int language sql immutable as 'select 1';
create cast (mood as int) with function mood_rank(mood) as assignment;
grant temporary on database rich to app; revoke connect on database rich from public; grant connect on database rich to app, backup;
alter database rich owner to "own""er";
alter database rich set work_mem = '9MB'; alter role app in database rich set search_path = "s 1", public;
select lo_from_bytea(4711, 'secret-of-object'), lo_from_bytea(4712, decode(repeat('ab', 5000), 'hex')), lo_create(4713);
alter large object 4711 owner to app; grant select on large object 4712 to reader;
reset search_path;
