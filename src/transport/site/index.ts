export { createSite, siteRoot } from './site.js';
