// Runs in the browser: shows the document of this service, and of no other whatever the address says.
globalThis.SwaggerUIBundle({
  url: 'openapi.json',
  domNode: document.getElementById('reference'),
  presets: [globalThis.SwaggerUIBundle.presets.apis],
  // Links within the buttons that open an operation would be two things to press in one place.
  deepLinking: false,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  queryConfigEnabled: false,
  // There is one server: this one.
  plugins: [() => ({ components: { ServersContainer: () => null } })],
  // A validator of other people would be sent the document.
  validatorUrl: null,
});
