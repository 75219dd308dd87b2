//! `web`, version 2.

fn main() -> std::process::ExitCode {
    shop::web::main(shop::Version::Two)
}
