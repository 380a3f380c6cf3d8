/** Why no connection was made, or why it broke, by the code of the system's error. */
const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'its name could not be looked up',
  EHOSTUNREACH: 'there is no way to it',
  ENETUNREACH: 'there is no way to it',
  ECONNECTTIMEOUT: 'no connection within 10 s',
  ETIMEDOUT: 'it stopped answering',
  ECONNRESET:
    'the connection broke before an answer came. Does the address begin with the right one of http:// and https://?',
  EPIPE: 'it closed the connection while the call was sent',
  ERR_STREAM_PREMATURE_CLOSE: 'it closed the connection in the middle of its answer',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate was signed by an authority that is not known here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate was signed by an authority that is not known here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate cannot be verified',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host',
};

const NO_TLS =
  'it does not speak https there, or only a version that is no longer safe. Is the port right, or must the address begin with http://?';
const NO_HTTP =
  'what answers there is no web server. Is the port right, and must the address begin with https://?';

/** The end of a sentence: "… could not be reached at HOST: nothing listens there". */
export function reasonOfBreak(code: string | undefined): string {
  const known = REASONS[code ?? ''];
  if (known) return known;
  // OpenSSL and the parser of answers have a code for each of the many ways in which it is not their protocol.
  if (code === 'EPROTO' || code?.startsWith('ERR_SSL_')) return NO_TLS;
  if (code?.startsWith('HPE_')) return NO_HTTP;
  return 'the connection broke';
}
