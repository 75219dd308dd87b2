//! `web`, version 1.

fn main() -> std::process::ExitCode {
    shop::web::main(shop::Version::One)
}
