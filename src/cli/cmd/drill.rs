//! `pgseal drill`.
