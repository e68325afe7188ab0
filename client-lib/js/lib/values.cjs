// values.cjs - options of an operation as a{sv}, in the form of dbus-next: { key: { signature, value } }.
//
// Nothing is judged here, that is the daemon's: a value goes out as the D-Bus type that says what it is in JavaScript.
// Only what cannot be on the bus at all is refused, for the bus would cut the connection.
'use strict';

const DEPTH_MAX = 10; // the daemon refuses more than 8: a deeper one (or one that contains itself) is cut, and refused
const STRING_MAX = 1 << 20; // likewise, more than 16 KiB

class ValueError extends Error {}

function text(value, name) {
  if (value.includes('\0')) throw new ValueError(`params.${name} should not contain NUL`);
  if (value.length > STRING_MAX) throw new ValueError('params too large');
  return value;
}

function variant(value, name, depth) {
  if (depth > DEPTH_MAX) return { signature: 's', value: '' };
  switch (typeof value) {
    case 'string': return { signature: 's', value: text(value, name) };
    case 'boolean': return { signature: 'b', value };
    case 'bigint': return { signature: 'd', value: Number(value) };
    case 'number':
      return Number.isInteger(value) && Math.abs(value) < 2 ** 31 ? { signature: 'i', value } : { signature: 'd', value };
    default:
      if (value instanceof Uint8Array) return { signature: 'ay', value: Buffer.from(value) };
      if (Array.isArray(value) && value.length > 0 && value.every((v) => typeof v === 'string')) {
        return { signature: 'as', value: value.map((v, i) => text(v, `${name}[${i}]`)) };
      }
      if (Array.isArray(value)) {
        return { signature: 'av', value: value.map((v, i) => variant(v ?? '', `${name}[${i}]`, depth + 1)) };
      }
      return { signature: 'a{sv}', value: dictionary(value, `${name}.`, depth + 1) };
  }
}

// What has no D-Bus form is left out: undefined, null, functions (success, fail, complete among them).
function dictionary(object, prefix, depth) {
  const out = {};
  for (const [key, value] of Object.entries(object)) {
    if (value === undefined || value === null || typeof value === 'function' || typeof value === 'symbol') continue;
    out[text(key, `${prefix}key`)] = variant(value, prefix + key, depth);
  }
  return out;
}

function toOptions(object) {
  return dictionary(object, '', 1);
}

// The other way: variants opened, however deep.
function fromVariants(value) {
  if (Array.isArray(value)) return value.map(fromVariants);
  if (typeof value === 'bigint') return Number(value);
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value;
  if ('signature' in value && 'value' in value) return fromVariants(value.value);
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, fromVariants(v)]));
}

module.exports = { toOptions, fromVariants, ValueError };
