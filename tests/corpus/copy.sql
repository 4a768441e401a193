--- control-nothing healthy dump
select 1;
--- rows-lost dump
delete from wide where a = 17;
--- rows-all-lost dump
delete from wide;
--- rows-truncated dump
truncate hashed_0;
--- rows-extra dump
insert into wide select * from wide where a = 5;
--- rows-duplicated-of-partition
insert into hashed select * from hashed limit 1;
--- rows-one-value dump-believed
update wide set b = 'B3' where a = 3;
--- rows-null dump-believed
update wide set c = null where a = 8;
--- rows-null-to-empty dump-believed
update wide set b = '' where a = 9; update wide set b = null where a = 10;
--- rows-blank
update wide set b = b || ' ' where a = 11;
--- rows-numeric-scale
alter table wide alter c type numeric; update wide set c = 1.1000 where a = 3;
--- rows-time-by-a-microsecond
update wide set d = d + interval '1 microsecond' where a = 12;
--- rows-swapped-columns dump-believed
update dates set day = made, made = day where id = 3;
--- rows-two-swapped
update wide set b = case a when 20 then 'b21' else 'b20' end where a in (20, 21);
--- rows-bytea
update wide set f = set_byte(f, 0, 255 - get_byte(f, 0)) where a = 13;
--- rows-json-key-order-is-kept-by-text
update wide set e = e || '{"h": 1}' where a = 14;
--- rows-array
update wide set i = array[1] where a = 15;
--- rows-float-in-point
update wide set n = point(n[0], n[1] + 1e-12) where a = 16;
--- rows-money
update wide set r = r + 0.01::money where a = 17;
--- rows-interval
update wide set k = '1 day' where a = 18;
--- rows-composite
update composed set v.x = 2;
--- rows-of-typed-table
delete from of_type;
--- rows-of-inherited-child dump
insert into child (id, state) values (99, 'new');
--- rows-of-other-access-method
update other_am set x = 2;
--- rows-of-partition-null
delete from listed where k is null;
--- rows-of-unlogged dump
insert into volatile values ('{"b": 2}');
--- generated-column-stale
alter table dates alter twice drop expression; update dates set twice = 1 where id = 1;
--- matview-empty dump
refresh materialized view summary with no data;
--- matview-filled
refresh materialized view unfilled;
--- matview-stale
alter table base disable row level security; create table keep as select * from base where id = 8; delete from base where id = 8; refresh materialized view summary; insert into base (id, state, amount, m, d, p, r, name, at, owner_name, tags, late, later) overriding system value select id, state, amount, m, d, p, r, name, at, owner_name, tags, late, later from keep; drop table keep; alter table base enable row level security;
--- sequence-behind dump
select setval('serials_id_seq', 3);
--- sequence-ahead dump
select setval('serials_id_seq', 3000);
--- sequence-called
select setval('serials_other_seq', 10, false);
--- sequence-increment dump
alter sequence odd increment -4;
--- sequence-max
alter sequence odd maxvalue 999;
--- sequence-cache
alter sequence odd cache 1;
--- sequence-cycle
alter sequence odd no cycle;
--- sequence-type
alter sequence serials_id_seq as bigint;
--- sequence-owned
alter sequence serials_id_seq owned by none;
--- sequence-missing
drop sequence odd;
--- identity-kind
alter table serials alter ident set generated always;
--- identity-gone
alter table serials alter ident drop identity;
--- large-object-lost dump
select lo_unlink(4713);
--- large-object-content dump-believed
select lo_put(4712, 10, 'x');
--- large-object-cut
do $$ begin perform lo_truncate(lo_open(4712, 131072), 100); end $$;
--- large-object-extra
select lo_from_bytea(4999, 'x');
--- large-object-owner
alter large object 4712 owner to app;
--- large-object-acl
grant update on large object 4713 to reader;
--- large-object-comment
comment on large object 4711 is null;
--- table-missing dump
drop table excluded;
--- table-extra dump
create table planted (x int);
--- table-renamed
alter table rls rename to rls2;
--- table-other-schema
alter table rls set schema public;
--- table-unlogged dump
alter table rls set unlogged;
--- table-option dump
alter table base set (fillfactor = 70);
--- table-toast-option dump
alter table base set (toast.autovacuum_enabled = off);
--- table-replica-identity
alter table base replica identity full;
--- table-cluster
alter table base set without cluster;
--- table-access-method
create table other_am2 (x int); insert into other_am2 select * from other_am; drop table other_am; alter table other_am2 rename to other_am; alter table other_am owner to postgres; grant select on other_am to reader;
--- table-inherits
alter table child no inherit base;
--- table-of-type
alter table of_type not of;
--- partition-detached dump
alter table hashed detach partition hashed_1;
--- partition-bound
alter table listed detach partition listed_ab; alter table listed attach partition listed_ab for values in ('a', 'b', 'c');
--- column-missing dump
alter table wide drop column q;
--- column-extra dump
alter table wide add column planted int;
--- column-order dump
create table wide2 as select a, c, b, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r from wide; drop table wide; alter table wide2 rename to wide; alter table wide owner to "own""er"; create index wide_a on wide (a); create index wide_e on wide using gin (e); create index wide_n on wide using gist (n); create index wide_expr on wide ((a::text || b)) where o is not null and a::bigint > 0; create index wide_hash on wide using hash (b); grant select on wide to reader;
--- column-type dump
alter table wide alter a type bigint;
--- column-typmod
alter table wide alter m type bit varying(10);
--- column-not-null-new dump
alter table wide alter a set not null;
--- column-not-null-gone
alter table base alter state drop not null;
--- column-default-changed dump
alter table base alter late set default -2;
--- column-default-cast dump
alter table dates alter made set default now();
--- column-default-cast-only
alter table dates alter made_on set default '2020-01-01'::date;
--- column-default-gone
alter table base alter tags drop default;
--- column-generated-expression
alter table dates drop twice; alter table dates add twice numeric generated always as (id::int * 2) stored;
--- column-collation
drop view dated; alter table dates alter name type varchar(20) collate "C"; create view dated as select id, day::timestamp as at, (id + 1)::bigint as next, name::text from dates where day::timestamp > '2020-01-01'::timestamp; alter view dated owner to "own""er"; grant select on dated to reader;
--- column-storage dump
alter table wide alter b set storage plain;
--- column-compression
alter table wide alter b set compression pglz;
--- column-statistics dump
alter table base alter state set statistics 100;
--- column-n-distinct
alter table base alter state set (n_distinct = 5);
--- column-fdw-option
alter foreign table away alter x options (set column_name 'z');
--- check-cast dump
alter table dates drop constraint dates_day_check; alter table dates add constraint dates_day_check check (day >= '2000-01-01'::timestamp);
--- check-missing dump
alter table base drop constraint base_amount_check;
--- check-extra
alter table wide add constraint planted check (a > 0);
--- check-not-valid dump
alter table dates drop constraint dates_name_check; alter table dates add constraint dates_name_check check (name::text ~ '^[a-z]') not valid;
--- check-renamed
alter table dates rename constraint dates_name_check to other_name;
--- check-no-inherit
alter table dates drop constraint dates_name_check; alter table dates add constraint dates_name_check check (name::text ~ '^[a-z]') no inherit;
--- primary-key-missing dump
alter table dates drop constraint dates_pkey;
--- foreign-key-missing dump
alter table refers drop constraint refers_k_at_fkey;
--- foreign-key-action
alter table parted drop constraint parted_base_id_fkey; alter table parted add constraint parted_base_id_fkey foreign key (base_id) references base on delete set null deferrable;
--- foreign-key-deferrable
alter table parted alter constraint parted_base_id_fkey not deferrable;
--- foreign-key-triggers-disabled
alter table loose disable trigger all;
--- exclusion-missing
alter table excluded drop constraint excluded_during_excl;
--- index-missing dump
drop index wide_a;
--- index-extra
create index planted on wide (c);
--- index-invalid
update pg_index set indisvalid = false where indexrelid = 'wide_a'::regclass;
--- index-predicate-cast
drop index wide_expr; create index wide_expr on wide ((a::text || b)) where o is not null and a > 0;
--- index-method
drop index wide_hash; create index wide_hash on wide (b);
--- index-option
alter index base_at set (pages_per_range = 64);
--- index-renamed
alter index wide_a rename to wide_aa;
--- index-statistics
alter index wide_expr alter column 1 set statistics 77;
--- view-cast dump
create or replace view dated as select id, day::timestamp as at, (id + 1)::bigint as next, name::text from dates where day > '2020-01-01'::timestamp;
--- view-column dump
create or replace view dated as select id, day::timestamp as at, (id + 2)::bigint as next, name::text from dates where day::timestamp > '2020-01-01'::timestamp;
--- view-option
alter view plain_view set (security_barrier = false);
--- view-check-option
alter view dated set (check_option = local);
--- view-missing dump
drop view dated;
--- view-security-invoker
alter view dated set (security_invoker = true);
--- view-column-default
alter view dated alter id set default 5;
--- rule-missing dump
drop rule no_delete on volatile;
--- rule-disabled
alter table volatile disable rule no_delete;
--- trigger-missing dump
drop trigger whenever on dates;
--- trigger-when-cast
drop trigger whenever on dates; create trigger whenever before update on dates for each row when (new.id <> old.id) execute function touch();
--- trigger-disabled dump
alter table dates disable trigger whenever;
--- trigger-extra
create trigger planted before insert on wide for each row execute function touch();
--- function-body dump
create or replace function touch() returns trigger language plpgsql as $$ begin new.at := now(); perform 1; return new; end $$;
--- function-volatility dump
alter function stricts(int, text) volatile;
--- function-strict
alter function stricts(int, text) called on null input;
--- function-parallel
alter function stricts(int, text) parallel safe;
--- function-cost
alter function stricts(int, text) cost 8;
--- function-rows
alter function rows() rows 78;
--- function-security dump
alter function public.plant() security invoker;
--- function-search-path dump
alter function public.plant() reset search_path;
--- function-leakproof
alter function when_it(int) leakproof;
--- function-default
drop function stricts(int, text); create function stricts(a int, b text default 'c', out c int) language plpgsql stable strict parallel restricted cost 7 as $$ begin c := a; end $$; alter function stricts(int, text) owner to "own""er";
--- function-argument-name
drop function stricts(int, text); create function stricts(aa int, b text default 'b', out c int) language plpgsql stable strict parallel restricted cost 7 as $$ begin c := aa; end $$; alter function stricts(int, text) owner to "own""er";
--- function-missing dump
drop function tab();
--- function-extra
create function planted() returns int language sql as 'select 1';
--- function-sql-body-cast
create or replace function sqlbody(a int, variadic b int[]) returns int language sql immutable parallel safe begin atomic select (a + coalesce(b[1], 0)::bigint)::int; end;
--- function-in-pg-catalog
create function pg_catalog.planted(int) returns int language sql as 'select 1';
--- operator-in-pg-catalog
set allow_system_table_mods = on; create operator pg_catalog.<<<< (leftarg = int, rightarg = int, function = int4eq);
--- type-in-pg-catalog
set allow_system_table_mods = on; create domain pg_catalog.planted as int;
--- procedure-body
create or replace procedure noop(inout x int) language plpgsql as $$ begin x := x + 2; end $$;
--- aggregate-initial
create or replace aggregate total(int) (sfunc = int4pl, stype = int, initcond = '1', parallel = safe, combinefunc = int4pl);
--- aggregate-finalfunc-modify
create or replace aggregate total(int) (sfunc = int4pl, stype = int, initcond = '0', parallel = safe, combinefunc = int4pl, finalfunc_modify = read_write);
--- aggregate-parallel
create or replace aggregate total(int) (sfunc = int4pl, stype = int, initcond = '0', parallel = restricted, combinefunc = int4pl);
--- operator-missing dump
drop operator ===(int, int);
--- operator-selectivity
alter operator ===(int, int) set (restrict = eqsel);
--- operator-class-missing
drop operator class cls using hash;
--- operator-family-member
alter operator family fam using btree add operator 1 < (int, int);
--- type-enum-value dump
alter type mood add value 'extra';
--- type-enum-renamed
alter type mood rename value 'sad' to 'sadder';
--- type-composite-order
drop type pair cascade; create type pair as ("b c" text[], a int);
--- type-composite-attribute
alter type many add attribute planted int;
--- domain-default
alter domain short set default 'yy';
--- domain-not-null dump
alter domain short drop not null;
--- domain-check dump
alter domain positive drop constraint positive_check;
--- domain-check-not-valid
alter domain deeper drop constraint deeper_check; alter domain deeper add constraint deeper_check check (value < 1000) not valid;
--- collation-deterministic
update pg_collation set collisdeterministic = not collisdeterministic where collname = 'german';
--- cast-missing dump
drop cast (mood as int);
--- cast-context
drop cast (mood as int); create cast (mood as int) with function mood_rank(mood) as implicit; comment on cast (mood as int) is 'cast';
--- conversion-missing dump
drop conversion latin;
--- ts-configuration-mapping dump
alter text search configuration worded alter mapping for asciiword with simple;
--- ts-configuration-parser-token
alter text search configuration worded drop mapping for word;
--- ts-dictionary-option
alter text search dictionary words (stopwords);
--- ts-dictionary-missing
drop text search dictionary words cascade;
--- statistics-missing dump
drop statistics base_stat;
--- statistics-target
alter statistics base_stat set statistics 55;
--- language-missing
drop language own;
--- language-trusted
update pg_language set lanpltrusted = true where lanname = 'own';
--- access-method-missing
create table keep as select * from other_am; drop access method heap2 cascade; create table other_am as select * from keep; drop table keep; grant select on other_am to reader;
--- event-trigger-missing dump
drop event trigger ends;
--- event-trigger-disabled dump
alter event trigger ends disable;
--- event-trigger-tags
drop event trigger ddl; create event trigger ddl on ddl_command_end when tag in ('CREATE TABLE', 'DROP TABLE') execute function on_ddl();
--- fdw-option
alter foreign data wrapper nothing options (set z 'c');
--- server-option dump
alter server far options (set host 'other');
--- server-missing
drop server far cascade;
--- user-mapping-missing dump
drop user mapping for app server far;
--- user-mapping-option dump
alter user mapping for app server far options (set password 'other');
--- user-mapping-extra
create user mapping for public server far;
--- foreign-table-option
alter foreign table away options (set t 'other');
--- foreign-table-missing
drop foreign table away;
--- extension-missing dump
drop extension hstore cascade;
--- extension-extra dump
create extension pg_trgm;
--- extension-schema
create schema exts; alter extension citext set schema exts;
--- schema-missing-empty-one
create schema planted;
--- owner-table dump
alter table wide owner to app;
--- owner-schema
alter schema "s 1" owner to app;
--- owner-view
alter view dated owner to app;
--- owner-sequence
alter sequence odd owner to app;
--- owner-function dump
alter function public.plant() owner to app;
--- owner-type
alter type mood owner to app;
--- owner-domain
alter domain positive owner to app;
--- owner-operator
alter operator ===(int, int) owner to app;
--- owner-collation
alter collation same owner to app;
--- owner-ts-configuration
alter text search configuration worded owner to app;
--- owner-statistics
alter statistics base_stat owner to app;
--- owner-server
alter server far owner to app;
--- owner-event-trigger
create role planted superuser; alter event trigger ends owner to planted;
--- owner-language
alter language own owner to app;
--- acl-table dump
grant select on wide to public;
--- acl-table-revoked dump
revoke insert on base from app cascade;
--- acl-grant-option
grant select on wide to reader with grant option;
--- acl-grantor
revoke select on base from auditor; grant select on base to auditor;
--- acl-column dump
grant select (state) on base to auditor;
--- acl-schema dump
grant create on schema "s 1" to public;
--- acl-public-schema
grant create on schema public to public;
--- acl-function dump
grant execute on function public.plant() to public;
--- acl-type
grant usage on type mood to public;
--- acl-sequence
grant update on sequence odd to reader;
--- acl-language
revoke usage on language plpgsql from public;
--- acl-server
grant usage on foreign server far to public;
--- acl-fdw
grant usage on foreign data wrapper nothing to reader;
--- acl-system-function
grant execute on function pg_catalog.pg_read_file(text) to public;
--- acl-system-table
grant select on pg_catalog.pg_authid to public;
--- acl-extension-function
grant execute on function public.hstore_to_json(public.hstore) to public;
--- default-acl-missing dump
alter default privileges for role "own""er" grant execute on functions to public;
--- default-acl-extra
alter default privileges grant select on tables to public;
--- rls-off dump
alter table rls disable row level security;
--- rls-forced
alter table rls force row level security;
--- policy-missing dump
drop policy by_tenant on rls;
--- policy-using-cast dump
alter policy by_tenant on rls using (tenant::text = current_setting('app.tenant', true));
--- policy-true
alter policy by_tenant on rls using (true);
--- policy-permissive
drop policy writes on base; create policy writes on base for update using (true) with check (amount < 500);
--- policy-command
drop policy mine on base; create policy mine on base to app, reader using (owner_name = current_user or state in ('new', 'paid')); comment on policy mine on base is 'policy';
--- policy-role
alter policy mine on base to public;
--- comment-table dump
comment on table base is 'other';
--- comment-column dump
comment on column base.state is null;
--- comment-function
comment on function touch() is null;
--- comment-new
comment on table wide is 'planted';
--- comment-constraint
comment on constraint base_pk on base is null;
--- comment-index
comment on index base_at is 'x';
--- comment-trigger
comment on trigger touch_base on base is null;
--- comment-policy
comment on policy mine on base is null;
--- comment-type
comment on type mood is null;
--- comment-view
comment on view plain_view is 'x';
--- comment-extension
comment on extension hstore is 'other';
--- comment-server
comment on server far is null;
--- comment-language
comment on language own is null;
--- comment-cast
comment on cast (mood as int) is null;
--- comment-event-trigger
comment on event trigger ends is null;
--- comment-role
comment on role reader is 'other';
--- role-superuser
alter role app superuser;
--- role-extra-superuser
create role planted superuser login;
--- role-extra
create role planted;
--- role-missing
drop role plain_login;
--- role-login
alter role app nologin;
--- role-createrole
alter role maker nocreaterole;
--- role-bypassrls
alter role app bypassrls;
--- role-replication
alter role app replication;
--- role-inherit
alter role app noinherit;
--- role-connection-limit
alter role limited connection limit 5;
--- role-valid-until
alter role limited valid until '2040-01-01';
--- role-password-gone
alter role app password null;
--- role-password-new
alter role plain_login password 'x';
--- role-password-kind
set password_encryption = md5; alter role app password 'x';
--- role-setting
alter role reader set statement_timeout = '6min';
--- membership-missing
revoke reader from app;
--- membership-extra
grant pg_read_server_files to app;
--- membership-admin
grant reader to app with admin option;
--- role-all-setting
alter role all set work_mem = '1GB';
--- extension-member-changed
alter function public.citext_eq(citext, citext) volatile;
--- extension-member-replaced
create or replace function public.regexp_match(string citext, pattern citext) returns text[] language sql immutable strict parallel safe as 'select null::text[]';
--- extension-member-attached
create function public.stray() returns int language sql as 'select 1'; alter extension citext add function public.stray();
--- extension-member-detached
alter extension citext drop function public.citext_ne(citext, citext);
--- builtin-function-replaced
create or replace function pg_catalog.left(text, int) returns text language sql immutable strict as 'select ''x''';
--- builtin-function-definer
alter function pg_catalog.md5(text) security definer;
--- builtin-operator
update pg_catalog.pg_operator set oprcode = 'int8ne' where oid = '=(int8,int8)'::regoperator;
--- builtin-cast
update pg_catalog.pg_cast set castcontext = 'i' where castsource = 'int8'::regtype and casttarget = 'int4'::regtype;
--- builtin-type
update pg_catalog.pg_type set typalign = 'd' where oid = 'cidr'::regtype;
--- builtin-aggregate
update pg_catalog.pg_aggregate set agginitval = '1' where aggfnoid = 'pg_catalog.count()'::regprocedure;
--- builtin-view
update pg_catalog.pg_attribute set attname = 'hidden' where attrelid = 'pg_catalog.pg_shadow'::regclass and attname = 'passwd';
--- builtin-view-rule
update pg_catalog.pg_rewrite set ev_enabled = 'D' where ev_class = 'pg_catalog.pg_stat_activity'::regclass;
--- builtin-text-search
update pg_catalog.pg_ts_dict set dictinitoption = 'stopwords = ''none''' where dictname = 'english_stem';
--- builtin-language
update pg_catalog.pg_language set lanpltrusted = true where lanname = 'c';
--- builtin-opfamily
delete from pg_catalog.pg_amop where amopfamily = (select oid from pg_catalog.pg_opfamily where opfname = 'text_ops' and opfmethod = 405);
