// Prints a .proto source from a file descriptor: what a compiler needs to resolve names, numbers and types.
// Comments and options are left out; they do not change what importers may say.

const LABELS = { 1: 'optional', 2: 'required', 3: 'repeated' };
const SCALARS = {
  1: 'double',
  2: 'float',
  3: 'int64',
  4: 'uint64',
  5: 'int32',
  6: 'fixed64',
  7: 'fixed32',
  8: 'bool',
  9: 'string',
  12: 'bytes',
  13: 'uint32',
  15: 'sfixed32',
  16: 'sfixed64',
  17: 'sint32',
  18: 'sint64',
};
const MAX_FIELD = 536870912;

/** @param {import('@bufbuild/protobuf/wkt').FileDescriptorProto} file @returns {string} */
export function printProto(file) {
  const syntax = file.syntax || 'proto2';
  const lines = [`syntax = "${syntax}";`, `package ${file.package};`];
  for (const path of file.dependency) lines.push(`import "${path}";`);
  const scope = { proto3: syntax === 'proto3' };
  for (const message of file.messageType) lines.push(...printMessage(message, scope));
  for (const enumeration of file.enumType) lines.push(...printEnum(enumeration));
  lines.push(...printExtensions(file.extension, scope));
  return `${lines.join('\n')}\n`;
}

function printMessage(message, scope) {
  const body = [];
  for (const nested of message.nestedType) {
    if (nested.options?.mapEntry) throw new Error(`${message.name}: map fields are not supported`);
    body.push(...printMessage(nested, scope));
  }
  for (const enumeration of message.enumType) body.push(...printEnum(enumeration));
  for (const field of message.field) if (!inOneof(field)) body.push(printField(field, scope));
  message.oneofDecl.forEach((oneof, index) => {
    const members = message.field.filter((field) => inOneof(field) && field.oneofIndex === index);
    if (members.length > 0) {
      body.push(
        `oneof ${oneof.name} {`,
        ...members.map((field) => `  ${typeOf(field)} ${field.name} = ${field.number};`),
        '}',
      );
    }
  });
  for (const { start, end } of message.extensionRange) {
    body.push(`extensions ${start} to ${end >= MAX_FIELD ? 'max' : end - 1};`);
  }
  body.push(...printExtensions(message.extension, scope));
  return [`message ${message.name} {`, ...body.map((line) => `  ${line}`), '}'];
}

function printEnum(enumeration) {
  const alias = enumeration.options?.allowAlias ? ['  option allow_alias = true;'] : [];
  const values = enumeration.value.map((value) => `  ${value.name} = ${value.number};`);
  return [`enum ${enumeration.name} {`, ...alias, ...values, '}'];
}

function printExtensions(extensions, scope) {
  return extensions.flatMap((field) => [`extend ${field.extendee} {`, `  ${printField(field, scope)}`, '}']);
}

function printField(field, scope) {
  const label = scope.proto3 && field.label === 1 && !field.proto3Optional ? '' : `${LABELS[field.label]} `;
  return `${label}${typeOf(field)} ${field.name} = ${field.number};`;
}

function inOneof(field) {
  return Object.hasOwn(field, 'oneofIndex') && !field.proto3Optional;
}

function typeOf(field) {
  return field.typeName || SCALARS[field.type];
}
