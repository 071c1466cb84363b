//! `cogwheel tile LAYER Z X Y -o FILE`.

use std::path::PathBuf;

use clap::Args;

use super::{CliError, Setup, say};
use crate::encode::TileFormat;
use crate::geo::TileId;
use crate::parameter::BadParameter;
use crate::render::{self, RenderOptions, TileQuery};

/// Arguments of `tile`; the options are the parameters of the tile address.
#[derive(Debug, Args)]
pub struct TileArgs {
    /// Name of the layer
    layer: String,
    /// Zoom
    z: u64,
    /// Column, from the west
    x: u64,
    /// Row, from the north
    y: u64,
    /// Where to write it; the extension (.png or .npy) is the format
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Bands, from 1 (repeatable)
    #[arg(long)]
    bidx: Vec<String>,
    /// min,max by band (repeatable)
    #[arg(long, allow_hyphen_values = true)]
    rescale: Vec<String>,
    /// A named colormap
    #[arg(long)]
    colormap_name: Option<String>,
    /// A colormap as JSON
    #[arg(long)]
    colormap: Option<String>,
    /// nearest, bilinear, cubic, lanczos, average or mode
    #[arg(long)]
    resampling: Option<String>,
    /// Value that means "no data", instead of the file's own
    #[arg(long, allow_hyphen_values = true)]
    nodata: Option<String>,
    /// Pixels along a side, 64 to 1024
    #[arg(long)]
    tilesize: Option<String>,
    /// Whether validity is part of the answer
    #[arg(long)]
    return_mask: Option<String>,
}

pub async fn run(setup: &Setup, args: TileArgs) -> Result<(), CliError> {
    let extension = args.output.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let format: TileFormat = extension.parse().map_err(|error: crate::encode::UnknownFormat| BadParameter {
        parameter: "--output",
        reason: error.to_string(),
    })?;
    let tile = TileId::new(args.z, args.x, args.y)?;
    let layer = setup.layer(&args.layer).await?;
    let query = TileQuery {
        bidx: args.bidx,
        rescale: args.rescale,
        colormap_name: args.colormap_name,
        colormap: args.colormap,
        resampling: args.resampling,
        nodata: args.nodata,
        tilesize: args.tilesize,
        return_mask: args.return_mask,
    };
    let options = RenderOptions::resolve(&query, 1, format, &layer)?;
    let tile = render::tile(&setup.pool, &layer, tile, options).await?;
    let shown = args.output.display().to_string();
    std::fs::write(&args.output, &tile.body).map_err(CliError::io(format!("cannot write {shown}")))?;
    let remark = if tile.is_empty { " (no data in this tile)" } else { "" };
    say(&format!("{shown}: {} bytes{remark}", tile.body.len()));
    Ok(())
}
