import { expect } from 'chai';
import { explained } from '../../src/database/trouble.js';

describe('what the database says in trouble', () => {
  const AWAY: [string, Error][] = [
    [
      'that it ended a transaction which lay idle',
      Object.assign(new Error('terminating connection'), { code: '25P03' }),
    ],
    [
      'that it ended a transaction which took too long',
      Object.assign(new Error('terminating connection'), { code: '25P04' }),
    ],
    ['nothing, for as long as a query waits', new Error('Query read timeout')],
    ['nothing, for as long as one waits to connect', new Error('timeout exceeded when trying to connect')],
  ];
  for (const [title, error] of AWAY) {
    it(`is told as a database that cannot be reached: ${title}`, () => {
      expect(explained(error)).to.deep.include({
        code: 'unavailable',
        reason: 'DATABASE_UNAVAILABLE',
        message: 'The database cannot be reached. Try again in a few seconds.',
        cause: error,
      });
    });
  }

  it('is told as it is where a statement is at fault', () => {
    for (const code of ['25P01', '25P02', '22012']) {
      const error = Object.assign(new Error('Query read timeout'), { code });
      expect(explained(error)).to.equal(error);
    }
  });
});
