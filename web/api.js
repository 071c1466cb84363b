// The server's HTTP interface as the page sees it. Every address is relative to the page.

/**
 * A layer of the catalogue, as `GET layers` lists it.
 * @typedef {object} Layer
 * @property {string} id
 * @property {string} title
 * @property {?string} description
 * @property {?string} attribution plain text
 * @property {[number, number, number, number]} bounds west, south, east, north in degrees;
 *   east may pass 180, or be less than west, for data across the antimeridian
 * @property {number} minzoom
 * @property {number} maxzoom
 * @property {string} version
 * @property {'ok'|'error'} status
 * @property {?string} detail why the layer cannot be opened
 * @property {?Legend} legend
 */

/**
 * @typedef {{kind: 'classes', image: string, classes: {value: number, name: string, color: string}[]}
 *   | {kind: 'ramp', image: string, min: number, max: number, unit: ?string}} Legend
 */

/**
 * The values of a layer's bands at one place; null means no data.
 * @typedef {{values: (?number)[], band_names: string[], band_descriptions: string[]}} PointValues
 */

/** Tiles of twice the pixels, where the screen can show them. */
const TILE_SCALE = window.devicePixelRatio > 1.5 ? '@2x' : '';

/** @returns {Promise<Layer[]>} */
export async function fetchLayers() {
  return (await fetchJson('layers')).layers;
}

/**
 * @param {Layer} layer
 * @param {{lon: number, lat: number}} place
 * @param {AbortSignal} signal
 * @returns {Promise<PointValues>}
 */
export function fetchPoint(layer, { lon, lat }, signal) {
  const place = `${lon.toFixed(6)},${lat.toFixed(6)}`;
  return fetchJson(`layers/${encodeURIComponent(layer.id)}/point/${place}`, signal);
}

/** The template of a layer's tile addresses, as Leaflet fills it in. */
export function tileUrl({ id, version }) {
  const [path, query] = [id, version].map(encodeURIComponent);
  return `tiles/${path}/{z}/{x}/{y}${TILE_SCALE}.png?v=${query}`;
}

/** The address of a legend image of a size in CSS pixels. */
export function legendUrl(legend, { width, height }) {
  const url = new URL(legend.image, document.baseURI);
  const scale = Math.ceil(window.devicePixelRatio);
  url.searchParams.set('width', width * scale);
  url.searchParams.set('height', height * scale);
  url.searchParams.set('orientation', 'horizontal');
  return url.href;
}

/** Why the server refuses an address, in its own words; null when it does not refuse. */
export async function explainFailure(url) {
  try {
    const response = await fetch(url);
    return response.ok ? null : await errorText(response);
  } catch {
    return NO_ANSWER;
  }
}

const NO_ANSWER = 'the server does not answer';

async function fetchJson(path, signal) {
  const response = await fetch(path, { signal }).catch((cause) => {
    throw cause.name === 'AbortError' ? cause : new Error(NO_ANSWER, { cause });
  });
  if (!response.ok) throw new Error(await errorText(response));
  return response.json();
}

/** The `detail` of an error answer, or its status where the body is none of ours (a gateway's). */
async function errorText(response) {
  const body = await response.json().catch(() => null);
  return typeof body?.detail === 'string' ? body.detail : `HTTP status ${response.status}`;
}
