import { dirname, sep } from 'node:path';
import { type Config, ConfigError } from './config.js';
import { DataDirLockedError, UnusableDataDirError } from './database/embedded/index.js';
import { SchemaTooNewError, UnusableDatabaseError } from './database/index.js';

interface SystemError extends Error {
  code?: string;
  syscall?: string;
  path?: string;
  address?: string;
  port?: number;
}

/**
 * Why the service cannot start, in a sentence for whoever operates it: what is wrong, and what to do. Other
 * errors are faults of ours and come with their stack.
 */
export function explainStartFailure(error: unknown, config: Config | undefined): string {
  if (
    error instanceof ConfigError ||
    error instanceof DataDirLockedError ||
    error instanceof UnusableDataDirError ||
    error instanceof SchemaTooNewError ||
    error instanceof UnusableDatabaseError
  ) {
    return error.message;
  }
  const known = config && error instanceof Error ? explainSystemError(error, config) : undefined;
  return known ?? (error instanceof Error ? (error.stack ?? error.message) : String(error));
}

function explainSystemError(error: SystemError, config: Config): string | undefined {
  const { code = '', syscall, path } = error;
  if (code === 'ENOSPC' || code === 'EDQUOT') return noSpace(config.dataDir);
  if (syscall === 'listen' || syscall === 'getaddrinfo') return explainListen(code, config);
  if (code.startsWith('ERR_OSSL') || code.startsWith('ERR_TLS') || code.startsWith('ERR_SSL')) {
    return 'TLS_CERT_FILE and TLS_KEY_FILE must hold a certificate and its key, both as PEM.';
  }
  const isOnTheWay = (to: string, from: string) => to === from || to.startsWith(`${from}${sep}`);
  if (path && (isOnTheWay(path, config.dataDir) || isOnTheWay(config.dataDir, path))) {
    return explainDataDir(code, config.dataDir);
  }
  return undefined;
}

function explainListen(code: string, { host, port }: Config): string | undefined {
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} of ${host} is in use by another process. Stop that one, or set PORT to another port.`;
    case 'EACCES':
      return `This user may not listen on port ${port}. Set PORT to one from 1024 on.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EINVAL':
      return `HOST ${host} is no address of this machine. Set HOST to one that it has, or to 0.0.0.0 for all.`;
    default:
      return undefined;
  }
}

function explainDataDir(code: string, dataDir: string): string | undefined {
  switch (code) {
    case 'ENOTDIR':
    case 'EEXIST':
      return `DATA_DIR ${dataDir} is, or lies in, a file. Set DATA_DIR to a folder.`;
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return `DATA_DIR ${dataDir} cannot be written by this user. Give it write access, or set DATA_DIR to another folder.`;
    case 'ENOENT':
      return `DATA_DIR ${dataDir} cannot be made in ${dirname(dataDir)}. Make that folder, or set DATA_DIR to another.`;
    default:
      return undefined;
  }
}

function noSpace(dataDir: string): string {
  return `The disk of DATA_DIR ${dataDir} is full. Make room, or set DATA_DIR to a folder on another disk.`;
}
