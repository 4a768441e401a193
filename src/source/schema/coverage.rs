//! Which columns of the server's catalogs are compared, and why the others are not.
//!
//! `tests/it/scratch/catalogs.rs` holds this against running servers: each column of
//! each catalog stands here once, so a column of a new major version fails it until
//! somebody decides; and a change of each column that is said to be compared is seen.

/// One catalog of `pg_catalog`.
#[derive(Debug)]
pub struct Catalog {
    /// Its name.
    pub name: &'static str,
    /// Columns whose values are compared, of any version.
    pub compared: &'static str,
    /// The others by reason; `*` is all.
    pub left: &'static [(&'static str, &'static str)],
}

const KEY: &str =
    "it is the object's number, or says to which object this belongs: objects are compared by their names";
const DERIVED: &str = "the server derives it from what is compared";
const STATE: &str = "it changes in use, and no dump has it";
const UNWRITTEN: &str = "pg_dump does not write it";
const TABLESPACE: &str = "a drill restores no tablespaces: their directories are the source host's";
const SUBSCRIPTION: &str = "a drill restores no subscriptions: they would connect to the publisher";
const SCRIPT: &str = "the extension's own script decides it, on the host that restores";

const fn all(name: &'static str, compared: &'static str) -> Catalog {
    Catalog { name, compared, left: &[(KEY, "oid")] }
}

const fn none(name: &'static str, left: &'static [(&'static str, &'static str)]) -> Catalog {
    Catalog { name, compared: "", left }
}

const fn of(name: &'static str, compared: &'static str, left: &'static [(&'static str, &'static str)]) -> Catalog {
    Catalog { name, compared, left }
}

/// All of 13 to 19.
pub const CATALOGS: &[Catalog] = &[
    of(
        "pg_aggregate",
        "aggkind aggnumdirectargs aggtransfn aggfinalfn aggcombinefn aggserialfn aggdeserialfn aggmtransfn aggminvtransfn \
         aggmfinalfn aggfinalextra aggmfinalextra aggfinalmodify aggmfinalmodify aggsortop aggtranstype aggtransspace \
         aggmtranstype aggmtransspace agginitval aggminitval",
        &[(KEY, "aggfnoid")],
    ),
    all("pg_am", "amname amhandler amtype"),
    of(
        "pg_amop",
        "amoplefttype amoprighttype amopstrategy amoppurpose amopopr amopsortfamily",
        &[(KEY, "oid amopfamily"), (DERIVED, "amopmethod")],
    ),
    of("pg_amproc", "amproclefttype amprocrighttype amprocnum amproc", &[(KEY, "oid amprocfamily")]),
    of("pg_attrdef", "adbin", &[(KEY, "oid adrelid adnum")]),
    of(
        "pg_attribute",
        "attname atttypid atttypmod attstattarget attnum attstorage attcompression attnotnull attidentity attgenerated \
         attisdropped attislocal attcollation attacl attoptions attfdwoptions",
        &[
            (KEY, "attrelid"),
            (DERIVED, "attlen attbyval attalign attcacheoff atthasdef atthasmissing attmissingval attinhcount"),
            (UNWRITTEN, "attndims"),
        ],
    ),
    of(
        "pg_auth_members",
        "roleid member admin_option inherit_option set_option",
        &[(KEY, "oid"), ("who granted may be another role with the same right after a restore", "grantor")],
    ),
    all(
        "pg_authid",
        "rolname rolsuper rolinherit rolcreaterole rolcreatedb rolcanlogin rolreplication rolbypassrls rolconnlimit \
         rolpassword rolvaliduntil",
    ),
    all("pg_cast", "castsource casttarget castfunc castcontext castmethod"),
    of(
        "pg_class",
        "relname relnamespace reloftype relowner relam relpersistence relkind relrowsecurity relforcerowsecurity \
         relispopulated relreplident relacl reloptions relpartbound",
        &[
            (KEY, "oid"),
            (
                DERIVED,
                "reltype reltoastrelid relhasindex relisshared relnatts relchecks relhasrules relhastriggers relhassubclass \
                 relispartition",
            ),
            (STATE, "relfilenode relpages reltuples relallvisible relallfrozen relrewrite relfrozenxid relminmxid"),
            (TABLESPACE, "reltablespace"),
        ],
    ),
    of(
        "pg_collation",
        "collname collnamespace collowner collprovider collisdeterministic collcollate collctype colliculocale colllocale \
         collicurules collversion",
        &[
            (KEY, "oid"),
            ("nobody can state it: a copy of \"C\" is for all encodings, its dump for the database's", "collencoding"),
        ],
    ),
    of(
        "pg_constraint",
        "conname contype condeferrable condeferred convalidated confrelid confupdtype confdeltype confmatchtype conislocal \
         connoinherit conkey confkey confdelsetcols conexclop conbin conenforced conperiod",
        &[
            (KEY, "oid conrelid contypid"),
            (DERIVED, "connamespace conindid conparentid coninhcount conpfeqop conppeqop conffeqop"),
        ],
    ),
    all("pg_conversion", "conname connamespace conowner conforencoding contoencoding conproc condefault"),
    of(
        "pg_database",
        "datname datdba encoding datlocprovider datistemplate datconnlimit datcollate datctype daticulocale datlocale \
         daticurules datcollversion datacl",
        &[
            (KEY, "oid"),
            (UNWRITTEN, "datallowconn"),
            (STATE, "datfrozenxid datminmxid datlastsysoid"),
            (DERIVED, "dathasloginevt"),
            (TABLESPACE, "dattablespace"),
        ],
    ),
    of("pg_db_role_setting", "setconfig", &[(KEY, "setdatabase setrole")]),
    all("pg_default_acl", "defaclrole defaclnamespace defaclobjtype defaclacl"),
    none(
        "pg_depend",
        &[("a sequence's owner and DEPENDS ON EXTENSION are parts of their objects; the rest follows from them", "*")],
    ),
    of("pg_description", "description", &[(KEY, "objoid classoid objsubid")]),
    of("pg_enum", "enumsortorder enumlabel", &[(KEY, "oid enumtypid")]),
    all("pg_event_trigger", "evtname evtevent evtowner evtfoid evtenabled evttags"),
    of(
        "pg_extension",
        "extname extnamespace extversion",
        &[
            (KEY, "oid"),
            (SCRIPT, "extrelocatable extconfig extcondition"),
            ("extensions belong to whoever creates them", "extowner"),
        ],
    ),
    all("pg_foreign_data_wrapper", "fdwname fdwowner fdwhandler fdwvalidator fdwconnection fdwacl fdwoptions"),
    all("pg_foreign_server", "srvname srvowner srvfdw srvtype srvversion srvacl srvoptions"),
    of("pg_foreign_table", "ftserver ftoptions", &[(KEY, "ftrelid")]),
    of(
        "pg_index",
        "indnkeyatts indisunique indnullsnotdistinct indisclustered indisvalid indisready indisreplident indkey indcollation \
         indclass indoption indexprs indpred",
        &[
            (KEY, "indexrelid indrelid"),
            (DERIVED, "indnatts indisprimary indisexclusion indimmediate"),
            (STATE, "indcheckxmin indislive"),
        ],
    ),
    of("pg_inherits", "inhparent inhseqno", &[(KEY, "inhrelid"), (UNWRITTEN, "inhdetachpending")]),
    none("pg_init_privs", &[("it is what privileges are compared with: those an object was born with", "*")]),
    all("pg_language", "lanname lanowner lanispl lanpltrusted lanplcallfoid laninline lanvalidator lanacl"),
    of("pg_largeobject", "data", &[(KEY, "loid pageno")]),
    all("pg_largeobject_metadata", "lomowner lomacl"),
    all("pg_namespace", "nspname nspowner nspacl"),
    all("pg_opclass", "opcmethod opcname opcnamespace opcowner opcfamily opcintype opcdefault opckeytype"),
    of(
        "pg_operator",
        "oprname oprnamespace oprowner oprcanmerge oprcanhash oprleft oprright oprresult oprcom oprnegate oprcode oprrest oprjoin",
        &[(KEY, "oid"), (DERIVED, "oprkind")],
    ),
    all("pg_opfamily", "opfmethod opfname opfnamespace opfowner"),
    all("pg_parameter_acl", "parname paracl"),
    of(
        "pg_partitioned_table",
        "partstrat partattrs partclass partcollation partexprs",
        &[(KEY, "partrelid"), (DERIVED, "partnatts partdefid")],
    ),
    of("pg_policy", "polname polcmd polpermissive polroles polqual polwithcheck", &[(KEY, "oid polrelid")]),
    of(
        "pg_proc",
        "proname pronamespace proowner prolang procost prorows prosupport prokind prosecdef proleakproof \
         proisstrict proretset provolatile proparallel prorettype proargtypes proallargtypes proargmodes proargnames \
         proargdefaults protrftypes prosrc probin prosqlbody proconfig proacl",
        &[(KEY, "oid"), (DERIVED, "pronargs pronargdefaults provariadic")],
    ),
    all(
        "pg_publication",
        "pubname pubowner puballtables puballsequences pubinsert pubupdate pubdelete pubtruncate pubviaroot pubgencols",
    ),
    of("pg_publication_namespace", "pnnspid", &[(KEY, "oid pnpubid")]),
    of("pg_publication_rel", "prrelid prqual prattrs prexcept", &[(KEY, "oid prpubid")]),
    of(
        "pg_range",
        "rngsubtype rngmultitypid rngcollation rngsubopc rngcanonical rngsubdiff",
        &[
            (KEY, "rngtypid"),
            (DERIVED, "rngconstruct2 rngconstruct3 rngmltconstruct0 rngmltconstruct1 rngmltconstruct2"),
        ],
    ),
    none("pg_replication_origin", &[(UNWRITTEN, "*")]),
    of("pg_rewrite", "rulename ev_type ev_enabled is_instead ev_qual ev_action", &[(KEY, "oid ev_class")]),
    of("pg_seclabel", "provider label", &[(KEY, "objoid classoid objsubid")]),
    of("pg_sequence", "seqtypid seqstart seqincrement seqmax seqmin seqcache seqcycle", &[(KEY, "seqrelid")]),
    none("pg_shdepend", &[(DERIVED, "*")]),
    of("pg_shdescription", "description", &[(KEY, "objoid classoid")]),
    of("pg_shseclabel", "provider label", &[(KEY, "objoid classoid")]),
    none("pg_statistic", &[(STATE, "*")]),
    of(
        "pg_statistic_ext",
        "stxname stxnamespace stxowner stxstattarget stxkeys stxkind stxexprs",
        &[(KEY, "oid stxrelid")],
    ),
    none("pg_statistic_ext_data", &[(STATE, "*")]),
    none("pg_subscription", &[(SUBSCRIPTION, "*")]),
    none("pg_subscription_rel", &[(SUBSCRIPTION, "*")]),
    none("pg_tablespace", &[(TABLESPACE, "*")]),
    all("pg_transform", "trftype trflang trffromsql trftosql"),
    of(
        "pg_trigger",
        "tgname tgfoid tgtype tgenabled tgconstrrelid tgdeferrable tginitdeferred tgattr tgargs tgqual tgoldtable tgnewtable",
        &[(KEY, "oid tgrelid"), (DERIVED, "tgparentid tgisinternal tgconstrindid tgconstraint tgnargs")],
    ),
    all("pg_ts_config", "cfgname cfgnamespace cfgowner cfgparser"),
    of("pg_ts_config_map", "maptokentype mapseqno mapdict", &[(KEY, "mapcfg")]),
    all("pg_ts_dict", "dictname dictnamespace dictowner dicttemplate dictinitoption"),
    all("pg_ts_parser", "prsname prsnamespace prsstart prstoken prsend prsheadline prslextype"),
    all("pg_ts_template", "tmplname tmplnamespace tmplinit tmpllexize"),
    of(
        "pg_type",
        "typname typnamespace typowner typlen typbyval typtype typcategory typispreferred typisdefined typdelim typsubscript \
         typelem typinput typoutput typreceive typsend typmodin typmodout typanalyze typalign typstorage typnotnull typbasetype \
         typtypmod typcollation typdefaultbin typdefault typacl",
        &[(KEY, "oid"), (DERIVED, "typrelid typarray"), (UNWRITTEN, "typndims")],
    ),
    of("pg_user_mapping", "umoptions", &[(KEY, "oid umuser umserver")]),
];
