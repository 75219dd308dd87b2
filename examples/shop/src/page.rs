//! The one HTML page, rendered from values. Everything that is not ours is escaped.

use std::fmt::Write;

use crate::Version;
use crate::database::Product;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Where this shop runs, as far as it was told.
#[derive(Clone, Debug, Default)]
pub struct Place {
    pub environment: Option<String>,
    pub url: Option<String>,
}

pub fn render(version: Version, place: &Place, products: &[Product], orders: u64) -> String {
    let mut rows = String::new();
    for product in products {
        let (id, name, price) = (product.id, escape(&product.name), price(product));
        let _ = writeln!(
            rows,
            "      <li><span class=\"name\">{name}</span><span class=\"price\">{price}</span>\
             <button data-product=\"{id}\">Order</button></li>"
        );
    }
    if rows.is_empty() {
        rows.push_str("      <li>No products yet.</li>\n");
    }
    let body = format!(
        "    <ul>\n{rows}    </ul>\n    <p class=\"orders\"><b id=\"orders\">{orders}</b> orders so far</p>\n\
         \u{20}   <script>{SCRIPT}</script>\n"
    );
    frame(version, place, &body)
}

/// The page when there is nothing to show, and why.
pub fn trouble(version: Version, place: &Place, reason: &str) -> String {
    let body = format!(
        "    <p class=\"trouble\">The shop is closed for a moment.<br><small>{}</small></p>\n",
        escape(reason)
    );
    frame(version, place, &body)
}

fn frame(version: Version, place: &Place, body: &str) -> String {
    let badge = |name: &String| format!("<span class=\"badge\">{}</span>", escape(name));
    let badge = place.environment.as_ref().map(badge).unwrap_or_default();
    let footer = |url: &String| format!("  <footer>{}</footer>\n", escape(url));
    let footer = place.url.as_ref().map(footer).unwrap_or_default();
    let (accent, version) = (version.accent(), version.name());
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n  <meta charset=\"utf-8\">\n  \
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n  <title>Shop</title>\n  \
         <style>:root {{ --accent: {accent}; }}\n{STYLE}</style>\n</head>\n<body>\n  \
         <header><h1>Shop</h1>{badge}<span class=\"badge\">version {version}</span></header>\n  \
         <main>\n{body}  </main>\n{footer}</body>\n</html>\n"
    )
}

fn price(product: &Product) -> String {
    let full = euros(product.price_cents);
    match product.discount_percent {
        Some(percent) if percent > 0 => {
            format!("<s>{full}</s> {} <em>−{percent} %</em>", euros(product.to_pay()))
        }
        _ => full,
    }
}

fn euros(cents: u64) -> String {
    format!("€ {}.{:02}", cents / 100, cents % 100)
}

fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(name: &str, discount_percent: Option<u8>) -> Product {
        Product { id: 7, name: name.to_owned(), price_cents: 1050, discount_percent }
    }

    #[test]
    fn names_and_reasons_are_escaped() {
        let page = render(
            Version::One,
            &Place { environment: Some("<qa>".to_owned()), url: None },
            &[product("<b>\"Tea\" & 'more'</b>", None)],
            0,
        );
        assert!(page.contains("&lt;b&gt;&quot;Tea&quot; &amp; &#39;more&#39;&lt;/b&gt;"));
        assert!(page.contains("&lt;qa&gt;") && !page.contains("<qa>"));
        assert!(trouble(Version::One, &Place::default(), "<script>").contains("&lt;script&gt;"));
    }

    #[test]
    fn the_versions_look_different() {
        let one = render(Version::One, &Place::default(), &[product("Tea", None)], 3);
        let two = render(Version::Two, &Place::default(), &[product("Tea", Some(20))], 3);
        assert!(one.contains("version 1") && one.contains("€ 10.50") && !one.contains("<s>"));
        assert!(two.contains("version 2") && two.contains("<s>€ 10.50</s> € 8.40"));
        assert_ne!(Version::One.accent(), Version::Two.accent());
    }
}
