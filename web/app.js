// The page: holds what the user has chosen, and keeps map, panel and address in step with it.

import { fetchLayers } from './api.js';
import { covers } from './bounds.js';
import { formatHash, parseHash } from './hash.js';
import { LayerStack, createMap, zoomToLayer } from './map.js';
import { Notices } from './notices.js';
import { coveredWidth, fillPanel, foldPanel, updatePanel } from './panel.js';
import { watchValue } from './readout.js';

const DEFAULT_OPACITY = 0.8;

const map = createMap('map');
const notices = new Notices(document.getElementById('notices'));
const stack = new LayerStack(map, reportTiles);

/** The catalogue; its first layer is the base, which lies under the others and stays opaque. */
let layers = [];
/** What is on, from the bottom up, and how opaque the overlays are. */
const chosen = { on: [], opacity: DEFAULT_OPACITY };

foldPanel();
watchValue(map, document.getElementById('readout'), layerAt);
start();

async function start() {
  try {
    layers = await fetchLayers();
  } catch (error) {
    notices.show('catalogue', `The list of layers could not be loaded: ${error.message}`, { label: 'Try again', run: start });
    return;
  }
  if (layers.length === 0) notices.show('catalogue', 'This server has no layers yet.');
  fillPanel(layers, { toggle, zoomTo, setOpacity });
  readHash();
  map.on('moveend', update);
  window.addEventListener('hashchange', readHash);
}

/** Takes over what the address says, and the defaults for what it leaves out. */
function readHash() {
  const view = parseHash(window.location.hash);
  choose(view.layers ?? defaultIds());
  chosen.opacity = view.opacity ?? DEFAULT_OPACITY;
  reportUnknown(view.layers ?? []);
  if ([view.zoom, view.lat, view.lon].every((part) => part !== undefined)) {
    map.setView([view.lat, view.lon], view.zoom, { animate: false });
  } else if (layers.length > 0) {
    zoomToLayer(map, layers[0], coveredWidth());
  }
  update();
}

/** The base and the first overlay that can be shown. */
function defaultIds() {
  const [base, ...overlays] = layers;
  return [base, overlays.find(isUsable)].filter(Boolean).map(({ id }) => id);
}

/** Turns on these layers and no others; the base goes to the bottom. */
function choose(ids) {
  const found = ids.map((id) => layers.find((layer) => layer.id === id)).filter((layer) => layer && isUsable(layer));
  const isBase = (layer) => layer === layers[0];
  chosen.on = [...found.filter(isBase), ...found.filter((layer) => !isBase(layer))];
}

/** A layer that is turned on comes to lie on top. */
function toggle(id, on) {
  const others = chosen.on.map((layer) => layer.id).filter((other) => other !== id);
  choose(on ? [...others, id] : others);
  update();
}

function zoomTo(id) {
  const layer = layers.find((one) => one.id === id);
  if (!chosen.on.includes(layer)) toggle(id, true);
  zoomToLayer(map, layer, coveredWidth());
}

function setOpacity(opacity) {
  chosen.opacity = opacity;
  update();
}

/** Shows the choice on the map, in the panel and in the address. */
function update() {
  const { on, opacity } = chosen;
  stack.show(on.map((layer) => ({ layer, opacity: layer === layers[0] ? 1 : opacity })));
  updatePanel(layers, { on, opacity, zoom: map.getZoom() });
  for (const layer of layers.filter((one) => !on.includes(one))) notices.clear(layer.id);
  const { lat, lng: lon } = map.getCenter().wrap();
  const hash = formatHash({ zoom: map.getZoom(), lat, lon, layers: on.map(({ id }) => id), opacity });
  window.history.replaceState(null, '', hash);
}

/** The topmost layer that is on and has this place inside its bounds. */
function layerAt(place) {
  return chosen.on.findLast((layer) => covers(layer.bounds, place)) ?? null;
}

function isUsable(layer) {
  return layer.status === 'ok';
}

function reportTiles(layer, reason) {
  if (reason) notices.show(layer.id, `${layer.title}: some tiles could not be loaded: ${reason}`);
  else notices.clear(layer.id);
}

function reportUnknown(ids) {
  const unknown = ids.filter((id) => !layers.some((layer) => layer.id === id));
  if (unknown.length > 0) notices.show('unknown', `This address names layers that are not here: ${unknown.join(', ')}`);
  else notices.clear('unknown');
}
