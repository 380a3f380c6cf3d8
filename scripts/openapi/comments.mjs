// Comments of the proto files as descriptions.
import { getComments } from '@bufbuild/protoplugin';

/** The leading comment of a descriptor, its lines joined to paragraphs. */
export function descriptionOf(desc) {
  const { leading = '', trailing = '' } = getComments(desc);
  const text = (leading || trailing)
    .split(/\n\s*\n/)
    .map((paragraph) =>
      paragraph
        .trim()
        .split(/\n/)
        .map((line) => line.trim())
        .join(isList(paragraph) ? '\n' : ' '),
    )
    .join('\n\n')
    .trim();
  return inCamelCase(text);
}

/** The first sentence, without its full stop, as plain text. */
export function summaryOf(description) {
  return description
    .split(/\.(?:\s|$)/, 1)[0]
    .trim()
    .replaceAll('`', '');
}

function isList(paragraph) {
  return /^\s*[-*] /m.test(paragraph);
}

/** Fields have other names in JSON than in the proto files. */
function inCamelCase(text) {
  return text.replace(/\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b/g, (name) =>
    name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase()),
  );
}
