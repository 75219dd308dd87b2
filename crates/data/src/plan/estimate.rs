//! How much there is to copy, as far as a server guesses, and how long the rest will take.

use super::schema::Database;

pub fn rows(databases: &[Database]) -> u64 {
    databases.iter().flat_map(|database| &database.tables).map(|table| table.rows).sum()
}

pub fn bytes(databases: &[Database]) -> u64 {
    databases.iter().flat_map(|database| &database.tables).map(|table| table.bytes).sum()
}

/// By rows; none while nothing is known yet. A guess that was too low is no reason to say that nothing is left.
pub fn seconds_left(done: u64, of: u64, seconds: f64) -> Option<u64> {
    if done == 0 || done >= of {
        return None;
    }
    let rate = done as f64 / seconds.max(0.001);
    Some(((of - done) as f64 / rate).ceil() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_takes_as_long_as_what_is_done_did() {
        assert_eq!(seconds_left(250, 1000, 10.0), Some(30));
        assert_eq!(seconds_left(0, 1000, 10.0), None);
        assert_eq!(seconds_left(1100, 1000, 10.0), None);
    }
}
