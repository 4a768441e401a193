-- Definitions of every form, most of which a restore writes otherwise than they were
-- written. What is done to their casts stands in definitions.rs. A line that ends in
-- a mark is there only in an installation with, or without, what it names.
create schema d; set search_path = d, public;
create type mood as enum ('sad', 'ok', 'happy');
create domain code as varchar(10) default 'x' check (value in ('x', 'yy', 'zzz')) check (value <> 'q'::text);
create type pair as (a int, b text);
create function f(a int, b varchar default 'x'::text || 'y', c date default now()) returns int language sql as 'select 1';
create function whole(anyelement) returns int language sql immutable as 'select 1';
create function body(a varchar) returns boolean language sql immutable -- with 14
  begin atomic select a in ('a', 'b') and a::text <> 'c'; end; -- with 14
create function ret(a date) returns boolean language sql immutable return a::timestamp < '2020-01-01'; -- with 14
create operator === (leftarg = text, rightarg = text, function = texteq, commutator = ===);

create table t (id int primary key, "a b" varchar(20) check ("a b" in ('new', 'paid', 'it''s')), ts timestamptz default now(), d date default now()::date,
  n numeric(10, 2) default 1.5, list varchar[] default array['a', 'b']::text[], l2 text[] default array['a'::varchar, 'b'], p pair default row(1, 'x'),
  m mood default 'ok', c "char" default 'c', j jsonb default '{"a::b": 1}', iv interval default '1 day 2 hours', c2 code, ch char(5),
  g text generated always as (ch::text || 'x') stored, g2 boolean generated always as ("a b" in ('x', 'y')) stored, rg int4range,
  constraint days check (d - ts::date > -1000), constraint days2 check (d <= ts), constraint any_of check (ch = any (array['a', 'b']) or ch like 'x%'),
  constraint ops check (ch::text operator(d.===) 'x' or n between 1 and 2::float8), constraint nulls check (n is distinct from null) no inherit,
  constraint roww check ((id, ch) < (5, 'z')), constraint coll check ("a b" collate "C" < 'zz'),
  constraint fields check ((p).a > 0 and (p).b in ('x', 'y')),
  constraint sub check (list[1:2] && array['a', 'b']::varchar[] and (array['x', 'y'])[id] = 'x'),
  constraint ex exclude using gist (rg with &&, (int4range(id, id + 1)) with =) where (ch in ('a', 'b')));
create table gen (n int, g bigint generated always as (n + 1) stored);
create table kid (more varchar check (more in ('a', 'b'))) inherits (t);
create index t_expr on t (lower("a b"), (ch || 'x'), (coalesce("a b", 'n'))) where "a b" in ('new', 'paid') and n > 1;
create unique index " USING " on t ((("a b")::text), whole(id)) where ch = any (array['a', 'b']);
create table w (a int, b varchar, constraint w_all check (w.* is not null and b in ('a', 'b'))); create index w_row on w (whole(w.*)) where b in ('a', 'b');
create statistics t_stat on (lower("a b")), (n::int), (ch in ('a', 'b')) from t; -- with 14
create function trig() returns trigger language plpgsql as 'begin return new; end';
create trigger tr before update on t for each row when (old."a b" in ('a', 'b') and new.ts::date > old.d) execute function trig();
create constraint trigger ctr after insert on t deferrable for each row when (new."a b" in ('a', 'b')) execute function trig();
create rule ru as on update to kid where old.more in ('a', 'b') do also insert into kid (id, more) select new.id, 'x' where new.more in ('p', 'q');
create view v as select t.id, t."a b" in ('new', 'paid') as known, t.ts::date as day, t.n::int as whole, coalesce(t."a b", 'none') as s,
  case t."a b" when 'x' then 1 else 2.5 end as c, (select max(k.more) from kid k where k.more in ('a', t."a b")) as sub
  from t left join kid using (id) where t.ch in ('a', 'b') and t.ts > '2020-01-01';
create view v2 as select v.*, row_number() over (partition by known order by day) from v where day < now() union all select 1, true, null, 3, 'x', 1, null, 2;
create recursive view rv (n, s) as values (1, 'a'::varchar) union all select n + 1, (s || 'b')::varchar from rv where n < 5 and s in ('a', 'ab');
create view renamed as select id, more from kid where more in ('a', 'b'); alter table kid rename more to most;
create view fu as select x, y.z from generate_series(1, 3) x, lateral (select x::text || 'q' as z) y, jsonb_to_recordset('[]') as r(a int, b varchar) where r.b in ('a', 'b');
create materialized view mv as select "a b", count(*)::int as n from t group by grouping sets (("a b"), ()) having count(*) filter (where ch in ('a', 'b')) > 0;
create rule ins as on insert to v do instead insert into t (id, "a b") values (new.id, case when new.s in ('a', 'b') then new.s end) returning id, true, null::date, 1, 'x'::varchar, 1.0, null::text;

create function exists_in(text) returns boolean language sql immutable as 'select true';
create table gen_t (v varchar, c char(5), n int, m numeric, d date, ts timestamptz, list varchar[]);

create table parted (a varchar, b timestamptz, k int) partition by range (lower(a), (k::bigint));
create table parted_1 partition of parted for values from ('a', minvalue) to ('m', 5);
create table parted_2 partition of parted for values from ('m', 5) to (maxvalue, maxvalue);
create table keyed (k int) partition by range ((k::bigint));
create table listed (m mood, v varchar, ts timestamptz) partition by list ((coalesce(v, 'x')));
create table listed_1 partition of listed for values in ('a', 'b', null) partition by range (ts);
create table listed_1_1 partition of listed_1 for values from ('2020-01-01') to ('2021-01-01 12:00');
create index parted_i on parted (lower(a)) where a in ('a', 'b');
create trigger ptr after insert on parted for each row when (new.a in ('a', 'b')) execute function trig();

alter table t enable row level security;
create policy pol on t using ("a b" in ('a', 'b') and exists (select from kid where kid.id = t.id and kid.most in ('a', 'b')));
create policy pol2 on t for insert with check (ts::date > '2020-01-01' and (select true));
create function stop() returns event_trigger language plpgsql as $$ begin raise exception 'no'; end $$;
create event trigger stopper on ddl_command_start execute function stop();
alter event trigger stopper disable;
reset search_path;
