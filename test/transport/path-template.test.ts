import { expect } from 'chai';
import { matchPath, parsePathTemplate, splitPath } from '../../src/transport/rest/path-template.js';

const match = (template: string, path: string) => {
  const segments = splitPath(path);
  return segments && matchPath(parsePathTemplate(template), segments);
};

describe('path templates', () => {
  const TABLE: [template: string, path: string, values: string[] | undefined][] = [
    ['/integrations', '/integrations', []],
    ['/integrations', '/integrations/', []],
    ['/integrations', '/integration', undefined],
    ['/integrations/{id}', '/integrations/7', ['7']],
    ['/integrations/{id}', '/integrations', undefined],
    ['/integrations/{id}', '/integrations//', undefined],
    ['/integrations/{id}', '/integrations/7/x', undefined],
    ['/integrations/{id}', '/integrations/a%2Fb%20c', ['a/b c']],
    ['/integrations/{id}', '/integrations/%zz', undefined],
    ['/a/{b.c}/d/{e}', '/a/1/d/2', ['1', '2']],
  ];
  for (const [template, path, values] of TABLE) {
    it(`${template} and ${path}`, () => expect(match(template, path)).to.deep.equal(values));
  }

  for (const template of ['integrations', '/a/{B}', '/a/{b', '/a/*', '/a/{b=**}', '/a//b']) {
    it(`${template} is refused when the service starts`, () =>
      expect(() => parsePathTemplate(template)).to.throw(/path template/));
  }
});
