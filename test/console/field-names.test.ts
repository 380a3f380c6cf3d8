import { expect } from 'chai';
import { GROUPS_OF_STUDENTS, SYNONYMS } from '../../src/connectors/generic-csv/column-names.js';
import { messagesIn } from '../support/console/messages.js';

describe('the columns of a file that the console shows', () => {
  it('have a name in every language, whatever field they are taken for', () => {
    const lists = [...Object.values(SYNONYMS), GROUPS_OF_STUDENTS];
    const fields = new Set(lists.flatMap((fieldsOf) => Object.keys(fieldsOf)));
    expect(fields.size).to.be.greaterThan(15);
    for (const language of ['en', 'es'] as const)
      for (const field of fields) expect(messagesIn(language)(`field.${field}`), field).to.match(/\w/);
  });
});
