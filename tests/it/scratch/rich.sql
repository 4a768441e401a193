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
create user mapping for auditor server far options (password 'secret-of-mapping');
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

-- What was not compared before version 2 of the inventory.
alter role app password 'secret-of-role'; alter role auditor password null; comment on role app is 'secret-of-comment';
grant usage on type base to reader; -- nor this, of a row's type
grant select (ctid) on loose to reader;
set role "own""er";
create table swapped (a int, b int); create type twin as (a int, b int);
create table part_child () inherits (swapped); alter table part_child add column own1 int, add column own2 int;
create table said (id int primary key, up int references said, note text default 'x') with (toast.autovacuum_enabled = off);
create index said_note on said (note, (id + 1)); alter index said_note alter column 2 set statistics 300;
create statistics said_stat (ndistinct) on id, up from said; alter statistics said_stat set statistics 50;
create function kept_by() returns int language sql as 'select 1'; alter function kept_by() depends on extension plpgsql;
create aggregate shared_total(int) (sfunc = int4pl, stype = int, finalfunc = int4abs, finalfunc_modify = shareable, sspace = 128);
create operator !==! (leftarg = int, rightarg = int, function = int4ne, negator = ====); -- leaves a shell behind
comment on schema "s 1" is 'secret-of-comment'; comment on table said is 'secret-of-comment';
comment on column said.note is 'secret-of-comment'; comment on constraint said_pkey on said is 'secret-of-comment';
comment on index said_note is 'secret-of-comment'; comment on function kept_by() is 'secret-of-comment';
comment on type twin is 'secret-of-comment'; comment on column twin.a is 'secret-of-comment'; comment on domain short is 'secret-of-comment';
comment on policy mine on base is 'secret-of-comment'; comment on trigger touch_base on base is 'secret-of-comment';
comment on rule no_delete on volatile is 'secret-of-comment'; comment on view plain_view is 'secret-of-comment';
comment on sequence odd is 'secret-of-comment'; comment on statistics said_stat is 'secret-of-comment';
comment on operator !==! (int, int) is 'secret-of-comment'; comment on aggregate shared_total(int) is 'secret-of-comment';
reset role;
create type undefined;
comment on rule "_RETURN" on plain_view is 'no dump writes this';
comment on server far is 'secret-of-comment'; comment on event trigger ddl is 'secret-of-comment';
comment on cast (mood as int) is 'secret-of-comment'; comment on schema public is 'secret-of-comment';
comment on large object 4711 is 'secret-of-comment'; comment on database rich is 'secret-of-comment';
alter table parted_1 disable trigger row_parted;
create access method pile type table handler heap_tableam_handler;
create transform for int language sql (from sql with function prsd_lextype(internal), to sql with function int4recv(internal));
create function transformed(int) returns int language sql transform for type int as 'select 1';
create text search parser words (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype, headline = prsd_headline);
create text search template simplest (init = dsimple_init, lexize = dsimple_lexize);
create text search dictionary simplest (template = simplest);
create text search configuration wordly (parser = words); alter text search configuration wordly add mapping for word with simplest;
create publication told for table said with (publish = 'insert');
create publication schemas_told for tables in schema "s 1"; -- with 15
create operator family own_ops using btree; alter operator family own_ops using btree add operator 1 < (int4, int8), function 1 btint48cmp(int4, int8);
create operator class own_class for type mood using btree family own_ops as operator 1 < (anyenum, anyenum), operator 3 = (anyenum, anyenum), function 1 enum_cmp(anyenum, anyenum);
create conversion own_conversion for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8;
create function own_handler() returns language_handler language c as '$libdir/plpgsql', 'plpgsql_call_handler';
create function own_inline(internal) returns void language c as '$libdir/plpgsql', 'plpgsql_inline_handler';
create function own_validator(oid) returns void language c as '$libdir/plpgsql', 'plpgsql_validator';
create language own handler own_handler inline own_inline validator own_validator;
create server far2 foreign data wrapper nothing; create foreign data wrapper other;
create type own_base; create function own_base_in(cstring) returns own_base language internal strict immutable as 'textin';
create function own_base_out(own_base) returns cstring language internal strict immutable as 'textout';
create type own_base (input = own_base_in, output = own_base_out, default = 'x');
create table excl (c int, exclude using btree (c with =));
create table one_side (x int); create table other_side (y int); create table both_sides () inherits (one_side, other_side);
create table by_expr (a int, b int) partition by range ((a + 2));
create function with_default(x int default 3) returns int language sql as 'select 1';
create function sqlbody2(a int) returns int language sql begin atomic select a + 2; end; -- with 14
create rule maybe as on update to volatile where old.x is null do also insert into loose values (9);
create constraint trigger deferred after insert on said from loose deferrable initially deferred for each row execute function touch();
create trigger with_words before insert on said for each row execute function touch('a');
alter text search configuration wordly add mapping for asciiword with simplest, pg_catalog.simple;
grant set on parameter work_mem to app; -- with 15
alter role app in database rich set work_mem = '7MB';
revoke usage on language sql from public; -- the dump does not write this
reset search_path;
