// Values that others wrote, read strictly.

'use strict';

function readObject(text, what) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`${what} are not JSON: ${error.message}`);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new Error(`${what} are not a JSON object`);
  return value;
}

// Returns a name that is one plain part of a path; others could lead elsewhere.
function segment(name, what) {
  if (typeof name !== 'string' || ['', '.', '..'].includes(name) || /[/\0]/.test(name)) {
    throw new Error(`${what} is not the name of a file`);
  }
  return name;
}

module.exports = { readObject, segment };
