import type { IncomingMessage, ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';

export interface IdukayStudent {
  id: string | number;
  rut: string;
  nombres: string;
  apellidos: string;
  email: string;
  codigo_estudiante: string;
  fecha_matricula: string;
  curso_id?: string;
  estado: 'ACTIVO' | 'INACTIVO' | 'RETIRADO';
  metadata?: Record<string, unknown>;
}

/** What an institution of the simulated IDUKAY has. Lists that are undefined are not offered. */
export interface IdukayLists {
  estudiantes: IdukayStudent[];
  cursos: {
    id: string;
    nombre: string;
    codigo: string;
    nivel: string;
    descripcion?: string;
    ano_academico: string;
    estado: string;
  }[];
  profesores?: {
    id: string;
    rut: string;
    nombres: string;
    apellidos: string;
    email: string;
    codigo_empleado: string;
    estado: string;
  }[];
  grupos?: {
    id: string;
    curso_id: string;
    nombre: string;
    ano_academico: string;
    estado: string;
    estudiantes?: string[];
  }[];
}

/** A mark as it was sent. */
export interface Asistencia {
  estudiante_id: string;
  curso_id: string;
  fecha: string;
  hora_inicio: string;
  hora_fin: string;
  estado: string;
  porcentaje_permanencia?: number;
  observaciones?: string;
  metadata?: { sesion_id: string; origen?: string };
}

export interface GatewayOptions {
  apiKey?: string;
  secret?: string;
  institutionCode?: string;
  lists: IdukayLists;
}

/** IDUKAY as its gateway contract says. Marks stick: the last one of a student and session counts. */
export class IdukayGateway {
  readonly apiKey: string;
  readonly secret: string | undefined;
  readonly institutionCode: string;
  readonly lists: IdukayLists;
  /** session and student -> mark. */
  readonly marks = new Map<string, Asistencia>();
  /** Sizes of the batches that arrived. */
  readonly batches: number[] = [];
  /** Method and path with query of every call. */
  readonly calls: string[] = [];
  readonly vices = {
    /** Students whose marks are refused. */
    refused: new Set<string>(),
    /** What is said of them. */
    reason: 'Período cerrado',
    /** 200 with success false. */
    failing: false,
    /** Declares more records than there are. */
    overstate: 0,
    /** Called before a page of a list is answered: the list may change then. */
    beforePage: undefined as ((list: string, page: number, size: number) => void) | undefined,
    /** Records that it gives at most, however many are asked for; and refuses to be asked for more. */
    mostAtOnce: Number.POSITIVE_INFINITY,
    refusesMore: false,
    /** Gives lists alone, and no single record. */
    withoutSingles: false,
    keyState: 'ok' as 'ok' | 'refused' | 'forbidden',
  };

  constructor({ apiKey = 'key-of-the-school', secret, institutionCode = 'CSM', lists }: GatewayOptions) {
    this.apiKey = apiKey;
    this.secret = secret;
    this.institutionCode = institutionCode;
    this.lists = lists;
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    this.#answer(request, response).catch((error: unknown) =>
      send(response, 500, failure('INTERNAL', String(error))),
    );
  };

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://idukay');
    this.calls.push(`${request.method} ${url.pathname}${url.search}`);
    if (request.headers['x-api-key'] !== this.apiKey || this.vices.keyState === 'refused') {
      return send(response, 401, failure('INVALID_API_KEY', 'La API key no es válida'));
    }
    if (this.secret !== undefined && request.headers['x-api-secret'] !== this.secret) {
      return send(response, 401, failure('INVALID_SECRET', 'El secreto no es válido'));
    }
    if (this.vices.keyState === 'forbidden')
      return send(response, 403, failure('FORBIDDEN', 'Institución ajena'));
    if (this.vices.failing) return send(response, 200, failure('UNAVAILABLE', 'Intente más tarde'));
    if (request.method === 'GET' && url.pathname === '/auth/validate')
      return send(response, 200, { success: true, message: 'API key válida' });
    if (request.method === 'GET' && url.pathname === '/health') return send(response, 200, { success: true });
    if (request.method === 'POST' && url.pathname === '/asistencias') {
      const { status, answer } = this.#take(await json(request));
      return send(response, status, answer);
    }
    const [, institution, list, id] =
      /^\/instituciones\/([^/]+)\/([a-z]+)(?:\/([^/]+))?$/.exec(url.pathname) ?? [];
    const rows = this.lists[list as keyof IdukayLists];
    if (request.method !== 'GET' || decodeURIComponent(institution ?? '') !== this.institutionCode || !rows) {
      return send(response, 404, failure('NOT_FOUND', 'No existe'));
    }
    if (id !== undefined) {
      const found = rows.find((row) => String(row.id) === decodeURIComponent(id));
      if (!found || this.vices.withoutSingles) return send(response, 404, failure('NOT_FOUND', 'No existe'));
      return send(response, 200, { success: true, data: found });
    }
    const page = Number(url.searchParams.get('page') ?? 1);
    const asked = Number(url.searchParams.get('per_page') ?? 100);
    const size = Math.min(asked, this.vices.mostAtOnce);
    if (size < asked && this.vices.refusesMore)
      return send(response, 422, failure('TOO_MANY', `Máximo ${size}`));
    this.vices.beforePage?.(list as string, page, size);
    const data = rows.slice((page - 1) * size, page * size);
    send(response, 200, {
      success: true,
      data,
      total: rows.length + this.vices.overstate,
      page,
      per_page: size,
    });
  }

  #take(body: unknown): { status: number; answer: object } {
    const { institucion_codigo: code, asistencias } = body as {
      institucion_codigo: string;
      asistencias: Asistencia[];
    };
    if (code !== this.institutionCode)
      return { status: 403, answer: failure('FORBIDDEN', 'Institución ajena') };
    if (asistencias.length > 100)
      return { status: 422, answer: failure('TOO_MANY', 'Máximo 100 asistencias') };
    this.batches.push(asistencias.length);
    const errores: { estudiante_id: string; error: string }[] = [];
    const refuse = (id: string, error: string) => errores.push({ estudiante_id: id, error });
    for (const mark of asistencias) {
      const id = mark.estudiante_id;
      if (!this.lists.estudiantes.some((student) => String(student.id) === id))
        refuse(id, 'Estudiante no encontrado');
      else if (this.vices.refused.has(id)) refuse(id, this.vices.reason);
      else this.marks.set(`${mark.metadata?.sesion_id} ${id}`, mark);
    }
    const procesadas = asistencias.length - errores.length;
    const mensaje = `${procesadas} asistencias procesadas`;
    return { status: 200, answer: { success: errores.length === 0, procesadas, errores, mensaje } };
  }
}

function failure(code: string, message: string): object {
  return { success: false, error: { code, message } };
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify(body));
}
