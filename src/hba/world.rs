//! Roles, memberships and databases to evaluate over.

use std::collections::HashMap;

/// A role.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoleInfo {
    /// Its name.
    pub name: String,
    /// May log in. Roles that may not are in no cell, but can be groups.
    pub login: bool,
    /// Is superuser. That makes it a member of no group.
    pub superuser: bool,
    /// May replicate.
    pub replication: bool,
}

/// A direct membership; places in [`World::roles`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    /// The member.
    pub member: usize,
    /// The role that it is a member of.
    pub group: usize,
}

/// Everything around the rules that decides whom they fit.
#[derive(Debug, Clone, Copy)]
pub struct World<'a> {
    /// All roles.
    pub roles: &'a [RoleInfo],
    /// Direct memberships, whatever they inherit. What follows from them is worked out here.
    pub memberships: &'a [Membership],
    /// Names of the databases one can connect to.
    pub databases: &'a [String],
    /// The server has `ssl = on`.
    pub ssl: bool,
    /// The server can encrypt by GSSAPI; `None` where nobody knows.
    pub gss: Option<bool>,
    /// Major version of the server.
    pub major: u32,
}

/// Which roles each role is a member of, directly or not, itself included.
pub(super) struct Groups {
    above: Vec<Vec<usize>>,
    by_name: HashMap<String, usize>,
}

impl Groups {
    /// Follows all memberships. Ones that name no role are left out.
    pub(super) fn of(world: &World<'_>) -> Self {
        let count = world.roles.len();
        let mut direct: Vec<Vec<usize>> = vec![Vec::new(); count];
        for m in world.memberships.iter().filter(|m| m.member < count && m.group < count) {
            direct[m.member].push(m.group);
        }
        let mut seen = vec![usize::MAX; count];
        let above = (0..count)
            .map(|role| {
                let mut found = vec![role];
                seen[role] = role;
                let mut next = 0;
                while let Some(at) = found.get(next).copied() {
                    next += 1;
                    for group in &direct[at] {
                        if seen[*group] != role {
                            seen[*group] = role;
                            found.push(*group);
                        }
                    }
                }
                found.sort_unstable();
                found
            })
            .collect();
        let by_name = world.roles.iter().enumerate().map(|(at, r)| (r.name.clone(), at)).collect();
        Self { above, by_name }
    }

    /// The roles that `role` is a member of, in order, itself included.
    pub(super) fn above(&self, role: usize) -> &[usize] {
        self.above.get(role).map_or(&[], Vec::as_slice)
    }

    /// Whether `role` is the role `group` or a member of it.
    pub(super) fn is_member(&self, role: usize, group: &str) -> bool {
        self.by_name.get(group).is_some_and(|g| self.above(role).binary_search(g).is_ok())
    }
}
