//! `cogwheel info LAYER|PATH`.

use clap::Args;

use super::{CliError, Setup, say};
use crate::catalog::OpenLayer;
use crate::http::layer_document;
use crate::storage::redacted;

/// Arguments of `info`.
#[derive(Debug, Args)]
pub struct InfoArgs {
    /// Name of a layer, or path of a raster
    target: String,
    /// As JSON, like GET /layers/{layer}
    #[arg(long)]
    json: bool,
}

pub async fn run(setup: &Setup, args: InfoArgs) -> Result<(), CliError> {
    let layer = setup.layer_or_raster(&args.target).await?;
    if args.json {
        let document = layer_document(&layer).await?;
        say(&format!("{document:#}"));
    } else {
        say(&describe(&layer));
    }
    Ok(())
}

fn describe(layer: &OpenLayer) -> String {
    let profile = layer.profile();
    let bounds = profile.bounds.to_bbox().map(|degrees| format!("{degrees:.6}")).join(", ");
    let overviews: Vec<String> =
        profile.levels[1..].iter().map(|level| format!("{}x{}", level.width, level.height)).collect();
    let mut lines = vec![
        format!("{}: {}", redacted(&layer.id), redacted(&layer.config.source)),
        format!("  format       {} (reader: {})", profile.driver, profile.reader),
        format!("  size         {} x {} pixels, {} bands", profile.width, profile.height, profile.bands.len()),
        format!("  crs          {}", profile.crs.label()),
        format!("  bounds       {bounds} (west, south, east, north)"),
        format!("  zooms        {} to {}", layer.zooms[0], layer.zooms[1]),
        format!("  overviews    {}", if overviews.is_empty() { "none".to_owned() } else { overviews.join(", ") }),
    ];
    for (index, band) in profile.bands.iter().enumerate() {
        let nodata = band.nodata.map_or_else(|| "none".to_owned(), |value| value.to_string());
        let colors = band.color_table.as_ref().map_or(String::new(), |table| format!(", {} colours", table.len()));
        lines.push(format!(
            "  band {:<7} {}, {}, nodata {nodata}, mask {}{colors}",
            index + 1,
            band.dtype,
            band.color_interpretation,
            band.mask.name(),
        ));
    }
    lines.join("\n")
}
