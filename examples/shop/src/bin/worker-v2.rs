//! `worker`, version 2.

fn main() -> std::process::ExitCode {
    shop::worker::main(shop::Version::Two)
}
