//! Classes of data, and the sorts of values that belong to them.

/// What kind of data it is: who is hurt where it is read by others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Class {
    /// Addresses of machines.
    Technical,
    /// How a person is called and reached.
    Contact,
    Health,
    /// Numbers that a state gives to a person.
    NationalId,
    Financial,
    Credential,
}

impl Class {
    /// The words used in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Technical => "technical",
            Self::Contact => "contact",
            Self::Health => "health",
            Self::NationalId => "national id",
            Self::Financial => "financial",
            Self::Credential => "credential",
        }
    }
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Sort {
    /// Private keys, tokens, URLs with passwords: of use to whoever has it.
    Secret,
    /// What is stored of a password.
    Hash,
    Card,
    Iban,
    Email,
    Phone,
    Ssn,
    Ip,
    Mac,
}

impl Sort {
    /// All of them.
    pub const ALL: [Self; 9] =
        [Self::Secret, Self::Hash, Self::Card, Self::Iban, Self::Email, Self::Phone, Self::Ssn, Self::Ip, Self::Mac];

    /// The class it belongs to.
    pub const fn class(self) -> Class {
        match self {
            Self::Secret | Self::Hash => Class::Credential,
            Self::Card | Self::Iban => Class::Financial,
            Self::Ssn => Class::NationalId,
            Self::Email | Self::Phone => Class::Contact,
            Self::Ip | Self::Mac => Class::Technical,
        }
    }

    /// The words used in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Secret => "secrets",
            Self::Hash => "password hashes",
            Self::Card => "card numbers",
            Self::Iban => "IBANs",
            Self::Email => "e-mail addresses",
            Self::Phone => "phone numbers",
            Self::Ssn => "social security numbers",
            Self::Ip => "IP addresses",
            Self::Mac => "MAC addresses",
        }
    }
}
