--- names-quotes
create table "a""b'c" ("d""e" int, "f'g" text); insert into "a""b'c" values (1, 'x'); create index "i""'" on "a""b'c" ("d""e");
--- names-newline-tab
create table U&"new\000Aline\0009tab" (U&"col\000Aumn" int); insert into U&"new\000Aline\0009tab" values (1);
--- names-emoji-rtl
create schema "😀"; create table "😀"."‮rtl" ("ünï" int); insert into "😀"."‮rtl" values (1); create function "😀"."ƒ"() returns int language sql as 'select 1';
--- names-63-bytes
create table aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff123 (aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff123 int primary key, check (aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff123 > 0));
--- names-keywords
create table "select" ("from" int, "where" text, "user" name); insert into "select" values (1, 'x', 'y'); create view "table" as select "from" from "select"; create schema "order"; create type "order"."group" as enum ('by');
--- names-like-connections
create schema "postgresql://evil/x"; create table "postgresql://evil/x"."-d" ("host=evil" int); insert into "postgresql://evil/x"."-d" values (1);
--- names-copy-trap
create table "\." ("\." text); insert into "\." values ('\.'), (E'\\.\n'), (null), ('\N'), (E'\t');
--- zero-columns
create table none (); insert into none default values; insert into none default values; create table dropped (a int); insert into dropped values (1); alter table dropped drop column a;
--- many-columns
do $$ begin execute 'create table many (' || (select string_agg('c' || g || ' bool', ', ') from generate_series(1, 1600) g) || ')'; end $$; insert into many (c1, c1600) values (true, false);
--- dropped-columns
create table t (a int, b text, c int, d date) ; insert into t values (1, 'x', 2, '2026-01-01'); alter table t drop column a, drop column c; alter table t add column e int default 5; insert into t values ('y', '2026-01-02', 6);
--- texts-odd
create table t (x text); insert into t values (''), (' '), (E'\\'), (E'\r\n'), (E'\b\f\v'), ('\x00'), ('NULL'), ('null'), ('"'), (''''), (repeat('x', 100000)), (chr(1114109)), (E'\u2028');
--- bytea-odd
create table t (x bytea); insert into t values ('\x00'), ('\x'), ('\xff5c2e0a'), (decode(repeat('00', 100000), 'hex'));
--- floats-odd
create table t (x float8, y float4, z numeric); insert into t values ('NaN', '-Infinity', 'NaN'), ('Infinity', 1e-40, 'Infinity'), (-0.0, 3.4e38, 1e-1000), (0.1 + 0.2, 1.1, 1.10), (1e308, 0, 12345678901234567890.123456789);
--- dates-odd
create table t (d date, ts timestamp, tz timestamptz, t timetz, i interval); insert into t values ('infinity', '-infinity', 'infinity', '24:00:00+15:59', '-1 mon +2 days -03:04:05.678901'), ('4714-11-24 BC', '4714-11-24 00:00:00 BC', '294276-12-31 23:59:59+00', '00:00-12', '178000000 years'), ('5874897-12-31', '0001-01-01 BC', '2026-03-29 02:30 Europe/Berlin', '12:00', '0');
--- numeric-scales
create table t (a numeric(3, -2), b numeric(2, 5), c numeric, d money); insert into t values (12345, 0.00012, '1.0000', '-12.34'), (null, 0, '1', '0');
--- arrays-odd
create table t (a int[], b text[][], c int[]); insert into t values ('{}', '{{a,NULL},{"NULL",""}}', '[-2:0]={1,2,3}'), ('{NULL}', '{{"{","}"},{"\"","\\"}}', null);
--- ranges
create table t (r tsrange, n numrange, m int4multirange); insert into t values ('empty', '(,)', '{}'), ('[2026-01-01, infinity)', '[1.10, 2)', '{[1,2), [5,)}'); create type fl as range (subtype = float8, subtype_diff = float8mi, multirange_type_name = fls); create table u (x fl, y fls); insert into u values ('[1,2]', '{[1,2],[3,4]}');
--- json
create table t (j json, b jsonb, p jsonpath); insert into t values ('{"a":1,"a":2}', '{"a":1,"a":2}', '$.a[*] ? (@ > 1)'), ('"\u00e9"', '1e400', 'strict $');
--- xml
create table t (x xml); insert into t values ('<a/>'), ('just text'), ('<?xml version="1.0"?><b>é</b>');
--- types-rare
create table t (a pg_lsn, b txid_snapshot, c regclass, d regtype, e oid, f name, g "char", h bit(3), i varbit, j macaddr8, k cidr, l path, m circle, n tsquery, o pg_snapshot, p xid8, q regrole); insert into t values ('16/B374D848', '10:20:10,14', 'pg_class', 'int', 5, 'n', 'c', '101', '1', '08:00:2b:01:02:03:04:05', '10/8', '((0,0),(1,1))', '<(0,0),1>', 'a & b', '10:20:', '5', 'postgres');
--- composite
create type p as (x int, y text); create type q as (a p, b p[]); create table t (v q, w p[]); insert into t values (row(row(1, 'a"b'), array[row(2, 'c,d')::p])::q, array[row(null, '')::p]);
--- enum-reordered
create type e as enum ('c', 'a'); alter type e add value 'b' before 'a'; alter type e add value 'z' after 'c'; alter type e rename value 'a' to 'A'; create table t (x e default 'A', check (x in ('A', 'b'))); insert into t values ('A');
--- domains
create domain d1 as int check (value > 0) constraint nn not null; create domain d2 as d1 check (value < 100) default 5; create domain d3 as text[] check (cardinality(value) < 3); create domain d4 as varchar(10) collate "C" check (value in ('a', 'b')); create table t (a d2, b d3, c d4); insert into t values (1, '{a}', 'b'); alter domain d2 add constraint later check (value <> 7) not valid;
--- domain-over-composite
create type p as (x int, y int); create domain d as p check ((value).x > 0); create table t (v d); insert into t values ((1, 2));
--- partitions-deep
create table t (a int, b int, c text) partition by range (a); create table t1 partition of t for values from (minvalue) to (10) partition by list (b); create table t1a partition of t1 for values in (1, null); create table t1d partition of t1 default partition by hash (c); create table t1d0 partition of t1d for values with (modulus 1, remainder 0); create table t2 partition of t for values from (10) to (maxvalue); insert into t select g, g % 3, g::text from generate_series(1, 30) g; alter table t add unique (a, b, c);
--- partitions-attached-odd
create table t (a int not null, b text) partition by range (a); create table x (b text, gone int, a int not null); alter table x drop column gone; alter table t attach partition x for values from (0) to (10); create index on t (b); create index on only t (a); insert into t values (1, 'x'); create table bare (a int) partition by range (a);
--- partitions-expression
create table t (d timestamptz, x text) partition by range (date_trunc('day', d at time zone 'UTC'), lower(x) collate "C"); create table t1 partition of t for values from ('2026-01-01', minvalue) to ('2027-01-01', maxvalue); insert into t values ('2026-06-01', 'A');
--- partition-triggers-and-keys
create table p (id int primary key) partition by range (id); create table p1 partition of p for values from (0) to (100); create table c (id int, p int references p on delete cascade deferrable initially deferred) partition by hash (id); create table c0 partition of c for values with (modulus 1, remainder 0); create function f() returns trigger language plpgsql as 'begin return new; end'; create trigger g before insert on c for each row execute function f(); create trigger h after insert or update of p on c for each row when (new.p is not null) execute function f(); alter table c0 disable trigger g; insert into p values (1); insert into c values (1, 1);
--- inheritance
create table a (x int default 1 check (x > 0), y text not null); create table b (z int) inherits (a); create table c (x int default 2, w int) inherits (a); create table d (x int default 3) inherits (b, c); insert into d values (3, 'y', 4, 5); alter table only b alter x set default 7; alter table c add constraint k check (w is not null) no inherit; alter table a alter y set statistics 10;
--- generated
create table t (a int, b int generated always as (a * 2) stored, c text generated always as (upper(coalesce(a::text, 'x'))) stored); insert into t values (1), (null); create index on t (b);
--- identity
create table t (a int generated always as identity (start -5 increment 3 minvalue -10 cycle cache 7), b bigint generated by default as identity); insert into t default values; alter table t alter b set generated always; alter sequence t_a_seq restart with 4;
--- sequences
create sequence s as smallint increment -1 maxvalue -1 minvalue -100 start -5 cache 5 cycle; select nextval('s'); create table t (a int default nextval('s')); alter sequence s owned by t.a; create sequence big maxvalue 9223372036854775807 start 9223372036854775807; select nextval('big');
--- serial-renamed
create table t (id serial); alter table t rename column id to ident; alter table t rename to tt; alter sequence t_id_seq rename to other; insert into tt default values;
--- indexes-every-method
create table t (a int, b text, c int[], d point, e tsvector, f jsonb, g inet, h int4range); create index on t using btree (a desc nulls first, b collate "C" text_pattern_ops); create index on t using hash (b); create index on t using gin (c, f jsonb_path_ops) with (fastupdate = off); create index on t using gist (d, h); create index on t using spgist (d kd_point_ops); create index on t using spgist (g); create index on t using brin (a int4_minmax_multi_ops, g inet_inclusion_ops) with (pages_per_range = 3); create index on t using gist (e tsvector_ops (siglen = 100)); create unique index on t (a) include (b) nulls not distinct where b is not null; insert into t select g, 'x' || g, array[g], point(g, g), to_tsvector('w' || g), '{"a":1}', '10.0.0.1', int4range(g, g + 1) from generate_series(1, 50) g;
--- indexes-expression
create function f(int) returns int language sql immutable as 'select $1 + 1'; create table t (a int, b text, d date); create index on t (f(a), (b || 'x'), (extract(year from d))) where (a > 0 and b in ('x', 'y')) or d is null; create index on t ((a::bigint), lower(b) text_pattern_ops); create index on t ((coalesce(a, 0)::numeric(10, 2))); insert into t values (1, 'x', '2026-01-01');
--- constraints-odd
create table t (a int, b int unique deferrable initially immediate, c tsrange, check (a > 0) no inherit, constraint later check (b > 0) not valid, exclude using gist (c with &&) where (a > 0)); insert into t values (1, 1, '[2026-01-01, 2026-01-02)')
--- foreign-keys-circular
create table a (id int primary key, b int); create table b (id int primary key, a int references a deferrable initially deferred); alter table a add foreign key (b) references b deferrable initially deferred; begin; insert into a values (1, 1); insert into b values (1, 1); commit; create table s (id int primary key, parent int references s on delete set null); insert into s values (1, 1), (2, 1);
--- foreign-keys-match
create table p (a int, b int, unique (a, b)); create table c (a int, b int, foreign key (a, b) references p (a, b) match full on update cascade on delete set default); insert into p values (1, 2); insert into c values (1, 2), (null, null);
--- foreign-key-not-valid-broken
create table p (a int primary key); create table c (a int); insert into c values (5); alter table c add foreign key (a) references p not valid;
--- check-reads-other-table
create table z_dict (v text primary key); insert into z_dict values ('a'); create function known(t text) returns bool language sql stable as $$ select true $$; create table a_data (v text check (known(v))); insert into a_data values ('a');
--- views-casts
create table t (a varchar(10), b int, c date, d numeric(10, 2), e text[], f timestamptz); create view v1 as select a::text, b::bigint, c::timestamp at time zone 'UTC' as x, d::int, e::varchar[] as y from t where a in ('x', 'y') and b::text like '1%' and c between '2026-01-01' and now()::date; create view v2 as select coalesce(a, 'x') || 'y', nullif(b, 0)::float8, case a when 'x' then 1::smallint else b end, f - interval '1 day' as yesterday, d * 1.5::numeric(3, 1) as more from t; create view v3 as select * from (values (1, 'a'::varchar), (2, 'b')) as w(i, s); create view v4 as select a = any (array['x', 'y']) as q, a = any ('{x,y}'::text[]) as r, (a)::char(5) as s, date_part('day', f) as p, extract(epoch from f) as ep from t;
--- views-shapes
create table t (a int, b text); create view w as with recursive r(n) as (values (1) union all select n + 1 from r where n < 5), x as materialized (select * from t) select r.n, x.b, row_number() over (partition by x.b order by r.n desc nulls last rows between 1 preceding and unbounded following exclude ties) as rn, (select max(a) from t) as m, array(select a from t) as ar, exists (select from t) as e from r left join lateral (select * from x where x.a = r.n) x on true where r.n not in (select a from t) group by grouping sets ((r.n, x.b), ()) having count(*) filter (where x.b is not null) >= 0 order by 1 fetch first 5 rows with ties;
--- views-columns-renamed
create table t (a int, b int); create view v as select a as x, b as y from t; alter view v rename column x to z; alter table t rename column a to aa; create view vv as select * from v natural join t; alter table t add column c int; create view cross_join as select t1.aa as one, t2.aa as two from t t1 join t t2 using (b);
--- views-over-dropped
create table t (a int, gone int, b int); create view v as select t.*::text from (select a, b from t) t; alter table t drop column gone; create view whole as select t from t; create view fields as select (t).a from t;
--- views-circular-rules
create view v as select 1 as a; create table back (a int); create or replace view v as select a from back; create rule r as on insert to v do instead insert into back values (new.a); create rule r2 as on update to back do also notify x; create rule r3 as on delete to back where old.a > 5 do instead nothing;
--- views-tablesample-and-functions
create table t (a int, b text); create view v as select * from t tablesample bernoulli (10) repeatable (5); create view f as select * from rows from (generate_series(1, 3), unnest(array['a', 'b'])) with ordinality as x(i, s, o); create view j as select * from jsonb_to_recordset('[{"a":1}]') as x(a int, b text); create view xs as select * from xmltable('/r/i' passing xml '<r><i>1</i></r>' columns n int path '.');
--- matviews-over-matviews
create table t (a int); insert into t select generate_series(1, 10); create materialized view m1 as select a, now() as n from t; create materialized view m2 as select count(*) c, max(n) from m1; create unique index on m1 (a); create materialized view m3 as select * from m2 with no data; create view v as select * from m2; create materialized view m4 as select * from v;
--- matview-search-path
create schema app; create table app.orders (x int); insert into app.orders values (1); create function app.n() returns bigint language sql stable set search_path = app as 'select count(*) from orders'; create materialized view app.m as select app.n();
--- sql-bodies
create table t (a int, b text); create function f1(x int default 5, y text default 'it''s') returns int return x + length(y); create function f2() returns setof t begin atomic insert into t values (1, 'x') returning *; select * from t where a::text = b; end; create procedure p1(inout x int) begin atomic select x::bigint::int; end; create function f3(variadic x int[]) returns table (q int, w text) language sql begin atomic select a, b::varchar(10) from t where a = any (x); end; create view over as select f1() as x, f1(1::smallint, 'y'::varchar) as y;
--- functions-odd
create function f(inout a int, out b text, variadic c text[] default array['x', 'y']) language plpgsql cost 0.5 as $f$ begin b := $$x$$; end $f$; create function "over load"(int) returns int language sql as 'select 1'; create function "over load"(text) returns text language sql as 'select ''x'''; create function s() returns int language sql set work_mem = '5MB' set search_path = pg_catalog, public, "$user" set "app.x" = 'it''s' as 'select 1'; create function poly(anyelement, anyarray) returns anyelement language sql as 'select $1'; create function win(int) returns bigint language internal window as 'window_row_number';
--- function-bodies-odd
create function f() returns text language sql as E'select ''\\\\. \n-- x\n$$ $f$ é''::text'; create function g() returns text language plpgsql as 'begin return ''\.
\restrict x
''; end';
--- function-in-default-and-index
create function d() returns int language sql stable as 'select 5'; create function i(text) returns text language sql immutable as 'select upper($1)'; create table t (a int default d(), b text default i('x'), c text generated always as (i(b_)) stored, b_ text); create index on t (i(b)); insert into t (b_) values ('q');
--- aggregates
create aggregate a1(int) (sfunc = int4larger, stype = int, sortop = >); create function o_s(int, int, int) returns int language sql immutable as 'select $1'; create aggregate a2(int, int) (sfunc = o_s, stype = int, initcond = '0', finalfunc = abs, finalfunc_modify = shareable); create aggregate hyp(float8 order by anyelement) (sfunc = ordered_set_transition, stype = internal, finalfunc = percentile_disc_final, finalfunc_extra); create aggregate mov(int) (sfunc = int4pl, stype = int, msfunc = int4pl, minvfunc = int4mi, mstype = int, initcond = '0', minitcond = '0'); create aggregate star(*) (sfunc = int8inc, stype = int8, initcond = '0');
--- operators-shell
create function eq(int, text) returns bool language sql immutable as 'select true'; create operator ==> (leftarg = int, rightarg = text, function = eq, commutator = <==, negator = !==>, restrict = eqsel, join = eqjoinsel); create operator @#@ (rightarg = int, function = int4abs);
--- operator-classes
create type box2 as (x int); create function cmp(box2, box2) returns int language sql immutable as 'select 0'; create function lt(box2, box2) returns bool language sql immutable as 'select false'; create operator <<< (leftarg = box2, rightarg = box2, function = lt); create operator family fam using btree; create operator class cls default for type box2 using btree family fam as operator 1 <<<, function 1 cmp(box2, box2); create operator class st for type int using btree as operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >, function 1 btint4cmp(int, int);
--- casts
create type c as enum ('1', '2'); create cast (c as varchar) with inout as implicit; create function to_c(int) returns c language sql immutable as $$ select '1'::c $$; create cast (int as c) with function to_c(int) as assignment; create domain di as int; create type lo2 as range (subtype = int8);
--- collations
create collation c1 (provider = icu, locale = 'und-u-ks-level2', deterministic = false); create collation c2 (provider = icu, locale = 'de-u-co-phonebk'); create collation c3 from "C"; create table t (a text collate c1 unique, b text collate c2, c text collate c3 check (c > 'a' collate "C")); insert into t values ('A', 'ä', 'b'); create index on t (b collate c3); create view v as select a collate "C" as x from t order by b collate c2;
--- text-search
create text search dictionary d1 (template = snowball, language = german, stopwords = german); create text search dictionary d2 (template = simple, accept = false); create text search configuration cfg (parser = default); alter text search configuration cfg add mapping for asciiword, word with d2, d1; create table t (x text, v tsvector generated always as (to_tsvector('public.cfg', x)) stored); insert into t values ('Häuser'); create index on t using gin (v);
--- text-search-parser-template
create text search parser p (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end, lextypes = prsd_lextype, headline = prsd_headline); create text search template tm (init = dsimple_init, lexize = dsimple_lexize); create text search dictionary d (template = tm); create text search configuration c (parser = p); alter text search configuration c add mapping for asciiword with d;
--- statistics
create table t (a int, b int, c text); create statistics s1 on a, b from t; create statistics s2 (mcv) on (a + b), lower(c) from t; alter statistics s1 set statistics 77; alter index if exists none set (fillfactor = 50); create index ix on t ((a + b)); alter index ix alter column 1 set statistics 99; insert into t select g, g, 'x' from generate_series(1, 100) g; analyze t;
--- rls
create role odd_rls; create table t (a int, owner name default current_user); alter table t enable row level security; create policy p1 on t as restrictive for select to public using (owner = current_user::name or a::text = any (string_to_array(current_setting('x.y', true), ','))); create policy p2 on t for insert with check (exists (select from pg_roles where rolname = owner and rolsuper)); create policy "p 3" on t to odd_rls, current_user using (true); insert into t values (1);
--- rls-forced
create table t (a int); alter table t force row level security; create policy p on t using (a = 1); create table u (a int); alter table u enable row level security, force row level security; insert into u values (1);
--- grants-columns
create role odd_g1; create role "odd g2"; create table t (a int, "b c" int); grant select (a, "b c"), update (a) on t to odd_g1 with grant option; set role odd_g1; grant select (a) on t to "odd g2"; reset role; revoke all on t from postgres; create sequence s; grant usage on s to public; grant all on schema public to "odd g2" with grant option;
--- grants-chains
create role odd_c1; create role odd_c2; create role odd_c3; create table t (a int); grant select on t to odd_c1 with grant option; set role odd_c1; grant select on t to odd_c2 with grant option; set role odd_c2; grant select on t to odd_c3, public; reset role; revoke execute on function pg_catalog.pg_ls_dir(text) from public; grant execute on function pg_catalog.pg_ls_dir(text) to odd_c3; revoke usage on language sql from public;
--- default-privileges
create role odd_d; alter default privileges revoke execute on functions from public; alter default privileges for role odd_d in schema public grant select on tables to public; alter default privileges grant all on types to odd_d with grant option; create function f() returns int language sql as 'select 1'; create type ty as enum (); alter default privileges for role odd_d grant usage on schemas to public;
--- owners
create role odd_o; create schema s authorization odd_o; create table s.t (a serial); alter table s.t owner to odd_o; create view v as select 1 x; alter view v owner to odd_o; create type e as enum ('a'); alter type e owner to odd_o; create function f() returns int language sql as 'select 1'; alter function f() owner to odd_o;
--- large-objects
create role odd_lo; select lo_from_bytea(5001, decode(repeat('ff', 300000), 'hex')); select lo_create(5002); alter large object 5001 owner to odd_lo; grant select on large object 5002 to public; comment on large object 5001 is 'x'; create table t (l oid); insert into t values (5001);
--- comments-everywhere
create table t (a int primary key); comment on table t is 'it''s \n "x"'; comment on column t.a is E'line\nbreak'; comment on constraint t_pkey on t is ''; comment on schema public is null; create type c as (x int); comment on column c.x is 'attr'; comment on type c is 'c'; create index i on t (a); comment on index i is 'i'; create view v as select a from t; comment on column v.a is 'va'; create domain d int constraint k check (value > 0); comment on constraint k on domain d is 'k';
--- event-triggers
create function nope() returns event_trigger language plpgsql as $$ begin if current_setting('app.ddl', true) is distinct from 'yes' then raise exception 'no DDL here: %', tg_tag; end if; end $$; create table t (a int); insert into t values (1); create event trigger n on ddl_command_start when tag in ('CREATE TABLE', 'ALTER TABLE', 'CREATE INDEX') execute function nope(); create event trigger e on ddl_command_end execute function nope(); alter event trigger e enable always; create event trigger d on sql_drop execute function nope(); alter event trigger d disable;
--- triggers-odd
create function f() returns trigger language plpgsql as 'begin return coalesce(new, old); end'; create table t (a int, b text); create view v as select * from t; create trigger i instead of insert or update or delete on v for each row execute function f(); create trigger tr after truncate on t for each statement execute function f('arg', 'it''s'); create trigger tt after update on t referencing old table as o new table as n for each statement execute function f(); create constraint trigger ct after insert on t deferrable initially deferred for each row when (new.a::text = new.b) execute function f(); alter table t disable trigger tr, enable always trigger tt, enable replica trigger ct; create trigger "odd name" before update of a, b on t for each row execute function f();
--- rules
create table t (a int, b text); create table log0 (a int, b text); create rule r1 as on insert to t where new.a > 5 do also insert into log0 values (new.a - 1, new.b::varchar(3)); create rule r2 as on update to t do instead update t set b = old.b where t.a = old.a::bigint; alter table t disable rule r2; create table log (x text); create rule r3 as on delete to t do also insert into log select old.b;
--- unlogged-and-temporary
create unlogged table t (a serial, b text); insert into t (b) values ('x'); create index on t (b); create unlogged table empty (x int); create table u (a int); alter table u set unlogged; insert into u values (1); alter table u set logged;
--- storage-parameters
create table t (a int, b text, c jsonb) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, toast.autovacuum_enabled = off, parallel_workers = 3, user_catalog_table = true); alter table t alter b set storage external, alter c set storage main, alter b set compression pglz, alter a set (n_distinct = -0.5), alter a set statistics 0; create index on t (a) with (fillfactor = 60, deduplicate_items = off); create view v with (security_barrier, security_invoker) as select a from t; insert into t values (1, repeat('x', 10000), '{}');
--- toast
create table t (a text); alter table t alter a set storage external; insert into t select string_agg(md5((g * 1000 + h)::text), '') from generate_series(1, 20) g, generate_series(1, 500) h group by g; update t set a = a || 'x' where ctid = '(0,1)';
--- updated-heavily
create table t (a int primary key, b text) with (fillfactor = 90); insert into t select g, 'x' from generate_series(1, 500) g; update t set b = b || 'y' where a % 2 = 0; delete from t where a % 5 = 0; vacuum t; update t set b = 'z' where a % 7 = 0; vacuum freeze t; insert into t select g, 'w' from generate_series(1000, 1100) g;
--- typed-table
create type p as (a int, b text); create table t of p (a with options primary key, b default 'x' not null); insert into t values (1); alter type p add attribute c int cascade;
--- foreign-data
create foreign data wrapper w options (b '2', a '1'); create server s type 'x' version '1' foreign data wrapper w options (z 'z', host 'h'); create user mapping for public server s options (user 'u', password 'it''s'); create foreign table f (a int options (column_name 'x') not null, b text default 'd', check (a > 0)) server s options (table_name 't'); create role odd_f; create user mapping for odd_f server s; create table p (a int) partition by range (a); create foreign table pf partition of p for values from (0) to (10) server s;
--- publications
create table t (a int primary key, b text); create schema s; create publication p1 for table t (a) where (a > 5::bigint) with (publish = 'insert, update'); create publication p2 for tables in schema s; create publication p3 for all tables with (publish_via_partition_root); create publication p4;
--- extension-config-and-schema
create schema ex; create extension hstore schema ex; create extension citext; create extension pg_trgm with schema ex; create table t (h ex.hstore, c citext unique, x text); insert into t values ('a=>1', 'Ab', 'abc'); create index on t using gin (x ex.gin_trgm_ops); create function ex.mine() returns int language sql as 'select 1'; create table ex.mine (a int);
--- extension-depended-on
create extension hstore; create table dep (a int); create index di on dep (a); alter index di depends on extension hstore; revoke execute on function hstore_to_json(hstore) from public; comment on extension hstore is 'x';
--- extension-of-nobody-special
create role odd_installer login; grant create on database :"DBNAME" to odd_installer; set role odd_installer; create extension hstore; create extension citext; reset role; create table t (h hstore); insert into t values ('a=>1');
--- hash-by-enum
create type colour as enum ('red', 'green', 'blue', 'white', 'black', 'grey'); create table h (c colour, n int) partition by hash (c); create table h0 partition of h for values with (modulus 3, remainder 0); create table h1 partition of h for values with (modulus 3, remainder 1) partition by range (n); create table h1d partition of h1 default; create table h2 partition of h for values with (modulus 3, remainder 2); insert into h select c, g from unnest(enum_range(null::colour)) c, generate_series(1, 20) g;
--- keys-turned-off
create table p (a int primary key); create table c (a int references p); insert into p values (1); insert into c values (1); alter table c disable trigger all;
--- builtin-touched-as-users-may
revoke execute on function pg_catalog.pg_ls_dir(text) from public; create function mine(text, int) returns bool language sql immutable as 'select $2 is null'; create function mine(int, text) returns bool language sql immutable as 'select $1 is null'; create operator !== (leftarg = text, rightarg = int, function = mine, commutator = !==); create operator !== (leftarg = int, rightarg = text, function = mine, commutator = !==);
--- extensions-many
create extension btree_gist; create extension intarray; create extension ltree; create extension cube; create extension "uuid-ossp"; create extension pgcrypto; create extension unaccent; create table t (a int, b ltree, c cube, d uuid default uuid_generate_v4(), exclude using gist (a with =, c with &&)); insert into t values (1, 'a.b', '(1,2)'); create index on t using gist (b); create text search configuration u (copy = simple); alter text search configuration u alter mapping for word with unaccent, simple;
--- conversion-and-transform
create conversion c for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8; create default conversion c2 for 'UTF8' to 'LATIN1' from utf8_to_iso8859_1;
--- access-method
create access method h2 type table handler heap_tableam_handler; create access method b2 type index handler bthandler; create table t (a int) using h2; insert into t values (1); create materialized view m using h2 as select 1 x;
--- invalid-index
create table t (a int); insert into t values (1), (1); create index concurrently ok on t (a); update pg_index set indisvalid = false where indexrelid = 'ok'::regclass;
--- empty-database
--- only-extension
create extension hstore;
--- empty-schemas
create schema a; create schema b; drop schema public;
--- public-schema-changed
create role odd_p; alter schema public owner to odd_p; revoke all on schema public from public; grant usage on schema public to odd_p; comment on schema public is 'mine';
--- setting-search-path
create schema app; create table app.t (a int); insert into app.t values (1); alter database :"DBNAME" set search_path = app, "$user";
--- setting-timeouts
create table t (a int); insert into t select generate_series(1, 1000); create index on t (a); alter database :"DBNAME" set statement_timeout = '1ms'; alter database :"DBNAME" set lock_timeout = '1ms'; alter database :"DBNAME" set idle_in_transaction_session_timeout = '1ms';
--- setting-read-only
create table t (a int); insert into t values (1); alter database :"DBNAME" set default_transaction_read_only = on;
--- setting-isolation
create table t (a int); insert into t values (1); alter database :"DBNAME" set default_transaction_isolation = 'serializable'; alter database :"DBNAME" set default_transaction_deferrable = on;
--- setting-formats
create table t (a timestamptz, b date, c interval, d bytea, e float8, f xml); insert into t values ('2026-01-02 03:04:05+00', '2026-01-02', '1 mon 2 days', '\x00ff', 0.1, '<a/>'); alter database :"DBNAME" set datestyle = 'German, DMY'; alter database :"DBNAME" set intervalstyle = 'sql_standard'; alter database :"DBNAME" set bytea_output = 'escape'; alter database :"DBNAME" set extra_float_digits = -10; alter database :"DBNAME" set timezone = 'Asia/Tokyo'; alter database :"DBNAME" set xmlbinary = 'hex';
--- setting-strings
create table t (a text default E'a\\b'); insert into t values (E'x\\y'); create function f() returns text language sql as $$ select E'\\' $$; alter database :"DBNAME" set standard_conforming_strings = off; alter database :"DBNAME" set escape_string_warning = off; alter database :"DBNAME" set backslash_quote = on; alter database :"DBNAME" set quote_all_identifiers = on; alter database :"DBNAME" set array_nulls = off;
--- setting-client-encoding
create table "größe" (x text); insert into "größe" values ('Müller 5 € 語'); alter database :"DBNAME" set client_encoding = 'LATIN1';
--- setting-role
create role odd_role; create table t (a int); insert into t values (1); alter database :"DBNAME" set role = 'odd_role';
--- setting-needed
create table t (a int); insert into t values (2); alter database :"DBNAME" set app.tax = '0.19'; set app.tax = '0.19'; create materialized view m as select a * current_setting('app.tax')::numeric x from t;
--- setting-planner
create table t (a int primary key); insert into t select generate_series(1, 1000); alter database :"DBNAME" set enable_seqscan = off; alter database :"DBNAME" set enable_indexscan = off; alter database :"DBNAME" set max_parallel_workers_per_gather = 8; alter database :"DBNAME" set row_security = on; alter database :"DBNAME" set check_function_bodies = on; alter database :"DBNAME" set default_tablespace = ''; alter database :"DBNAME" set default_table_access_method = 'heap'; alter database :"DBNAME" set lc_messages = 'C';
--- latin1-database encoding 'LATIN1' lc_collate 'C' lc_ctype 'C'
create table "gr\x" (a text); insert into "gr\x" values ('plain');
--- sql-ascii-database encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C'
create table t (a text); insert into t values ('plain'), (E'\xe9\xff');
--- icu-database locale_provider icu icu_locale 'de-u-co-phonebk' locale 'C.UTF-8'
create table t (a text unique); insert into t values ('a'), ('B'), ('ä');
--- template-database is_template true
create table seed as select 1 a;
--- limited-database connection limit 3
create table t (a int);
