//! `migrate`, version 2.

fn main() -> std::process::ExitCode {
    shop::migrate::main(shop::Version::Two)
}
