//! Tables, views and sequences of a database, with who was granted what.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::acl::{Acl, Acls};
use super::database::USER_SCHEMA;
use super::place::{Names, Place};
use super::{Blind, Database};

/// One table, view, materialized view, foreign table or sequence of a user's schema.
#[derive(Debug, Clone)]
pub struct Relation {
    /// Its number, the same for the length of one look.
    pub oid: u32,
    /// Its schema's number.
    pub schema: u32,
    /// `public.orders`, quoted where SQL needs it.
    pub name: String,
    /// `pg_class.relkind`.
    pub kind: char,
    /// Its owner.
    pub owner: Arc<str>,
    /// Its privileges, those of birth where none were ever granted.
    pub acl: Arc<Acl>,
    /// Columns that have privileges of their own.
    pub columns: Vec<(String, Arc<Acl>)>,
    /// Whether it belongs to an extension.
    pub of_extension: bool,
    /// Whether row security is on.
    pub row_security: bool,
    /// Whether that binds its owner, too.
    pub forced: bool,
}

impl Relation {
    /// `table public.orders`, as `pg_identify_object` has it.
    pub fn locator(&self) -> String {
        let kind = match self.kind {
            'v' => "view",
            'm' => "materialized view",
            'f' => "foreign table",
            'S' => "sequence",
            _ => "table",
        };
        format!("{kind} {}", self.name)
    }

    /// Whether it is a table that holds rows here, or the head of one.
    pub fn is_table(&self) -> bool {
        matches!(self.kind, 'r' | 'p')
    }

    /// Its own list of privileges, and those of its columns.
    pub fn acls(&self) -> impl Iterator<Item = &Acl> {
        std::iter::once(&*self.acl).chain(self.columns.iter().map(|c| &*c.1))
    }
}

/// All of them, in order of their names.
#[derive(Debug, Clone)]
pub struct Relations {
    /// Tables, views and sequences.
    pub all: Vec<Relation>,
    /// Where they are.
    pub place: Place,
}

impl Relations {
    /// Reads them: four queries, however many there are.
    pub(super) async fn read(db: &Database<'_>) -> Result<Self, Blind> {
        let mut acls = Acls::default();
        let mut names = Names::default();
        let place = Place::read(db, &mut acls, &mut names).await?;
        let sql = format!(
            "SELECT c.oid, c.relnamespace, format('%I.%I', n.nspname, c.relname), c.relkind::text, \
                    pg_get_userbyid(c.relowner)::text, \
                    coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\", c.relowner))::text[], \
                    c.relrowsecurity, c.relforcerowsecurity, \
                    EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid \
                            AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e') \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('r','p','v','m','f','S') AND {USER_SCHEMA}"
        );
        let mut columns: HashMap<u32, Vec<(String, Arc<Acl>)>> = HashMap::new();
        let of_columns = "SELECT a.attrelid, quote_ident(a.attname), a.attacl::text[] FROM pg_attribute a \
             WHERE a.attacl IS NOT NULL AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum";
        for row in db.rows("the columns' privileges", of_columns, &[]).await? {
            columns.entry(row.get(0)).or_default().push((row.get(1), acls.read(row.get(2))?));
        }
        let mut all = Vec::new();
        for row in db.rows("the tables", &sql, &[]).await? {
            let oid: u32 = row.get(0);
            all.push(Relation {
                oid,
                schema: row.get(1),
                name: row.get(2),
                kind: row.get::<_, &str>(3).chars().next().unwrap_or('?'),
                owner: names.shared(row.get(4)),
                acl: acls.read(row.get(5))?,
                columns: columns.remove(&oid).unwrap_or_default(),
                of_extension: row.get(8),
                row_security: row.get(6),
                forced: row.get(7),
            });
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { all, place })
    }

    /// Those that are not an extension's.
    pub fn own(&self) -> impl Iterator<Item = &Relation> {
        self.all.iter().filter(|r| !r.of_extension)
    }

    /// By their numbers.
    pub fn by_oid(&self) -> HashMap<u32, &Relation> {
        self.all.iter().map(|r| (r.oid, r)).collect()
    }
}

/// Which view reads what.
const READS: &str = "\
    SELECT DISTINCT w.ev_class, d.refobjid FROM pg_rewrite w \
    JOIN pg_class v ON v.oid = w.ev_class AND v.relkind IN ('v', 'm') \
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid \
     AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> w.ev_class \
    WHERE w.ev_type = '1' AND v.oid >= 16384 ORDER BY 1, 2";

/// Views and what they read, of a database.
pub async fn view_reads(db: &Database<'_>) -> Result<BTreeMap<u32, Vec<u32>>, Blind> {
    let mut reads: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for row in db.rows("what views read", READS, &[]).await? {
        reads.entry(row.get(0)).or_default().push(row.get(1));
    }
    Ok(reads)
}
