import { z } from 'zod';
import type { ReceivedChange } from '../connector-definition.js';
import { ConnectorError } from '../connector-error.js';
import { MappingEntityType } from '../mapping-entity-type.js';
import { namesOf } from './token-api.js';

const HEX_ID = /^[0-9a-f]{24}$/i;
const text = z.string({ error: 'must be a text' }).max(500, 'is too long').nullish();

const pushedStudent = z.object({
  name: z.string({ error: 'is required' }).trim().min(1, 'is empty'),
  second_name: text,
  surname: text,
  second_surname: text,
  email: text,
  parents: z.array(z.string()).nullish(),
  metadata: z.object(
    {
      role: z.literal('student', { error: 'must be "student": only students are taken' }),
      school: z.string().regex(HEX_ID, 'must be 24 hexadecimal digits').nullish(),
      user: z
        .string({ error: "is required: the student's id in Idukay" })
        .regex(HEX_ID, 'must be 24 hexadecimal digits'),
    },
    { error: 'is required' },
  ),
});

/**
 * What Idukay pushes when a student is created or updated, as a record. `metadata.user` is the id it has
 * there.
 */
export function receiveStudent(body: unknown): ReceivedChange[] {
  const parsed = pushedStudent.safeParse(body);
  if (!parsed.success) {
    throw new ConnectorError(
      parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'body'} ${message}`).join('; '),
    );
  }
  const { metadata, email, parents, ...names } = parsed.data;
  const record = {
    externalId: metadata.user,
    ...namesOf(names),
    email,
    metadata: { ...(metadata.school && { school: metadata.school }), ...(parents && { parents }) },
  };
  return [{ entityType: MappingEntityType.STUDENT, externalIds: [metadata.user], record }];
}
