import type { JsonObject } from '@bufbuild/protobuf';
import { Button, Group } from '@mantine/core';
import type { FormProps } from '@rjsf/core';
import Form from '@rjsf/mantine';
import type { RJSFSchema, UiSchema } from '@rjsf/utils';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { validator } from './validator.js';

/** What people set first; the rest stands behind a button. */
const FIRST = [
  'apiUrl',
  'tokenUrl',
  'version',
  'dialect',
  'importPath',
  'exportPath',
  's3Bucket',
  's3Prefix',
  'timeZone',
];

export interface SchemaFormProps {
  id: string;
  schema: JsonObject | undefined;
  value: JsonObject;
  onChange: (value: JsonObject) => void;
  onSubmit: () => void;
  /** Whether its texts are secrets: they are not shown while they are typed. */
  isSecret?: boolean;
}

/** A form made of a JSON Schema. It is sent by whatever button names its `id`. */
export default function SchemaForm({
  id,
  schema,
  value,
  onChange,
  onSubmit,
  isSecret = false,
}: SchemaFormProps) {
  const { t, i18n } = useTranslation();
  const [isWhole, setIsWhole] = useState(false);
  const names = Object.keys((schema?.properties ?? {}) as object);
  const required = (schema?.required ?? []) as string[];
  const first = isSecret ? names : names.filter((name) => FIRST.includes(name) || required.includes(name));
  const shown = isWhole ? names : first;
  const drawn = useMemo(() => subSchema(schema, shown), [schema, shown]);
  const uiSchema = useMemo((): UiSchema => {
    const titleOf = (name: string) => {
      const key = `setting.${name}`;
      return i18n.exists(key) ? t(key as 'setting.apiUrl') : name;
    };
    // What the schema says of a setting is in English; of others than these it is all there is.
    const helpOf = (name: string) => {
      const key = `settingHelp.${name}`;
      return i18n.exists(key) ? { 'ui:description': t(key as 'settingHelp.timeZone') } : {};
    };
    const fields = shown.map((name) => [
      name,
      {
        'ui:title': titleOf(name),
        ...helpOf(name),
        ...(isSecret && { 'ui:widget': 'password', 'ui:autocomplete': 'off' }),
      },
    ]);
    return { 'ui:submitButtonOptions': { norender: true }, ...Object.fromEntries(fields) };
  }, [shown, isSecret, t, i18n]);
  if (names.length === 0) return null;
  return (
    <>
      <Form
        id={id}
        // Each name of a field is told apart, also where two forms are on a page.
        idPrefix={id}
        schema={drawn}
        uiSchema={uiSchema}
        validator={validator}
        formData={value}
        onChange={({ formData }) => onChange(formData as JsonObject)}
        onSubmit={onSubmit}
        noHtml5Validate
        showErrorList={false}
        focusOnFirstError
        experimental_defaultFormStateBehavior={UNTOUCHED}
      >
        {/* The button stands elsewhere. */}
        <span hidden />
      </Form>
      {first.length < names.length && (
        <Group mt="sm">
          <Button
            variant="subtle"
            size="compact-sm"
            onClick={() => setIsWhole(!isWhole)}
            aria-expanded={isWhole}
          >
            {isWhole ? t('form.fewer') : t('form.further', { count: names.length - first.length })}
          </Button>
        </Group>
      )}
    </>
  );
}

/** What nobody set is not sent: the defaults are the service's. */
const UNTOUCHED: FormProps['experimental_defaultFormStateBehavior'] = { emptyObjectFields: 'skipDefaults' };

function subSchema(schema: JsonObject | undefined, names: readonly string[]): RJSFSchema {
  const { $schema: _, title: __, description: ___, ...rest } = schema ?? {};
  const properties = Object.entries((schema?.properties ?? {}) as JsonObject);
  return {
    ...rest,
    properties: Object.fromEntries(properties.filter(([name]) => names.includes(name))),
  } as RJSFSchema;
}
