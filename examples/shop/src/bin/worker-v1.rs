//! `worker`, version 1.

fn main() -> std::process::ExitCode {
    shop::worker::main(shop::Version::One)
}
