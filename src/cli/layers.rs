//! `cogwheel layers`.

use clap::Args;
use serde_json::json;

use super::{CliError, Setup, say};
use crate::storage::redacted;

/// Arguments of `layers`.
#[derive(Debug, Args)]
pub struct LayersArgs {
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub async fn run(setup: &Setup, args: LayersArgs) -> Result<(), CliError> {
    let catalog = setup.catalog().await?;
    let (mut rows, mut broken) = (Vec::new(), 0);
    for layer in catalog.iter() {
        let (status, detail) = match layer.open().await {
            Ok(open) => ("ok", format!("zoom {} to {}", open.zooms[0], open.zooms[1])),
            Err(error) => {
                broken += 1;
                ("error", error.to_string())
            }
        };
        let title = layer.config.title.as_deref().unwrap_or(&layer.id);
        if args.json {
            rows.push(json!({ "id": layer.id, "title": title, "source": redacted(&layer.config.source), "status": status, "detail": detail }));
        } else {
            say(&format!("{:<16} {status:<6} {title}  [{}]  {detail}", layer.id, redacted(&layer.config.source)));
        }
    }
    if args.json {
        say(&format!("{:#}", json!(rows)));
    }
    if broken > 0 { Err(CliError::BrokenLayers { count: broken }) } else { Ok(()) }
}
