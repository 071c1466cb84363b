// The value under the cursor. On a touch screen that is the place last tapped, and for the
// keyboard, while it moves the map, the middle of the map.

import { fetchPoint } from './api.js';
import { element, formatNumber, swatch } from './elements.js';
import { degreeDigits } from './hash.js';

/** The cursor must rest this long before the server is asked. */
const REST_MS = 120;

/**
 * @param {L.Map} map
 * @param {HTMLElement} output
 * @param {(place: {lon: number, lat: number}) => ?Layer} layerAt the layer to read at a place
 */
export function watchValue(map, output, layerAt) {
  let timer = 0;
  let request = new AbortController();

  function stop() {
    clearTimeout(timer);
    request.abort();
  }

  function read(latlng) {
    stop();
    const { lng: lon, lat } = latlng.wrap();
    const layer = layerAt({ lon, lat });
    const draw = (...value) => drawReadout(output, { lon, lat }, degreeDigits(map.getZoom()), layer, value);
    draw(layer ? '…' : 'no layer here');
    if (!layer) return;
    request = new AbortController();
    const { signal } = request;
    timer = setTimeout(async () => {
      const value = await valueNodes(layer, { lon, lat }, signal);
      if (!signal.aborted) draw(...value);
    }, REST_MS);
  }

  map.on('mousemove click', (event) => read(event.latlng));
  map.on('mouseout', () => {
    stop();
    output.hidden = true;
  });
  const usesKeys = markKeyboardUse(map.getContainer());
  map.on('moveend', () => {
    if (usesKeys()) read(map.getCenter());
  });
}

/**
 * Marks an element while its focus came by keyboard. (Leaflet focuses the map by script at every
 * press of a finger or mouse, which :focus-visible takes for the keyboard.)
 */
function markKeyboardUse(container) {
  const mark = (byKeyboard) => container.classList.toggle('by-keyboard', byKeyboard);
  document.addEventListener('keydown', () => mark(true), true);
  document.addEventListener('pointerdown', () => mark(false), true);
  return () => container.matches('.by-keyboard:focus');
}

function drawReadout(output, { lon, lat }, digits, layer, value) {
  const shown = element('span', 'value');
  shown.append(...value);
  const place = element('span', 'place', `${degrees(lat, 'NS', digits)}, ${degrees(lon, 'EW', digits)}`);
  output.replaceChildren(...(layer ? [element('span', 'layer-title', layer.title)] : []), shown, place);
  output.hidden = false;
}

function degrees(angle, [positive, negative], digits) {
  return `${Math.abs(angle).toFixed(digits)}° ${angle < 0 ? negative : positive}`;
}

/** What a layer has at a place, or why that can't be known, as things to show. */
async function valueNodes(layer, place, signal) {
  try {
    return describe(layer, await fetchPoint(layer, place, signal));
  } catch (error) {
    return [`no value: ${error.message}`];
  }
}

/**
 * @param {Layer} layer
 * @param {PointValues} point
 */
function describe({ legend }, { values, band_names: names, band_descriptions: descriptions }) {
  if (values.every((value) => value === null)) return ['no data'];
  if (values.length > 1) {
    const named = values.map((value, band) => [descriptions[band] || names[band], valueText(value)]);
    return [named.map((pair) => pair.join(' ')).join(' · ')];
  }
  const [value] = values;
  const found = legend?.kind === 'classes' && legend.classes.find((one) => one.value === value);
  if (found) return [swatch(found.color), `${found.name} (${formatNumber(value)})`];
  return [legend?.unit ? `${formatNumber(value)} ${legend.unit}` : formatNumber(value)];
}

function valueText(value) {
  return value === null ? 'no data' : formatNumber(value);
}
