//! Pages of heaps and B-trees, as they lie in their files: which line pointers
//! a heap page uses, and which rows an index page leads to.
//!
//! PostgreSQL manual, "Database Page Layout"; `bufpage.h`, `itemid.h`, `itup.h`
//! and `nbtree.h` of PostgreSQL 13 to 19, which agree in all that is read here.
//! The bytes are a copy's: nothing in them is believed, every place is looked up
//! with its bounds.

/// Bytes before the line pointers.
const HEADER: usize = 24;

/// A row's place in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Page.
    pub(super) block: u32,
    /// Line pointer, from 1.
    pub(super) item: u16,
}

/// Most line pointers of a page that lead to something: a row has a header of 23
/// bytes and a line pointer of 4.
pub(super) const fn most_items(page: usize) -> usize {
    (page - HEADER) / 4
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

/// Offset, state (0 unused, 1 normal, 2 redirect, 3 dead) and length of each line pointer.
fn items(page: &[u8]) -> impl Iterator<Item = (usize, u32, usize)> + '_ {
    let lower = usize::from(u16_at(page, 12).unwrap_or(0)).min(page.len());
    page.get(HEADER..lower).unwrap_or_default().chunks_exact(4).map(|c| {
        let v = u32::from_ne_bytes([c[0], c[1], c[2], c[3]]);
        ((v & 0x7fff) as usize, v >> 15 & 3, (v >> 17) as usize)
    })
}

/// The line pointers of a heap page that are used, from 1.
pub(super) fn used_items(page: &[u8]) -> impl Iterator<Item = u16> + '_ {
    (1u16..).zip(items(page)).filter(|(_, (_, state, _))| *state != 0).map(|(n, _)| n)
}

/// Flags of a B-tree page: a leaf; deleted, half dead or the first one.
const LEAF: u16 = 1;
const NOT_SEARCHED: u16 = 4 | 8 | 16;

/// That a tuple is not plain, and that it is a list of places.
const ALTERNATIVE: u16 = 0x2000;
const POSTING: u16 = 0x2000;

/// What a page of a B-tree leads to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Leads {
    /// Rows.
    pub(super) places: Vec<Place>,
    /// Whether something in it cannot be right.
    pub(super) broken: bool,
}

/// The rows that a page of a B-tree leads to; none where it is no leaf.
pub(super) fn leads(page: &[u8]) -> Leads {
    let mut out = Leads::default();
    // A page that was never written.
    if page.iter().all(|b| *b == 0) {
        return out;
    }
    let special = usize::from(u16_at(page, 16).unwrap_or(0));
    let (Some(next), Some(flags)) = (u32_at(page, special + 4), u16_at(page, special + 12)) else {
        out.broken = true;
        return out;
    };
    if flags & LEAF == 0 || flags & NOT_SEARCHED != 0 {
        return out;
    }
    // The first item of all but the last leaf is the bound of its keys.
    for (at, state, length) in items(page).skip(usize::from(next != 0)) {
        let whole = page.get(at..at + length).filter(|t| state != 0 && t.len() >= 8);
        if whole.and_then(|tuple| tuple_leads(tuple, &mut out.places)).is_none() {
            out.broken = true;
        }
    }
    out
}

/// The block's halves, then the item.
fn place(bytes: &[u8], at: usize) -> Option<Place> {
    let (high, low) = (u16_at(bytes, at)?, u16_at(bytes, at + 2)?);
    Some(Place { block: u32::from(high) << 16 | u32::from(low), item: u16_at(bytes, at + 4)? })
}

fn tuple_leads(tuple: &[u8], out: &mut Vec<Place>) -> Option<()> {
    let first = place(tuple, 0)?;
    if u16_at(tuple, 6)? & ALTERNATIVE == 0 {
        out.push(first);
        return Some(());
    }
    // Only lists of places are of that form in a leaf: their number, and where they begin.
    if first.item & POSTING == 0 {
        return None;
    }
    for n in 0..usize::from(first.item & 0x0fff) {
        out.push(place(tuple, first.block as usize + 6 * n)?);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_page_leads_outside_it() {
        // Random bytes, with every flag and bound somewhere: no panic, and places only of what is there.
        let mut seed = 7u32;
        for round in 0..2000 {
            let mut page = vec![0u8; 8192];
            for b in &mut page {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *b = (seed >> 24) as u8;
            }
            if round % 2 == 0 {
                page[16..18].copy_from_slice(&8176u16.to_ne_bytes());
                page[8188..8190].copy_from_slice(&LEAF.to_ne_bytes());
            }
            assert!(leads(&page).places.len() < 1 << 20);
            assert!(used_items(&page).all(|n| usize::from(n) <= most_items(page.len())));
        }
        assert_eq!(leads(&[0; 8192]), Leads::default());
        assert_eq!(used_items(&[0; 8192]).count(), 0);
        assert!(leads(&[]).places.is_empty());
    }
}
