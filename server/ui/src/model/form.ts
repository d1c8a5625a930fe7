// The form that starts a job, made from a workflow's inputSchema.
import type { Json, JsonObject, Schema } from '../api/types'

export interface Field {
  key: string
  label: string
  hint: string
  required: boolean
  kind: 'text' | 'number' | 'boolean' | 'choice' | 'json'
  type: string
  choices: Json[]
  initial: string
}

/** fieldsOf lists the fields of a schema, those that are required first. */
export function fieldsOf(schema: Schema | undefined): Field[] {
  const required = new Set(schema?.required ?? [])
  const fields = Object.entries(schema?.properties ?? {}).map(([key, s]) => fieldOf(key, s, required.has(key)))
  return [...fields.filter((f) => f.required), ...fields.filter((f) => !f.required)]
}

function fieldOf(key: string, s: Schema, required: boolean): Field {
  const type = typeof s.type === 'string' ? s.type : ''
  const kind = s.enum ? 'choice' : type === 'string' ? 'text' : type === 'number' || type === 'integer' ? 'number' : type === 'boolean' ? 'boolean' : 'json'
  return { key, label: s.title || key, hint: s.description ?? '', required, kind, type, choices: s.enum ?? [], initial: initialOf(s, kind, required) }
}

function initialOf(s: Schema, kind: Field['kind'], required: boolean): string {
  if (s.default !== undefined) return kind === 'text' ? String(s.default) : JSON.stringify(s.default)
  if (kind === 'boolean' && required) return 'false'
  if (kind === 'json' && required && s.type === 'array') return '[]'
  if (kind === 'json' && required && s.type === 'object') return '{}'
  return ''
}

export interface Read {
  variables: JsonObject
  errors: Record<string, string>
}

/** readForm turns what was typed into variables. An empty optional field is left out. */
export function readForm(fields: Field[], typed: Record<string, string>): Read {
  const out: Read = { variables: {}, errors: {} }
  for (const f of fields) {
    const text = typed[f.key] ?? f.initial
    if (text.trim() === '') {
      if (f.required && f.kind === 'text') out.errors[f.key] = 'This is needed to start the job.'
      else if (f.required) out.errors[f.key] = f.kind === 'json' ? 'This is needed: write it as JSON.' : 'This is needed to start the job.'
      continue
    }
    try {
      out.variables[f.key] = valueOf(f, text)
    } catch (e) {
      out.errors[f.key] = (e as Error).message
    }
  }
  return out
}

function valueOf(f: Field, text: string): Json {
  switch (f.kind) {
    case 'text':
      return text
    case 'number': {
      const n = Number(text)
      if (!Number.isFinite(n)) throw new Error('This must be a number, such as 12 or 0.5.')
      if (f.type === 'integer' && !Number.isInteger(n)) throw new Error('This must be a whole number.')
      return n
    }
    case 'boolean':
      return text === 'true'
    default:
      return jsonOf(f, text)
  }
}

function jsonOf(f: Field, text: string): Json {
  let v: Json
  try {
    v = JSON.parse(text) as Json
  } catch {
    throw new Error('This is not JSON. Texts need quotes, lists [ ], objects { }.')
  }
  if (f.type === 'array' && !Array.isArray(v)) throw new Error('This must be a list: [ … ].')
  if (f.type === 'object' && (typeof v !== 'object' || v === null || Array.isArray(v))) throw new Error('This must be an object: { … }.')
  return v
}
