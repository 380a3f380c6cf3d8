import type { GrowingBytes } from './growing-bytes.js';

/** The bytes before each part: a field's number and how it is written. */
const FIELDS = (1 << 3) | 2;
const KEY = (1 << 3) | 2;
const VALUE = (2 << 3) | 2;
const NULL = 1 << 3;
const NUMBER = (2 << 3) | 1;
const STRING = (3 << 3) | 2;
const BOOL = 4 << 3;
const STRUCT = (5 << 3) | 2;
const LIST = (6 << 3) | 2;
const VALUES = (1 << 3) | 2;

/** What writes a JSON object as the google.protobuf.Struct that it stands for. */
export function structWriter(out: GrowingBytes): (object: object) => void {
  const struct = (object: object) => {
    for (const field of Object.entries(object)) {
      out.byte(FIELDS);
      out.nested(entry, field);
    }
  };
  const entry = ([key, json]: [string, unknown]) => {
    out.byte(KEY);
    out.text(key);
    out.byte(VALUE);
    out.nested(value, json);
  };
  const list = (values: unknown[]) => {
    for (const json of values) {
      out.byte(VALUES);
      out.nested(value, json);
    }
  };
  const value = (json: unknown) => {
    switch (typeof json) {
      case 'string':
        out.byte(STRING);
        return out.text(json);
      case 'number':
        out.byte(NUMBER);
        return out.double(json);
      case 'boolean':
        out.byte(BOOL);
        return out.byte(json ? 1 : 0);
      case 'object':
        if (json === null) {
          out.byte(NULL);
          return out.byte(0);
        }
        out.byte(Array.isArray(json) ? LIST : STRUCT);
        return Array.isArray(json) ? out.nested(list, json) : out.nested(struct, json);
    }
  };
  return struct;
}
