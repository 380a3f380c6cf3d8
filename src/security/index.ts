export { loadAdminToken } from './admin-token.js';
export { type CredentialKey, CredentialVault, loadCredentialKeys } from './credential-vault.js';
export { createPathJail } from './path-jail.js';
export { createTokenVerifier } from './token-verifier.js';
