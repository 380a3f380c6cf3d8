import { useTranslation } from 'react-i18next';

/** What a row and a candidate have in common, such as `email and familyName`, in the language of the person. */
export function useRuleName(): (rule: string) => string {
  const { t, i18n } = useTranslation();
  const nameOf = (field: string) => {
    const key = `field.${field}`;
    return i18n.exists(key) ? t(key as 'field.email').toLocaleLowerCase(i18n.language) : field;
  };
  return (rule) => new Intl.ListFormat(i18n.language).format(rule.split(' and ').map(nameOf));
}
