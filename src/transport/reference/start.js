// Runs in the browser: shows the document of this service, and of no other whatever the address says.
globalThis.SwaggerUIBundle({
  url: 'openapi.json',
  domNode: document.getElementById('reference'),
  presets: [globalThis.SwaggerUIBundle.presets.apis],
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  queryConfigEnabled: false,
  // A validator of other people would be sent the document.
  validatorUrl: null,
});
