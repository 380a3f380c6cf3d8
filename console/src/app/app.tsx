import { lazy, Suspense } from 'react';
import { createBrowserRouter, Navigate, RouterProvider } from 'react-router';
import { useSignedIn } from '../api/session.js';
import { PageFailure } from './page-failure.js';
import { Shell } from './shell.js';

const SignIn = lazy(() => import('../pages/sign-in/sign-in.js'));

const router = createBrowserRouter([
  { path: '/', element: <Navigate to="/console" replace /> },
  {
    path: '/console',
    element: <Shell />,
    errorElement: <PageFailure />,
    children: [
      {
        errorElement: <PageFailure />,
        children: [
          { index: true, lazy: async () => (await import('../pages/overview/overview.js')).route },
          { path: 'connect', lazy: async () => (await import('../pages/connect/connect.js')).route },
          {
            path: 'integrations/:id/runs/:runId',
            lazy: async () => (await import('../pages/run/run.js')).route,
          },
          {
            path: 'integrations/:id/runs/:runId/rollback',
            lazy: async () => (await import('../pages/rollback/rollback.js')).route,
          },
          {
            path: 'integrations/:id',
            lazy: async () => (await import('../pages/integration/integration.js')).route,
          },
          {
            path: 'conflicts/:id?',
            lazy: async () => (await import('../pages/conflicts/conflicts.js')).route,
          },
          {
            path: 'attendance/:id?',
            lazy: async () => (await import('../pages/attendance/attendance.js')).route,
          },
          {
            path: 'people/:institutionId?/:kind?/:personId?',
            lazy: async () => (await import('../pages/people/people.js')).route,
          },
          { path: 'held', lazy: async () => (await import('../pages/held/held.js')).route },
          {
            path: 'subscriptions',
            lazy: async () => (await import('../pages/subscriptions/subscriptions.js')).route,
          },
          { path: 'connectors', lazy: async () => (await import('../pages/connectors/connectors.js')).route },
          { path: 'audit', lazy: async () => (await import('../pages/audit/audit.js')).route },
          { path: '*', lazy: async () => (await import('../pages/not-found/not-found.js')).route },
        ],
      },
    ],
  },
]);

/** The console: signing in comes first, and again whenever the service turns the token away. */
export function App() {
  if (useSignedIn()) return <RouterProvider router={router} />;
  return (
    <Suspense fallback={null}>
      <SignIn />
    </Suspense>
  );
}
