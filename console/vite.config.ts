import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** Where the service of `npm run console:dev` listens. */
const SERVICE = process.env.SERVICE_URL ?? 'http://127.0.0.1:8080';

const source = (path: string) => fileURLToPath(new URL(`src/${path}`, import.meta.url));

export default defineConfig({
  base: '/console/',
  plugins: [react()],
  resolve: {
    alias: {
      '@gen': fileURLToPath(new URL('../gen', import.meta.url)),
      '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js': source('api/without-rules.ts'),
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
