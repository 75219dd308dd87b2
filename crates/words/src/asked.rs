//! A copy of data, a backup or a restore as somebody asked for it, in the words of the command line, so that records of it can be
//! read. Quotes nothing: that is the shell's affair.

use verbs::data::{Backing, CopyKeys, CopyLimits, DeniedChoice, MaskChoice, SnapshotChoice, Wanted};

/// What stands behind `outboard -n NAMESPACE`. Nothing that was chosen is left out.
pub fn asked(wanted: &Wanted) -> Vec<String> {
    let services = wanted.services.iter().map(String::as_str);
    let mut words: Vec<String> = match &wanted.backing {
        Backing::Made => {
            ["env", "backup", &wanted.from].into_iter().chain(services).map(str::to_owned).collect()
        }
        Backing::From(backup) => {
            let named = ["env", "restore", &wanted.to].into_iter().chain(services);
            named.chain(["--backup", backup]).map(str::to_owned).collect()
        }
        Backing::None => {
            let named = ["data", "copy", "--from", &wanted.from, "--to", &wanted.to].into_iter();
            let named = named.chain(services.flat_map(|service| ["--only", service]));
            named.chain(["--name", &wanted.name]).map(str::to_owned).collect()
        }
    };
    for (service, keys) in &wanted.keys {
        words.extend(chosen(service, keys));
    }
    let mut say = |flag: &str, value: Option<String>| {
        words.extend(value.into_iter().flat_map(|value| [flag.to_owned(), value]));
    };
    say("--delete-up-to", wanted.delete_up_to.map(|count| count.to_string()));
    say("--workers", wanted.workers.map(|count| count.to_string()));
    say(
        "--snapshot",
        match wanted.snapshot {
            SnapshotChoice::Auto => None,
            SnapshotChoice::Always => Some("always".to_owned()),
            SnapshotChoice::Never => Some("never".to_owned()),
        },
    );
    say("--mask", (wanted.masks == MaskChoice::None).then(|| "none".to_owned()));
    for (flag, value) in gently(&wanted.limits) {
        say(flag, value);
    }
    // A backup never holds anything.
    let holds_nothing = !wanted.quiesce && wanted.backing != Backing::Made;
    let switches = [
        ("--skip-denied", wanted.denied == DeniedChoice::Skip),
        ("--no-quiesce", holds_nothing),
        ("--protected", wanted.protected),
        ("--dry-run", wanted.dry_run),
    ];
    words.extend(switches.into_iter().filter(|(_, on)| *on).map(|(flag, _)| flag.to_owned()));
    words
}

fn chosen(service: &str, keys: &CopyKeys) -> Vec<String> {
    let include = keys.include.iter().map(|key| ("--include", format!("{service}={key}")));
    let exclude = keys.exclude.iter().map(|key| ("--exclude", format!("{service}={key}")));
    let rename = keys.rename.iter().map(|(from, to)| ("--rename", format!("{service}={from}={to}")));
    include.chain(exclude).chain(rename).flat_map(|(flag, value)| [flag.to_owned(), value]).collect()
}

fn gently(limits: &CopyLimits) -> [(&'static str, Option<String>); 7] {
    [
        ("--limit", limits.bytes_per_second.map(|bytes| format!("{bytes}B/s"))),
        ("--connections", limits.connections.map(|count| count.to_string())),
        ("--threads-running", limits.threads_running.map(|count| count.to_string())),
        ("--latency", limits.latency_millis.map(|millis| millis.to_string())),
        ("--cpu", limits.cpu_percent.map(|percent| percent.to_string())),
        ("--transfers", limits.transfers.map(|count| count.to_string())),
        ("--requests", limits.requests_per_second.map(|count| count.to_string())),
    ]
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use verbs::data::{self, Chosen};

    use super::*;

    fn line(wanted: &Wanted) -> String {
        asked(wanted).join(" ")
    }

    #[test]
    fn a_record_of_a_restore_says_whether_it_was_masked_and_into_what() {
        let chosen = Chosen { backup: "live-1".into(), environment: "live".into() };
        let plain = data::restore(&chosen, "qa", vec!["db".into()], Timestamp::UNIX_EPOCH);
        assert_eq!(line(&plain), "env restore qa db --backup live-1");
        let bare = Wanted { masks: MaskChoice::None, protected: true, ..plain };
        assert_eq!(line(&bare), "env restore qa db --backup live-1 --mask none --protected");
    }

    #[test]
    fn a_record_of_a_backup_says_what_it_is_of() {
        let limits = CopyLimits { bytes_per_second: Some(2048), ..CopyLimits::default() };
        let made = data::back_up("live", vec![], limits, Timestamp::UNIX_EPOCH);
        assert_eq!(line(&Wanted { protected: true, ..made }), "env backup live --limit 2048B/s --protected");
    }

    #[test]
    fn a_record_of_a_copy_says_all_that_was_chosen() {
        let chosen = Chosen { backup: String::new(), environment: "live".into() };
        let plain = Wanted {
            name: "c1".into(),
            backing: Backing::None,
            ..data::restore(&chosen, "qa", vec![], Timestamp::UNIX_EPOCH)
        };
        assert_eq!(line(&plain), "data copy --from live --to qa --name c1");
        let keys = CopyKeys {
            include: vec!["user:*".into()],
            exclude: vec!["user:1".into()],
            rename: [("a".to_owned(), "b".to_owned())].into(),
        };
        let all = Wanted {
            services: vec!["db".into(), "cache".into()],
            keys: [("cache".to_owned(), keys)].into(),
            delete_up_to: Some(0),
            denied: DeniedChoice::Skip,
            snapshot: SnapshotChoice::Never,
            workers: Some(2),
            masks: MaskChoice::None,
            limits: CopyLimits { cpu_percent: Some(50), ..CopyLimits::default() },
            dry_run: true,
            quiesce: false,
            protected: true,
            ..plain
        };
        assert_eq!(
            line(&all),
            "data copy --from live --to qa --only db --only cache --name c1 --include cache=user:* --exclude \
             cache=user:1 --rename cache=a=b --delete-up-to 0 --workers 2 --snapshot never --mask none --cpu 50 \
             --skip-denied --no-quiesce --protected --dry-run"
        );
    }
}
