//! What the name of a column says, in English, German, French and Spanish.

use super::class::Class;

/// Words by class. A name is taken apart at `_`, `-`, blanks and capitals, and
/// has to hold all parts of an entry beside each other (`tax_id` is in
/// `customer_tax_id`, `id` alone is in nothing).
#[rustfmt::skip]
const WORDS: &[(Class, &[&str])] = &[
    (Class::Technical, &[
        "ip", "ip address", "ipaddress", "ipaddr", "client ip", "remote addr", "mac address", "mac", "ip adresse",
    ]),
    (Class::Credential, &[
        "password", "passwd", "pwd", "passphrase", "passcode", "pin code", "secret", "api key", "apikey",
        "access key", "private key", "access token", "refresh token", "auth token", "api token", "bearer token",
        "token secret", "otp secret", "totp", "totp secret", "client secret", "recovery code", "passwort",
        "kennwort", "geheimnis", "zugangsdaten", "mot de passe", "mdp", "motdepasse", "cle api", "clé api",
        "cle privee", "contrasena", "contraseña", "contrasenia", "clave api", "clave privada", "clave",
    ]),
    (Class::Financial, &[
        "iban", "bic", "card number", "cardnumber", "card no", "credit card", "creditcard", "cc number", "ccnumber",
        "pan", "cvv", "cvc", "bank account", "account number", "salary", "wage", "income", "kreditkarte",
        "kartennummer", "kontonummer", "bankkonto", "bankverbindung", "gehalt", "lohn", "einkommen",
        "carte bancaire", "numero carte", "numero de carte", "compte bancaire", "numero compte", "salaire",
        "revenu", "rib", "tarjeta", "numero tarjeta", "cuenta bancaria", "numero cuenta", "salario", "sueldo",
        "ingresos",
    ]),
    (Class::NationalId, &[
        "ssn", "social security", "social security number", "national id", "nationalid", "passport",
        "passport number", "tax id", "taxid", "tin", "driver license", "drivers license", "driving licence",
        "id card", "nhs number", "sozialversicherungsnummer", "svnr", "sv nummer", "steuer id", "steuernummer",
        "steueridentifikationsnummer", "ausweisnummer", "personalausweis", "reisepass", "passnummer",
        "fuehrerschein", "führerschein", "numero securite sociale", "numéro sécurité sociale", "securite sociale",
        "nir", "insee", "passeport", "carte identite", "permis conduire", "numero fiscal", "dni", "nie", "nif",
        "curp", "pasaporte", "seguridad social", "carnet conducir",
    ]),
    (Class::Health, &[
        "diagnosis", "diagnoses", "icd", "icd10", "patient", "medical", "medication", "prescription", "allergy",
        "allergies", "blood type", "blood group", "disability", "disease", "symptoms", "treatment",
        "diagnose", "diagnosen", "patientin", "krankheit", "befund", "medikament", "medikation", "rezept",
        "allergie", "blutgruppe", "behinderung", "gesundheit", "krankenkasse", "behandlung", "diagnostic",
        "maladie", "medicament", "médicament", "ordonnance", "groupe sanguin", "handicap", "sante", "santé",
        "diagnostico", "diagnóstico", "paciente", "enfermedad", "medicamento", "receta", "alergia",
        "grupo sanguineo", "discapacidad", "salud",
    ]),
    (Class::Contact, &[
        "email", "e mail", "mail", "mailaddress", "phone", "telephone", "mobile", "cell", "fax", "phone number",
        "first name", "firstname", "last name", "lastname", "surname", "full name", "fullname", "maiden name",
        "address", "street", "postcode", "postal code", "zip", "zip code", "zipcode", "birth date", "birthdate",
        "date of birth", "dob", "birthday", "telefon", "telefonnummer", "rufnummer", "handy", "mobil",
        "mobilnummer", "vorname", "nachname", "familienname", "geburtsname", "adresse", "anschrift", "strasse",
        "straße", "plz", "postleitzahl", "geburtsdatum", "geburtstag", "emailadresse", "courriel",
        "prenom", "prénom", "nom", "nom famille", "rue", "code postal", "date naissance", "date de naissance",
        "correo", "correo electronico", "telefono", "teléfono", "movil", "móvil", "nombre", "apellido", "apellidos",
        "direccion", "dirección", "calle", "codigo postal", "código postal", "fecha nacimiento",
        "fecha de nacimiento",
    ]),
];

/// Words that say "phone".
const PHONE: &[&str] = &[
    "phone",
    "telephone",
    "mobile",
    "cell",
    "fax",
    "telefon",
    "telefonnummer",
    "rufnummer",
    "handy",
    "mobil",
    "mobilnummer",
    "portable",
    "tel",
    "telefono",
    "teléfono",
    "movil",
    "móvil",
];
/// Words that say "social security number".
const SSN: &[&str] = &["ssn", "social security", "social security number"];
/// Words that say "password".
const TYPED: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "passwort",
    "kennwort",
    "mot de passe",
    "mdp",
    "motdepasse",
    "contrasena",
    "contraseña",
    "contrasenia",
    "clave",
];
/// Words after which a name is about a secret and not the secret itself.
const ABOUT: &[&str] = &[
    "hash",
    "digest",
    "hashed",
    "encrypted",
    "id",
    "at",
    "on",
    "count",
    "type",
    "expires",
    "expiry",
    "expired",
    "changed",
    "updated",
    "created",
    "reset",
    "hint",
    "policy",
    "length",
    "algorithm",
    "salt",
    "required",
    "set",
    "until",
    "verified",
    "sent",
    "status",
];

/// The parts of a name, in lower case.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut before = ' ';
    for c in name.chars().take(128) {
        let starts = c.is_uppercase() && before.is_lowercase();
        if (starts || !c.is_alphanumeric()) && parts.last().is_some_and(|p| !p.is_empty()) {
            parts.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(last) = parts.last_mut()
        {
            last.extend(c.to_lowercase());
        }
        before = c;
    }
    parts.retain(|p| !p.is_empty());
    parts
}

/// Whether the parts of `entry` stand beside each other in `parts`.
fn holds(parts: &[String], entry: &str) -> bool {
    let entry: Vec<&str> = entry.split(' ').collect();
    parts.windows(entry.len()).any(|w| w.iter().zip(&entry).all(|(a, b)| a == b))
}

/// The class that a name speaks of: `ip_address` is no address of a person, else the
/// gravest where there are several.
pub fn class_of(name: &str) -> Option<Class> {
    let parts = parts(name);
    let about = parts.iter().any(|p| ABOUT.contains(&p.as_str()));
    let says = |(class, words): &&(Class, &[&str])| {
        (*class != Class::Credential || !about) && words.iter().any(|w| holds(&parts, w))
    };
    WORDS.iter().find(says).map(|(class, _)| *class)
}

/// Whether a name speaks of a secret in the clear: `password`, not `password_hash`.
pub fn is_password(name: &str) -> bool {
    class_of(name) == Some(Class::Credential)
}

/// Whether a name speaks of what people type to log in, and not of a token.
pub fn is_typed(name: &str) -> bool {
    let parts = parts(name);
    is_password(name) && TYPED.iter().any(|w| holds(&parts, w))
}

/// What a name allows its values to be.
pub fn hint_of(name: &str) -> super::value::Hint {
    let parts = parts(name);
    let any = |words: &[&str]| words.iter().any(|w| holds(&parts, w));
    super::value::Hint { phone: any(PHONE), ssn: any(SSN) }
}
