import type { StoredEvent } from './event-types.js';

/** Media type of a body that is one event, attributes and all. */
export const CLOUD_EVENT = 'application/cloudevents+json; charset=utf-8';
/** Digits of `sequence`: with zeros before it, its texts are in the order of its numbers. */
const SEQUENCE_DIGITS = 19;

/** An event as CloudEvents 1.0 in the structured mode of JSON; the same text whenever it is made. */
export function cloudEventOf(event: StoredEvent): string {
  const { id, institutionId, streamId, position, type, subject, data, occurredAt } = event;
  const institution = `/institutions/${institutionId}`;
  return JSON.stringify({
    specversion: '1.0',
    id,
    type,
    source: streamId === institutionId ? institution : `${institution}/integrations/${streamId}`,
    ...(subject !== null && { subject }),
    time: occurredAt.toISOString(),
    // Of the extension "sequence": the order among the events of one source.
    sequence: position.padStart(SEQUENCE_DIGITS, '0'),
    datacontenttype: 'application/json',
    data,
  });
}
