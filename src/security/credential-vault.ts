import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { areKeys, type Config } from '../config.js';
import { UnopenableCredentialsError } from '../errors.js';
import { readOrMakePrivateFile } from './private-file.js';

/** A key of the vault: 32 bytes under a name. */
export interface CredentialKey {
  id: string;
  key: Buffer;
}

const ALGORITHM = 'aes-256-gcm';
const NONCE = 12;
const TAG = 16;

/**
 * Seals credentials with AES-256-GCM. Sealed text is `v1.<key id>.<base64url of nonce, ciphertext, tag>`;
 * format, key id and the integration's id are additional data, so that text moved to another integration does
 * not open. The first key seals, all of them open.
 */
export class CredentialVault {
  readonly #keys: ReadonlyMap<string, Buffer>;
  readonly #sealing: CredentialKey;

  constructor(keys: readonly CredentialKey[]) {
    const [first] = keys;
    if (!first) throw new Error('a credential vault needs a key');
    this.#sealing = first;
    this.#keys = new Map(keys.map(({ id, key }) => [id, key]));
  }

  /** The ids of the keys in their order: the first seals. */
  get keyIds(): string[] {
    return [...this.#keys.keys()];
  }

  seal(integrationId: string, credentials: Record<string, string>): string {
    const { id, key } = this.#sealing;
    const nonce = randomBytes(NONCE);
    const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(additionalData(id, integrationId));
    const sealed = Buffer.concat([
      nonce,
      cipher.update(JSON.stringify(credentials), 'utf8'),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
    return `v1.${id}.${sealed.toString('base64url')}`;
  }

  /**
   * Throws UnopenableCredentialsError when the key is not there, or when the text was changed or sealed for
   * another integration.
   */
  open(integrationId: string, sealed: string): Record<string, string> {
    const [version, id, body] = sealed.split('.');
    if (version !== 'v1' || !id || !body)
      throw new UnopenableCredentialsError(
        'The stored credentials have an unknown form. Set the credentials anew.',
      );
    const key = this.#keys.get(id);
    if (!key)
      throw new UnopenableCredentialsError(
        `The stored credentials are sealed with the key "${id}", which is not in CREDENTIAL_KEYS. Put it back there, or set the credentials anew.`,
      );
    const bytes = Buffer.from(body, 'base64url');
    const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE), { authTagLength: TAG })
      .setAAD(additionalData(id, integrationId))
      .setAuthTag(bytes.subarray(-TAG));
    try {
      return JSON.parse(
        Buffer.concat([decipher.update(bytes.subarray(NONCE, -TAG)), decipher.final()]).toString('utf8'),
      );
    } catch (cause) {
      throw new UnopenableCredentialsError(
        `The stored credentials were changed, or sealed for another integration or with another key than "${id}" is now. Set the credentials anew.`,
        { cause },
      );
    }
  }
}

/**
 * The keys of CREDENTIAL_KEYS, or one kept under DATA_DIR. Throws when that file was damaged: a new key would
 * open nothing.
 */
export async function loadCredentialKeys({
  credentialKeys,
  dataDir,
}: Pick<Config, 'credentialKeys' | 'dataDir'>) {
  if (credentialKeys) return parseKeys(credentialKeys.reveal());
  const path = join(dataDir, 'credential-keys');
  const { text } = await readOrMakePrivateFile(path, () => `k1:${randomBytes(32).toString('base64')}\n`);
  if (!areKeys(text))
    throw new Error(
      `${path} does not hold id:key pairs, each key base64 of 32 bytes; put it back from a backup`,
    );
  return parseKeys(text);
}

function parseKeys(text: string): CredentialKey[] {
  return text.split(',').map((pair) => {
    const [id = '', key = ''] = pair.trim().split(':');
    return { id, key: Buffer.from(key, 'base64') };
  });
}

function additionalData(keyId: string, integrationId: string): Buffer {
  return Buffer.from(`v1.${keyId}.${integrationId.toLowerCase()}`);
}
