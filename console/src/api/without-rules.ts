import { create, createFileRegistry } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';

/**
 * In the place of the file that describes rules of validation, which is large: the service checks what it is sent, and
 * only the name is asked for here.
 */
const NAME = 'buf/validate/validate.proto';
const registry = createFileRegistry(
  create(FileDescriptorProtoSchema, { name: NAME, syntax: 'proto3' }),
  () => undefined,
);

export const file_buf_validate_validate = registry.getFile(NAME);
