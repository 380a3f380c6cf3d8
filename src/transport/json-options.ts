import type { JsonWriteOptions } from '@bufbuild/protobuf';

export type JsonOptions = Partial<JsonWriteOptions>;
