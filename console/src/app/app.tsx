import { createBrowserRouter, Navigate, RouterProvider } from 'react-router';
import { useSignedIn } from '../api/session.js';
import { SignIn } from '../pages/sign-in/sign-in.js';
import { PageFailure } from './page-failure.js';
import { Shell } from './shell.js';

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
          { path: '*', lazy: async () => (await import('../pages/not-found/not-found.js')).route },
        ],
      },
    ],
  },
]);

/** The console: signing in comes first, and again whenever the service turns the token away. */
export function App() {
  return useSignedIn() ? <RouterProvider router={router} /> : <SignIn />;
}
