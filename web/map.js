// The Leaflet map and the stack of tile layers on it.

import { explainFailure, tileUrl } from './api.js';
import { MERCATOR_LAT, insideOneWorld, isWorldwide, unwrapped } from './bounds.js';

const { L } = window;

const MAX_ZOOM = 19;
/** The middle of a view of the world: more land is north than south. */
const WORLD_CENTRE = [20, 0];
/** East and west as good as without end, north and south where Mercator's world ends. */
const PAN_LIMITS = [[-MERCATOR_LAT, -36000], [MERCATOR_LAT, 36000]];
const WORLD = [[-MERCATOR_LAT, -180], [MERCATOR_LAT, 180]];

/** A map of the world without layers. */
export function createMap(element) {
  const map = L.map(element, {
    center: WORLD_CENTRE,
    zoom: 2,
    minZoom: 1,
    maxZoom: MAX_ZOOM,
    maxBounds: PAN_LIMITS,
    maxBoundsViscosity: 1,
    worldCopyJump: true,
    zoomControl: false,
  });
  map.attributionControl.setPrefix('<a href="https://leafletjs.com">Leaflet</a>');
  L.control.zoom({ position: 'topright' }).addTo(map);
  L.control.scale({ position: 'bottomright', imperial: false }).addTo(map);
  return map;
}

/**
 * Shows all of a layer, at a zoom where it has tiles; of a worldwide one as much as fills the window.
 * @param {number} left width in pixels that the panel covers
 */
export function zoomToLayer(map, layer, left = 0) {
  if (isWorldwide(layer.bounds)) {
    map.setView(WORLD_CENTRE, map.getBoundsZoom(WORLD, true));
    return;
  }
  const [west, south, east, north] = unwrapped(layer.bounds);
  const bounds = L.latLngBounds([south, west], [north, east]);
  const covered = L.point(left, 0);
  const zoom = Math.max(map.getBoundsZoom(bounds, false, covered), layer.minzoom);
  const centre = map.project(bounds.getCenter(), zoom).subtract(covered.divideBy(2));
  map.setView(map.unproject(centre, zoom), zoom);
}

/** The tile layers that are on, kept in step with what the user has chosen. */
export class LayerStack {
  /** @type {Map<string, L.TileLayer>} */
  #shown = new Map();

  /**
   * @param {L.Map} map
   * @param {(layer: Layer, reason: ?string) => void} onFailure told why tiles of a layer fail,
   *   and null once they come again
   */
  constructor(map, onFailure) {
    this.map = map;
    this.onFailure = onFailure;
  }

  /**
   * Shows these layers and no others, from the bottom up.
   * @param {{layer: Layer, opacity: number}[]} wanted
   */
  show(wanted) {
    const ids = new Set(wanted.map(({ layer }) => layer.id));
    for (const id of [...this.#shown.keys()].filter((id) => !ids.has(id))) this.#remove(id);
    wanted.forEach(({ layer, opacity }, index) => {
      const tiles = this.#shown.get(layer.id) ?? this.#add(layer);
      tiles.setOpacity(opacity).setZIndex(index + 1);
    });
  }

  #add(layer) {
    const tiles = L.tileLayer(tileUrl(layer), {
      minZoom: layer.minzoom,
      maxZoom: MAX_ZOOM, // past its own maxzoom the server overzooms, so every tile is a real one
      bounds: insideOneWorld(layer.bounds) ? leafletBounds(layer.bounds) : undefined,
      attribution: escapeHtml(layer.attribution ?? ''),
    });
    this.#watch(layer, tiles);
    this.#shown.set(layer.id, tiles.addTo(this.map));
    return tiles;
  }

  #remove(id) {
    this.#shown.get(id).remove();
    this.#shown.delete(id);
  }

  /** Asks the server once a round of loading why tiles failed, and takes it back after a clean round. */
  #watch(layer, tiles) {
    let failed = false;
    tiles.on('loading', () => {
      failed = false;
    });
    tiles.on('load', () => {
      if (!failed) this.onFailure(layer, null);
    });
    tiles.on('tileerror', async ({ tile }) => {
      if (failed) return;
      failed = true;
      const reason = await explainFailure(tile.src);
      if (reason && this.#shown.has(layer.id)) this.onFailure(layer, reason);
    });
  }
}

function leafletBounds([west, south, east, north]) {
  return [[south, west], [north, east]];
}

/** Leaflet takes attributions as HTML; ours are plain text. */
function escapeHtml(text) {
  const element = document.createElement('span');
  element.textContent = text;
  return element.innerHTML;
}
