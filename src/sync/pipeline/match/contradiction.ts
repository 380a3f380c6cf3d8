import type { EntitySpec } from '../../../roster/index.js';
import { NO_CODE, NO_NATIONAL_ID } from '../../../values/index.js';

/** SQL for a national id that can tell people apart, as `isIdentifying` does; null for any other. */
export const identifying = (column: string) => unless(column, NO_NATIONAL_ID);
/** SQL for a code that can tell people apart; null for "S/N", zeros and the like. */
export const identifyingCode = (column: string) => unless(column, NO_CODE);

const unless = (column: string, pattern: string) =>
  `CASE WHEN regexp_replace(upper(${column}), '[^A-Z0-9]', '', 'g') !~ '${pattern}' THEN ${column} END`;

/**
 * Names without case, accents and order: an array of words. Accents go first: some databases know no capitals
 * with accents.
 */
const wordsOf = (givenName: string, familyName: string) =>
  `ARRAY(SELECT lower(word) FROM regexp_split_to_table(regexp_replace(normalize(concat(${givenName},
    ' ', ${familyName}), NFD),
    '[\\u0300-\\u036f]', '', 'g'), '[[:space:][:punct:]]+') AS word WHERE word <> '')`;
const words = (alias: string) => wordsOf(`${alias}.given_name`, `${alias}.family_name`);

/**
 * SQL that says what a row `row` contradicts of a person `person`, as the end of a sentence; null where it
 * contradicts nothing that counts: its name, and a strong field (national id, birth date, e-mail) that both
 * have. One name contradicts another when each has a word that the other has not. Equal national ids outweigh
 * another e-mail while a word of the names is the same.
 */
export function contradictionOfLink(spec: EntitySpec, row: string, person: string): string {
  const { otherId, sameId, otherBirth, otherMail, otherName, noWord } = comparisons(spec, row, person);
  return unlessNamesEqual(
    row,
    person,
    sentence(otherName, [
      [otherId, 'national id'],
      [otherBirth, 'birth date'],
      [`(${otherMail} AND (NOT ${sameId} OR ${noWord}))`, 'e-mail'],
    ]),
  );
}

/**
 * The same for a row and the person that its id is mapped to. The same national id, or for a birth date the
 * same e-mail, proves that it is the person; a new family name may bring a new e-mail with it.
 */
export function contradictionOfUpdate(spec: EntitySpec, row: string, person: string): string {
  const { otherId, sameId, otherBirth, otherMail, sameMail, otherName, noWord } = comparisons(
    spec,
    row,
    person,
  );
  return unlessNamesEqual(
    row,
    person,
    sentence(otherName, [
      [otherId, 'national id'],
      [`(${otherBirth} AND NOT ${sameId} AND NOT ${sameMail})`, 'birth date'],
      [`(${otherMail} AND NOT ${sameId} AND ${noWord})`, 'e-mail'],
    ]),
  );
}

/**
 * SQL that says whether a row and the person that its id is mapped to are two, should the national id of the
 * row be somebody else's: the row has another name, and the person has no national id that would tell.
 */
export function isAnotherIfTaken(spec: EntitySpec, row: string, person: string): string {
  const { sameMail, otherName } = comparisons(spec, row, person);
  return `CASE WHEN ${identifying(`${row}.national_id`)} IS NOT NULL AND ${identifying(`${person}.national_id`)} IS NULL
    AND NOT ${sameMail} THEN ${otherName} ELSE false END`;
}

/**
 * The same where another row of the reading has the national id of the person: the row has another name, and no
 * national id of its own.
 */
export function isAnotherIfClaimed(spec: EntitySpec, row: string, person: string): string {
  const { sameMail, otherName } = comparisons(spec, row, person);
  return `CASE WHEN ${identifying(`${row}.national_id`)} IS NULL AND ${identifying(`${person}.national_id`)} IS NOT NULL
    AND NOT ${sameMail} THEN ${otherName} ELSE false END`;
}

/**
 * SQL that says whether what was decided about a row is about what the row `row` says now: it has the national id that
 * it had then, or the name. `decision` is a row of sync_conflicts; where it recorded nothing, nothing can differ.
 */
export function decisionHolds(row: string, decision: string): string {
  const [is, was] = [
    words(row),
    wordsOf(`${decision}.record->>'givenName'`, `${decision}.record->>'familyName'`),
  ];
  return `(COALESCE(${identifying(`${row}.national_id`)} = ${decision}.record->>'nationalId', false)
    OR ${is} <@ ${was} OR ${was} <@ ${is})`;
}

/** The same of two records of conflicts, of which `was` recorded something. */
export function isSameRecord(is: string, was: string): string {
  const [a, b] = [is, was].map((record) => wordsOf(`${record}->>'givenName'`, `${record}->>'familyName'`));
  return `(COALESCE(${identifying(`${is}->>'nationalId'`)} = ${was}->>'nationalId', false) OR ${a} <@ ${b} OR ${b} <@ ${a})`;
}

/**
 * SQL that says whether a row and a person are surely one, of whom it is known that they have a national id
 * or a code in common: the same national id and a word of the name, or else the same name and nothing that
 * tells otherwise.
 */
export function isSamePerson(spec: EntitySpec, row: string, person: string): string {
  const { otherId, sameId, otherBirth, otherName, noWord } = comparisons(spec, row, person);
  return `((${sameId} AND NOT (${noWord})) OR NOT ((${otherName}) OR ${otherId} OR ${otherBirth}))`;
}

/**
 * SQL that says whether a row is somebody else than who had its id when that was merged into another: it contradicts
 * that person, or has no word of the name, and neither the same national id nor the same e-mail.
 */
export function isAnotherThanMerged(spec: EntitySpec, row: string, person: string): string {
  const { sameId, sameMail, noWord } = comparisons(spec, row, person);
  const isNamed = `concat(${person}.given_name, ${person}.family_name) <> ''`;
  return `((${contradictionOfUpdate(spec, row, person)}) IS NOT NULL
    OR (${isNamed} AND NOT ${sameId} AND NOT ${sameMail} AND ${noWord}))`;
}

function comparisons(spec: EntitySpec, row: string, person: string) {
  const [a, b] = [words(row), words(person)];
  const other = (column: string) => `COALESCE(${row}.${column} <> ${person}.${column}, false)`;
  const mail = (operator: string) =>
    `COALESCE(lower(${row}.email) ${operator} lower(${person}.email), false)`;
  return {
    otherId: `(${other('national_id')} AND ${identifying(`${row}.national_id`)} IS NOT NULL AND ${identifying(`${person}.national_id`)} IS NOT NULL)`,
    sameId: `COALESCE(${row}.national_id = ${person}.national_id, false)`,
    otherBirth: spec.fields.some(({ column }) => column === 'birth_date') ? other('birth_date') : 'false',
    otherMail: mail('<>'),
    sameMail: mail('='),
    otherName: `NOT (${a} <@ ${b} OR ${b} <@ ${a})`,
    noWord: `NOT (${a} && ${b})`,
  };
}

/** Equal names contradict nothing, and most rows that change keep theirs: their words need not be looked for. */
function unlessNamesEqual(row: string, person: string, contradiction: string): string {
  const names = (alias: string) => `(${alias}.given_name, ${alias}.family_name)`;
  return `CASE WHEN ${names(row)} IS DISTINCT FROM ${names(person)} THEN ${contradiction} END`;
}

/** The names are compared last: for most there is no need to. */
function sentence(
  otherName: string,
  strong: readonly (readonly [condition: string, field: string])[],
): string {
  const any = strong.map(([condition]) => condition).join(' OR ');
  const cases = strong
    .map(([condition, field]) => `WHEN ${condition} THEN 'another name and another ${field}'`)
    .join(' ');
  return `CASE WHEN (${any}) THEN CASE WHEN ${otherName} THEN CASE ${cases} END END END`;
}
