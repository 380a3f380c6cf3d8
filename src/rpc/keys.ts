import type { MessageInitShape } from '@bufbuild/protobuf';
import type { CredentialKeySchema } from '../../gen/smartid/integrations/v1/integration_service_pb.js';
import type { KeyUse } from '../integrations/index.js';
import type { IntegrationRpcs, RpcParts } from './rpc-types.js';

/** The keys that seal stored credentials. */
export function keys({ credentialKeys }: Pick<RpcParts, 'credentialKeys'>) {
  return {
    async listKeys() {
      return { keys: (await credentialKeys.list()).map(toCredentialKeyMessage) };
    },

    async rotateKeys() {
      const { before, after, ...rotation } = await credentialKeys.rotate();
      return {
        ...rotation,
        before: before.map(toCredentialKeyMessage),
        after: after.map(toCredentialKeyMessage),
      };
    },
  } satisfies Partial<IntegrationRpcs>;
}

function toCredentialKeyMessage(key: KeyUse): MessageInitShape<typeof CredentialKeySchema> {
  return key;
}
