import type { ServerResponse } from 'node:http';
import { MoodleException } from './moodle-exception.js';

/** What goes back to the caller. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

const serviceHeaders = {
  'cache-control': 'private, must-revalidate, pre-check=0, post-check=0, max-age=0',
  expires: 'Thu, 01 Jan 1970 00:00:00 GMT',
  pragma: 'no-cache',
  'access-control-allow-origin': '*',
};

/** A web service's answer, success or error: JSON when it was asked for, else XML. Both are status 200. */
export function serviceAnswer(value: unknown, json: boolean): Answer {
  return json
    ? {
        status: 200,
        headers: { 'content-type': 'application/json', ...serviceHeaders },
        body: JSON.stringify(plain(value)),
      }
    : {
        status: 200,
        headers: {
          'content-type': 'application/xml; charset=utf-8',
          'content-disposition': 'inline; filename="response.xml"',
          ...serviceHeaders,
        },
        body: xml(value),
      };
}

/** An HTML page, or without a title an empty body. */
export function pageAnswer(status: number, title: string, headers: Record<string, string> = {}): Answer {
  const body =
    title === ''
      ? ''
      : `<!DOCTYPE html>\n<html lang="en">\n<head><title>${title}</title></head>\n<body><h1>${title}</h1></body>\n</html>\n`;
  return { status, headers: { 'content-type': 'text/html; charset=utf-8', ...headers }, body };
}

/** Sends an answer in chunks without a length, as PHP does. */
export function send(response: ServerResponse, method: string | undefined, answer: Answer): void {
  const chunked: Record<string, string> = method === 'HEAD' ? {} : { 'transfer-encoding': 'chunked' };
  response.writeHead(answer.status, { ...answer.headers, ...chunked });
  response.end(method === 'HEAD' ? undefined : answer.body);
}

/** Escapes a name the way Moodle's format_string does: an ampersand that already starts an entity stays. */
export function formatString(text: string): string {
  return text
    .replace(/&(?![a-z0-9#]{1,8};)/gi, '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}

function plain(value: unknown): unknown {
  if (!(value instanceof MoodleException)) {
    return value ?? null;
  }
  const { exception, errorcode, message } = value;
  return errorcode === undefined ? { exception, message } : { exception, errorcode, message };
}

function xml(value: unknown): string {
  const head = '<?xml version="1.0" encoding="UTF-8" ?>\n';
  if (value instanceof MoodleException) {
    const code = value.errorcode === undefined ? '' : `<ERRORCODE>${text(value.errorcode)}</ERRORCODE>\n`;
    return `${head}<EXCEPTION class="${value.exception}">\n${code}<MESSAGE>${text(value.message)}</MESSAGE>\n</EXCEPTION>\n`;
  }
  return `${head}<RESPONSE>\n${element(value)}</RESPONSE>\n`;
}

function element(value: unknown): string {
  if (value === null) {
    return '<VALUE null="null"/>\n';
  }
  if (Array.isArray(value)) {
    return `<MULTIPLE>\n${value.map(element).join('')}</MULTIPLE>\n`;
  }
  if (typeof value === 'object') {
    const present = Object.entries(value).filter(([, child]) => child !== undefined);
    const keys = present.map(([key, child]) => `<KEY name="${key}">${element(child)}</KEY>\n`);
    return `<SINGLE>\n${keys.join('')}</SINGLE>\n`;
  }
  // PHP writes true as 1 and false as nothing.
  return `<VALUE>${typeof value === 'boolean' ? (value ? '1' : '') : text(String(value))}</VALUE>\n`;
}

function text(value: string): string {
  return value
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
