import { lazy } from 'react';

/** Loaded where a form is shown: what makes it is large. */
export const SchemaForm = lazy(() => import('./schema-form.js'));
