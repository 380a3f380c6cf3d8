import { Button } from '@mantine/core';
import IconMapOff from '@tabler/icons-react/icons/IconMapOff';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { EmptyState } from '../../ui/empty-state.js';
import { Page } from '../../ui/page.js';

function NotFound() {
  const { t } = useTranslation();
  return (
    <Page title={t('notFound.title')}>
      <EmptyState Icon={IconMapOff} title={t('notFound.heading')} text={t('notFound.text')}>
        <Button component={Link} to="/console">
          {t('notFound.back')}
        </Button>
      </EmptyState>
    </Page>
  );
}

export const route = { Component: NotFound };
