import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** Where the service of `npm run console:dev` listens. */
const SERVICE = process.env.SERVICE_URL ?? 'http://127.0.0.1:8080';

const source = (path: string) => fileURLToPath(new URL(`src/${path}`, import.meta.url));

/** The sources of the typed client: no build of it is needed first, and what is not used of it is left out. */
const client = (path: string) => fileURLToPath(new URL(`../clients/typescript/${path}`, import.meta.url));

export default defineConfig({
  base: '/console/',
  plugins: [react()],
  resolve: {
    alias: {
      '@gen': client('gen'),
      '@smartid/integrations-client': client('src/browser.ts'),
      // The forms' library asks for it in what it offers to tests alone.
      '@rjsf/validator-ajv8': source('ui/schema-form/validator.ts'),
    },
  },
  // The list of chunks, from which a test adds up what the first page loads. Fonts and images are files: the policy
  // of the page takes none from its own text.
  build: { manifest: 'chunks.json', assetsInlineLimit: 0, target: 'es2022', reportCompressedSize: false },
  server: {
    open: '/console/',
    proxy: { '^/(smartid\\.|integrations/|institutions/)': SERVICE },
  },
});
