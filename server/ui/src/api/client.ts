import type { Json } from './types'

/** Detail is one entry of an answer's metadata.errors. */
export interface Detail {
  pointer: string
  code: string
  message: string
}

/** ApiError is an answer that is not a success. Its message is the server's own. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly details: Detail[] = [],
    readonly data: unknown = null,
  ) {
    super(message)
    this.name = 'ApiError'
  }
}

type Listener = () => void
const loggedOut = new Set<Listener>()

/** onLoggedOut calls back whenever the server does not know the session any more. */
export function onLoggedOut(listener: Listener): () => void {
  loggedOut.add(listener)
  return () => loggedOut.delete(listener)
}

/** call sends one request with the session's cookie and returns the JSON, or text, of the answer. */
export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  let response: Response
  try {
    response = await fetch(path, {
      method,
      credentials: 'same-origin',
      headers: body === undefined ? { Accept: 'application/json' } : { Accept: 'application/json', 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
  } catch {
    throw new ApiError(0, 'The server cannot be reached. It may be restarting; this page tries again.')
  }
  const text = await response.text()
  const isJson = (response.headers.get('Content-Type') ?? '').includes('application/json')
  const parsed = isJson && text !== '' ? parse(text) : text
  if (response.ok) return parsed as T
  if (response.status === 401 && path !== '/login') for (const listener of loggedOut) listener()
  throw errorOf(response.status, parsed)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** errorOf reads the envelope of an error. */
export function errorOf(status: number, body: unknown): ApiError {
  const envelope = (typeof body === 'object' && body !== null ? body : {}) as {
    message?: string
    data?: unknown
    metadata?: { errors?: Detail[] }
  }
  const message = envelope.message || `The server answered ${status}.`
  return new ApiError(status, message, envelope.metadata?.errors ?? [], envelope.data ?? null)
}

/** Params are the parameters of a list; a filter is spelt as the API does: "equals[name]". */
export type Params = Record<string, string | number | boolean | undefined>

/** query writes parameters as a query string, in a stable order, without those undefined. */
export function query(params: Params): string {
  const q = new URLSearchParams()
  for (const key of Object.keys(params).sort()) {
    const v = params[key]
    if (v !== undefined && v !== '') q.set(key, String(v))
  }
  const text = q.toString()
  return text === '' ? '' : '?' + text
}

/** pretty writes JSON for people; a text stays as it is. */
export function pretty(v: Json | undefined): string {
  if (v === undefined) return ''
  return typeof v === 'string' ? v : JSON.stringify(v, null, 2)
}
