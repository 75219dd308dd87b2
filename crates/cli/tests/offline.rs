//! What the command line says without a cluster, word for word.

#[test]
fn commands_without_a_cluster_say_what_their_transcripts_say() {
    trycmd::TestCases::new()
        .register_bin("outboard", std::path::Path::new(env!("CARGO_BIN_EXE_outboard")))
        .env("NO_COLOR", "1")
        .env("KUBECONFIG", "/nonexistent/kubeconfig")
        .case("tests/offline/*.trycmd");
}
