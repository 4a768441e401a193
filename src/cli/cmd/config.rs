//! `pgseal config`.

use std::fmt::Write as _;

use clap::Subcommand;
use serde_json::json;

use crate::cli::context::Context;
use crate::cli::output::Ui;
use crate::error::{Code, Result};

/// Options of `config`.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true, after_long_help = "EXAMPLES:\n  pgseal config show --origin")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show every value in force
    ///
    /// Reads and checks the configuration as every other command does and shows the values in force. Nothing secret is
    /// among them: keys are named by path.
    #[command(after_long_help = "EXAMPLES:\n  \
        pgseal config show\n  \
        pgseal config show --origin\n  \
        pgseal config show --json | jq -r '.values[] | select(.origin != \"default\") | .key'")]
    Show {
        /// Also tell where each value comes from: flag, variable, file and line, or default
        #[arg(long)]
        origin: bool,
    },
}

/// Runs it.
pub fn run(args: &Args, ui: &Ui) -> Result<Code> {
    let What::Show { origin } = args.what;
    let ctx = Context::new(ui)?;
    let loaded = ctx.loaded();
    if loaded.file.is_none() {
        ui.say("there is no configuration file; `pgseal init` writes one");
    }
    ui.out.either(
        || {
            let values: Vec<_> = loaded
                .origins
                .iter()
                .map(|(key, value, from)| json!({ "key": key, "value": value, "origin": from.to_string() }))
                .collect();
            json!({ "file": loaded.file.as_ref().map(|p| p.display().to_string()), "values": values })
        },
        || {
            let mut text = String::new();
            for (key, value, from) in &loaded.origins {
                let _ = write!(text, "{key} = {value}");
                if origin {
                    let _ = write!(text, "    # {from}");
                }
                text.push('\n');
            }
            text
        },
    )?;
    Ok(Code::Done)
}
