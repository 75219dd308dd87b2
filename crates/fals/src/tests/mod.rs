//! Whole ways of lines: from files to a Firehose that errs like the real one.

mod gathering;
mod losing;
mod sending;
mod stage;
