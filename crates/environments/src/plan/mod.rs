//! The decisions of the slice: pure functions of values.
