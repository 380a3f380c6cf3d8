import { create, createFileRegistry, type DescMessage, fromJson } from '@bufbuild/protobuf';
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_duration,
  file_google_protobuf_field_mask,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
} from '@bufbuild/protobuf/wkt';

const SCALARS =
  'DOUBLE FLOAT INT64 UINT64 INT32 FIXED64 FIXED32 BOOL STRING BYTES UINT32 SFIXED32 SFIXED64 SINT32 SINT64';
const KEYS = ['INT64', 'UINT64', 'INT32', 'BOOL', 'STRING', 'UINT32', 'SINT32', 'FIXED32', 'SFIXED64'];
const MESSAGES = [
  '.every.Type',
  '.google.protobuf.Timestamp',
  '.google.protobuf.Struct',
  '.google.protobuf.Value',
  '.google.protobuf.ListValue',
  '.google.protobuf.Duration',
  '.google.protobuf.FieldMask',
  '.google.protobuf.StringValue',
  '.google.protobuf.Int64Value',
];
const known = [
  file_google_protobuf_duration,
  file_google_protobuf_field_mask,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
];

/** A message with a field of each type, alone, optional, in a list, in a map and in a oneof. */
export const everyType: DescMessage = make();

function make(): DescMessage {
  let number = 0;
  const fields: object[] = [];
  const nested: object[] = [];
  const oneofs: object[] = [{ name: 'choice' }];
  const types = [
    ...SCALARS.split(' ').map((name) => ({ type: `TYPE_${name}` })),
    { type: 'TYPE_ENUM', typeName: '.every.Kind' },
    { type: 'TYPE_ENUM', typeName: '.every.Size' },
    ...MESSAGES.map((typeName) => ({ type: 'TYPE_MESSAGE', typeName })),
  ];
  const add = (field: object) => fields.push({ label: 'LABEL_OPTIONAL', ...field, number: ++number });
  types.forEach((type, i) => {
    add({ name: `one_${i}`, ...type });
    add({ name: `many_${i}`, ...type, label: 'LABEL_REPEATED' });
    add({ name: `choice_${i}`, ...type, oneofIndex: 0 });
    map(`mapped_${i}`, { type: 'TYPE_STRING' }, type);
    if (type.type === 'TYPE_MESSAGE') return;
    add({ name: `maybe_${i}`, ...type, proto3Optional: true, oneofIndex: oneofs.length });
    oneofs.push({ name: `_maybe_${i}` });
  });
  function map(name: string, key: object, value: object) {
    const entry = name.replace(/(^|_)(.)/g, (_, __, letter: string) => letter.toUpperCase());
    const optional = { label: 'LABEL_OPTIONAL' };
    nested.push({
      name: `${entry}Entry`,
      options: { mapEntry: true },
      field: [
        { name: 'key', number: 1, ...optional, ...key },
        { name: 'value', number: 2, ...optional, ...value },
      ],
    });
    const typeName = `.every.Type.${entry}Entry`;
    add({ name, type: 'TYPE_MESSAGE', typeName, label: 'LABEL_REPEATED' });
  }
  for (const key of KEYS) map(`by_${key.toLowerCase()}`, { type: `TYPE_${key}` }, { type: 'TYPE_STRING' });
  const values = (...names: string[]) => names.map((name, index) => ({ name, number: index }));
  const file = fromJson(FileDescriptorProtoSchema, {
    name: 'every.proto',
    package: 'every',
    syntax: 'proto3',
    dependency: known.map(({ proto }) => proto.name),
    messageType: [{ name: 'Type', field: fields, nestedType: nested, oneofDecl: oneofs }],
    enumType: [
      { name: 'Kind', value: values('KIND_UNSPECIFIED', 'A', 'B') },
      { name: 'Size', value: values('SMALL', 'LARGE') },
    ],
  } as never);
  const files = create(FileDescriptorSetSchema, { file: [...known.map(({ proto }) => proto), file] });
  return createFileRegistry(files).getMessage('every.Type') as DescMessage;
}
