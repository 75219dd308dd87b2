//! `migrate`, version 1.

fn main() -> std::process::ExitCode {
    shop::migrate::main(shop::Version::One)
}
