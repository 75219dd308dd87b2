//! Nodes, one line each.

use verbs::clusters::{Here, Machine, Room};
use words::size::bytes;
use words::time::age;

use crate::output::colour::Paint;
use crate::output::table::{or_dash, table};

pub fn list(here: &Here, paint: Paint) -> String {
    let version = here.kubernetes.as_deref().map(|version| format!("  Kubernetes {version}"));
    let head = format!("{}{}\n", paint.strong(&here.server), version.unwrap_or_default());
    if here.machines.is_empty() {
        return head;
    }
    let rows = here.machines.iter().map(|machine| {
        [
            machine.name.clone(),
            state(machine, paint),
            or_dash(machine.instance.as_deref()),
            or_dash(machine.zone.as_deref()),
            room(machine.cpu_millis, |millis| format!("{millis}m")),
            room(machine.memory_bytes, bytes),
            room(machine.pods, |count| count.to_string()),
            or_dash(machine.kubelet.as_deref()),
            age(machine.created.as_deref()),
        ]
    });
    let columns = ["NODE", "STATE", "TYPE", "ZONE", "CPU", "MEMORY", "PODS", "KUBELET", "AGE"];
    let table = table(columns, rows);
    let troubles = here.machines.iter().flat_map(|machine| {
        machine.troubles.iter().map(move |trouble| format!("{} {}: {trouble}", paint.wait("!"), machine.name))
    });
    let told: Vec<String> = std::iter::once(table).chain(troubles).collect();
    format!("{head}{}", told.join("\n"))
}

fn state(machine: &Machine, paint: Paint) -> String {
    match (machine.ready, machine.cordoned) {
        (false, _) => paint.bad("not ready"),
        (true, true) => paint.wait("cordoned"),
        (true, false) => paint.good("ready"),
    }
}

/// `asked/there`; `?` for what could not be read.
fn room(room: Room, written: fn(u64) -> String) -> String {
    let asked = room.asked.map_or_else(|| "?".to_owned(), written);
    format!("{asked}/{}", written(room.there))
}
