// The address of a view: `#zoom/lat/lon/layer[,layer]/opacity`, layers from the bottom up.
// Pure functions; app.js decides when to read and write it.

/**
 * What a hash says; a part that is missing or makes no sense is undefined.
 * @typedef {{zoom?: number, lat?: number, lon?: number, layers?: string[], opacity?: number}} View
 */

/** @returns {View} */
export function parseHash(hash) {
  const [zoom, lat, lon, layers, opacity] = hash.replace(/^#/, '').split('/');
  return {
    zoom: numberWithin(zoom, 0, 30),
    lat: numberWithin(lat, -90, 90),
    lon: numberWithin(lon, -1e4, 1e4),
    layers: layers?.split(',').map(decode).filter(unique),
    opacity: numberWithin(opacity, 0, 1),
  };
}

/** @param {Required<View>} view */
export function formatHash({ zoom, lat, lon, layers, opacity }) {
  const digits = degreeDigits(zoom);
  const ids = layers.map(encodeURIComponent).join(',');
  return `#${zoom}/${lat.toFixed(digits)}/${lon.toFixed(digits)}/${ids}/${opacity}`;
}

/** Enough decimals that one step is finer than a pixel of a 256 px tile at this zoom. */
export function degreeDigits(zoom) {
  return Math.ceil(zoom * Math.log10(2)) + 1;
}

function numberWithin(text, min, max) {
  if (!text?.trim()) return undefined;
  const number = Number(text);
  return number >= min && number <= max ? number : undefined;
}

function unique(id, index, all) {
  return id !== '' && all.indexOf(id) === index;
}

/** Percent-decoded text, or the text itself where a stray % makes that impossible. */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
