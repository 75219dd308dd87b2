//! The cluster that is spoken to, and those of files, as they are shown.

use askama::Template;
use jiff::Timestamp;
use verbs::clusters::{Folder, Here, Kept, Machine, Room};
use words::size::bytes;
use words::time::age_at;

use super::tone::Chip;
use crate::command;

#[derive(Template)]
#[template(path = "_cluster.html")]
pub struct Standing {
    pub here: Here,
    pub rows: Vec<Row>,
    /// Of all machines that take pods.
    pub sums: Vec<Filled>,
}

pub struct Row {
    pub machine: Machine,
    pub chip: Chip,
    pub age: String,
    pub filled: Vec<Filled>,
}

/// How much of something is asked for.
pub struct Filled {
    pub what: &'static str,
    pub said: String,
    /// None: that is not known.
    pub percent: Option<u64>,
}

fn filled(what: &'static str, room: Room, written: fn(u64) -> String) -> Filled {
    let there = written(room.there);
    let said = match room.asked {
        Some(asked) => format!("{} of {there}", written(asked)),
        None => there,
    };
    let percent = room.asked.filter(|_| room.there > 0).map(|asked| asked.saturating_mul(100) / room.there);
    Filled { what, said, percent }
}

fn processors(millis: u64) -> String {
    let tenths = millis.saturating_add(50) / 100;
    if tenths.is_multiple_of(10) {
        format!("{}", tenths / 10)
    } else {
        format!("{}.{}", tenths / 10, tenths % 10)
    }
}

fn all(cpu: Room, memory: Room, pods: Room) -> Vec<Filled> {
    vec![
        filled("CPU", cpu, processors),
        filled("Memory", memory, bytes),
        filled("Pods", pods, |count| count.to_string()),
    ]
}

fn together(machines: &[Machine], of: fn(&Machine) -> Room) -> Room {
    let taking = || machines.iter().filter(|machine| machine.ready && !machine.cordoned).map(of);
    let asked: Option<Vec<u64>> = taking().map(|room| room.asked).collect();
    let sum = |all: Vec<u64>| all.into_iter().fold(0, u64::saturating_add);
    Room { there: sum(taking().map(|room| room.there).collect()), asked: asked.map(sum) }
}

impl Standing {
    pub fn of(here: Here, now: Timestamp) -> Self {
        let machines = &here.machines;
        let sums = all(
            together(machines, |machine| machine.cpu_millis),
            together(machines, |machine| machine.memory_bytes),
            together(machines, |machine| machine.pods),
        );
        let rows = machines.iter().map(|machine| row(machine, now)).collect();
        Self { rows, sums, here }
    }
}

fn row(machine: &Machine, now: Timestamp) -> Row {
    let chip = match (machine.ready, machine.cordoned) {
        (false, _) => Chip::new("bad", "circle-x", "Not ready"),
        (true, true) => Chip::new("wait", "circle-pause", "Cordoned"),
        (true, false) if !machine.troubles.is_empty() => Chip::new("wait", "triangle-alert", "Strained"),
        (true, false) => Chip::new("good", "circle-check", "Ready"),
    };
    Row {
        chip,
        age: age_at(machine.created.as_deref(), now),
        filled: all(machine.cpu_millis, machine.memory_bytes, machine.pods),
        machine: machine.clone(),
    }
}

/// Those whose files lie in the folder that this process was told of.
#[derive(Template)]
#[template(path = "_cluster_files.html")]
pub struct Files {
    /// None: it was told of none.
    pub rows: Option<Vec<File>>,
    /// So many more lie there, and are not shown.
    pub left_out: usize,
    /// Why they are not shown.
    pub trouble: Option<String>,
}

pub struct File {
    pub kept: Kept,
    pub chip: Chip,
    pub applied: Option<String>,
    pub cost: Option<String>,
    /// What the last look found, and how long ago.
    pub drift: Option<String>,
    pub drifted: bool,
    /// How one looks at its drift.
    pub command: String,
}

impl Files {
    pub fn of(all: Folder, now: Timestamp) -> Self {
        let rows = all.clusters.into_iter().map(|kept| file(kept, now)).collect();
        Self { rows: Some(rows), left_out: all.left_out, trouble: None }
    }

    /// Of no folder, or of one that is not shown.
    pub fn none(trouble: Option<String>) -> Self {
        Self { rows: None, left_out: 0, trouble }
    }
}

fn file(kept: Kept, now: Timestamp) -> File {
    let chip = match kept.state.as_deref() {
        Some("applied") => Chip::new("good", "circle-check", "Applied"),
        Some("adopted") => Chip::new("quiet", "circle-check", "Adopted"),
        Some("locked") => Chip::new("wait", "loader-circle", "Worked on"),
        Some("incomplete") => Chip::new("bad", "triangle-alert", "Incomplete"),
        Some(_) => Chip::new("quiet", "circle-dashed", "Not made"),
        None => Chip::new("quiet", "circle-dashed", "Not known"),
    };
    let drift = kept.drift.as_ref().map(|drift| {
        let age = age_at(Some(&drift.at), now);
        match drift.drifted.len() {
            0 => format!("none, {age} ago"),
            count => format!("{}, {age} ago", words::size::count(count as u64, "difference")),
        }
    });
    let cost = kept.monthly.map(|least| match kept.monthly_at_most.filter(|most| *most > least) {
        Some(most) => format!("${least:.0} to ${most:.0} a month"),
        None => format!("${least:.0} a month"),
    });
    File {
        chip,
        applied: kept.applied_at.as_ref().map(|at| age_at(Some(at), now)),
        cost,
        drift,
        drifted: kept.drift.as_ref().is_some_and(|drift| !drift.drifted.is_empty()),
        command: command::cluster_drift(&kept.file),
        kept,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::sample::{NOW, cluster_files, machines};

    #[test]
    fn machines_are_shown_with_what_is_asked_of_them_and_what_is_wrong() {
        insta::assert_snapshot!(Standing::of(machines(), *NOW).render().unwrap());
    }

    #[test]
    fn where_nothing_may_be_read_that_is_all_that_is_said() {
        let mut here = machines();
        here.machines.clear();
        insta::assert_snapshot!(Standing::of(here, *NOW).render().unwrap());
    }

    #[test]
    fn machines_that_take_no_pods_are_no_room() {
        let sums = Standing::of(machines(), *NOW).sums;
        let said: Vec<_> = sums.iter().map(|sum| (sum.said.as_str(), sum.percent)).collect();
        assert_eq!(
            said,
            [("1.5 of 1.9", Some(77)), ("3.0 GiB of 7.0 GiB", Some(42)), ("12 of 29", Some(41))]
        );
    }

    fn folder(left_out: usize) -> Folder {
        Folder { clusters: cluster_files(), left_out }
    }

    #[test]
    fn files_say_state_price_and_what_the_last_look_found() {
        insta::assert_snapshot!(Files::of(folder(0), *NOW).render().unwrap());
    }

    #[test]
    fn of_too_many_files_it_is_said_that_some_are_not_shown() {
        let shown = Files::of(folder(3), *NOW).render().unwrap();
        assert!(shown.contains("3 more Cluster files lie there"), "{shown}");
    }

    #[test]
    fn rooms_without_end_are_added_up() {
        let mut here = machines();
        for machine in &mut here.machines {
            machine.cpu_millis = Room { there: u64::MAX, asked: Some(u64::MAX) };
        }
        assert_eq!(together(&here.machines, |machine| machine.cpu_millis).asked, Some(u64::MAX));
        assert!(Standing::of(here, *NOW).render().is_ok());
    }

    #[test]
    fn without_files_it_is_said_how_they_are_shown() {
        insta::assert_snapshot!(Files::none(None).render().unwrap());
    }
}
