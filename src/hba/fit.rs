//! Whether a word of a rule fits.

use super::decide::Attempt;
use super::interval::number;
use super::rule::Rule;
use super::words::{Address, DbToken, UserToken};
use super::world::Groups;

/// Whether something fits, as far as it is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Fit {
    No,
    Maybe,
    Yes,
}

impl From<Option<bool>> for Fit {
    fn from(known: Option<bool>) -> Self {
        known.map_or(Self::Maybe, |fits| if fits { Self::Yes } else { Self::No })
    }
}

impl From<bool> for Fit {
    fn from(fits: bool) -> Self {
        Some(fits).into()
    }
}

/// Whether a name in the file is this name. What was no UTF-8 there may be anything.
pub(super) fn name(written: &str, name: &str) -> Fit {
    if written == name {
        Fit::Yes
    } else if is_lossy(written) {
        Fit::Maybe
    } else {
        Fit::No
    }
}

/// Whether bytes of a name were lost.
pub(super) fn is_lossy(written: &str) -> bool {
    written.contains('\u{fffd}')
}

/// The connection that is asked about, with its role's place if there is such a role.
pub(super) struct Asked<'a> {
    pub(super) attempt: &'a Attempt<'a>,
    pub(super) role: Option<usize>,
    pub(super) groups: &'a Groups,
}

impl Asked<'_> {
    fn member(&self, group: &str) -> Fit {
        match self.role {
            Some(role) if self.groups.is_member(role, group) => Fit::Yes,
            Some(_) if is_lossy(group) => Fit::Maybe,
            _ => Fit::No,
        }
    }

    fn database(&self, token: &DbToken) -> Fit {
        let Some(database) = self.attempt.database else {
            return match token {
                DbToken::Replication => Fit::Yes,
                DbToken::AtFile(_) => Fit::Maybe,
                _ => Fit::No,
            };
        };
        match token {
            DbToken::All => Fit::Yes,
            DbToken::SameUser => (database == self.attempt.role).into(),
            DbToken::SameRole => self.member(database),
            DbToken::Replication => Fit::No,
            DbToken::Name(written) => name(written, database),
            DbToken::Regex(pattern) => pattern.fits(database).into(),
            DbToken::AtFile(_) => Fit::Maybe,
        }
    }

    fn user(&self, token: &UserToken) -> Fit {
        match token {
            UserToken::All => Fit::Yes,
            UserToken::Name(written) => name(written, self.attempt.role),
            UserToken::Group(group) => self.member(group),
            UserToken::Regex(pattern) => pattern.fits(self.attempt.role).into(),
            UserToken::AtFile(_) => Fit::Maybe,
        }
    }

    fn address(&self, address: &Address) -> Fit {
        let Some(ip) = self.attempt.address else { return Fit::Yes };
        match address {
            Address::None | Address::All => Fit::Yes,
            Address::Cidr(prefix) => prefix.interval().contains(ip).into(),
            Address::Mask { address, mask } => {
                let bits = number(*mask);
                (ip.is_ipv6() == address.is_ipv6() && number(ip) & bits == number(*address) & bits).into()
            }
            Address::SameHost | Address::SameNet | Address::Host(_) | Address::Suffix(_) => Fit::Maybe,
        }
    }

    /// Whether the rule fits as a whole.
    pub(super) fn rule(&self, rule: &Rule) -> Fit {
        if !rule.transport.covers(self.attempt.transport) {
            return Fit::No;
        }
        let best = |fits: &mut dyn Iterator<Item = Fit>| fits.max().unwrap_or(Fit::No);
        self.address(&rule.address)
            .min(best(&mut rule.databases.iter().map(|t| self.database(t))))
            .min(best(&mut rule.users.iter().map(|t| self.user(t))))
    }
}
