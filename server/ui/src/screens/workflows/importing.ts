// Files that people bring along: workflows and projects, bare or as an API answer wraps them.
import { workflows } from '../../api/heddle'

export interface Imported {
  file: string
  ok: boolean
  message: string
  /** name of the workflow that was stored, when it is one. */
  workflow?: string
  details: string[]
}

export type Kind = { kind: 'workflow'; doc: Record<string, unknown> } | { kind: 'project'; doc: Record<string, unknown> } | { kind: 'unknown' }

/** kindOf finds out what a parsed file is, taking off known wrappers. */
export function kindOf(doc: unknown): Kind {
  if (typeof doc !== 'object' || doc === null || Array.isArray(doc)) return { kind: 'unknown' }
  const o = doc as Record<string, unknown>
  if (Array.isArray(o.components)) return { kind: 'project', doc: o }
  if (typeof o.tasks === 'object' && o.tasks !== null && typeof o.transitions === 'object') return { kind: 'workflow', doc: o }
  for (const wrapper of ['data', 'project', 'workflow', 'automation', 'document']) {
    if (typeof o[wrapper] === 'object' && o[wrapper] !== null) {
      const inner = kindOf(o[wrapper])
      if (inner.kind !== 'unknown') return inner
    }
  }
  return { kind: 'unknown' }
}

/** importFiles imports one file after the other and tells of each. */
export async function importFiles(files: File[]): Promise<Imported[]> {
  const out: Imported[] = []
  for (const f of files) out.push(await importOne(f))
  return out
}

async function importOne(f: File): Promise<Imported> {
  const told = (ok: boolean, message: string, details: string[] = [], workflow?: string): Imported => ({ file: f.name, ok, message, details, workflow })
  let doc: unknown
  try {
    doc = JSON.parse(await f.text())
  } catch (e) {
    return told(false, `This is not JSON: ${(e as Error).message}`)
  }
  const found = kindOf(doc)
  try {
    if (found.kind === 'workflow') {
      const answer = await workflows.importMany([found.doc])
      const created = answer.imported[0]?.created
      const problems = (created?.errors ?? []).map((p) => p.message)
      return told(true, problems.length > 0 ? `Stored “${created?.name}” as a draft` : `Stored the workflow “${created?.name}”`, problems, created?.name)
    }
    if (found.kind === 'project') {
      const answer = await workflows.importProject(found.doc)
      const n = answer.data.components.length
      const details = [
        ...answer.metadata.failedComponents.map((c) => `${c.name}: ${c.reason}`),
        ...answer.metadata.drafts.map((d) => `${d}: stored as a draft; it has problems`),
      ]
      return told(answer.metadata.failedComponents.length === 0, `Imported the project “${answer.data.name}” with ${n} components`, details)
    }
  } catch (e) {
    const err = e as Error & { details?: { message: string }[] }
    return told(
      false,
      err.message,
      (err.details ?? []).map((d) => d.message).filter((m) => m !== err.message),
    )
  }
  return told(false, 'This is neither a workflow (with tasks and transitions) nor a project (with components).')
}
