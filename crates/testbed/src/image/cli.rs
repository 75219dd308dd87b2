//! `testbed image build|push|list`: one line for each image, with what it took.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

use crate::cache::Cache;
use crate::containerd;
use crate::node::Node;

use super::build::build;
use super::{ImageSpec, Name, Pushed, Registry, Store};

#[derive(Args, Debug)]
pub struct ImageArgs {
    #[command(subcommand)]
    command: ImageCommand,
}

#[derive(Debug, Subcommand)]
enum ImageCommand {
    /// Build images (those named, or all but the ones on demand)
    Build {
        /// `shop/web:1`, or `shop/web` for all its tags, or `shop` for all under it
        names: Vec<String>,
    },
    /// Build images as far as needed and push them
    Push {
        /// `shop/web:1`, or `shop/web` for all its tags, or `shop` for all under it
        names: Vec<String>,
        /// Where the registry listens
        #[arg(long, value_name = "HOST:PORT", default_value_t = crate::registry::address())]
        registry: String,
    },
    /// List images, built or not
    List,
}

/// Runs the command over all images known: `specs` is the catalogue with whatever the caller added, `on_demand` are
/// those that have to be named.
pub fn run(args: &ImageArgs, specs: &[ImageSpec], on_demand: &[ImageSpec]) -> anyhow::Result<()> {
    let store = Store::open_default()?;
    let all = [specs, on_demand].concat();
    let chosen = |names: &[String]| select(if names.is_empty() { specs } else { &all }, names);
    match &args.command {
        ImageCommand::Build { names } => {
            build_all(&store, &chosen(names)?)?;
            Ok(())
        }
        ImageCommand::Push { names, registry } => push(&store, &chosen(names)?, registry),
        ImageCommand::List => list(&store, &all),
    }
}

/// Builds as needed and pushes, telling of each image. What is already there costs one request.
pub fn push(store: &Store, specs: &[&ImageSpec], address: &str) -> anyhow::Result<()> {
    let registry = Registry::at(address);
    let mut tags = Vec::new();
    for image in build_all(store, specs)? {
        let start = Instant::now();
        let pushed = match registry.push(store, &image)? {
            Pushed::Already => "(cached)".to_owned(),
            Pushed::Now { blobs, bytes } => format!("{blobs} blobs, {}", megabytes(bytes)),
        };
        println!("pushed  {:<28} {pushed:<24} {}", image.name(), seconds(start.elapsed()));
        tags.push((image.name(), image.digest));
    }
    if address == crate::registry::address() {
        containerd::forget_moved(&Node::first(&Cache::open()?), &tags)?;
    }
    Ok(())
}

fn build_all(store: &Store, specs: &[&ImageSpec]) -> anyhow::Result<Vec<super::ImageRecord>> {
    let built = build(store, specs, |built| {
        let took = if built.cached { "(cached)".to_owned() } else { seconds(built.took) };
        let image = &built.image;
        println!(
            "built   {:<28} {:>9} {} {took}",
            image.name(),
            megabytes(image.size()),
            short(&image.digest)
        );
    })?;
    Ok(built.into_iter().map(|built| built.image).collect())
}

fn list(store: &Store, specs: &[ImageSpec]) -> anyhow::Result<()> {
    println!("{:<28} {:<19} {:>9} {:>9}", "IMAGE", "DIGEST", "PACKED", "UNPACKED");
    for spec in specs {
        let name = spec.name()?;
        match store.image(&name)? {
            Some(image) => println!(
                "{:<28} {} {:>9} {:>9}",
                image.name(),
                short(&image.digest),
                megabytes(image.size()),
                megabytes(image.unpacked())
            ),
            None => println!("{:<28} not built", name.to_string()),
        }
    }
    Ok(())
}

/// The images the words name; no words, all images.
pub fn select<'a>(specs: &'a [ImageSpec], words: &[String]) -> anyhow::Result<Vec<&'a ImageSpec>> {
    let named: Vec<(Name, &ImageSpec)> =
        specs.iter().map(|spec| Ok((spec.name()?, spec))).collect::<anyhow::Result<_>>()?;
    if let Some(word) = words.iter().find(|word| !named.iter().any(|(name, _)| names(word, name))) {
        let known: Vec<String> = named.iter().map(|(name, _)| name.to_string()).collect();
        bail!("there is no image `{word}`; there are {}", known.join(", "));
    }
    let chosen = |name: &Name| words.is_empty() || words.iter().any(|word| names(word, name));
    Ok(named.iter().filter(|(name, _)| chosen(name)).map(|&(_, spec)| spec).collect())
}

/// The image of this exact name and tag.
pub fn find<'a>(specs: &'a [ImageSpec], name: &str) -> anyhow::Result<&'a ImageSpec> {
    let wanted = Name::parse(name)?;
    specs
        .iter()
        .find(|spec| spec.name().is_ok_and(|name| name == wanted))
        .with_context(|| format!("there is no image `{name}`"))
}

fn names(word: &str, name: &Name) -> bool {
    let under =
        name.repository.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    under || name.to_string() == word
}

fn short(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}

fn megabytes(bytes: u64) -> String {
    // One decimal, in whole numbers: tenths of a megabyte.
    let tenths = bytes.div_ceil(100_000);
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specs() -> Vec<ImageSpec> {
        ["shop/web:1", "shop/web:2", "shopping:1", "library/redis:7"].map(ImageSpec::scratch).into()
    }

    fn selected(words: &[&str]) -> anyhow::Result<Vec<String>> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        select(&specs(), &words)?.iter().map(|spec| Ok(spec.name()?.to_string())).collect()
    }

    #[test]
    fn words_select_by_name_repository_or_folder() {
        assert_eq!(selected(&[]).unwrap().len(), 4);
        assert_eq!(selected(&["shop"]).unwrap(), ["shop/web:1", "shop/web:2"]);
        assert_eq!(selected(&["shop/web:2", "library/redis"]).unwrap(), ["shop/web:2", "library/redis:7"]);
    }

    #[test]
    fn an_unknown_word_is_an_error_that_lists_what_there_is() {
        let error = selected(&["shop", "nope"]).unwrap_err().to_string();
        assert!(error.starts_with("there is no image `nope`; there are shop/web:1, "), "{error}");
    }

    #[test]
    fn sizes_are_rounded_up_to_a_tenth() {
        assert_eq!(megabytes(0), "0.0 MB");
        assert_eq!(megabytes(1), "0.1 MB");
        assert_eq!(megabytes(12_340_000), "12.4 MB");
    }
}
