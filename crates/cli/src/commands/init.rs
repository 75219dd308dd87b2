//! `outboard init`.

use std::path::PathBuf;

use clap::Args;
use verbs::import;

use crate::context::Context;
use crate::error::Result;

/// Begin: write an outboard.yaml with what the Dockerfiles here say, and comments for the rest
#[derive(Args, Debug)]
pub struct InitArgs {
    /// The directory to look at and to write into
    #[arg(value_name = "DIRECTORY", default_value = ".")]
    pub directory: PathBuf,
    /// Write it although there is something to import, such as a Compose file
    #[arg(long)]
    pub starter: bool,
}

pub fn run(context: &Context, args: &InitArgs) -> Result<()> {
    let begun = import::begin(&args.directory, args.starter)?;
    context.output.result(&begun, |paint| {
        let mut text = String::new();
        for suggestion in &begun.suggestions {
            text.push_str(&format!("what is there already makes more of it: {}\n", paint.strong(suggestion)));
        }
        match &begun.file {
            Some(file) => {
                let components = begun.starter.components.join(", ");
                text.push_str(&format!(
                    "{} wrote {file}: project {} with {components}\nnext: fill it in, then `outboard check`\n",
                    paint.good("✓"),
                    begun.starter.project
                ));
            }
            None => text.push_str("nothing was written; --starter writes a file to begin with all the same\n"),
        }
        text
    })
}
