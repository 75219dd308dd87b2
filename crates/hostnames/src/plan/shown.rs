//! What is said of the certificate that visitors of a host are shown.

use jiff::{SignedDuration, Timestamp};

use super::Name;

/// Whoever renews has done so long before: cert-manager after two thirds of a certificate's time.
const PART: i32 = 5;
/// Of certificates for years, that would be told for months.
const SOON: SignedDuration = SignedDuration::from_hours(21 * 24);

/// A certificate as a visitor sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shown {
    pub hosts: Vec<String>,
    /// Whether visitors take it as this host's.
    pub fits: bool,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

/// How far cert-manager is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Issued {
    /// Nothing was asked of it.
    #[default]
    NotAsked,
    Done,
    /// In its own words.
    Waits(String),
    /// The Gateway has no room for one more listener.
    LeftOut,
}

/// What is said of a host's certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certificate {
    pub ready: bool,
    pub reason: &'static str,
    pub message: String,
    pub not_after: Option<Timestamp>,
}

/// The outcome of a look; `shown` is an error where no certificate could be seen.
pub fn certificate(
    host: &Name,
    shown: &Result<Shown, String>,
    issued: &Issued,
    now: Timestamp,
) -> Certificate {
    let told = |ready, reason, message: String| Certificate {
        ready,
        reason,
        message,
        not_after: shown.as_ref().ok().map(|shown| shown.not_after),
    };
    let good =
        shown.as_ref().ok().filter(|shown| shown.fits && shown.not_before <= now && now < shown.not_after);
    if let Some(good) = good {
        let left = good.not_after.duration_since(now);
        let soon = left < (good.not_after.duration_since(good.not_before) / PART).min(SOON);
        let until = format!("it holds until {}", day(good.not_after));
        return if soon {
            told(true, "ExpiresSoon", format!("{until}: it should have been renewed by now"))
        } else {
            told(true, "Valid", until)
        };
    }
    match (issued, shown) {
        (Issued::LeftOut, _) => {
            let message = "the Gateway has no room for one more listener, so it gets no certificate: release another host";
            told(false, "NoListener", message.to_owned())
        }
        (Issued::Waits(words), _) => told(false, "Issuing", words.clone()),
        (_, Err(words)) => told(false, "NotShown", words.clone()),
        (_, Ok(shown)) if !shown.fits => {
            let hosts = if shown.hosts.is_empty() { "no host".to_owned() } else { shown.hosts.join(", ") };
            told(false, "ForOtherHosts", format!("the certificate that {host} shows is for {hosts}"))
        }
        (_, Ok(shown)) if now < shown.not_before => told(
            false,
            "NotYetValid",
            format!("it holds from {} on, or a clock is wrong", day(shown.not_before)),
        ),
        (_, Ok(shown)) => told(false, "Expired", format!("it expired on {}", day(shown.not_after))),
    }
}

fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_certificate_is_told_by_whom_it_is_for_and_how_long_it_holds() {
        let host = Name::host("www.example.com").unwrap();
        let shown = |hosts: &[&str], fits, from: &str, until: &str| {
            let hosts = hosts.iter().map(|&host| host.to_owned()).collect();
            let time = |day: &str| at(&format!("{day}T12:00:00Z"));
            Ok(Shown { hosts, fits, not_before: time(from), not_after: time(until) })
        };
        let www = ["www.example.com"];
        let good = shown(&www, true, "2026-05-01", "2026-07-30");
        let words = Issued::Waits("Issuing certificate as Secret does not exist".to_owned());
        let told: Vec<String> = [
            (good.clone(), Issued::Done),
            // The new one is on its way while the old one holds.
            (good, words.clone()),
            (shown(&www, true, "2026-03-10", "2026-06-08"), Issued::NotAsked),
            (shown(&www, true, "2025-06-22", "2026-06-22"), Issued::NotAsked),
            (shown(&www, true, "2026-05-31", "2026-06-07"), Issued::NotAsked),
            (shown(&www, true, "2026-03-01", "2026-05-30"), Issued::NotAsked),
            (shown(&www, true, "2026-06-02", "2026-08-30"), Issued::NotAsked),
            (shown(&["*.apps.example.com"], false, "2026-05-01", "2026-07-30"), Issued::NotAsked),
            (shown(&["*.apps.example.com"], false, "2026-05-01", "2026-07-30"), words.clone()),
            (shown(&[], false, "2026-05-01", "2026-07-30"), Issued::LeftOut),
            (Err("192.0.2.1:443 cannot be reached: refused".to_owned()), Issued::NotAsked),
        ]
        .iter()
        .map(|(shown, issued)| {
            let told = certificate(&host, shown, issued, at("2026-06-01T12:00:00Z"));
            format!("{} {}: {}", told.ready, told.reason, told.message)
        })
        .collect();
        insta::assert_yaml_snapshot!(told);
    }
}
