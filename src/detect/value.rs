//! The sort of one value. Every rule is one that a wrong number fails nine times
//! in ten or better; what is left is decided over a column, never over a value.

use std::net::IpAddr;

use super::class::Sort;
use super::sample;

/// Longest value that is a number or address of any sort, bytes.
const LONGEST: usize = 254;

/// Card numbers that payment processors publish for tests.
const TEST_CARDS: [&str; 14] = [
    "4111111111111111",
    "4242424242424242",
    "4012888888881881",
    "4000056655665556",
    "4222222222222",
    "5555555555554444",
    "5105105105105100",
    "2223003122003222",
    "378282246310005",
    "371449635398431",
    "6011111111111117",
    "30569309025904",
    "3530111333300000",
    "6200000000000005",
];

/// IBANs of the registry's and the banks' own examples.
const TEST_IBANS: [&str; 6] = [
    "DE89370400440532013000",
    "GB29NWBK60161331926819",
    "GB82WEST12345698765432",
    "FR1420041010050500013M02606",
    "ES9121000418450200051332",
    "NL91ABNA0417164300",
];

/// Length of an IBAN by its country (ISO 13616, the registry of SWIFT).
const IBAN_LENGTHS: &[(&str, usize)] = &[
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("BR", 29),
    ("BY", 28),
    ("CH", 21),
    ("CR", 22),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DK", 18),
    ("DO", 28),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("GT", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IQ", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LC", 32),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("LY", 25),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MR", 27),
    ("MT", 31),
    ("MU", 30),
    ("NL", 18),
    ("NO", 15),
    ("PK", 24),
    ("PL", 28),
    ("PS", 29),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("SA", 24),
    ("SC", 31),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("ST", 25),
    ("SV", 28),
    ("TL", 23),
    ("TN", 24),
    ("TR", 26),
    ("UA", 29),
    ("VA", 22),
    ("VG", 24),
    ("XK", 20),
];

/// What the name of a value allows it to be: some sorts are too common among
/// other numbers to be told by their shape alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hint {
    /// The name says "phone".
    pub phone: bool,
    /// The name says "social security number".
    pub ssn: bool,
}

/// What a whole value is, and whether it is a sample of documentation.
pub fn sort_of(value: &str, hint: Hint) -> Option<(Sort, bool)> {
    let value = value.trim();
    if value.is_empty() || value.len() > LONGEST {
        return None;
    }
    if let Some(card) = card(value) {
        return Some((Sort::Card, TEST_CARDS.contains(&card.as_str())));
    }
    if let Some(iban) = iban(value) {
        return Some((Sort::Iban, TEST_IBANS.contains(&iban.as_str())));
    }
    if let Some(host) = email(value) {
        return Some((Sort::Email, sample::is_nobodys(host)));
    }
    if hint.ssn && is_ssn(value) {
        return Some((Sort::Ssn, matches!(value, "078-05-1120" | "219-09-9999" | "123-45-6789")));
    }
    if hint.phone && is_phone(value) {
        return Some((Sort::Phone, false));
    }
    if is_ip(value) {
        return Some((Sort::Ip, false));
    }
    is_mac(value).then_some((Sort::Mac, false))
}

/// Sorts that stand in a longer text, each once: card numbers, IBANs and e-mail
/// addresses. Samples are left out.
pub fn sorts_in(text: &str) -> Vec<Sort> {
    let mut sorts = Vec::new();
    let edge = |c: char| !(c.is_alphanumeric() || matches!(c, '@' | '.' | '_' | '+' | '%' | '-'));
    for word in text.split(edge) {
        let word = word.trim_matches(['.', '-', '_']);
        match sort_of(word, Hint::default()) {
            Some((sort @ (Sort::Card | Sort::Iban | Sort::Email), false)) if !sorts.contains(&sort) => sorts.push(sort),
            _ => {}
        }
    }
    sorts
}

/// The digits of a payment card: an issuer's prefix with a length that it
/// uses, and a right check digit (ISO/IEC 7812).
fn card(value: &str) -> Option<String> {
    let mut groups = value.split([' ', '-']);
    let plausible =
        groups.all(|g| !g.is_empty()) && value.bytes().all(|b| b.is_ascii_digit() || b == b' ' || b == b'-');
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    if !plausible || !(13..=19).contains(&digits.len()) || !issued(&digits) {
        return None;
    }
    luhn(&digits).then_some(digits)
}

/// Whether an issuer has numbers of this length that begin so.
#[allow(clippy::unnested_or_patterns)] // a line an issuer reads better
fn issued(digits: &str) -> bool {
    let prefix = |n: usize| digits[..n].parse::<u32>().unwrap_or(0);
    let length = digits.len();
    match (prefix(1), prefix(2), prefix(3), prefix(4)) {
        (4, ..) => matches!(length, 13 | 16 | 19),
        (_, 51..=55, ..) | (_, _, _, 2221..=2720) => length == 16,
        (_, 34 | 37, ..) => length == 15,
        (_, 36 | 38 | 39, ..) | (_, _, 300..=305, _) => length == 14,
        (_, 65 | 62, ..) | (_, _, 644..=649, _) | (_, _, _, 6011 | 3528..=3589) => (16..=19).contains(&length),
        _ => false,
    }
}

pub(super) fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, b)| {
            let d = u32::from(b - b'0');
            match (i % 2, d) {
                (0, d) => d,
                (_, d) if d > 4 => 2 * d - 9,
                (_, d) => 2 * d,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// An IBAN without its blanks: its country's length, and 1 modulo 97 (ISO 13616).
fn iban(value: &str) -> Option<String> {
    if !value.is_ascii() || value.len() < 15 || !value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ') {
        return None;
    }
    let text: String = value.chars().filter(|c| *c != ' ').map(|c| c.to_ascii_uppercase()).collect();
    let length = IBAN_LENGTHS.iter().find(|(c, _)| text.starts_with(c))?.1;
    if text.len() != length || !text.as_bytes()[2..4].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let rest = text[4..].chars().chain(text[..4].chars()).try_fold(0u32, |rest, c| {
        let n = c.to_digit(36)?;
        Some(if n < 10 { rest * 10 + n } else { rest * 100 + n } % 97)
    })?;
    (rest == 1).then_some(text)
}

/// The host of an e-mail address.
fn email(value: &str) -> Option<&str> {
    let (local, host) = value.split_once('@')?;
    let is_local = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '-' | '\'' | '/' | '=' | '~');
    let (name, top) = host.rsplit_once('.')?;
    let is_label = |l: &str| !l.is_empty() && l.len() <= 63 && l.chars().all(|c| c.is_alphanumeric() || c == '-');
    let fits = (1..=64).contains(&local.len())
        && local.chars().all(is_local)
        && !local.starts_with('.')
        && name.split('.').all(is_label)
        && top.chars().count() >= 2
        && top.chars().all(char::is_alphabetic);
    fits.then_some(host)
}

/// A number of the USA's Social Security: areas, groups and serials that are given out.
fn is_ssn(value: &str) -> bool {
    let digits: Vec<u8> = value.bytes().filter(u8::is_ascii_digit).collect();
    let shaped = match value.len() {
        9 => digits.len() == 9,
        11 => digits.len() == 9 && value.bytes().enumerate().all(|(i, b)| matches!(i, 3 | 6) == (b == b'-')),
        _ => false,
    };
    shaped
        && &digits[..3] != b"000"
        && &digits[..3] != b"666"
        && digits[0] != b'9'
        && &digits[3..5] != b"00"
        && &digits[5..] != b"0000"
}

/// E.164: `+`, a country that does not begin with 0, 7 to 15 digits.
fn is_phone(value: &str) -> bool {
    let Some(rest) = value.strip_prefix('+') else { return false };
    let digits = rest.bytes().filter(u8::is_ascii_digit).count();
    (7..=15).contains(&digits)
        && rest.starts_with(|c: char| matches!(c, '1'..='9'))
        && rest.bytes().all(|b| b.is_ascii_digit() || matches!(b, b' ' | b'-' | b'.' | b'(' | b')' | b'/'))
}

/// An address of the Internet, with or without a prefix length.
fn is_ip(value: &str) -> bool {
    let (address, prefix) = value.split_once('/').unwrap_or((value, "0"));
    prefix.parse::<u8>().is_ok_and(|p| p <= 128) && address.parse::<IpAddr>().is_ok() && value.len() > 2
}

/// Six bytes in hexadecimal digits, with `:` or `-` between them.
fn is_mac(value: &str) -> bool {
    let parts = |sign: char| {
        value.len() == 17
            && value.split(sign).count() == 6
            && value.split(sign).all(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    parts(':') || parts('-')
}
