//! Which columns look like personal data, by name and by what is in them. Proposes; a person decides.

use api::MaskSpec;
use serde::Serialize;

use super::schema::{Column, Table};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proposal {
    pub column: String,
    pub mask: MaskSpec,
    pub because: String,
}

/// `samples` are some of the column's values as text.
pub fn propose(table: &Table, column: &Column, samples: &[String]) -> Option<Proposal> {
    let (kind, because) = by_content(column, samples).or_else(|| by_name(column))?;
    let unique = table
        .indexes
        .iter()
        .any(|index| index.unique && index.parts.iter().any(|part| part.column == column.name));
    let mask = match kind {
        // Would make different values the same.
        MaskSpec::Name | MaskSpec::Address if unique => MaskSpec::Format,
        MaskSpec::Null if !column.nullable => MaskSpec::Constant(String::new()),
        other => other,
    };
    Some(Proposal { column: format!("{}.{}", table.place, column.name), mask, because })
}

/// Words that a column's name is made of, and what it then holds.
const NAMES: &[(&[&str], MaskSpec)] = &[
    (&["email", "mail", "e_mail"], MaskSpec::Email),
    (&["phone", "mobile", "fax", "telephone", "msisdn"], MaskSpec::Phone),
    (
        &["firstname", "lastname", "surname", "fullname", "first_name", "last_name", "full_name"],
        MaskSpec::Name,
    ),
    (&["address", "street", "address1", "address2"], MaskSpec::Address),
    (
        &["iban", "ssn", "pesel", "passport", "card", "pan", "vat", "tax_id", "account_number"],
        MaskSpec::Format,
    ),
    (&["password", "passwd", "secret", "token", "api_key", "apikey"], MaskSpec::Hash),
    (&["ip", "ip_address", "ipaddress"], MaskSpec::Format),
];

fn by_name(column: &Column) -> Option<(MaskSpec, String)> {
    let name = column.name.to_lowercase();
    let words: Vec<&str> = name.split(['_', '-']).collect();
    if matches!(column.kind.as_str(), "date" | "datetime")
        && (words.iter().any(|word| matches!(*word, "birth" | "birthday" | "dob" | "birthdate" | "born")))
    {
        return Some((MaskSpec::DateShift(30), format!("its name is {}", column.name)));
    }
    if !column.is_text() {
        return None;
    }
    let speaks =
        |known: &&str| words.contains(known) || name == **known || name.ends_with(&format!("_{known}"));
    let found = NAMES.iter().find(|(known, _)| known.iter().any(&speaks));
    found.map(|(_, mask)| (mask.clone(), format!("its name is {}", column.name)))
}

/// What values are, how they are then masked, and how they are told.
type Form = (&'static str, MaskSpec, fn(&str) -> bool);

/// Nine of ten values have the form.
fn by_content(column: &Column, samples: &[String]) -> Option<(MaskSpec, String)> {
    if !column.is_text() || samples.len() < 5 {
        return None;
    }
    let tests: [Form; 4] = [
        ("e-mail addresses", MaskSpec::Email, is_email),
        ("bank accounts", MaskSpec::Format, is_iban),
        ("card numbers", MaskSpec::Format, is_card),
        ("telephone numbers", MaskSpec::Phone, is_phone),
    ];
    tests.into_iter().find_map(|(what, mask, test)| {
        let hits = samples.iter().filter(|sample| test(sample)).count();
        (hits * 10 >= samples.len() * 9)
            .then(|| (mask, format!("{hits} of {} values looked at are {what}", samples.len())))
    })
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, host)| {
        !local.is_empty()
            && !text.contains(char::is_whitespace)
            && host.split('.').count() > 1
            && host.split('.').all(|part| !part.is_empty() && !part.contains('@'))
    })
}

fn is_phone(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let form = text.chars().all(|character| character.is_ascii_digit() || " +-()/.".contains(character));
    // Digits alone may be any number.
    form && (7..=15).contains(&digits)
        && (text.starts_with('+') || text.starts_with("00") || text.contains([' ', '-', '/', '(']))
}

fn is_iban(text: &str) -> bool {
    let text: String = text.chars().filter(|character| *character != ' ').collect();
    if !(15..=34).contains(&text.len()) || !text.chars().all(|character| character.is_ascii_alphanumeric()) {
        return false;
    }
    let country = text.chars().take(2).all(|character| character.is_ascii_uppercase());
    let turned = text.chars().skip(4).chain(text.chars().take(4));
    let rest = turned.filter_map(|character| character.to_digit(36)).fold(0u32, |rest, digit| {
        if digit > 9 { (rest * 100 + digit) % 97 } else { (rest * 10 + digit) % 97 }
    });
    country && rest == 1
}

fn is_card(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|character| character.to_digit(10)).collect();
    let form = text.chars().all(|character| character.is_ascii_digit() || " -".contains(character));
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match (at % 2, digit * 2) {
            (0, _) => *digit,
            (_, doubled) if doubled > 9 => doubled - 9,
            (_, doubled) => doubled,
        })
        .sum();
    form && (13..=19).contains(&digits.len()) && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{column, nullable, with_key};
    use super::*;

    fn proposed(column: &Column, samples: &[&str]) -> Option<MaskSpec> {
        let table = with_key(vec![column.clone()], &["id"]);
        let samples: Vec<String> = samples.iter().map(ToString::to_string).collect();
        propose(&table, column, &samples).map(|proposal| proposal.mask)
    }

    #[test]
    fn names_speak() {
        assert_eq!(proposed(&column("billing_email", "varchar"), &[]), Some(MaskSpec::Email));
        assert_eq!(proposed(&column("last_name", "varchar"), &[]), Some(MaskSpec::Name));
        assert_eq!(proposed(&nullable("birth_date", "date"), &[]), Some(MaskSpec::DateShift(30)));
        assert_eq!(proposed(&column("zip_shipping", "varchar"), &[]), None);
        assert_eq!(proposed(&column("email", "int"), &[]), None);
    }

    #[test]
    fn content_speaks_louder_than_a_name() {
        let cards = [
            "4111111111111111",
            "5500 0000 0000 0004",
            "340000000000009",
            "6011000000000004",
            "30000000000004",
        ];
        assert_eq!(proposed(&column("x", "varchar"), &cards), Some(MaskSpec::Format));
        let ibans = ["GB82 WEST 1234 5698 7654 32"; 5];
        assert_eq!(proposed(&column("name", "varchar"), &ibans), Some(MaskSpec::Format));
        let mails = ["a@b.example", "c.d@e.example", "f@g.example", "h@i.example", "j@k.example"];
        assert_eq!(proposed(&column("login", "varchar"), &mails), Some(MaskSpec::Email));
        assert_eq!(proposed(&column("code", "varchar"), &["1", "2", "3", "4", "5"]), None);
    }
}
