//! Masks that keep a value's form: digits become digits, letters letters. No two values get the same, as far as they
//! are ASCII: each form is permuted within itself.
//!
//! The permutation is a Feistel network on numbers below a bound, walked on until it stays below.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use super::Keyed;

/// Enough for a network whose rounds are drawn from a keyed hash. Even, so that both halves come back to their widths.
const ROUNDS: u8 = 8;

/// A permutation of the numbers below `bound`, which is at most 2^126; another for each `key`.
fn permute(key: u128, value: u128, bound: u128) -> u128 {
    if bound < 2 {
        return value;
    }
    let bits = (128 - (bound - 1).leading_zeros()).max(2);
    // As near to the bound as a network can be: fewer than two walks on average.
    let widths = [bits / 2, bits - bits / 2];
    let mut value = value;
    loop {
        let (mut left, mut right) = ((value >> widths[1]) as u64, (value & ((1 << widths[1]) - 1)) as u64);
        for round in 0..ROUNDS {
            let mut hasher = SipHasher13::new_with_keys(key as u64, (key >> 64) as u64);
            hasher.write_u64(right);
            hasher.write_u8(round);
            let mask = (1u64 << widths[usize::from(round % 2)]) - 1;
            (left, right) = (right, left ^ (hasher.finish() & mask));
        }
        value = u128::from(left) << widths[1] | u128::from(right);
        if value < bound {
            return value;
        }
    }
}

/// How many characters are permuted together: 24 letters and digits are below 2^126.
const BLOCK: usize = 24;

/// Digits to digits, letters to letters of the same case; everything else stays where it is.
pub fn same_form(keyed: &Keyed, value: &[u8], out: &mut Vec<u8>) {
    let text = String::from_utf8_lossy(value);
    let mut units: Vec<Unit> = text.chars().map(Unit::of).collect();
    let mut places: Vec<usize> = (0..units.len()).filter(|at| units[*at].radix() > 1).collect();
    // The form is part of what is drawn from, so that one form says nothing about another.
    let form = keyed.draw_over("a form", units.iter().map(Unit::form));
    let blocks = places.len().div_ceil(BLOCK);
    // Each block depends on those before it; a second pass, turned by half, lets it depend on those after it too.
    for pass in 0..if blocks > 1 { 2 } else { 1 } {
        let mut before: u128 = 0;
        for block in places.chunks(BLOCK) {
            let (mut value, mut bound) = (0u128, 1u128);
            for at in block {
                value = value * units[*at].radix() + units[*at].digit;
                bound *= units[*at].radix();
            }
            let key = keyed.draw_from("form", &[form, u128::from(pass == 1), before]);
            let mut masked = permute(key, value, bound);
            before = masked;
            for at in block.iter().rev() {
                let radix = units[*at].radix();
                units[*at].digit = masked % radix;
                masked /= radix;
            }
        }
        let half = places.len() / 2;
        places.rotate_left(half);
    }
    let mut buffer = [0; 4];
    units.iter().for_each(|unit| out.extend_from_slice(unit.character().encode_utf8(&mut buffer).as_bytes()));
}

/// A character as a digit of its class.
struct Unit {
    class: Class,
    digit: u128,
    original: char,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Digit,
    Lower,
    Upper,
    Other,
}

impl Unit {
    fn of(character: char) -> Self {
        let (class, digit) = match character {
            '0'..='9' => (Class::Digit, character as u32 - '0' as u32),
            'a'..='z' => (Class::Lower, character as u32 - 'a' as u32),
            'A'..='Z' => (Class::Upper, character as u32 - 'A' as u32),
            // Letters of other alphabets become ASCII, which every charset has.
            _ if character.is_uppercase() => (Class::Upper, character as u32 % 26),
            _ if character.is_alphabetic() => (Class::Lower, character as u32 % 26),
            _ => (Class::Other, 0),
        };
        Self { class, digit: digit.into(), original: character }
    }

    fn radix(&self) -> u128 {
        match self.class {
            Class::Digit => 10,
            Class::Lower | Class::Upper => 26,
            Class::Other => 1,
        }
    }

    /// Without case: what compares as equal in any case must not come from two forms.
    fn form(&self) -> char {
        match self.class {
            Class::Digit => '0',
            Class::Lower | Class::Upper => 'a',
            Class::Other => self.original,
        }
    }

    fn character(&self) -> char {
        let digit = self.digit as u8;
        match self.class {
            Class::Digit => (b'0' + digit) as char,
            Class::Lower => (b'a' + digit) as char,
            Class::Upper => (b'A' + digit) as char,
            Class::Other => self.original,
        }
    }
}

/// As [`same_form`], but a country's code stays.
pub fn phone(keyed: &Keyed, value: &[u8], out: &mut Vec<u8>) {
    let code = if value.first() == Some(&b'+') {
        value.iter().take(3).take_while(|byte| **byte == b'+' || byte.is_ascii_digit()).count()
    } else {
        0
    };
    out.extend_from_slice(&value[..code]);
    same_form(keyed, &value[code..], out);
}

/// Another number of as many digits; sign, point and places after it stay.
pub fn number(keyed: &Keyed, value: &[u8], column: &str, unsigned: bool, out: &mut Vec<u8>) {
    let Some(range) = bounds(column, unsigned) else {
        decimal(keyed, value, out);
        return;
    };
    let text = std::str::from_utf8(value).ok().and_then(|text| text.parse::<i128>().ok());
    let Some(number) = text else {
        out.extend_from_slice(value);
        return;
    };
    if column == "year" {
        // Zero is the one year that is none.
        let year = if number == 0 { 0 } else { range.0 + within(keyed, number - range.0, range) };
        out.extend_from_slice(format!("{year:04}").as_bytes());
        return;
    }
    let (negative, magnitude) = (number < 0, number.unsigned_abs());
    let digits = magnitude.checked_ilog10().unwrap_or(0);
    // No negative number becomes a zero: it would meet the positive one.
    let lowest = if digits == 0 { u128::from(negative) } else { 10u128.pow(digits) };
    let limit = if negative { range.0.unsigned_abs() } else { range.1.unsigned_abs() };
    let highest = (10u128.pow(digits + 1) - 1).min(limit);
    let key = keyed.draw_from("number", &[negative.into(), lowest, highest]);
    let masked = (lowest + permute(key, magnitude - lowest, highest - lowest + 1)).to_string();
    if negative {
        out.push(b'-');
    }
    // ZEROFILL: as long as it was.
    let zeros = if negative { 0 } else { value.len().saturating_sub(masked.len()) };
    out.extend(std::iter::repeat_n(b'0', zeros));
    out.extend_from_slice(masked.as_bytes());
}

fn within(keyed: &Keyed, offset: i128, range: (i128, i128)) -> i128 {
    let bound = (range.1 - range.0 + 1).unsigned_abs();
    permute(keyed.draw_from("year", &[]), offset.unsigned_abs() % bound, bound) as i128
}

/// DECIMAL: digits are permuted where they stand; the first stays a zero, or becomes no zero.
fn decimal(keyed: &Keyed, value: &[u8], out: &mut Vec<u8>) {
    let (sign, rest) = value.split_at(usize::from(value.first() == Some(&b'-')));
    out.extend_from_slice(sign);
    let Some((first, others)) = rest.split_first() else { return };
    let turn = keyed.draw("first digit", &others.len().to_le_bytes()) % 9;
    out.push(match first {
        b'1'..=b'9' => b'1' + ((u128::from(first - b'1') + turn) % 9) as u8,
        other => *other,
    });
    same_form(keyed, others, out);
}

fn bounds(column: &str, unsigned: bool) -> Option<(i128, i128)> {
    let bits = match column {
        "tinyint" => 8,
        "smallint" => 16,
        "mediumint" => 24,
        "int" => 32,
        "bigint" => 64,
        "year" => return Some((1901, 2155)),
        _ => return None,
    };
    let full = 1i128 << bits;
    Some(if unsigned { (0, full - 1) } else { (-(full / 2), full / 2 - 1) })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn keyed() -> Keyed {
        Keyed::new(b"k")
    }

    fn form(value: &str) -> String {
        let mut out = vec![];
        same_form(&keyed(), value.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    fn whole(value: i128, column: &str, unsigned: bool) -> i128 {
        let mut out = vec![];
        number(&keyed(), value.to_string().as_bytes(), column, unsigned, &mut out);
        String::from_utf8(out).unwrap().parse().unwrap()
    }

    #[test]
    fn numbers_below_any_bound_are_permuted() {
        for bound in [1u128, 2, 3, 10, 17, 90, 1000] {
            let all: BTreeSet<u128> = (0..bound).map(|value| permute(7, value, bound)).collect();
            assert_eq!(all.len() as u128, bound);
            assert!(all.iter().all(|value| *value < bound));
        }
    }

    #[test]
    fn every_small_number_has_a_mask_of_its_own() {
        let all: BTreeSet<i128> = (-128..128).map(|value| whole(value, "tinyint", false)).collect();
        assert_eq!(all.len(), 256);
        let all: BTreeSet<i128> = (1901..2156).map(|value| whole(value, "year", true)).collect();
        assert!(all.len() == 255 && all.iter().all(|year| (1901..2156).contains(year)));
    }

    #[test]
    fn values_that_differ_in_case_only_differ_in_case_only_after() {
        assert_eq!(form("AbC").to_lowercase(), form("abc"));
        assert_ne!(form("AbC"), form("abc"));
    }

    #[test]
    fn no_letter_of_another_alphabet_stays() {
        assert!(form("Żółć ß Ωμ").is_ascii());
    }

    #[test]
    fn a_countrys_code_stays() {
        let mut out = vec![];
        phone(&keyed(), b"+48 601 234 567", &mut out);
        assert!(out.starts_with(b"+48 ") && out != b"+48 601 234 567", "{}", String::from_utf8_lossy(&out));
    }

    #[test]
    fn decimals_keep_sign_point_and_length() {
        let mut out = vec![];
        number(&keyed(), b"-1234.50", "decimal", false, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with('-') && text.find('.') == Some(5) && text.len() == 8, "{text}");
    }

    proptest! {
        #[test]
        fn a_form_is_kept_and_no_two_meet(left in "[a-zA-Z0-9 .@-]{0,70}", right in "[a-zA-Z0-9 .@-]{0,70}") {
            let masked = form(&left);
            prop_assert_eq!(masked.len(), left.len());
            for (before, after) in left.chars().zip(masked.chars()) {
                prop_assert_eq!(before.is_ascii_digit(), after.is_ascii_digit());
                prop_assert_eq!(before.is_ascii_uppercase(), after.is_ascii_uppercase());
                prop_assert_eq!(before.is_ascii_lowercase(), after.is_ascii_lowercase());
            }
            prop_assert_eq!(left == right, masked == form(&right));
        }

        #[test]
        fn a_number_keeps_its_length_and_its_type(value in any::<i64>(), other in any::<i64>()) {
            let masked = whole(value.into(), "bigint", false);
            prop_assert_eq!(masked.to_string().len(), value.to_string().len());
            prop_assert!(i64::try_from(masked).is_ok());
            prop_assert_eq!(value == other, masked == whole(other.into(), "bigint", false));
        }
    }
}
