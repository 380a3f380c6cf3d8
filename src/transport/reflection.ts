import {
  create,
  createRegistry,
  type DescFile,
  type DescService,
  type MessageInitShape,
  type Registry,
  toBinary,
} from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Code, type ConnectRouter } from '@connectrpc/connect';
import {
  type ServerReflectionRequest,
  ServerReflectionResponseSchema,
  ServerReflection as V1,
} from '../../gen/grpc/reflection/v1/reflection_pb.js';
import { ServerReflection as V1Alpha } from '../../gen/grpc/reflection/v1alpha/reflection_pb.js';

type Answer = MessageInitShape<typeof ServerReflectionResponseSchema>['messageResponse'];

/**
 * grpc.reflection v1 and v1alpha, so that grpcurl and `buf curl` need no proto files. The two speak the same
 * messages.
 */
export function reflectionRoutes(services: readonly DescService[]): (router: ConnectRouter) => void {
  const all = [...services, V1, V1Alpha];
  const files = new Map<string, DescFile>();
  for (const service of all) gather(service.file, files);
  const registry = createRegistry(...files.values());
  const names = all.map(({ typeName }) => typeName);
  const answer = async function* (requests: AsyncIterable<ServerReflectionRequest>) {
    for await (const request of requests) {
      yield create(ServerReflectionResponseSchema, {
        validHost: request.host,
        originalRequest: request,
        messageResponse: lookUp(request.messageRequest, names, files, registry),
      });
    }
  };
  return (router) => {
    router.service(V1, { serverReflectionInfo: answer });
    router.service(V1Alpha, { serverReflectionInfo: answer as never });
  };
}

/** A file with all it imports, by name as it is imported. */
function gather(file: DescFile, files: Map<string, DescFile>): void {
  // DescFile.name lacks the ".proto".
  if (files.has(file.proto.name)) return;
  files.set(file.proto.name, file);
  for (const dependency of file.dependencies) gather(dependency, files);
}

function lookUp(
  question: ServerReflectionRequest['messageRequest'],
  names: readonly string[],
  files: ReadonlyMap<string, DescFile>,
  registry: Registry,
): Answer {
  switch (question.case) {
    case 'listServices':
      return { case: 'listServicesResponse', value: { service: names.map((name) => ({ name })) } };
    case 'fileByFilename':
      return withImports(files.get(question.value), question.value);
    case 'fileContainingSymbol':
      return withImports(fileOfSymbol(question.value, registry), question.value);
    case 'fileContainingExtension': {
      const { containingType, extensionNumber } = question.value;
      const extension = extensionsOf(containingType, registry).find(
        ({ number }) => number === extensionNumber,
      );
      return withImports(extension?.file, `extension ${extensionNumber} of ${containingType}`);
    }
    case 'allExtensionNumbersOfType': {
      if (!registry.getMessage(question.value)) return notFound(question.value);
      const extensionNumber = extensionsOf(question.value, registry).map(({ number }) => number);
      return {
        case: 'allExtensionNumbersResponse',
        value: { baseTypeName: question.value, extensionNumber },
      };
    }
    default:
      return {
        case: 'errorResponse',
        value: { errorCode: Code.InvalidArgument, errorMessage: 'The request asks nothing.' },
      };
  }
}

/** A symbol may be a type, a service, or a method, field or enum value of one. */
function fileOfSymbol(symbol: string, registry: Registry): DescFile | undefined {
  const found = registry.get(symbol);
  if (found) return found.file;
  const dot = symbol.lastIndexOf('.');
  return dot < 0 ? undefined : registry.get(symbol.slice(0, dot))?.file;
}

function extensionsOf(typeName: string, registry: Registry) {
  return [...registry].flatMap((type) =>
    type.kind === 'extension' && type.extendee.typeName === typeName ? [type] : [],
  );
}

function withImports(file: DescFile | undefined, asked: string): Answer {
  if (!file) return notFound(asked);
  const files = new Map<string, DescFile>();
  gather(file, files);
  const fileDescriptorProto = [...files.values()].map(({ proto }) =>
    toBinary(FileDescriptorProtoSchema, proto),
  );
  return { case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
}

function notFound(asked: string): Answer {
  return {
    case: 'errorResponse',
    value: { errorCode: Code.NotFound, errorMessage: `There is no ${asked}.` },
  };
}
