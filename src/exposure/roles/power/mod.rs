//! What roles have the power to do.
//!
//! | file | check |
//! |---|---|
//! | [`superuser`] | ROLE-001: who is a superuser in effect |
//! | [`server_files`] | ROLE-002: who reaches the server's operating system |
//! | [`bypass_rls`] | ROLE-003: whom no row policy binds |
//! | [`create_role`] | ROLE-004: who makes roles, and takes them |
//! | [`replication`] | ROLE-005: who streams the cluster, and does other things with the same login |
//! | [`all_data`] | ROLE-006: who reads or writes everything |
//! | [`managed`] | ROLE-013: the near-superusers of hosted servers |
//! | [`backup_role`] | TOOL-004: what the backup role could do without |

pub mod all_data;
pub mod backup_role;
pub mod bypass_rls;
pub mod create_role;
pub mod managed;
pub mod replication;
pub mod server_files;
pub mod superuser;
