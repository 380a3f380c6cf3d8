import { expect } from 'chai';
import { RosterService } from '../../gen/smartid/roster/v1/roster_service_pb.js';
import { buildRequest } from '../../src/transport/rest/rest-request.js';
import { createRestRouter, type RouteMatch } from '../../src/transport/rest/rest-routes.js';

const route = (...path: string[]) => createRestRouter([RosterService])(path).get('PUT') as RouteMatch;
const none = new URLSearchParams();

describe('a REST request', () => {
  it('is about what its path says, under whatever names the body has it too', () => {
    for (const body of [
      { institutionId: 'other', institution_id: 'other' },
      { institution_id: 'other', institutionId: 'other' },
    ]) {
      const student = buildRequest(route('institutions', 'I', 'students', 'S'), none, body);
      expect(student).to.deep.include({ institutionId: 'I', id: 'S' });
      const asked = buildRequest(route('institutions', 'I', 'class-sessions', 'S'), none, body);
      expect(asked).to.have.nested.property('session.institutionId', 'I');
    }
  });
});
