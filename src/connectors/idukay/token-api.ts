import { z } from 'zod';
import { ConnectorError } from '../connector-error.js';
import type { RecordPage, StudentRecord } from '../external-record.js';
import type { HttpClient } from '../http/index.js';
import { unreadable } from './gateway.js';
import { explain } from './idukay-error.js';

const envelope = z.object({
  response: z.array(z.unknown()).optional(),
  errors: z.array(z.unknown()).nullish(),
});

const text = z.string().nullish().catch(undefined);

/** A student or a member of the staff, with the user filled in. */
const member = z.object({
  _id: text,
  years: z
    .array(z.object({ year: z.coerce.string(), registered: z.boolean().nullish() }))
    .nullish()
    .catch(undefined),
  user: z.object({
    _id: text,
    id_card: text,
    birthday: z.number().nullish().catch(undefined),
    name: text,
    second_name: text,
    surname: text,
    second_surname: text,
    email: text,
  }),
});

const USER = '_id years user';

/** Idukay's own API: a token, whole lists without a declared total, no way to send attendance. */
export class TokenApi {
  constructor(private readonly http: HttpClient) {}

  /** Students or staff. There is no paging that Idukay documents. */
  async members(list: 'students' | 'staff'): Promise<RecordPage<StudentRecord>> {
    const rows = await this.#list(list, { select: USER, populate: 'true' });
    const parsed = rows.map((row) => member.safeParse(row));
    return {
      records: parsed.flatMap(({ data }) => (data ? [toRecord(data)] : [])),
      issues: parsed.flatMap(({ success }, i) => (success ? [] : [unreadable(list, i + 1)])),
      file: list,
    };
  }

  /** How many members of the staff there are: the smallest list that shows that the token works. */
  async count(): Promise<number> {
    return (await this.#list('staff', { select: '_id' })).length;
  }

  async #list(list: string, query: Record<string, string>): Promise<unknown[]> {
    const path = `/api/${list}`;
    const answer = await this.http.send({ path, query }).catch((error: unknown) => {
      throw explain(error);
    });
    const { response, errors } = envelope.safeParse(answer.json()).data ?? {};
    // Errors come with status 200.
    if (errors && errors.length > 0) {
      const words = errors
        .map((error) => (typeof error === 'string' ? error : JSON.stringify(error)))
        .join('; ');
      throw new ConnectorError(
        `IDUKAY answered ${path} with errors: ${words.slice(0, 300)}. Check the token in credentials.apiKey.`,
      );
    }
    if (!response)
      throw new ConnectorError(`IDUKAY answered ${path} without a response list. Is config.apiUrl right?`);
    return response;
  }
}

function toRecord({ user, years }: z.infer<typeof member>): StudentRecord {
  const latest = years?.reduce((a, b) => (b.year > a.year ? b : a), {
    year: '',
    registered: null as boolean | null | undefined,
  });
  return {
    externalId: user._id,
    nationalId: user.id_card,
    ...namesOf(user),
    email: user.email,
    // Unix seconds.
    birthDate: user.birthday == null ? undefined : new Date(user.birthday * 1_000).toISOString().slice(0, 10),
    active: latest?.registered !== false,
  };
}

/** Idukay keeps four parts of a name. */
export function namesOf(user: {
  name?: string | null | undefined;
  second_name?: string | null | undefined;
  surname?: string | null | undefined;
  second_surname?: string | null | undefined;
}): { givenName: string; familyName: string } {
  const join = (...parts: (string | null | undefined)[]) =>
    parts
      .map((part) => part?.trim())
      .filter(Boolean)
      .join(' ');
  return {
    givenName: join(user.name, user.second_name),
    familyName: join(user.surname, user.second_surname),
  };
}
