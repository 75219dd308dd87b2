//! Names, addresses and e-mail addresses that nobody has: drawn from lists by the value they stand for.

use super::Keyed;

const FIRST: &[&str] = &[
    "Ada", "Alan", "Alma", "Amir", "Anna", "Arlo", "Asha", "Ben", "Bela", "Bruno", "Carl", "Cleo", "Dana",
    "Dora", "Edna", "Elias", "Ella", "Emil", "Erik", "Esme", "Eva", "Felix", "Flora", "Gita", "Greta",
    "Hana", "Hugo", "Ida", "Igor", "Ines", "Iris", "Ivan", "Jana", "Jonas", "Juno", "Kai", "Karl", "Kira",
    "Lara", "Lena", "Leon", "Lila", "Lina", "Luca", "Mara", "Max", "Mila", "Mina", "Nadia", "Nils", "Nina",
    "Noel", "Nora", "Olga", "Omar", "Oskar", "Otto", "Paul", "Petra", "Rosa", "Ruth", "Sami", "Tara", "Vera",
];

const LAST: &[&str] = &[
    "Abel", "Adler", "Amsel", "Arden", "Ashby", "Bach", "Banner", "Birk", "Blake", "Borg", "Brandt", "Brook",
    "Carver", "Castle", "Cole", "Crane", "Dahl", "Drake", "Ebert", "Ellis", "Falk", "Farrow", "Finch",
    "Frost", "Gale", "Garner", "Grant", "Hale", "Hart", "Heron", "Holm", "Hunter", "Keller", "Kern", "Klein",
    "Lake", "Lang", "Linden", "Lund", "Marsh", "Mason", "Moor", "Nash", "Nord", "Oakes", "Palmer", "Pike",
    "Quill", "Reed", "Rowan", "Sand", "Shaw", "Stern", "Stone", "Storm", "Swan", "Thorn", "Vale", "Voss",
    "Wade", "Wells", "West", "Winter", "Wolf",
];

const STREETS: &[&str] = &[
    "Acorn Lane",
    "Apple Street",
    "Birch Road",
    "Bridge Street",
    "Canal Street",
    "Castle Hill",
    "Cedar Road",
    "Chapel Lane",
    "Church Road",
    "Clover Way",
    "East Street",
    "Elm Road",
    "Field Lane",
    "Forest Road",
    "Garden Street",
    "Green Lane",
    "Harbour Street",
    "Hill Road",
    "Lake Street",
    "Lime Street",
    "Market Street",
    "Meadow Lane",
    "Mill Road",
    "North Street",
    "Oak Street",
    "Orchard Road",
    "Park Road",
    "River Street",
    "School Lane",
    "Station Road",
    "Valley Road",
    "West Street",
];

/// Fewer characters than this tell too few people apart for a unique column: 12 of 32 each are 60 bits.
pub const UNIQUE_EMAIL: u64 = 12 + HOST.len() as u64;

const HOST: &str = "@example.com";

/// A name as far as it fits, then 60 bits that tell apart.
pub fn email(keyed: &Keyed, value: &[u8], longest: usize, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let drawn = keyed.draw("email", value);
    let code: Vec<u8> = (0..12).map(|at| DIGITS[(drawn >> (at * 5)) as usize % 32]).collect();
    let name = pick(FIRST, drawn >> 64).to_ascii_lowercase();
    if name.len() + 1 + code.len() + HOST.len() <= longest {
        out.extend_from_slice(name.as_bytes());
        out.push(b'.');
    }
    out.extend_from_slice(&code);
    out.extend_from_slice(HOST.as_bytes());
}

pub fn name(keyed: &Keyed, value: &[u8], out: &mut Vec<u8>) {
    let drawn = keyed.draw("name", value);
    out.extend_from_slice(pick(FIRST, drawn).as_bytes());
    // One word stays one word: a column may hold first names only.
    if value.contains(&b' ') {
        out.push(b' ');
        out.extend_from_slice(pick(LAST, drawn >> 64).as_bytes());
    }
}

pub fn address(keyed: &Keyed, value: &[u8], out: &mut Vec<u8>) {
    let drawn = keyed.draw("address", value);
    let number = 1 + (drawn >> 64) % 199;
    out.extend_from_slice(format!("{number} {}", pick(STREETS, drawn)).as_bytes());
}

fn pick(words: &'static [&'static str], drawn: u128) -> &'static str {
    let at = (drawn % (words.len().max(1) as u128)) as usize;
    words.get(at).copied().unwrap_or_default()
}
