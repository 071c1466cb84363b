// The panel: the layer switcher, the opacity slider and the legend.

import { drawLegend } from './legend.js';

const byId = (id) => document.getElementById(id);

/** The width under which the panel is a bar at the top of the screen (as in style.css). */
const NARROW = window.matchMedia('(max-width: 640px)');

/**
 * @typedef {object} PanelActions
 * @property {(id: string, on: boolean) => void} toggle
 * @property {(id: string) => void} zoomTo
 * @property {(opacity: number) => void} setOpacity 0 to 1
 */

/** Lets the panel fold; on a phone it starts folded, so that the map is seen first. */
export function foldPanel() {
  const button = byId('panel-toggle');
  const fold = (folded) => {
    byId('panel-body').hidden = folded;
    button.setAttribute('aria-expanded', String(!folded));
  };
  button.addEventListener('click', () => fold(!byId('panel-body').hidden));
  fold(NARROW.matches);
}

/** How many pixels at the left of the map the panel covers. */
export function coveredWidth() {
  const covers = !NARROW.matches && !byId('panel-body').hidden;
  return covers ? byId('panel').getBoundingClientRect().right : 0;
}

/**
 * Lists the layers, the base last, since it lies under the others.
 * @param {Layer[]} layers as catalogued, the base first
 * @param {PanelActions} actions
 */
export function fillPanel([base, ...overlays], actions) {
  byId('layers').replaceChildren(...overlays.map((layer) => row(layer, actions)), ...(base ? [row(base, actions)] : []));
  const slider = byId('opacity');
  slider.oninput = () => actions.setOpacity(slider.valueAsNumber / 100);
}

function row(layer, { toggle, zoomTo }) {
  const item = byId('layer-row').content.firstElementChild.cloneNode(true);
  const [box, button] = item.querySelectorAll('input, button');
  item.dataset.layer = layer.id;
  item.querySelector('.layer-title').textContent = layer.title;
  if (layer.description) item.title = layer.description;
  box.addEventListener('change', () => toggle(layer.id, box.checked));
  button.setAttribute('aria-label', `Zoom to ${layer.title}`);
  button.title = `Zoom to ${layer.title}`;
  button.addEventListener('click', () => zoomTo(layer.id));
  box.disabled = button.disabled = layer.status !== 'ok';
  return item;
}

/**
 * Shows what is chosen.
 * @param {Layer[]} layers as catalogued
 * @param {{on: Layer[], opacity: number, zoom: number}} state the layers that are on, from the bottom up
 */
export function updatePanel(layers, { on, opacity, zoom }) {
  for (const layer of layers) {
    const item = byId('layers').querySelector(`[data-layer="${CSS.escape(layer.id)}"]`);
    item.querySelector('input').checked = on.includes(layer);
    setNote(item.querySelector('.layer-note'), noteOn(layer, on.includes(layer), zoom));
  }
  const percent = Math.round(opacity * 100);
  byId('opacity').value = percent;
  byId('opacity').disabled = on.every((layer) => layer === layers[0]);
  byId('opacity-value').textContent = `${percent} %`;
  drawLegend(byId('legend'), on.findLast((layer) => layer.legend) ?? null);
}

/** What the user should know of a layer that can't be seen just now. */
function noteOn(layer, isOn, zoom) {
  if (layer.status !== 'ok') return layer.detail ?? 'This layer cannot be opened.';
  if (isOn && zoom < layer.minzoom) return `Zoom in to see it: it starts at zoom ${layer.minzoom}.`;
  return '';
}

function setNote(note, text) {
  note.hidden = !text;
  note.textContent = text;
}
