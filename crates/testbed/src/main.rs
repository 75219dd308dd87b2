//! The command line of the testbed: reads arguments, calls the library, turns its answer into an exit code.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use testbed::image::cli::ImageArgs;
use testbed::{Cache, Kubectl, image};

/// A real Kubernetes on this machine, for development, tests and the demo
#[derive(Debug, Parser)]
#[command(name = "testbed", version)]
struct Arguments {
    /// Use this cluster instead of starting one
    #[arg(long, global = true, value_name = "FILE", env = "OUTBOARD_TESTBED_KUBECONFIG")]
    kubeconfig: Option<PathBuf>,
    #[command(subcommand)]
    command: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start the cluster, or finish starting it
    Up,
    /// End the cluster and remove everything it made on this machine
    Down,
    /// Show every component; exit code 1 if one is not ready
    Status,
    /// Kill a daemon (SIGKILL) and start it anew: what a crash does
    Restart { component: String },
    /// Print the path of the administrator's kubeconfig
    Kubeconfig,
    /// Print the path of the certificate that whoever speaks TLS with the gateway has to trust
    Authority,
    /// Print the addresses of a host, as the name server of the testbed's zone knows them
    Resolve { host: String },
    /// Make programs that only benches and a few stories need (helm, kwok, stern, talk, chatter, tofu, rclone, s5cmd,
    /// cert-manager, external-dns, moto, aws, aws-provider, schemathesis, mariadb, mydumper, redis, redis8, browser), beside
    /// kubectl in bin/current of the cache
    Tools {
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
    /// Build, push and list container images
    Image(ImageArgs),
    /// Show the log of a component
    Logs {
        component: String,
        /// Stay and show what is written
        #[arg(short, long)]
        follow: bool,
    },
    /// Copy connections to a target
    #[command(hide = true)]
    Forward { listen: String, target: String },
    /// Be Route 53, and the name server of its zone
    #[command(hide = true)]
    Dns { wire: String, server: String },
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let existing = arguments.kubeconfig.as_deref();
    if let Verb::Forward { listen, target } = &arguments.command {
        testbed::forward::run(listen, target)?;
    }
    if let Verb::Dns { wire, server } = &arguments.command {
        testbed::dns::run(wire, server)?;
    }
    let cache = Cache::open()?;
    match (arguments.command, existing) {
        (Verb::Up, Some(file)) => testbed::check(&cache, file)?,
        (Verb::Up, None) => testbed::up(&cache)?,
        (Verb::Down, Some(_)) => println!("not ours to end: the cluster was there before"),
        (Verb::Down, None) => testbed::down(&cache)?,
        (Verb::Status, _) => {
            return Ok(if testbed::status(&cache, existing)? {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        }
        (Verb::Restart { .. }, Some(_)) => anyhow::bail!("not ours to kill: the cluster was there before"),
        (Verb::Restart { component }, None) => {
            let away = testbed::restart(&cache, &component)?;
            println!("{component} is ready again after {:.1} s", away.as_secs_f64());
        }
        (Verb::Kubeconfig, Some(file)) => println!("{}", file.display()),
        (Verb::Kubeconfig, None) => println!("{}", testbed::kubeconfig_path()?.display()),
        (Verb::Authority, _) => println!("{}", testbed::authority()?.display()),
        (Verb::Resolve { host }, _) => {
            let addresses = testbed::dns::resolve(&host)?;
            anyhow::ensure!(!addresses.is_empty(), "{host} has no address");
            for address in addresses {
                println!("{address}");
            }
        }
        (Verb::Tools { names }, _) => testbed::tools(&cache, &names)?,
        (Verb::Image(image), _) => {
            let mut images = image::catalogue();
            images.push(image::storage(testbed::binary("versitygw")?));
            image::cli::run(&image, &images, &testbed::on_demand(&cache)?)?;
        }
        (Verb::Logs { component, follow }, _) => {
            let kubectl = match existing {
                Some(file) => Kubectl::existing(&cache, file)?,
                None => Kubectl::new(&cache)?,
            };
            // Becomes the program that shows it; only comes back if that fails.
            return Err(testbed::logs(&cache, &kubectl, &component, follow)?.exec().into());
        }
        (Verb::Forward { .. } | Verb::Dns { .. }, _) => {}
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        <super::Arguments as clap::CommandFactory>::command().debug_assert();
    }
}
